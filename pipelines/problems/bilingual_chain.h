#pragma once
// The chains of chain.h, asked in Chinese or Korean numerals and thought about in either: what DeepSeek-R1-Zero does with
// languages, small. Only the answer is a digit, so it says nothing of the language.
//
//   question         六-零-八+七=
//   answer           5
//   columns          {"operators": 3, "language": "zh"}
//   worked_solution  <think>-零=六-八=팔+七=오</think><answer>5</answer>
//   direct_solution  <think></think><answer>5</answer>
//
// A step of a worked solution is in the question's language, or, in a share of them, each of its two numbers in a
// language drawn at random.

#include "core/json.h"
#include "pipelines/problems/generator.h"

namespace grpo {

// Options:
//   operators       6 (default), 1..64: how many operators stand in the chain.
//   mixed_thoughts  0.5 (default), 0..1: share of worked solutions whose languages are drawn at random.
//   split           see make_generator. A problem is its chain in digits: a chain that is held out is held out in both
//                   languages.
Generator bilingual_chain_generator(ObjectReader& options);

}  // namespace grpo
