#include "rewards/code/formats/test_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/json.h"
#include "sandbox/languages/language.h"

namespace grpo {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

Limits limits_of(double cpu_s, int64_t memory_mb) {
  Limits limits;
  limits.cpu_ms = std::max<int64_t>(1, std::llround(std::min(cpu_s, kSecondsMost) * 1000.0));
  limits.memory_bytes = std::clamp(memory_mb, int64_t{1}, static_cast<int64_t>(kMegabytesMost)) << 20;
  return limits;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What a function should return: a text of JSON where the arguments are one, the value itself where they are values.
std::string expected_of(const JsonText& input, const JsonText& output, const std::string& where) {
  if (!input.is_string() || !output.is_string()) return std::string(output.text());
  const std::string inner = output.string();
  if (!Json::accept(inner)) throw Error("the output of a call is not JSON", where);
  return std::string(trimmed(inner));
}

// Where every output is a list of one element, that element is what the function returns.
std::vector<JsonText> unwrapped(std::vector<JsonText> outputs) {
  const bool wrapped = std::all_of(outputs.begin(), outputs.end(), [](const JsonText& value) {
    return value.is_array() && value.elements().size() == 1;
  });
  if (wrapped) {
    for (JsonText& value : outputs) value = value.elements().front();
  }
  return outputs;
}

std::string arguments_of(const JsonText& input, const std::string& where) {
  if (input.is_array()) return std::string(input.text());
  if (!input.is_string()) throw Error("the input of a call is neither a list nor text", where);
  return arguments_of_lines(input.string(), where);
}

// The function that a test calls; empty: none, it reads stdin.
std::string function_of(const JsonText& test, const std::string& fallback, const std::string& where) {
  std::optional<JsonText> type = test.member("testtype");
  if (!type) type = test.member("type");
  const std::string kind = type ? type->string() : "stdin";
  if (kind == "stdin" || kind == "stdin_stdout") return "";
  if (kind != "functional" && kind != "function_call")
    throw Error(fmt::format("unknown kind of test \"{}\"", kind), where);
  if (const std::optional<JsonText> name = test.member("fn_name")) return name->string();
  if (const std::optional<JsonText> metadata = test.member("metadata")) {
    if (const std::optional<JsonText> name = metadata->member("func_name")) return name->string();
  }
  if (fallback.empty()) throw Error("a test calls a function and does not name it", where);
  return fallback;
}

TestList add_tests(TestList list, const std::vector<JsonText>& inputs, std::vector<JsonText> outputs,
                   const std::string& where) {
  const bool calls = !list.function.empty();
  if (calls) outputs = unwrapped(std::move(outputs));
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string place = fmt::format("{}[{}]", where, i);
    CodeTest test;
    test.input = calls ? arguments_of(inputs[i], place) : stream_text(inputs[i]);
    test.expected = calls ? expected_of(inputs[i], outputs[i], place) : stream_text(outputs[i]);
    list.tests.push_back(std::move(test));
  }
  return list;
}

}  // namespace

Limits limits_for_python(double cpu_s, int64_t memory_mb) {
  const ProgrammingLanguage* python = find_language("python");
  return limits_of(cpu_s / (python == nullptr ? 1.0 : python->time_factor), memory_mb);
}

Limits limits_for_native(double cpu_s, int64_t memory_mb) {
  return limits_of(cpu_s, memory_mb);
}

std::string stream_text(const JsonText& value) {
  if (!value.is_array()) return value.string();
  std::string text;
  for (const JsonText& line : value.elements()) {
    text += line.string();
    text += '\n';
  }
  return text;
}

CodeProblem problem_of_python_suite(Suite suite, double cpu_s, int64_t memory_mb) {
  CodeProblem problem;
  problem.how = BySuite{.suite = std::move(suite), .name = "", .prompt = ""};
  problem.language = "python";
  problem.limits = limits_for_python(cpu_s, memory_mb);
  return problem;
}

std::string arguments_of_lines(std::string_view lines, const std::string& where) {
  std::string array = "[";
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string_view line = trimmed(lines.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty()) continue;
    if (!Json::accept(line)) throw Error("an argument of a call is not JSON", where);
    if (array.size() > 1) array += ',';
    array += line;
  }
  return array + "]";
}

TestList read_test_list(const JsonText& list, const std::string& function, const std::string& where) {
  if (!list.is_array()) throw Error("expected a list of tests", where);
  TestList read;
  std::vector<JsonText> inputs, outputs;
  for (const JsonText& test : list.elements()) {
    const std::string place = fmt::format("{}[{}]", where, outputs.size());
    const std::optional<JsonText> input = test.member("input"), output = test.member("output");
    const std::string called = function_of(test, function, place);
    if (!outputs.empty() && called != read.function)
      throw Error("tests of two kinds, or of two functions", place);
    if (!input || !output) throw Error("a test has no input or no output", place);
    read.function = called;
    inputs.push_back(*input);
    outputs.push_back(*output);
  }
  return add_tests(std::move(read), inputs, std::move(outputs), where);
}

TestList read_input_output(const JsonText& dictionary, const std::string& where) {
  const std::optional<JsonText> inputs = dictionary.member("inputs"), outputs = dictionary.member("outputs");
  if (!inputs || !outputs || !inputs->is_array() || !outputs->is_array())
    throw Error("\"inputs\" and \"outputs\" are not two lists", where);
  const std::vector<JsonText> input = inputs->elements(), output = outputs->elements();
  if (input.size() != output.size())
    throw Error(fmt::format("{} inputs for {} outputs", input.size(), output.size()), where);
  TestList read;
  if (const std::optional<JsonText> name = dictionary.member("fn_name")) read.function = name->string();
  return add_tests(std::move(read), input, output, where);
}

CodeProblem problem_of_tests(TestList list, const OutputRule& rule, const std::string& where) {
  if (list.tests.empty()) throw Error("the problem has no tests", where);
  CodeProblem problem;
  for (size_t i = 0; i < list.tests.size(); ++i) {
    if (list.tests[i].name.empty()) list.tests[i].name = std::to_string(i + 1);
  }
  problem.tests = std::move(list.tests);
  if (list.function.empty()) {
    problem.how = ByOutput{.rule = rule, .checker = {}, .input_file = {}, .output_file = {}};
  } else {
    problem.how = ByCalls{.function = list.function, .float_tolerance = 0.0};
    problem.language = "python";
  }
  return problem;
}

}  // namespace grpo
