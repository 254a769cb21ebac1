// Every attack of the catalogue is run in the sandbox: it ends as the catalogue says, the host is untouched, and the next
// run in the same slot finds nothing of it. Attacks are run in the background, one per core at a time, and each test
// waits for its own.

#include "tests/sandbox/attacks/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.h"
#include "tests/sandbox/attacks/lane.h"
#include "tests/sandbox/tiers/promises.h"

namespace grpo {
namespace {

// Runs those attacks whose tests are selected.
class Session {
 public:
  Session() : outcomes_(attacks().size()) {
    setenv(Bait::kVariable, Bait::kWord, 1);
    select();
    for (std::promise<Outcome>& outcome : outcomes_) futures_.push_back(outcome.get_future().share());
    const size_t cores = std::min<size_t>(4, std::max(1u, std::thread::hardware_concurrency()));
    for (size_t core = 0; core < std::min(cores, selected_.size()); ++core) {
      lanes_.emplace_back([this, core] { work(static_cast<int>(core)); });
    }
  }
  ~Session() {
    for (std::thread& lane : lanes_) lane.join();
  }

  // Rethrows what kept the sandbox from starting.
  Outcome outcome(size_t attack) { return futures_[attack].get(); }

 private:
  void select() {
    const testing::UnitTest& all = *testing::UnitTest::GetInstance();
    std::set<std::string> names;
    for (int i = 0; i < all.total_test_suite_count(); ++i) {
      const testing::TestSuite& suite = *all.GetTestSuite(i);
      for (int k = 0; k < suite.total_test_count(); ++k) {
        if (suite.GetTestInfo(k)->should_run()) names.insert(suite.GetTestInfo(k)->name());
      }
    }
    for (size_t i = 0; i < attacks().size(); ++i) {
      if (names.contains("EndsAsPromised/" + test_name(attacks()[i]))) selected_.push_back(i);
    }
  }

  void work(int core) {
    std::unique_ptr<Lane> lane;
    for (size_t turn = 0; (turn = next_++) < selected_.size();) {
      std::promise<Outcome>& outcome = outcomes_[selected_[turn]];
      try {
        if (!lane) lane = std::make_unique<Lane>(core);
        // In T4 all slots share one user id, whose processes are counted together: one at a time.
        std::unique_lock<std::mutex> alone(one_at_a_time_, std::defer_lock);
        if (lane->sandbox().tier() == Tier::kT4) alone.lock();
        outcome.set_value(lane->attack(attacks()[selected_[turn]]));
      } catch (...) {
        outcome.set_exception(std::current_exception());
      }
    }
  }

  std::vector<size_t> selected_;
  std::vector<std::promise<Outcome>> outcomes_;
  std::vector<std::shared_future<Outcome>> futures_;
  std::atomic<size_t> next_ = 0;
  std::mutex one_at_a_time_;
  std::vector<std::thread> lanes_;
};

class InTheSandbox : public testing::TestWithParam<size_t> {
 protected:
  static void TearDownTestSuite() { session().reset(); }
  static std::unique_ptr<Session>& session() {
    static std::unique_ptr<Session> session;
    return session;
  }
  static Outcome outcome(size_t attack) {
    if (!session()) session() = std::make_unique<Session>();
    return session()->outcome(attack);
  }
};

std::string names_of(const std::vector<Verdict>& verdicts) {
  std::string names;
  for (const Verdict verdict : verdicts)
    names += std::string(names.empty() ? "" : " or ") + verdict_name(verdict);
  return names;
}

TEST_P(InTheSandbox, EndsAsPromised) {
  const Attack& attack = attacks()[GetParam()];
  Outcome outcome;
  try {
    outcome = InTheSandbox::outcome(GetParam());
  } catch (const Error& error) {
    GRPO_NO_SANDBOX(Tier::kT4, error.what());
  }
  GRPO_NEED_PROMISE(outcome.tier);
  if (!outcome.skipped.empty()) GTEST_SKIP() << outcome.skipped;

  const ProgramResult& result = outcome.result;
  const std::string story =
      fmt::format("{}: exit {}, signal {}, limit {}, cpu {} us, wall {} us, peak {} bytes, stderr \"{}\"",
                  tier_name(outcome.tier), result.exit_code, result.signal, limit_name(result.limit),
                  result.cpu_us, result.wall_us, result.peak_memory_bytes, result.error.substr(0, 500));
  ASSERT_EQ(outcome.failure, "");
  const Verdict verdict = verdict_of(result);
  const bool stopped =
      attack.fills_files && !at_least(outcome.tier, Tier::kT2) && verdict == Verdict::kMemoryLimit;
  EXPECT_TRUE(stopped || std::count(attack.verdicts.begin(), attack.verdicts.end(), verdict))
      << verdict_name(verdict) << " in place of " << names_of(attack.verdicts) << "\n"
      << story;
  if (attack.signal != 0 && verdict == Verdict::kRuntimeError) {
    EXPECT_EQ(result.signal, attack.signal) << story;
  }
  if (!attack.limit.empty()) {
    EXPECT_TRUE(std::count(attack.limit.begin(), attack.limit.end(), result.limit)) << story;
  }
  if (attack.out_counts && !stopped) {
    EXPECT_EQ(result.out, attack.out) << story;
  }
  for (size_t i = 0; i < attack.outputs.size(); ++i) {
    EXPECT_TRUE(i < result.outputs.size() && !result.outputs[i]) << attack.outputs[i] << " came back";
  }
  if (attack.check) {
    EXPECT_EQ(attack.check(result), "") << story;
  }
  EXPECT_EQ(outcome.next, "clean\n") << "the next run in the slot";
  EXPECT_EQ(fmt::format("{}", fmt::join(outcome.changes, "\n")), "") << "the host";
  EXPECT_EQ(outcome.processes, std::vector<pid_t>()) << "still run";
  EXPECT_EQ(outcome.restarts, 0) << "the runner was killed";
}

std::vector<size_t> all_attacks() {
  std::vector<size_t> all(attacks().size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

INSTANTIATE_TEST_SUITE_P(Attacks, InTheSandbox, testing::ValuesIn(all_attacks()),
                         [](const testing::TestParamInfo<size_t>& info) {
                           return test_name(attacks()[info.param]);
                         });

}  // namespace
}  // namespace grpo
