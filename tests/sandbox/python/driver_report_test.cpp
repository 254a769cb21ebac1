// What is made of a run of driver and candidate when one of the two did not come to its end.

#include "sandbox/python/driver_report.h"

#include <gtest/gtest.h>

#include <csignal>

namespace grpo {
namespace {

RunResult ended(const std::string& report, int driver_signal, LimitFired candidate_limit) {
  RunResult result;
  result.programs.resize(2);
  result.programs[0].out = report;
  result.programs[0].signal = driver_signal;
  result.programs[0].exit_code = driver_signal == 0 ? 0 : -1;
  result.programs[1].limit = candidate_limit;
  result.programs[1].exit_code = candidate_limit == LimitFired::kNone ? 0 : -1;
  return result;
}

constexpr const char* kBegun = R"({"total": 2, "names": ["1", "2"]}
)";

// The kernel, when the slot's memory is full, kills whom it likes: the driver too.
TEST(DriverReport, ADriverThatDiesOfTheCandidatesMemoryIsNoFaultOfTheJudge) {
  const Judgement judgement = judge_driver_report(ended(kBegun, SIGKILL, LimitFired::kMemory), {});
  EXPECT_STREQ(verdict_name(judgement.verdict), "MLE") << judgement.message;
  EXPECT_EQ(judgement.score, 0.0);
}

TEST(DriverReport, ADriverThatDiesOfTheTestsThemselvesIs) {
  const Judgement judgement = judge_driver_report(ended(kBegun, SIGKILL, LimitFired::kNone), {});
  EXPECT_STREQ(verdict_name(judgement.verdict), "IE") << judgement.message;
}

TEST(DriverReport, ADriverThatDiesOfAnAnswerIsTheCandidatesFault) {
  const std::string report = std::string(kBegun) + "{\"loaded\": true}\n{\"begin\": 0}\n";
  const Judgement judgement = judge_driver_report(ended(report, SIGKILL, LimitFired::kNone), {});
  EXPECT_STREQ(verdict_name(judgement.verdict), "WA") << judgement.message;
}

}  // namespace
}  // namespace grpo
