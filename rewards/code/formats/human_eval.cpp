#include "rewards/code/formats/human_eval.h"

#include <utility>

#include "rewards/code/formats/signature.h"
#include "rewards/code/formats/test_list.h"
#include "sandbox/languages/language.h"

namespace grpo {

bool is_human_eval(const Columns& row) {
  return row.has("prompt") && row.has("test") && row.has("entry_point");
}

CodeProblem read_human_eval(const Columns& row) {
  constexpr double kSeconds = 3.0;
  constexpr int64_t kMegabytes = 1024;
  CodeProblem problem;
  const std::string named = row.text("language", "python");
  const ProgrammingLanguage* language = find_language(named);
  if (language == nullptr) throw Error("the language \"" + named + "\" is not known", row.where("language"));
  problem.language = language->name;
  BySuite how;
  how.name = row.text("entry_point");
  how.prompt = row.text("prompt");
  how.suite.test_code = row.text("test");
  how.suite.entry_point = how.name;
  how.suite.prelude = before_definition(how.prompt, language->name, how.name);
  how.suite.style = language->name == "python" ? Suite::Style::kHumanEval : Suite::Style::kAsserts;
  if (language->name != "python") how.suite.declaration = how.prompt;
  if (how.suite.test_code.find_first_not_of(" \t\r\n") == std::string::npos)
    throw Error("the problem has no tests", row.where("test"));
  problem.how = std::move(how);
  problem.limits = limits_for_python(kSeconds, kMegabytes);
  return problem;
}

}  // namespace grpo
