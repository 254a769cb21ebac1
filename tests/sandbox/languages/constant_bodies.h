#pragma once
// What a function of a published problem can return without a look at what it is given.

#include <string>
#include <vector>

#include "tests/sandbox/languages/published_problems.h"

namespace grpo {

struct ConstantBody {
  std::string constant;  // "return" of this
  std::string source;    // continues the prompt
};

// Of the type that the function is declared to return: numbers 0, 1 and -1, both truths, empty strings and containers; in
// JavaScript, which declares none, one of each kind.
std::vector<ConstantBody> constant_bodies(const PublishedProblem& problem);
// Of mbcpp: what its first test expects. All its tests compare for equality: any constant that passes is equal to it.
ConstantBody first_answer(const PublishedProblem& problem);

}  // namespace grpo
