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

// `number` of tests that all pass, and the driver's own end.
std::string with_passes(int number, const std::string& begun = kBegun) {
  std::string report = begun + "{\"loaded\": true}\n";
  for (int i = 0; i < number; ++i) {
    const std::string index = std::to_string(i);
    report += "{\"begin\": " + index + "}\n{\"test\": " + index +
              R"(, "verdict": "AC", "message": "", "wall_us": 1, "cpu_us": 1})" + "\n";
  }
  return report + "{\"end\": true}\n";
}

TEST(DriverReport, FewerPassesThanThereAreTestsAreNoPass) {
  const Judgement all = judge_driver_report(ended(with_passes(2), 0, LimitFired::kNone), {});
  EXPECT_STREQ(verdict_name(all.verdict), "AC") << all.message;
  EXPECT_EQ(all.score, 1.0);
  const Judgement one = judge_driver_report(ended(with_passes(1), 0, LimitFired::kNone), {});
  EXPECT_STREQ(verdict_name(one.verdict), "WA") << one.message;
  EXPECT_EQ(one.score, 0.5);
  const Judgement none = judge_driver_report(ended(with_passes(0), 0, LimitFired::kNone), {});
  EXPECT_STREQ(verdict_name(none.verdict), "WA") << none.message;
  const std::string no_tests = with_passes(0, "{\"total\": 0, \"names\": []}\n");
  EXPECT_STREQ(verdict_name(judge_driver_report(ended(no_tests, 0, LimitFired::kNone), {}).verdict), "IE");
}

}  // namespace
}  // namespace grpo
