#pragma once
// The task on which a small policy learns that thinking pays: a chain of digits such as 6-0-8-6+7*9+8=, to be
// evaluated strictly from left to right (* binds no tighter than +), every result modulo 10. One step is a small
// table; all of them at once is more than a shallow network can do.
//
//   question         6-0-8-6+7*9+8=
//   answer           9
//   columns          {"operators": 6}
//   worked_solution  <think>-0=6-8=8-6=2+7=9*9=1+8=9</think><answer>9</answer>
//   direct_solution  <think></think><answer>9</answer>
//
// A worked step is the operator, its digit, and the result so far.

#include "core/json.h"
#include "pipelines/problems/generator.h"

namespace grpo {

// What a step makes of the result so far. `op` is + - or *, value and digit are 0..9, and so is the result.
int chain_step(int value, char op, int digit);

// Options:
//   operators  6 (default), 1..64: how many operators stand in the chain.
//   split      see make_generator. A problem is its question text.
Generator chain_generator(ObjectReader& options);

}  // namespace grpo
