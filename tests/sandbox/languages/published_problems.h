#pragma once
// HumanEval-X and MBXP's mbcpp as suites of compiled languages.

#include <string>
#include <vector>

#include "sandbox/languages/compiled_suite.h"

namespace grpo {

struct PublishedProblem {
  std::string id;
  std::string language;
  Suite suite;
  std::string canonical;  // empty: the data set has none
};

// `name`: as the file is called: "cpp", "java", "js", "rust", "go".
std::string humaneval_x_path(const std::string& name);
// Of the file of that name.
std::vector<PublishedProblem> read_humaneval_x(const std::string& name);
std::string mbcpp_path();
std::vector<PublishedProblem> read_mbcpp();

// A source for a problem. The problem must outlive it.
struct Attempt {
  const PublishedProblem* problem = nullptr;
  std::string source;  // continues the prompt
};

// In the order of the attempts, as many at once as the shared sandbox has slots. What throws is an IE.
std::vector<Judgement> judge_attempts(const std::vector<Attempt>& attempts);

}  // namespace grpo
