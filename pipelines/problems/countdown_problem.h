#pragma once
// The countdown game of TinyZero: a few numbers and a target, to be reached with + - * / using every number once.
// Targets are made by combining the numbers at random, so every problem has a solution; its values on the way are
// whole numbers >= 0, though an answer may use fractions. The reward `countdown` grades it from the columns.
//
//   question         Make 65 out of the numbers 19, 36, 55, 7. ...
//   answer           one expression that reaches the target, such as 55+36-19-7
//   columns          {"nums": [19, 36, 55, 7], "target": 65}
//   worked_solution  <think>55+36=91, 91-19=72, 72-7=65</think><answer>55+36-19-7</answer>
//   direct_solution  <think></think><answer>55+36-19-7</answer>

#include "core/json.h"
#include "pipelines/problems/generator.h"

namespace grpo {

// Options, all whole numbers, both ends inclusive:
//   min_numbers, max_numbers  3 and 4 (default), within 2..8: how many numbers are given; equally likely.
//   min_value, max_value      1 and 99 (default), within 1..9999: the given numbers; equally likely.
//   max_target                999 (default), 1..1000000: targets lie in 1..max_target.
//   split                     see make_generator. A problem is its numbers, in any order, and its target.
Generator countdown_generator(ObjectReader& options);

}  // namespace grpo
