#include "rewards/code/formats/leet_code.h"

#include <utility>

#include "rewards/code/formats/test_list.h"

namespace grpo {

bool is_leet_code(const Columns& row) {
  const Json* entry = row.find("entry_point");
  return entry != nullptr && entry->is_string() && row.has("test") &&
         entry->get_ref<const std::string&>().find('(') != std::string::npos;
}

CodeProblem read_leet_code(const Columns& row) {
  constexpr double kSeconds = 10.0;
  constexpr int64_t kMegabytes = 1024;
  Suite suite;
  suite.style = Suite::Style::kLeetCode;
  suite.prelude = row.text("prompt", "");
  suite.test_code = row.text("test");
  suite.entry_point = row.text("entry_point");
  if (suite.test_code.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error("the problem has no tests", row.where("test"));
  return problem_of_python_suite(std::move(suite), kSeconds, kMegabytes);
}

}  // namespace grpo
