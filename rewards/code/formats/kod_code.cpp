#include "rewards/code/formats/kod_code.h"

#include <utility>

#include "rewards/code/formats/test_list.h"

namespace grpo {

bool is_kod_code(const Columns& row) {
  const Json* test = row.find("test");
  return test != nullptr && test->is_string() && !row.has("entry_point") &&
         test->get_ref<const std::string&>().find("def test") != std::string::npos;
}

CodeProblem read_kod_code(const Columns& row) {
  constexpr double kSeconds = 30.0;
  constexpr int64_t kMegabytes = 1024;
  Suite suite;
  suite.style = Suite::Style::kPytest;
  suite.test_code = row.text("test");
  if (suite.test_code.find("def test") == std::string::npos)
    throw Error("the problem has no tests", row.where("test"));
  return problem_of_python_suite(std::move(suite), kSeconds, kMegabytes);
}

}  // namespace grpo
