#pragma once
// Programs that compare: testlib's, Kattis validators, Python checkers. They are somebody else's code that reads what the
// candidate wrote, so they run in a box of their own, with input, output and answer as files there and nothing else.

#include <optional>
#include <string>

#include "sandbox/judge/task.h"
#include "sandbox/judge/verdict.h"
#include "sandbox/languages/compiler.h"
#include "sandbox/sandbox.h"

namespace grpo {

struct CheckResult {
  Verdict verdict = Verdict::kAccepted;  // AC, WA, PE or IE
  double score = 0.0;                    // 1 for AC, else what the checker gave
  std::string message;                   // one line; valid UTF-8
};

class CheckerProgram {
 public:
  // Compiles the checker, or finds it compiled. Throws Error if its language is unknown or not installed, or if it
  // includes testlib.h and Checker::include_folder has none.
  CheckerProgram(Compiler& compiler, Sandbox& sandbox, const Checker& checker);

  // What the checker says of `output`. A checker that crashes, meets a limit or answers what its protocol does not know is
  // then asked about `answer` in the output's place: if it accepts that, it works, and what the candidate wrote broke it:
  // WA. Else it is the checker that is broken: IE.
  // testlib's status 3 is no crash but a verdict on the jury: its answer cannot be read, or the output is better than it.
  // It is IE, for a right program must not be called wrong. A checker that says so of bad output lets a program have
  // itself masked: the share of IE among the metrics shows that.
  CheckResult check(const Blob& input, const Blob& output, const Blob& answer) const;

  // Empty if the checker can be run; else why not: it does not compile, or the sandbox failed.
  const std::string& failure() const { return failure_; }

  // An interactor as the first program of a run with Connection::kPipes.
  Program interactor(const Blob& input, const Blob& answer) const;
  // What an interactor's end says; none: it did not end as its protocol has it.
  std::optional<CheckResult> interpret(const ProgramResult& result) const;

 private:
  Program with_files(const Blob& input, const Blob* output, const Blob& answer) const;
  // failure: of the sandbox.
  std::optional<CheckResult> run(const Blob& input, const Blob& output, const Blob& answer,
                                 std::string& failure, std::string& how_it_ended) const;

  Sandbox& sandbox_;
  Checker checker_;
  Compiled compiled_;
  std::string failure_;
};

}  // namespace grpo
