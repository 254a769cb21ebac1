#include "rewards/code/code_problem.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "rewards/code/any_line.h"

namespace grpo {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
}

std::string_view left_trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// Whether `text` begins with `word` and white space; then it is moved behind them.
bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word) || text.size() == word.size() ||
      kBlanks.find(text[word.size()]) == std::string_view::npos)
    return false;
  text = left_trimmed(text.substr(word.size()));
  return true;
}

// Whether `text` begins with `name` as a whole word.
bool begins_with_name(std::string_view text, std::string_view name) {
  return text.starts_with(name) && (text.size() == name.size() || !is_word(text[name.size()]));
}

bool python_line_defines(std::string_view line, std::string_view name) {
  take_word(line, "async");
  if (take_word(line, "def") || take_word(line, "class")) return begins_with_name(line, name);
  if (!begins_with_name(line, name)) return false;
  const std::string_view rest = left_trimmed(line.substr(name.size()));
  return rest.starts_with('=') && !rest.starts_with("==");
}

// A line that holds one of the keywords and then the name, whatever stands before.
bool keyword_line_defines(std::string_view line, std::initializer_list<std::string_view> keywords,
                          std::string_view name) {
  for (const std::string_view keyword : keywords) {
    for (size_t at = line.find(keyword); at != std::string_view::npos; at = line.find(keyword, at + 1)) {
      std::string_view rest = line.substr(at);
      if ((at == 0 || !is_word(line[at - 1])) && take_word(rest, keyword) && begins_with_name(rest, name))
        return true;
    }
  }
  return false;
}

// Signatures longer than these are none: bounds that keep the scan linear.
constexpr size_t kTypeBytesMax = 512;
constexpr size_t kParametersBytesMax = 1024;

// Whether what stands on the line before position `at` is a type, and no "return".
bool follows_type(std::string_view source, size_t at) {
  constexpr std::string_view kTypeSigns = " \t<>,:*&";
  size_t begin = at;
  while (begin > 0 && source[begin - 1] != '\n') {
    --begin;
    const bool is_part = is_word(source[begin]) || kTypeSigns.find(source[begin]) != std::string_view::npos;
    if (!is_part || at - begin > kTypeBytesMax) return false;
  }
  const std::string_view before = left_trimmed(source.substr(begin, at - begin));
  return !before.empty() && !is_word(before.back()) && !before.starts_with("return") &&
         !before.starts_with("else");
}

// "vector<int> name(int x) {", perhaps with the brace on a line of its own: a type, the name, parentheses, a brace.
bool c_defines(std::string_view source, std::string_view name) {
  for (size_t at = source.find(name); at != std::string_view::npos; at = source.find(name, at + 1)) {
    size_t end = std::min(source.find_first_not_of(" \t", at + name.size()), source.size());
    if (end == source.size() || source[end] != '(' || !follows_type(source, at)) continue;
    const size_t bound = std::min(source.size(), end + kParametersBytesMax);
    int64_t depth = 0;
    do {
      depth += source[end] == '(' ? 1 : source[end] == ')' ? -1 : 0;
    } while (++end < bound && depth > 0);
    end = std::min(source.find_first_not_of(" \t\r\n", end), source.size());
    if (depth == 0 && end < source.size() && source[end] == '{') return true;
  }
  return false;
}

// Whether class Solution of a source in Python has the method and no function of that name stands beside it.
bool is_method(std::string_view source, const std::string& function) {
  bool inside = false;
  bool method = false;
  const bool has_function = any_line(source, [&](std::string_view line) {
    if (line.empty() || line.front() == '#') return false;
    if (kBlanks.find(line.front()) == std::string_view::npos) {
      inside = python_line_defines(line, "Solution");
      return python_line_defines(line, function);
    }
    method = method || (inside && python_line_defines(left_trimmed(line), function));
    return false;
  });
  return method && !has_function;
}

// Lines that Python wants before all others, so before a prelude too.
bool is_future_import(std::string_view line) {
  return line.starts_with("from __future__ import ") && line.find('(') == std::string_view::npos;
}

std::string with_prelude(const std::string& prelude, const std::string& source) {
  std::string first, rest;
  any_line(source, [&](std::string_view line) {
    if (is_future_import(line)) first.append(line).append("\n");
    rest.append(is_future_import(line) ? std::string_view() : line).append("\n");
    return false;
  });
  return first.empty() ? prelude + source : first + prelude + rest;
}

}  // namespace

bool defines(const std::string& source, const std::string& language, const std::string& name) {
  if (language == "cpp" || language == "c") return c_defines(source, name);
  return any_line(source, [&](std::string_view line) {
    if (language == "python") return python_line_defines(line, name);
    if (language == "javascript")
      return keyword_line_defines(line, {"function", "const", "let", "var", "class"}, name);
    if (language == "rust") return keyword_line_defines(line, {"fn"}, name);
    if (language == "go") return keyword_line_defines(line, {"func"}, name);
    return keyword_line_defines(line, {"class"}, "Solution");
  });
}

Shape shape_of(const CodeProblem& problem, const Submission& submission) {
  if (const auto* calls = std::get_if<ByCalls>(&problem.how)) {
    return is_method(submission.source, calls->function) ? Shape::kAlternate : Shape::kPlain;
  }
  const auto* suite = std::get_if<BySuite>(&problem.how);
  const bool complete =
      suite == nullptr || suite->name.empty() || defines(submission.source, submission.language, suite->name);
  return complete ? Shape::kPlain : Shape::kAlternate;
}

Task make_task(const CodeProblem& problem, Shape shape, bool stop_early) {
  Task task;
  task.limits = problem.limits;
  task.stop_early = stop_early;
  if (const auto* output = std::get_if<ByOutput>(&problem.how)) {
    OutputTests tests;
    tests.rule = output->rule;
    tests.checker = output->checker;
    tests.input_file = output->input_file;
    tests.output_file = output->output_file;
    for (const CodeTest& test : problem.tests) {
      tests.tests.push_back({.name = test.name,
                             .input = Blob::of(test.input),
                             .expected = Blob::of(test.expected),
                             .weight = test.weight});
    }
    task.tests = std::move(tests);
  } else if (const auto* calls = std::get_if<ByCalls>(&problem.how)) {
    CallTests tests;
    tests.function = shape == Shape::kAlternate ? "Solution." + calls->function : calls->function;
    tests.prelude = problem.python_prelude;
    tests.float_tolerance = calls->float_tolerance;
    for (const CodeTest& test : problem.tests) {
      tests.tests.push_back(
          {.name = test.name, .arguments = test.input, .expected = test.expected, .weight = test.weight});
    }
    task.tests = std::move(tests);
  } else {
    const auto& by_suite = std::get<BySuite>(problem.how);
    Suite suite = by_suite.suite;
    if (shape == Shape::kAlternate) {
      suite.prelude.clear();
      suite.prompt = by_suite.prompt;
    }
    task.tests = std::move(suite);
  }
  return task;
}

Submission prepared(const CodeProblem& problem, Submission submission) {
  const bool reads_and_writes = std::holds_alternative<ByOutput>(problem.how);
  if (reads_and_writes && submission.language == "python")
    submission.source = with_prelude(problem.python_prelude, submission.source);
  return submission;
}

}  // namespace grpo
