#include "tests/sandbox/languages/published_problems.h"

#include <atomic>
#include <thread>

#include "core/data_file.h"
#include "tests/sandbox/languages/shared_sandbox.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

std::string text_of(const Json& row, const char* key) {
  const auto found = row.find(key);
  return found == row.end() || !found->is_string() ? "" : found->get<std::string>();
}

// How the columns of HumanEval-X become a suite. The solution continues the prompt.
PublishedProblem humaneval_x(const std::string& language, const Json& row) {
  PublishedProblem problem;
  problem.id = text_of(row, "task_id");
  problem.language = language;
  problem.canonical = text_of(row, "canonical_solution");
  problem.suite.style = Suite::Style::kAsserts;
  problem.suite.prompt = language == "rust" ? text_of(row, "declaration") : text_of(row, "prompt");
  problem.suite.declaration = text_of(row, "declaration");
  problem.suite.test_code = text_of(row, "test");
  if (language == "go") problem.suite.test_code = text_of(row, "test_setup") + "\n" + problem.suite.test_code;
  return problem;
}

PublishedProblem mbcpp(const Json& row) {
  PublishedProblem problem;
  problem.id = text_of(row, "task_id");
  problem.language = "cpp";
  problem.canonical = text_of(row, "canonical_solution");
  problem.suite.style = Suite::Style::kAsserts;
  problem.suite.prompt = text_of(row, "prompt");
  problem.suite.test_code = text_of(row, "test");
  return problem;
}

}  // namespace

std::string humaneval_x_path(const std::string& name) {
  return test_data("code/humaneval-x/humaneval_" + name + ".jsonl.gz");
}

std::vector<PublishedProblem> read_humaneval_x(const std::string& name) {
  const std::string language = find_language(name)->name;
  std::vector<PublishedProblem> problems;
  for (const DataRow& row : read_data_file(humaneval_x_path(name))) {
    problems.push_back(humaneval_x(language, row.columns));
  }
  return problems;
}

std::string mbcpp_path() {
  return test_data("code/mbpp/mbcpp_release_v1.2.jsonl");
}

std::vector<PublishedProblem> read_mbcpp() {
  std::vector<PublishedProblem> problems;
  for (const DataRow& row : read_data_file(mbcpp_path())) problems.push_back(mbcpp(row.columns));
  return problems;
}

std::vector<Judgement> judge_attempts(const std::vector<Attempt>& attempts) {
  Sandbox& sandbox = *SharedSandbox::get().sandbox;
  Compiler compiler(sandbox);
  Limits limits;
  limits.cpu_ms = 10'000;
  limits.wall_ms = 60'000;
  std::vector<Judgement> judgements(attempts.size());
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int64_t i = 0; i < sandbox.slots(); ++i) {
    threads.emplace_back([&] {
      for (size_t k = next++; k < attempts.size(); k = next++) {
        const PublishedProblem& problem = *attempts[k].problem;
        try {
          judgements[k] = judge_compiled_suite(compiler, sandbox, {problem.language, attempts[k].source},
                                               problem.suite, limits);
        } catch (const Error& error) {
          judgements[k].verdict = Verdict::kInternalError;
          judgements[k].message = error.what();
        }
      }
    });
  }
  threads.clear();
  return judgements;
}

}  // namespace grpo
