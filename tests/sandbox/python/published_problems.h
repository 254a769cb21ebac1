#pragma once
// HumanEval, HumanEval-X in Python, MBPP and sanitized MBPP, as suites.

#include <atomic>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"
#include "sandbox/python/python_tests.h"
#include "tests/test_data.h"

namespace grpo {

struct PublishedProblem {
  std::string id;
  std::string solution;
  Suite suite;
};

inline const char* const kHumanEval = "code/humaneval/HumanEval.jsonl.gz";
inline const char* const kHumanEvalX = "code/humaneval-x/humaneval_python.jsonl.gz";
inline const char* const kMbpp = "code/mbpp/mbpp_release_v1.jsonl";
inline const char* const kSanitizedMbpp = "code/mbpp/mbpp_sanitized_for_code_generation.jsonl";

inline std::vector<Json> json_rows(const std::string& path) {
  std::vector<Json> rows;
  std::istringstream lines(read_data(path));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) rows.push_back(parse_json(line, path));
  }
  return rows;
}

inline PublishedProblem published_problem(const Json& row) {
  PublishedProblem problem;
  problem.id = row.at("task_id");
  problem.solution = row.at("canonical_solution");
  problem.suite.prompt = row.at("prompt");
  problem.suite.test_code = row.at("test");
  if (row.contains("entry_point")) {
    problem.suite.entry_point = row.at("entry_point");
  } else {  // HumanEval-X: the last function of the prompt
    const size_t begin = problem.suite.prompt.rfind("def ") + 4;
    problem.suite.entry_point = problem.suite.prompt.substr(begin, problem.suite.prompt.find('(', begin) - begin);
  }
  return problem;
}

// Of one of the files above.
inline std::vector<PublishedProblem> published_problems(const std::string& file) {
  std::vector<PublishedProblem> problems;
  for (const Json& row : json_rows(test_data(file))) problems.push_back(published_problem(row));
  return problems;
}

// Runs `work` for every problem, as many at once as there are slots.
inline void for_each_problem(const std::vector<PublishedProblem>& problems,
                             const std::function<void(const PublishedProblem&)>& work) {
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (size_t at = next++; at < problems.size(); at = next++) work(problems[at]);
    });
  }
}

}  // namespace grpo
