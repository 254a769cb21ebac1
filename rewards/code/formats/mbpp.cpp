#include "rewards/code/formats/mbpp.h"

#include <utility>

#include "rewards/code/formats/json_text.h"
#include "rewards/code/formats/test_list.h"

namespace grpo {
namespace {

// A column that is one text, or a list of lines; a list written as JSON text too.
std::string lines_of(const Columns& row, const char* column) {
  if (!row.has(column)) return "";
  const Json* value = row.find(column);
  if (value->is_string() &&
      (value->get_ref<const std::string&>().empty() || value->get_ref<const std::string&>()[0] != '['))
    return value->get<std::string>() + "\n";
  const std::string text = row.json(column);
  const JsonText list(text, row.where(column));
  if (!list.is_array()) throw Error("expected a list of lines", row.where(column));
  return stream_text(list);
}

}  // namespace

bool is_mbpp(const Columns& row) {
  return row.has("test_list");
}

CodeProblem read_mbpp(const Columns& row) {
  constexpr double kSeconds = 3.0;
  constexpr int64_t kMegabytes = 1024;
  const std::string asserts = lines_of(row, "test_list");
  if (asserts.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error("the problem has no tests", row.where("test_list"));
  Suite suite;
  suite.style = Suite::Style::kAsserts;
  suite.test_code = lines_of(row, "test_imports") + lines_of(row, "test_setup_code") + asserts;
  return problem_of_python_suite(std::move(suite), kSeconds, kMegabytes);
}

}  // namespace grpo
