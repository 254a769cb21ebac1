#include "sandbox/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/error.h"
#include "sandbox/judge/checker.h"
#include "sandbox/judge/compare_output.h"
#include "sandbox/judge/explain.h"
#include "sandbox/judge/timed_run.h"
#include "sandbox/languages/compiled_suite.h"
#include "sandbox/python/python_tests.h"

namespace grpo {
namespace {

Judgement internal_error(const std::string& message) {
  Judgement judgement;
  judgement.verdict = Verdict::kInternalError;
  judgement.message = message;
  return judgement;
}

TestResult internal_error(const std::string& name, const std::string& message) {
  TestResult test;
  test.verdict = Verdict::kInternalError;
  test.name = name;
  test.message = message;
  return test;
}

// What a program may write: enough for any right answer, and for a wrong one to be told from a flood.
int64_t stdout_limit(const Limits& limits, const TestCase& test) {
  return std::max(limits.stdout_bytes, 4 * test.expected.size() + (int64_t{64} << 10));
}

// What two programs that talk may say to each other, each way. It passes through and is kept nowhere.
constexpr int64_t kTalkBytes = int64_t{64} << 20;

// One test after the other of one compiled submission.
class OutputJudge {
 public:
  OutputJudge(Sandbox& sandbox, const OutputTests& tests, Program program,
              std::optional<CheckerProgram> checker)
      : sandbox_(sandbox), tests_(tests), program_(std::move(program)), checker_(std::move(checker)) {}

  TestResult judge(const TestCase& test, Tier& tier) const {
    RunRequest request;
    if (interactive()) {
      request.connection = Connection::kPipes;
      request.programs.push_back(checker_->interactor(test.input, test.expected));
    }
    Program& program = request.programs.emplace_back(program_);
    program.limits.stdout_bytes = stdout_limit(program.limits, test);
    if (!interactive()) give_input(program, test);
    if (interactive()) {
      for (Program& talking : request.programs)
        talking.limits.stdout_bytes = std::max(talking.limits.stdout_bytes, kTalkBytes);
      // The interactor outlives the candidate.
      request.programs[0].limits.wall_ms =
          request.programs[0].limits.wall_limit_ms() + program.limits.wall_limit_ms();
    }
    const Limits limits = program.limits;
    const RunResult run = run_timed(sandbox_, request);
    if (!run.failure.empty()) return internal_error(test.name, "the sandbox failed: " + run.failure);
    tier = run.tier;
    TestResult result = test_result_of(run.programs.back(), limits, test.name);
    if (interactive()) {
      weigh_interactor(run.programs.at(0), run.programs.back(), result);
    } else if (result.verdict == Verdict::kAccepted) {
      compare(run.programs[0], test, result);
    }
    return result;
  }

 private:
  bool interactive() const { return !tests_.interactor.empty(); }

  void give_input(Program& program, const TestCase& test) const {
    if (tests_.input_file.empty()) {
      program.input = test.input;
    } else {
      program.files.push_back({tests_.input_file, test.input});
    }
    if (!tests_.output_file.empty()) program.outputs = {tests_.output_file};
  }

  void compare(const ProgramResult& run, const TestCase& test, TestResult& result) const {
    const auto judged = [&](Verdict verdict, double score, std::string message) {
      result.verdict = verdict;
      result.score = score;
      result.message = std::move(message);
    };
    std::optional<Blob> file;
    if (!tests_.output_file.empty()) {
      if (!run.outputs.empty()) file = run.outputs[0];
      if (!file) return judged(Verdict::kWrongAnswer, 0.0, "the program left no file " + tests_.output_file);
    }
    if (checker_) {
      CheckResult check = checker_->check(test.input, file ? *file : Blob::of(run.out), test.expected);
      return judged(check.verdict, check.score, std::move(check.message));
    }
    const std::string expected = test.expected.read();
    Comparison comparison = file ? compare_output(expected, file->read(), tests_.rule)
                                 : compare_output(expected, run.out, tests_.rule);
    if (!comparison.equal) judged(Verdict::kWrongAnswer, 0.0, std::move(comparison.message));
  }

  // The interactor decides, unless the candidate failed by itself before the interactor had come to an end.
  void weigh_interactor(const ProgramResult& interactor, const ProgramResult& candidate,
                        TestResult& result) const {
    const bool failed_first =
        result.verdict != Verdict::kAccepted &&
        (candidate.limit != LimitFired::kNone || candidate.wall_us < interactor.wall_us);
    if (failed_first) return;
    const std::optional<CheckResult> check = checker_->interpret(interactor);
    if (!check) {
      // Nothing but what the candidate said can have brought it to this.
      result.message = "the interactor failed: " + failure_message(interactor, Limits{});
      result.verdict = Verdict::kWrongAnswer;
      result.score = 0.0;
      return;
    }
    if (check->verdict == Verdict::kAccepted && result.verdict != Verdict::kAccepted) return;
    result.verdict = check->verdict;
    result.score = check->score;
    result.message = check->message;
  }

