#include "sandbox/judge/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "sandbox/judge/decimal.h"
#include "sandbox/judge/explain.h"
#include "sandbox/judge/printable.h"
#include "sandbox/judge/words.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInput = "input.txt";
constexpr const char* kOutput = "output.txt";
constexpr const char* kAnswer = "answer.txt";
constexpr const char* kFeedback = "feedback";

// A checker reads three files and compares; what takes longer than this does not come to an end.
Limits checker_limits() {
  Limits limits;
  limits.cpu_ms = 10'000;
  limits.wall_ms = 30'000;
  limits.memory_bytes = int64_t{512} << 20;
  return limits;
}

std::vector<SourceFile> headers_of(const Checker& checker) {
  std::vector<SourceFile> headers;
  if (!checker.include_folder.empty()) {
    if (!fs::is_directory(checker.include_folder)) {
      throw Error("the folder of a checker's headers does not exist", checker.include_folder);
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(checker.include_folder)) {
      const fs::path& path = entry.path();
      if (!entry.is_regular_file() || (path.extension() != ".h" && path.extension() != ".hpp")) continue;
      headers.push_back({path.filename().string(), read_file(path.string())});
    }
    std::sort(headers.begin(), headers.end(),
              [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  }
  const bool needs_testlib = checker.source.find("\"testlib.h\"") != std::string::npos ||
                             checker.source.find("<testlib.h>") != std::string::npos;
  const bool has_testlib = std::any_of(headers.begin(), headers.end(),
                                       [](const SourceFile& header) { return header.path == "testlib.h"; });
  if (needs_testlib && !has_testlib) {
    throw Error(
        "a checker includes testlib.h, which is not there",
        checker.include_folder.empty() ? "include_folder" : checker.include_folder,
        "testlib.h does not come with this program: name a folder that holds it as the checker's "
        "include_folder, or name one of the checkers that are built in (wcmp, rcmp6, ...) as comparator");
  }
  return headers;
}

Compiled compile_with_headers(Compiler& compiler, const Checker& checker) {
  const std::vector<SourceFile> headers = headers_of(checker);
  const ProgrammingLanguage* language = find_language(checker.language);
  const bool plain = language == nullptr || headers.empty() || !language->runs_artefact;
  if (plain) return compiler.compile(checker.language, checker.source);
  // Headers lie beside the source, and are no sources themselves.
  Build build;
  build.command = language->compile;
  build.files = {{language->source_file, checker.source}};
  build.files.insert(build.files.end(), headers.begin(), headers.end());
  build.artefacts = language->artefacts;
  Built built = compiler.build(language->name, build);
  Compiled compiled;
  compiled.ok = built.ok;
  compiled.failure = std::move(built.failure);
  compiled.log = std::move(built.log);
  compiled.program.command = compiler.command(language->name, language->run);
  compiled.program.environment = compiler.environment(language->name);
  if (built.ok) compiled.program.executable = built.artefacts.at(0);
  return compiled;
}

std::string last_line(std::string_view text) {
  text = stripped(text);
  const size_t end = text.rfind('\n');
  return std::string(end == std::string_view::npos ? text : stripped(text.substr(end + 1)));
}

std::string first_line(std::string_view text) {
  text = stripped(text);
  return std::string(stripped(text.substr(0, text.find('\n'))));
}

CheckResult scored(double score, const std::string& message) {
  score = std::clamp(score, 0.0, 1.0);
  if (score >= 1.0) return {Verdict::kAccepted, 1.0, message};
  return {Verdict::kWrongAnswer, score, message};
}

// "points 0.5 as you like" of testlib's quitp, which some versions write without the word.
std::optional<double> points_of(std::string_view error) {
  OutputWordReader words(error);
  OutputWord word = words.next();
  if (word.text == "points") word = words.next();
  if (!parse_decimal(word.text)) return std::nullopt;
  return nearest_double(word.text);
}

std::optional<CheckResult> interpret_testlib(const ProgramResult& result) {
  const std::string message = printable(first_line(result.error), 200);
  switch (result.exit_code) {
    case 0:
      return CheckResult{Verdict::kAccepted, 1.0, message};
    case 1:  // wrong answer
    case 4:  // dirt behind the answer
    case 8:  // the output ends too early
      return CheckResult{Verdict::kWrongAnswer, 0.0, message};
    case 2:
      return CheckResult{Verdict::kPresentationError, 0.0, message};
    case 3:
      return CheckResult{Verdict::kInternalError, 0.0, "the checker blames the jury (status 3): " + message};
    case 7:
      if (const std::optional<double> points = points_of(result.error)) return scored(*points, message);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

// outputs: judgemessage.txt, score.txt.
std::optional<CheckResult> interpret_kattis(const ProgramResult& result) {
  if (result.exit_code != 42 && result.exit_code != 43) return std::nullopt;
  const auto output = [&](size_t i) {
    return i < result.outputs.size() && result.outputs[i] ? result.outputs[i]->read(4096) : std::string();
  };
  const std::string message = printable(first_line(output(0)), 200);
  const bool accepted = result.exit_code == 42;
  CheckResult check{accepted ? Verdict::kAccepted : Verdict::kWrongAnswer, accepted ? 1.0 : 0.0, message};
  const std::string score = first_line(output(1));
  // A score above 1 is in the units of the problem, which are not known here.
  if (accepted && parse_decimal(score)) check.score = std::clamp(nearest_double(score), 0.0, 1.0);
  return check;
}

std::optional<CheckResult> interpret_python(const ProgramResult& result) {
  const std::string line = last_line(result.out);
  if (result.exit_code != 0 || !parse_decimal(line)) return std::nullopt;
  const double value = nearest_double(line);
  return scored(value > 1.0 ? value / 100.0 : value, "");
}

}  // namespace

CheckerProgram::CheckerProgram(Compiler& compiler, Sandbox& sandbox, const Checker& checker)
    : sandbox_(sandbox), checker_(checker), compiled_(compile_with_headers(compiler, checker)) {
  if (!compiled_.failure.empty()) {
    failure_ = "the checker could not be compiled: " + compiled_.failure;
  } else if (!compiled_.ok) {
    failure_ = "the checker does not compile: " + printable(compiled_.log, 1000);
  }
  compiled_.program.limits = compiler.limits_for(checker.language, checker_limits());
}

Program CheckerProgram::with_files(const Blob& input, const Blob* output, const Blob& answer) const {
  Program program = compiled_.program;
  program.files.push_back({kInput, input});
  program.files.push_back({kAnswer, answer});
  if (checker_.protocol == Checker::Protocol::kKattis) {
    program.files.push_back({std::string(kFeedback) + "/.keep", Blob()});
    program.outputs = {std::string(kFeedback) + "/judgemessage.txt", std::string(kFeedback) + "/score.txt"};
    for (const char* argument : {kInput, kAnswer, kFeedback}) program.command.push_back(argument);
    if (output != nullptr) program.input = *output;
  } else {
    if (output != nullptr) program.files.push_back({kOutput, *output});
    for (const char* argument : {kInput, kOutput, kAnswer}) program.command.push_back(argument);
  }
  program.command.insert(program.command.end(), checker_.arguments.begin(), checker_.arguments.end());
  return program;
}

Program CheckerProgram::interactor(const Blob& input, const Blob& answer) const {
  return with_files(input, nullptr, answer);
}

std::optional<CheckResult> CheckerProgram::interpret(const ProgramResult& result) const {
  if (result.limit != LimitFired::kNone || result.signal != 0 || result.exit_code < 0) return std::nullopt;
  switch (checker_.protocol) {
    case Checker::Protocol::kTestlib:
      return interpret_testlib(result);
    case Checker::Protocol::kKattis:
      return interpret_kattis(result);
    case Checker::Protocol::kPython:
      return interpret_python(result);
  }
  return std::nullopt;
}

std::optional<CheckResult> CheckerProgram::run(const Blob& input, const Blob& output, const Blob& answer,
                                               std::string& failure, std::string& how_it_ended) const {
  const RunRequest request{.programs = {with_files(input, &output, answer)}};
  RunResult result = sandbox_.run(request);
  if (!result.failure.empty()) result = sandbox_.run(request);
  failure = result.failure;
  if (!failure.empty()) return std::nullopt;
  how_it_ended = failure_message(result.programs.at(0), request.programs[0].limits);
  if (how_it_ended.empty()) how_it_ended = "its last line is " + printable(last_line(result.programs[0].out));
  return interpret(result.programs[0]);
}

CheckResult CheckerProgram::check(const Blob& input, const Blob& output, const Blob& answer) const {
  if (!failure_.empty()) return {Verdict::kInternalError, 0.0, failure_};
  std::string failure;
  std::string how_it_ended;
  const std::optional<CheckResult> result = run(input, output, answer, failure, how_it_ended);
  if (result) return *result;
  if (!failure.empty()) return {Verdict::kInternalError, 0.0, "the sandbox failed: " + failure};
  const std::string complaint = "the checker failed on the output (" + how_it_ended + ")";
  const std::optional<CheckResult> control = run(input, answer, answer, failure, how_it_ended);
  if (!failure.empty()) return {Verdict::kInternalError, 0.0, "the sandbox failed: " + failure};
  if (control && control->verdict == Verdict::kAccepted) return {Verdict::kWrongAnswer, 0.0, complaint};
  return {Verdict::kInternalError, 0.0, complaint + ", and does not accept the answer either"};
}

}  // namespace grpo
