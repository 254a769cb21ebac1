#include "sandbox/languages/compiled_suite.h"

#include <sys/random.h>

#include <algorithm>
#include <array>

#include "core/error.h"
#include "sandbox/languages/compile_log.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

constexpr size_t kMessageMax = 400;

Judgement of_one(Verdict verdict, std::string message, Tier tier) {
  Judgement judgement;
  judgement.verdict = verdict;
  judgement.score = verdict == Verdict::kAccepted ? 1.0 : 0.0;
  judgement.tests_total = 1;
  judgement.message = std::move(message);
  judgement.tier = tier;
  return judgement;
}

// The first line of a log, short enough for a message.
std::string first_words(const std::string& log) {
  return log.substr(0, std::min(log.find('\n'), kMessageMax));
}

std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const size_t before = text.find_last_of('\n', end);
  const size_t start = before == std::string::npos ? 0 : before + 1;
  return text.substr(start, end - start + 1);
}

// "terminate called ... what():  Exception -- test case 0 did not pass." where the tests throw what they have to say.
bool is_word_of_the_tests(const std::string& error, const std::string& test_code) {
  const std::string key = "what():";
  const size_t at = error.rfind(key);
  if (at == std::string::npos) return false;
  std::string what = error.substr(at + key.size());
  what = what.substr(0, what.find('\n'));
  what.erase(0, what.find_first_not_of(' ') == std::string::npos ? what.size() : what.find_first_not_of(' '));
  return !what.empty() && test_code.find("\"" + what) != std::string::npos;
}

// The program died where the tests are: an assertion, or what a stack trace of Java names first.
bool died_in(const std::string& tests_file, const std::string& error) {
  const size_t trace = error.find("\tat ");
  if (trace == std::string::npos) return error.find(tests_file) != std::string::npos;
  return error.substr(trace, error.find('\n', trace) - trace).find(tests_file) != std::string::npos;
}

}  // namespace

std::string end_word() {
  std::array<unsigned char, 16> bytes{};
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (got > 0) filled += static_cast<size_t>(got);
  }
  std::string word;
  for (const unsigned char byte : bytes) {
    word += "0123456789abcdef"[byte >> 4];
    word += "0123456789abcdef"[byte & 15];
  }
  return word;
}

Judgement suite_failed_to_run(const std::string& failure, Tier tier) {
  return of_one(Verdict::kInternalError, failure, tier);
}

Judgement suite_did_not_compile(const std::string& log, Tier tier) {
  Judgement judgement = of_one(Verdict::kCompileError, first_words(log), tier);
  judgement.compile_log = log;
  return judgement;
}

Judgement tests_did_not_compile(const std::string& log, Tier tier) {
  Judgement judgement =
      of_one(Verdict::kInternalError, "the task's own tests do not compile: " + first_words(log), tier);
  judgement.compile_log = log;
  return judgement;
}

void refuse_suite(const SuiteContext& context, const std::string& why) {
  throw Error(why, "suite in " + context.language, "give the task what compiled_suite.h asks for");
}

std::optional<Judgement> judge_build(const SuiteContext& context, const Built& built) {
  if (!built.failure.empty()) return suite_failed_to_run(built.failure, context.sandbox.tier());
  if (!built.ok) return suite_did_not_compile(built.log, context.sandbox.tier());
  return std::nullopt;
}

const std::string& declaration_of(const SuiteContext& context) {
  const std::string& text =
      context.suite.declaration.empty() ? context.suite.prompt : context.suite.declaration;
  if (text.empty())
    refuse_suite(context, "the tests are told nothing of the candidate: no declaration, no prompt");
  return text;
}

std::string candidate_text(const SuiteContext& context) {
  std::string text = context.suite.prelude;
  if (!text.empty() && text.back() != '\n') text += '\n';
  return text + context.suite.prompt + context.source;
}

Judgement suite_result(const SuiteContext& context, const ProgramResult& run, bool reached_the_end,
                       const std::string& tests_file) {
  TestResult test;
  test.name = "suite";
  test.limit = run.limit;
  test.exit_code = run.exit_code;
  test.signal = run.signal;
  test.cpu_us = run.cpu_us;
  test.wall_us = run.wall_us;
  test.memory_bytes = run.peak_memory_bytes;
  test.verdict = verdict_of(run);
  const std::string log = clean_log(run.error, 16 << 10);
  if (test.verdict == Verdict::kAccepted && !reached_the_end) {
    test.verdict = Verdict::kWrongAnswer;
    test.message = "the program ended before its tests did";
  } else if (test.verdict == Verdict::kRuntimeError &&
             (died_in(tests_file, log) || is_word_of_the_tests(log, context.suite.test_code))) {
    test.verdict = Verdict::kWrongAnswer;
  }
  if (test.verdict != Verdict::kAccepted && test.message.empty()) {
    test.message = last_line(log).substr(0, kMessageMax);
  }
  test.score = test.verdict == Verdict::kAccepted ? 1.0 : 0.0;
  Judgement judgement = of_one(test.verdict, "", context.sandbox.tier());
  judgement.tests.push_back(std::move(test));
  return judgement;
}

Judgement run_suite(const SuiteContext& context, Program program, const std::string& tests_file) {
  const std::string word = end_word();
  program.input = Blob::of(word);
  program.limits = context.limits;
  const RunResult result = context.sandbox.run({{std::move(program)}, Connection::kNone});
  if (!result.failure.empty()) return suite_failed_to_run(result.failure, result.tier);
  const ProgramResult& run = result.programs.at(0);
  return suite_result(context, run, run.out.find(word) != std::string::npos, tests_file);
}

Judgement judge_compiled_suite(Compiler& compiler, Sandbox& sandbox, const Submission& submission,
                               const Suite& suite, const Limits& limits) {
  const ProgrammingLanguage* language = find_language(submission.language);
  const std::string name = language == nullptr ? submission.language : language->name;
  SuiteContext context{compiler, sandbox, name, suite, submission.source, limits};
  Judgement (*judge)(const SuiteContext&) = nullptr;
  if (name == "c" || name == "cpp") judge = judge_native_suite;
  if (name == "java") judge = judge_java_suite;
  if (name == "javascript") judge = judge_javascript_suite;
  if (name == "rust") judge = judge_rust_suite;
  if (name == "go") judge = judge_go_suite;
  if (judge == nullptr) {
    throw Error("there are no suites in \"" + submission.language + "\"", "suite",
                "suites of this kind are in c, cpp, java, javascript, rust or go");
  }
  context.limits = compiler.limits_for(name, limits);
  return judge(context);
}

}  // namespace grpo
