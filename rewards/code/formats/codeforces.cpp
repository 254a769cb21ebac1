#include "rewards/code/formats/codeforces.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "rewards/code/formats/test_list.h"

namespace grpo {
namespace {

TestList read_column(const Columns& row, const char* column) {
  if (!row.has(column)) return {};
  const std::string text = row.json(column), where = row.where(column);
  return read_test_list(JsonText(text, where), "", where);
}

// Whether all words with letters are yes or no, in any case.
bool says_yes_or_no(const std::string& text) {
  std::string word;
  const auto is_fine = [&] {
    const bool has_letter =
        std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isalpha(c) != 0; });
    return !has_letter || word == "yes" || word == "no";
  };
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    if (!is_fine()) return false;
    word.clear();
  }
  return is_fine();
}

}  // namespace

bool is_codeforces(const Columns& row) {
  return row.has("official_tests");
}

CodeProblem read_codeforces(const Columns& row) {
  constexpr double kSeconds = 2.0;
  constexpr int64_t kMegabytes = 256;
  const std::string where = row.where("official_tests");
  if (row.has("interaction_format") && !row.text("interaction_format").empty())
    throw Error("the problem is interactive", row.where("interaction_format"));
  TestList all = read_column(row, "official_tests");
  // The column is a number where the tests themselves lie elsewhere.
  const Json* generated = row.find("generated_tests");
  if (generated != nullptr && !generated->is_number()) {
    for (CodeTest& test : read_column(row, "generated_tests").tests) all.tests.push_back(std::move(test));
  }
  std::set<std::string> samples;
  for (const CodeTest& test : read_column(row, "examples").tests) samples.insert(test.input);
  for (CodeTest& test : all.tests) test.is_public = samples.contains(test.input);

  const bool yes_or_no = std::all_of(all.tests.begin(), all.tests.end(),
                                     [](const CodeTest& test) { return says_yes_or_no(test.expected); });
  OutputRule rule;
  rule.ignore_case = yes_or_no;
  CodeProblem problem = problem_of_tests(std::move(all), rule, where);
  auto& how = std::get<ByOutput>(problem.how);
  if (row.has("generated_checker") && !row.text("generated_checker").empty()) {
    Checker checker;
    checker.protocol = Checker::Protocol::kPython;
    checker.language = "python";
    checker.source = row.text("generated_checker");
    how.checker.push_back(std::move(checker));
  }
  if (row.text("input_mode", "stdio") == "file") {
    how.input_file = "input.txt";
    how.output_file = "output.txt";
  }
  const double seconds = row.number("time_limit").value_or(0.0),
               megabytes = row.number("memory_limit").value_or(0.0);
  problem.limits = limits_for_native(seconds > 0.0 ? seconds : kSeconds,
                                     megabytes >= 1.0 ? static_cast<int64_t>(std::min(megabytes, kMegabytesMost)) : kMegabytes);
  return problem;
}

}  // namespace grpo