  Sandbox& sandbox_;
  const OutputTests& tests_;
  Program program_;
  std::optional<CheckerProgram> checker_;
};

double share_passed(const std::vector<TestResult>& results, const std::vector<TestCase>& tests) {
  double passed = 0.0;
  double all = 0.0;
  for (size_t i = 0; i < tests.size(); ++i) {
    all += tests[i].weight;
    if (i < results.size()) passed += tests[i].weight * results[i].score;
  }
  return all > 0.0 ? std::clamp(passed / all, 0.0, 1.0) : 0.0;
}

bool is_python(const std::string& name) {
  const ProgrammingLanguage* language = find_language(name);
  return language != nullptr && language->name == "python";
}

}  // namespace

struct Judge::State {
  std::shared_ptr<Sandbox> sandbox;
  Compiler compiler;

  explicit State(std::shared_ptr<Sandbox> owned)
      : sandbox(std::move(owned)), compiler(*sandbox) {}

  Judgement judge_output(const Submission& submission, const Task& task, const OutputTests& tests);
  Judgement judge_calls(const Submission& submission, const Task& task, const CallTests& tests);
  Judgement judge_suite(const Submission& submission, const Task& task, const Suite& suite);
};

Judgement Judge::State::judge_output(const Submission& submission, const Task& task,
                                     const OutputTests& tests) {
  if (tests.tests.empty()) return internal_error("there are no tests");
  const std::vector<Checker>& programs = tests.interactor.empty() ? tests.checker : tests.interactor;
  std::optional<CheckerProgram> checker;
  if (!programs.empty()) {
    checker.emplace(compiler, *sandbox, programs[0]);
    if (!checker->failure().empty()) return internal_error(checker->failure());
  }
  Compiled compiled = compiler.compile(submission.language, submission.source);
  if (!compiled.failure.empty()) compiled = compiler.compile(submission.language, submission.source);
  Judgement judgement;
  judgement.tier = sandbox->tier();
  judgement.tests_total = static_cast<int64_t>(tests.tests.size());
  judgement.compile_log = compiled.log;
  if (!compiled.failure.empty() || !compiled.ok) {
    judgement.verdict = compiled.failure.empty() ? Verdict::kCompileError : Verdict::kInternalError;
    judgement.message =
        compiled.failure.empty() ? "it does not compile" : "the sandbox failed: " + compiled.failure;
    return judgement;
  }
  compiled.program.limits = compiler.limits_for(submission.language, task.limits);
  const OutputJudge judge(*sandbox, tests, std::move(compiled.program), std::move(checker));
  for (const TestCase& test : tests.tests) {
    TestResult result = judge.judge(test, judgement.tier);
    judgement.verdict = worse(judgement.verdict, result.verdict);
    judgement.tests.push_back(std::move(result));
    if (judgement.verdict == Verdict::kInternalError) {
      judgement.message = judgement.tests.back().message;
      break;
    }
    if (task.stop_early && judgement.verdict != Verdict::kAccepted) break;
  }
  judgement.score = share_passed(judgement.tests, tests.tests);
  return judgement;
}

Judgement Judge::State::judge_calls(const Submission& submission, const Task& task, const CallTests& tests) {
  if (!is_python(submission.language)) {
    throw Error("tests that call a function need a program in Python, not in " + submission.language,
                "language", "give tests by input and output, or a suite in that language");
  }
  if (tests.tests.empty()) return internal_error("there are no tests");
  const Limits limits = compiler.limits_for(submission.language, task.limits);
  const auto judge = [&] {
    return judge_python_calls(*sandbox, submission.source, tests, limits, task.stop_early);
  };
  Judgement judgement = judge();
  return judgement.verdict == Verdict::kInternalError ? judge() : judgement;
}

Judgement Judge::State::judge_suite(const Submission& submission, const Task& task, const Suite& suite) {
  const bool python = is_python(submission.language);
  const auto judge = [&] {
    if (!python) return judge_compiled_suite(compiler, *sandbox, submission, suite, task.limits);
    const Limits limits = compiler.limits_for(submission.language, task.limits);
    return judge_python_suite(*sandbox, submission.source, suite, limits);
  };
  Judgement judgement = judge();
  return judgement.verdict == Verdict::kInternalError ? judge() : judgement;
}

Judge::Judge(std::shared_ptr<Sandbox> sandbox) : state_(std::make_unique<State>(std::move(sandbox))) {}

Judge::~Judge() = default;

Judgement Judge::judge(const Submission& submission, const Task& task) {
  if (const auto* tests = std::get_if<OutputTests>(&task.tests)) {
    return state_->judge_output(submission, task, *tests);
  }
  if (const auto* tests = std::get_if<CallTests>(&task.tests)) {
    return state_->judge_calls(submission, task, *tests);
  }
  return state_->judge_suite(submission, task, std::get<Suite>(task.tests));
}

Sandbox& Judge::sandbox() const {
  return *state_->sandbox;
}

Compiler& Judge::compiler() {
  return state_->compiler;
}

}  // namespace grpo
