#include "rewards/code/formats/code_contests.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rewards/code/formats/test_list.h"
#include "sandbox/judge/printable.h"
#include "sandbox/judge/task_json.h"

namespace grpo {
namespace {

constexpr const char* kColumns[] = {"public_tests", "private_tests", "generated_tests"};

TestList read_column(const Columns& row, const char* column) {
  if (!row.has(column)) return {};
  const std::string text = row.json(column), where = row.where(column);
  const JsonText value(text, where);
  if (value.is_array()) return read_test_list(value, "", where);
  const std::optional<JsonText> inputs = value.member("input"), outputs = value.member("output");
  if (!inputs || !outputs) throw Error("\"input\" and \"output\" are not two lists", where);
  const std::vector<JsonText> input = inputs->elements(), output = outputs->elements();
  if (input.size() != output.size()) throw Error("there are not as many inputs as outputs", where);
  TestList list;
  for (size_t i = 0; i < input.size(); ++i) {
    CodeTest test;
    test.input = stream_text(input[i]);
    test.expected = stream_text(output[i]);
    list.tests.push_back(std::move(test));
  }
  return list;
}

std::string file_name(const Columns& row, const char* column) {
  const std::string name = row.text(column, "");
  if (!is_box_file_name(name)) throw Error(fmt::format("\"{}\" is no file name", printable(name)), row.where(column));
  return name;
}

std::optional<double> seconds_of(const Columns& row) {
  const Json* limit = row.find("time_limit");
  if (limit == nullptr || !limit->is_object()) return row.number("time_limit");
  const auto part = [&](const char* key) {
    const auto entry = limit->find(key);
    return entry != limit->end() && entry->is_number() ? entry->get<double>() : 0.0;
  };
  return part("seconds") + part("nanos") * 1e-9;
}

}  // namespace

bool is_code_contests(const Columns& row) {
  return row.has("public_tests") || row.has("private_tests") || row.has("generated_tests");
}

CodeProblem read_code_contests(const Columns& row) {
  constexpr double kSeconds = 10.0;
  constexpr int64_t kMegabytes = 256;
  TestList all;
  for (const char* column : kColumns) {
    for (CodeTest& test : read_column(row, column).tests) {
      test.is_public = column == kColumns[0];
      test.name = std::string(column) + "[" + std::to_string(all.tests.size()) + "]";
      all.tests.push_back(std::move(test));
    }
  }
  OutputRule rule;
  rule.comparator = Comparator::kCodeContests;
  CodeProblem problem = problem_of_tests(std::move(all), rule, row.where("public_tests"));
  auto& how = std::get<ByOutput>(problem.how);
  how.input_file = file_name(row, "input_file");
  how.output_file = file_name(row, "output_file");
  const double seconds = seconds_of(row).value_or(0.0),
               bytes = row.number("memory_limit_bytes").value_or(0.0);
  problem.limits = limits_for_native(seconds > 0.0 ? seconds : kSeconds, kMegabytes);
  if (bytes >= 1.0)
    problem.limits.memory_bytes = static_cast<int64_t>(std::min(bytes, kMegabytesMost * (1 << 20)));
  return problem;
}

}  // namespace grpo
