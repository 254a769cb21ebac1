#include "tests/sandbox/languages/constant_bodies.h"

#include "core/error.h"
#include "sandbox/languages/signature.h"

namespace grpo {
namespace {

using Constants = std::vector<std::string>;

bool is_one_of(const std::string& type, const Constants& types) {
  for (const std::string& one : types) {
    if (type == one) return true;
  }
  return false;
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

Constants of_cpp(const std::string& type) {
  if (is_one_of(type, {"int", "long", "long long", "float", "double"})) return {"0", "1", "-1"};
  if (type == "bool") return {"false", "true"};
  return {"{}"};
}

Constants of_java(const std::string& type) {
  if (is_one_of(type, {"int", "long", "double"})) return {"0", "1", "-1"};
  if (type == "boolean") return {"false", "true"};
  if (type == "String") return {"\"\"", "null"};
  if (type.starts_with("Optional<")) return {"Optional.empty()"};
  if (type.starts_with("List<")) return {"new ArrayList<>()"};
  if (type.starts_with("Map<")) return {"new HashMap<>()"};
  return {"null", "0", "\"\""};
}

Constants of_rust(const std::string& type) {
  if (is_one_of(type, {"i32", "i64", "u32", "u64", "usize"})) return {"0", "1", "-1"};
  if (is_one_of(type, {"f32", "f64"})) return {"0.0", "1.0", "-1.0"};
  if (type == "bool") return {"false", "true"};
  return {"Default::default()"};
}

Constants of_go(const std::string& type) {
  if (is_one_of(type, {"int", "float64"})) return {"0", "1", "-1"};
  if (type == "bool") return {"false", "true"};
  if (type == "string") return {"\"\""};
  if (type.starts_with("interface")) return {"nil", "0", "\"\""};
  if (type.starts_with("[]")) return {"nil", type + "{}"};
  return {type + "{}"};
}

// "func Name(parameters) TYPE {" is the end of the text.
std::string go_type(const std::string& declaration) {
  const size_t start = declaration.rfind("func "), body = declaration.rfind('{');
  if (start == std::string::npos || body == std::string::npos) return "";
  size_t at = declaration.find('(', start);
  for (int depth = 0; at < body; ++at) {
    depth += declaration[at] == '(' ? 1 : declaration[at] == ')' ? -1 : 0;
    if (depth == 0) break;
  }
  return at < body ? trimmed(declaration.substr(at + 1, body - at - 1)) : "";
}

std::string type_of(const PublishedProblem& problem) {
  const std::string& text =
      problem.suite.declaration.empty() ? problem.suite.prompt : problem.suite.declaration;
  if (problem.language == "go") return go_type(text);
  const auto signature = last_signature(text);
  if (!signature) return "";
  if (problem.language == "rust") return trimmed(signature->after.substr(signature->after.find("->") + 2));
  const std::string type = trimmed(signature->head);
  return type.starts_with("public ") ? trimmed(type.substr(7)) : type;
}

ConstantBody returning(const std::string& constant, const std::string& language) {
  const std::string statement = "return " + constant + (language == "go" ? "\n" : ";\n");
  return {constant, statement + (language == "java" ? "    }\n}\n" : "}\n")};
}

}  // namespace

std::vector<ConstantBody> constant_bodies(const PublishedProblem& problem) {
  const std::string& language = problem.language;
  const std::string type = type_of(problem);
  Constants constants;
  if (language == "cpp") constants = of_cpp(type);
  if (language == "java") constants = of_java(type);
  if (language == "rust") constants = of_rust(type);
  if (language == "go") constants = of_go(type);
  if (language == "javascript")
    constants = {"undefined", "null", "0", "1", "-1", "true", "false", "''", "[]", "({})"};
  std::vector<ConstantBody> bodies;
  for (const std::string& constant : constants) bodies.push_back(returning(constant, language));
  return bodies;
}

ConstantBody first_answer(const PublishedProblem& problem) {
  // if (!(compare(x0, ANSWER))) {
  const std::string& tests = problem.suite.test_code;
  const std::string before = ", ", behind = "))) {\n";
  const size_t begin = tests.find(before, tests.find("compare(x")), end = tests.find(behind, begin);
  if (begin == std::string::npos || end == std::string::npos)
    throw Error("no first answer", problem.id, "look at how its tests are written");
  const size_t start = begin + before.size();
  return returning(tests.substr(start, end - start), problem.language);
}

}  // namespace grpo
