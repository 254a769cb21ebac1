// Statement 51: of the published problems, exactly those whose reference solution passes upstream score 1, and a solution
// that does nothing scores 0. The faults of the others are the data set's: missing objects, wrong asserts, indentation.

#include <algorithm>
#include <set>

#include "core/data_file.h"
#include "tests/rewards/code/live_code.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

// The code of a row that goes into the fence: what continues the prompt, or the whole.
using Write = std::string (*)(const Json& row);

std::string text(const Json& row, const char* column) {
  return row.at(column).get<std::string>();
}
std::string continuation(const Json& row) {
  return text(row, "canonical_solution");
}
std::string complete(const Json& row) {
  return text(row, "prompt") + text(row, "canonical_solution");
}
std::string nothing(const Json&) {
  return "    pass";
}

// The task ids of the rows that do not score 1.
std::set<std::string> failures(const std::vector<DataRow>& rows, const Reward& reward, Write write,
                               const char* tag) {
  std::set<std::string> failed;
  for (const DataRow& row : rows) {
    const Score score = score_of_one(reward, row.columns, fenced(write(row.columns), tag));
    if (value_of(score) != 1.0) failed.insert(text(row.columns, "task_id"));
  }
  return failed;
}

using Ids = std::set<std::string>;

TEST(CanonicalSolutions, HumanEval) {
  GRPO_NEEDS_SANDBOX("python");
  const std::string path = test_data("code/humaneval/HumanEval.jsonl.gz");
  GRPO_NEEDS_DATA(path);
  const auto rows = read_data_file(path);
  const Reward reward = code_with("{}");
  EXPECT_EQ(failures(rows, reward, continuation, "python"), Ids());
  EXPECT_EQ(failures(rows, reward, complete, "python"), Ids())
      << "whole functions, as chat models write them";
  EXPECT_EQ(failures(rows, reward, nothing, "python").size(), rows.size());
}

TEST(CanonicalSolutions, HumanEvalXInPython) {
  GRPO_NEEDS_SANDBOX("python");
  const std::string path = test_data("code/humaneval-x/humaneval_python.jsonl.gz");
  GRPO_NEEDS_DATA(path);
  const auto rows = read_data_file(path);
  EXPECT_EQ(failures(rows, code_with("{}"), continuation, "python"), Ids());
}

// Every twentieth: compiling them all takes minutes, and tests of the sandbox do.
TEST(CanonicalSolutions, HumanEvalXInCpp) {
  GRPO_NEEDS_SANDBOX("cpp");
  const std::string path = test_data("code/humaneval-x/humaneval_cpp.jsonl.gz");
  GRPO_NEEDS_DATA(path);
  std::vector<DataRow> rows;
  for (const DataRow& row : read_data_file(path)) {
    if (rows.size() < 9 && std::stoi(text(row.columns, "task_id").substr(4)) % 20 == 0) rows.push_back(row);
  }
  const Reward reward = code_with("{}");
  EXPECT_EQ(failures(rows, reward, continuation, "cpp"), Ids());
  rows.resize(3);
  EXPECT_EQ(failures(rows, reward, complete, "cpp"), Ids());
  const Write wrong = [](const Json&) { return std::string("  return {};\n}"); };
  EXPECT_EQ(failures(rows, reward, wrong, "cpp").size(), rows.size());
}

TEST(CanonicalSolutions, MbppExactlyThoseThatUpstreamPasses) {
  GRPO_NEEDS_SANDBOX("python");
  const std::string path = test_data("code/mbpp/mbpp_release_v1.jsonl");
  GRPO_NEEDS_DATA(path);
  const auto rows = read_data_file(path);
  Ids faulty;
  for (const int id : {56, 64, 160, 341, 349, 367, 596, 601, 607, 631, 642, 899, 927, 966, 967})
    faulty.insert("MBPP/" + std::to_string(id));
  // 123 looks for amicable numbers below 10,000 one by one: on a slow or busy machine that is no matter of 3 s.
  const Ids failed = failures(rows, code_with(R"({"time_factor": 5})"), continuation, "python");
  EXPECT_EQ(failed, faulty);
  EXPECT_EQ(failures(rows, code_with("{}"), nothing, "python").size(), rows.size());
}

// Its solutions have indentations of their own: they follow the def line, not the docstring.
TEST(CanonicalSolutions, MbppSanitized) {
  GRPO_NEEDS_SANDBOX("python");
  const std::string path = test_data("code/mbpp/mbpp_sanitized_for_code_generation.jsonl");
  GRPO_NEEDS_DATA(path);
  const auto rows = read_data_file(path);
  const Write behind_def = [](const Json& row) {
    const std::string prompt = text(row, "prompt");
    return prompt.substr(0, prompt.find("    '''")) + text(row, "canonical_solution");
  };
  Ids faulty;
  for (const int id : {56, 98, 124, 137, 139, 163, 233, 246, 248, 276, 300})
    faulty.insert("MbppEval/" + std::to_string(id));
  EXPECT_EQ(failures(rows, code_with(R"({"time_factor": 5})"), behind_def, "python"), faulty);
}

}  // namespace
}  // namespace grpo
