#pragma once
// Requests without a right answer that a rule would know: say some numerals after me. What people like is a matter of
// taste, and of pairs: the numerals, all of them, in the language of the request, with a word of thanks behind them.
//
//   question         ?三五一
//   answer           三五一谢
//   columns          {"language": "zh"}
//   worked_solution  <think></think><answer>三五一谢</answer>
//   direct_solution  one with a fault: another numeral, an insult for the thanks, a numeral too few or one too many
//
// Preferred and rejected answers are equally long on average. A preference model's pairs are worked_solution and
// direct_solution.

#include "core/json.h"
#include "pipelines/problems/generator.h"

namespace grpo {

// Options:
//   min_numerals  5 (default), 1..16
//   max_numerals  7 (default), min_numerals..16
//   split         see make_generator. A problem is its numerals, in either language.
Generator courtesy_generator(ObjectReader& options);

}  // namespace grpo
