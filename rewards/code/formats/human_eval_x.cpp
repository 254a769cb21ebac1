#include "rewards/code/formats/human_eval_x.h"

#include <utility>

#include "rewards/code/formats/signature.h"
#include "rewards/code/formats/test_list.h"
#include "sandbox/languages/language.h"

namespace grpo {

bool is_human_eval_x(const Columns& row) {
  return row.has("declaration") && row.has("test") && row.has("prompt");
}

CodeProblem read_human_eval_x(const Columns& row) {
  constexpr double kSeconds = 3.0;
  constexpr int64_t kMegabytes = 1024;
  const std::string id = row.text("task_id", row.text("language", "python"));
  const std::string named = id.substr(0, id.find('/'));
  const ProgrammingLanguage* language = find_language(named);
  if (language == nullptr) throw Error("the language \"" + named + "\" is not known", row.where("task_id"));
  CodeProblem problem;
  problem.language = language->name;
  BySuite how;
  const std::string declaration = row.text("declaration");
  how.prompt = row.text("prompt");
  // In Rust the prompt is the comment alone.
  if (language->name == "rust") how.prompt += declaration;
  how.name = declared_name(declaration, language->name);
  if (how.name.empty()) throw Error("it declares nothing", row.where("declaration"));
  how.suite.declaration = declaration;
  how.suite.entry_point = how.name;
  how.suite.test_code = row.text("test");
  // In Go the imports of the tests are a column of their own.
  if (language->name == "go") how.suite.test_code = row.text("test_setup", "") + "\n" + how.suite.test_code;
  how.suite.prelude = before_definition(declaration, language->name, how.name);
  how.suite.style = language->name == "python" ? Suite::Style::kHumanEval : Suite::Style::kAsserts;
  problem.how = std::move(how);
  problem.limits = limits_for_python(kSeconds, kMegabytes);
  return problem;
}

}  // namespace grpo
