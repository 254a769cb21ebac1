#include "rewards/plugins/program.h"

#include <fcntl.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <set>

#include "rewards/score_of.h"
#include "tests/rewards/plugins/plugin.h"

namespace grpo {
namespace {

// A program that answers every request with `REPLY`, an expression of the request r.
std::string grader(const std::string& reply, const std::string& before = "") {
  return "import json, os, sys, time\n" + before +
         "\nfor line in sys.stdin:\n  r = json.loads(line)\n  n = len(r['completions'])\n  "
         "print(json.dumps(" +
         reply + "), flush=True)\n";
}

std::string rewards(const std::string& list) {
  return "{'id': r['id'], 'rewards': " + list + "}";
}

class ProgramReward : public Plugin {};

TEST_F(ProgramReward, IsAskedOneLinePerGroup) {
  const Reward reward = program(
      grader(rewards("[7.5] * n"), "sys.stdin = (open('seen', 'a').write(l) and l for l in sys.stdin)"),
      {{"options", {{"strict", true}}}});
  Group group = group_of({"a", "bb"}, "42", {{"level", 3}});
  group.episodes[1].finish_reason = FinishReason::kLength;
  EXPECT_EQ(values_of(reward.score_group(group, {})), (std::vector<double>{7.5, 7.5}));
  EXPECT_EQ(read_file(folder_.file("seen")),
            R"({"version":1,"id":0,"problem":{"id":5,"prompt":"Q: ","answer":"42","columns":{"level":3}},)"
            R"("completions":[{"text":"a","finish_reason":"eos","num_tokens":1},)"
            R"({"text":"bb","finish_reason":"length","num_tokens":2}],"options":{"strict":true}})"
            "\n");
}

TEST_F(ProgramReward, SeesTokenIdsAndTheWordOfAnotherRewardOnRequest) {
  const Reward reward = program(
      grader(
          rewards("[c['token_ids'] == [7, 7] and ok == 1 for c, ok in zip(r['completions'], r['correct'])]")),
      {{"token_ids", true}, {"correct", "math"}});
  EXPECT_EQ(reward.correct_label, "math");
  const std::vector<Score> correct = {score_of(1.0, ""), not_applicable("")};
  EXPECT_EQ(values_of(reward.score_group(group_of({"ab", "cd"}), correct)), (std::vector<double>{1, 0}));
}

TEST_F(ProgramReward, MayReplyInFull) {
  const Reward reward =
      program(grader("{'id': r['id'], 'scores': [{'value': 1, 'reason': 'good', 'details': {'k': 2}}, "
                     "{'reason': 'not mine'},"
                     " {'status': 'skip', 'reason': 'no gold'}, {'status': 'error', 'reason': 'lost'}, "
                     "{'status': 'odd', 'value': 1}]}"));
  const std::vector<Score> scores = reward.score_group(group_of({"a", "b", "c", "d", "e"}), {});
  EXPECT_EQ(scores[0].value, 1.0);
  EXPECT_EQ(scores[0].reason, "good");
  EXPECT_EQ(scores[0].details, Json({{"k", 2}}));
  EXPECT_FALSE(scores[1].value);
  EXPECT_EQ(scores[1].status, ScoreStatus::kOk);
  EXPECT_EQ(scores[2].status, ScoreStatus::kSkip);
  EXPECT_EQ(scores[3].status, ScoreStatus::kError);
  EXPECT_EQ(scores[3].reason, "lost");
  EXPECT_EQ(scores[4].status, ScoreStatus::kError);
}

TEST_F(ProgramReward, RepliesThatAreNoneAreErrorsThatSayWhatWasFound) {
  for (const auto& [reply, reason] : std::vector<std::pair<std::string, std::string>>{
           {rewards("[1]"), "replied 1 rewards to 2 completions"},
           {rewards("1"), "\"rewards\" is no list but number"},
           {"{'id': r['id'] + 1, 'rewards': [1, 1]}", "replied with the id 1 to the request 0"},
           {"{'rewards': [1, 1]}", "replied with the id none to the request 0"},
           {"{'id': r['id']}", "replied without \"rewards\", \"scores\" or \"error\""},
           {"[1, 1]", "wrote array where an object was expected"},
           {rewards("[float('nan'), 1]"), "where one line of JSON was expected"},
           {"{'id': r['id'], 'error': 'out of tea'}", "out of tea"}}) {
    EXPECT_TRUE(all_errors(program(grader(reply)).score_group(group_of({"a", "b"}), {}), reason)) << reply;
  }
}

TEST_F(ProgramReward, AnErrorReplyDoesNotEndIt) {
  const Reward reward =
      program(grader("{'id': r['id'], 'error': 'e'} if n == 2 else " + rewards("[float(os.getpid())]")));
  const double pid = value_of(reward.score_group(group_of({"a"}), {})[0]);
  EXPECT_TRUE(all_errors(reward.score_group(group_of({"a", "b"}), {}), "e"));
  EXPECT_EQ(value_of(reward.score_group(group_of({"a"}), {})[0]), pid);
}

TEST_F(ProgramReward, MayBeAProgramPerCall) {
  // It ends after every reply; that is its own business.
  const Reward reward = program(
      "import json, sys\nr = json.loads(sys.stdin.readline())\n"
      "print(json.dumps({'id': r['id'], 'rewards': [2.0]}))\n");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(values_of(reward.score_group(group_of({"a"}), {})), (std::vector<double>{2}));
}

TEST_F(ProgramReward, ThatCannotStartIsReportedEveryTimeAndNotStartedInALoop) {
  const Reward reward = program("import sys\nopen('starts', 'a').write('x')\nsys.exit('no licence')\n");
  const double seconds = seconds_of([&] {
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(all_errors(reward.score_group(group_of({"a"}), {}), "its stderr ends: no licence"));
    }
  });
  EXPECT_EQ(read_file(folder_.file("starts")), "xxxxx");
  EXPECT_GT(seconds, 0.05 + 0.1);
  EXPECT_TRUE(holds(log(), "[python3] no licence\n"));
}

TEST_F(ProgramReward, FailingStartsOfAProgramThatSaysWhenItIsReadyAreCounted) {
  const Reward reward = program("import time\ntime.sleep(100)\n", {{"ready", true}, {"start_timeout", 0.2}});
  const std::vector<Score> first = reward.score_group(group_of({"a"}), {});
  EXPECT_TRUE(all_errors(first, "gave no reply within start_timeout 0.2 s, while starting"));
  EXPECT_TRUE(all_errors(reward.score_group(group_of({"a"}), {}), "(its start has failed 2 times in a row)"));
}

TEST_F(ProgramReward, ItsTimeRunsFromWhenItIsReady) {
  const Reward reward =
      program(grader(rewards("[1.0]"), "time.sleep(0.7)\nprint('{\"ready\": true}', flush=True)"),
              {{"ready", true}, {"timeout", 0.6}});
  EXPECT_EQ(values_of(reward.score_group(group_of({"a"}), {})), (std::vector<double>{1}));
}

TEST_F(ProgramReward, WaitingForAFreeWorkerDoesNotCountTowardsTheDeadline) {
  const Reward slow = program(grader("time.sleep(0.3) or " + rewards("[1.0]")), {{"timeout", 0.9}});
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 5; ++t) {
    threads.emplace_back([&] { good += value_of(slow.score_group(group_of({"a"}), {})[0]) == 1.0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 5);
}

TEST_F(ProgramReward, RunsAtMostSoManyWorkers) {
  const Reward reward =
      program(grader("time.sleep(0.05) or " + rewards("[float(os.getpid())]")), {{"workers", 2}});
  std::mutex mutex;
  std::set<double> pids;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      const double pid = value_of(reward.score_group(group_of({"a"}), {})[0]);
      const std::lock_guard lock(mutex);
      pids.insert(pid);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(pids.size(), 1u);
  EXPECT_LE(pids.size(), 2u);
}

TEST_F(ProgramReward, OutlivesTheThreadThatCalledItFirst) {
  // The kernel's signal for the death of a parent means the thread that forked.
  const Reward reward = program(grader(rewards("[float(os.getpid())]")));
  double first = 0.0;
  std::thread([&] { first = value_of(reward.score_group(group_of({"a"}), {})[0]); }).join();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(value_of(reward.score_group(group_of({"a"}), {})[0]), first);
}

TEST_F(ProgramReward, HasItsOwnSessionNoDescriptorsOfOursAndNoCoreDumps) {
  const int ours = open("/dev/null", O_RDONLY);  // without close-on-exec
  const Reward reward = program(
      grader("{'id': r['id'], 'error': json.dumps([os.getsid(0) == os.getpid(), sorted(map(int, "
             "os.listdir('/proc/self/fd')))[:3],"
             " len(os.listdir('/proc/self/fd')), __import__('resource').getrlimit(4), os.environ['A'],"
             " os.getcwd()])}"),
      {{"env", {{"A", "b"}}}});
  const std::string said = reward.score_group(group_of({"a"}), {})[0].reason;
  close(ours);
  // The fourth descriptor is the listing's own. A core of one byte is none, and calls no handler outside (core/launch.h).
  EXPECT_TRUE(holds(said, "[true, [0, 1, 2], 4, [1, 1], \"b\", \""));
  EXPECT_TRUE(holds(said, std::filesystem::canonical(folder_.path()).string()));
}

TEST_F(ProgramReward, EndsWhenItsStdinDoes) {
  {
    const Reward reward = program(grader(rewards("[1.0]")) + "open('ended', 'w').write('politely')\n");
    reward.score_group(group_of({"a"}), {});
    EXPECT_FALSE(std::filesystem::exists(folder_.file("ended")));
  }
  EXPECT_EQ(read_file(folder_.file("ended")), "politely");
}

TEST_F(ProgramReward, ThatDoesNotEndWithItsStdinIsKilled) {
  pid_t pid = 0;
  const double seconds = seconds_of([&] {
    const Reward reward = program(grader(rewards("[float(os.getpid())]")) + "time.sleep(1000)\n");
    pid = static_cast<pid_t>(value_of(reward.score_group(group_of({"a"}), {})[0]));
  });
  EXPECT_TRUE(is_gone(pid));
  EXPECT_LT(seconds, 5.0);
}

TEST_F(ProgramReward, ThatWasKilledBetweenTwoCallsIsStartedAgain) {
  const Reward reward = program(grader(rewards("[float(os.getpid())]")));
  const auto pid = static_cast<pid_t>(value_of(reward.score_group(group_of({"a"}), {})[0]));
  kill(pid, SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const double next = value_of(reward.score_group(group_of({"a"}), {})[0]);
  EXPECT_GT(next, 0.0);
  EXPECT_NE(next, static_cast<double>(pid));
}

TEST_F(ProgramReward, LargeRequestsAndRepliesPass) {
  // Both exceed what a pipe holds, and the program writes before it has read everything.
  const Reward reward = program(
      "import json, sys\nprint(' ' * 1000000, end='', flush=True)\nfor line in sys.stdin:\n"
      "  r = json.loads(line)\n  print(json.dumps({'id': r['id'], 'rewards': [len(c['text']) for c "
      "in r['completions']], 'padding': 'x' * 3000000}), flush=True)\n");
  EXPECT_EQ(values_of(reward.score_group(group_of({std::string(5000000, 'a'), "b"}), {})),
            (std::vector<double>{5000000, 1}));
}

TEST_F(ProgramReward, WhatItSaysBesideItsReplyStartsItAnew) {
  const Reward reward =
      program(grader(rewards("[float(os.getpid())]")).append("  print('chatter', flush=True)\n"));
  const double first = value_of(reward.score_group(group_of({"a"}), {})[0]);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_NE(value_of(reward.score_group(group_of({"a"}), {})[0]), first);
}

TEST_F(ProgramReward, MistakesAreToldWhenTheRecipeIsRead) {
  const auto text_of = [&](const char* options) {
    return error_text([&] { make("program", Json::parse(options)); });
  };
  EXPECT_TRUE(holds(text_of("{}"), "the command is empty"));
  EXPECT_TRUE(holds(text_of(R"({"command": ["./nowhere"]})"), "there is no program"));
  EXPECT_TRUE(holds(text_of(R"({"command": ["no-such-program-at-all"]})"), "in $PATH"));
  EXPECT_TRUE(holds(text_of(R"({"command": ["cat"], "workers": 0})"), "rewards[0].workers"));
  EXPECT_TRUE(holds(text_of(R"({"command": ["cat"], "env": {"A": 1}})"), "the variable A is no string"));
  EXPECT_TRUE(holds(text_of(R"({"command": ["cat"], "options": []})"), "expected an object"));
  folder_.write("grader", "#!/bin/sh\n");
  EXPECT_TRUE(holds(text_of(R"({"command": ["./grader"]})"), "is not a program"));
  EXPECT_TRUE(holds(error_text([&] {
                      make_reward("program", {{"command", {"cat", "-"}}}, folder_.file("recipe.json"), "",
                                  {.log_file = folder_.file("no/such/folder/log")});
                    }),
                    "cannot append to the log"));
}

// What our process would do at its own exit must not be done by a child that could not become the program.
std::string g_exit_mark;
void write_exit_mark() {
  close(open(g_exit_mark.c_str(), O_CREAT | O_WRONLY, 0600));
}

TEST_F(ProgramReward, ThatCannotBeExecutedIsAnError) {
  g_exit_mark = folder_.file("exited");
  std::atexit(write_exit_mark);
  folder_.write("grader", "#!/no/such/interpreter\n");
  std::filesystem::permissions(folder_.file("grader"), std::filesystem::perms::owner_all);
  const Reward reward = make("program", {{"command", Json::array({"./grader"})}});
  EXPECT_TRUE(all_errors(reward.score_group(group_of({"a"}), {}), "cannot start " + folder_.file("./grader")));
  EXPECT_FALSE(std::filesystem::exists(g_exit_mark));
  g_exit_mark = "/dev/null";
}

}  // namespace
}  // namespace grpo
