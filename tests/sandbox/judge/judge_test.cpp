#include "sandbox/judge/judge.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/json.h"
#include "sandbox/judge/task_json.h"
#include "tests/sandbox/judge/live_judge.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// Writes what it reads: a test's input is then what the "candidate" prints.
constexpr const char* kCat = R"(
#include <unistd.h>
int main(void) {
  static char bytes[1 << 16];
  for (long got; (got = read(0, bytes, sizeof bytes)) > 0;)
    for (long at = 0; at < got;) at += write(1, bytes + at, got - at);
})";

constexpr const char* kSum = R"(
#include <stdio.h>
int main(void) { long a, b; if (scanf("%ld %ld", &a, &b) == 2) printf("%ld\n", a + b); })";

Judgement judged(const std::string& source, Task task = task_of({{"1 2\n", "3\n"}})) {
  return judge_c(source, task);
}

#define EXPECT_VERDICT(judgement, expected)                                          \
  do {                                                                               \
    const Judgement& seen = (judgement);                                             \
    EXPECT_STREQ(verdict_name(seen.verdict), verdict_name(expected)) << story(seen); \
  } while (false)

TEST(Judge, AcceptsARightProgramWithItsNumbers) {
  GRPO_NEEDS_JUDGE();
  const Judgement judgement = judged(kSum, task_of({{"1 2\n", "3\n"}, {"-5 5", "0"}}));
  ASSERT_TRUE(judgement.accepted()) << story(judgement);
  EXPECT_EQ(judgement.score, 1.0);
  EXPECT_EQ(judgement.tests_total, 2);
  ASSERT_EQ(judgement.tests.size(), 2u);
  EXPECT_EQ(judgement.tests[1].name, "2");
  EXPECT_EQ(judgement.tests[1].score, 1.0);
  EXPECT_GT(judgement.tests[1].wall_us, 0);
  EXPECT_EQ(judgement.tier, live_judge()->sandbox().tier());
}

TEST(Judge, SaysWhereTheOutputIsWrong) {
  GRPO_NEEDS_JUDGE();
  const Judgement judgement = judged(kSum, task_of({{"1 2\n", "4\n"}}));
  EXPECT_VERDICT(judgement, Verdict::kWrongAnswer);
  EXPECT_EQ(judgement.score, 0.0);
  EXPECT_EQ(judgement.tests.at(0).message, R"(line 1: expected "4", found "3")");
}

TEST(Judge, StopsAtTheFirstFailureOrRunsAllAsTheTaskSays) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"1 1", "2"}, {"1 1", "0"}, {"2 2", "4"}});
  std::get<OutputTests>(task.tests).tests[2].weight = 2.0;
  Judgement judgement = judged(kSum, task);
  EXPECT_EQ(judgement.tests.size(), 2u);
  EXPECT_EQ(judgement.passed(), 1);
  EXPECT_EQ(judgement.score, 0.25);
  task.stop_early = false;
  judgement = judged(kSum, task);
  EXPECT_EQ(judgement.tests.size(), 3u);
  EXPECT_EQ(judgement.score, 0.75);
  EXPECT_EQ(judgement.tests_total, 3);
  EXPECT_VERDICT(judgement, Verdict::kWrongAnswer);
}

TEST(Judge, TellsTheLimitsApart) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"1 2\n", "3\n"}});
  task.limits.cpu_ms = 300;
  task.limits.wall_ms = 60'000;
  Judgement judgement = judged("int main(void) { for (volatile int i = 0;; ++i) {} }", task);
  EXPECT_VERDICT(judgement, Verdict::kTimeLimit);
  EXPECT_EQ(judgement.tests.at(0).limit, LimitFired::kCpu);
  EXPECT_TRUE(holds(judgement.tests[0].message, "more than 300 ms of processor time"));

  task.limits.wall_ms = 500;
  judgement = judged("#include <unistd.h>\nint main(void) { pause(); }", task);
  EXPECT_VERDICT(judgement, Verdict::kIdleLimit);
  EXPECT_EQ(judgement.tests.at(0).limit, LimitFired::kWall);

  task = task_of({{"1 2\n", "3\n"}});
  judgement = judged(R"(
#include <stdlib.h>
#include <string.h>
int main(void) { for (;;) { char *p = malloc(1 << 20); if (!p) abort(); memset(p, 1, 1 << 20); } })",
                     task);
  EXPECT_VERDICT(judgement, Verdict::kMemoryLimit);

  judgement = judged("#include <stdio.h>\nint main(void) { for (;;) puts(\"3\"); }", task);
  EXPECT_VERDICT(judgement, Verdict::kOutputLimit);
  EXPECT_EQ(judgement.tests.at(0).limit, LimitFired::kStdout);
}

TEST(Judge, SaysWhatARunTimeErrorWas) {
  GRPO_NEEDS_JUDGE();
  Judgement judgement = judged("int main(void) { *(volatile int *)0 = 1; }");
  EXPECT_VERDICT(judgement, Verdict::kRuntimeError);
  EXPECT_TRUE(holds(judgement.tests.at(0).message, "signal 11 (SIGSEGV)"));
  judgement = judged(
      "#include <stdio.h>\nint main(void) { fputs(\"first\\nbad \\xff thing\\n\\n\", stderr); return 7; }");
  EXPECT_VERDICT(judgement, Verdict::kRuntimeError);
  EXPECT_EQ(judgement.tests.at(0).message, R"(exit status 7: bad \xff thing)");
}

TEST(Judge, SaysWhyASourceDoesNotCompile) {
  GRPO_NEEDS_JUDGE();
  const Judgement judgement = judged("int main(void) { return undeclared; }");
  EXPECT_VERDICT(judgement, Verdict::kCompileError);
  EXPECT_TRUE(holds(judgement.compile_log, "undeclared"));
  EXPECT_TRUE(judgement.tests.empty());
  EXPECT_EQ(judgement.tests_total, 1);
  EXPECT_EQ(judgement.score, 0.0);
}

TEST(Judge, NeverAcceptsWhereThereAreNoTests) {
  GRPO_NEEDS_JUDGE();
  const Judgement judgement = judged(kSum, task_of({}));
  EXPECT_VERDICT(judgement, Verdict::kInternalError);
  EXPECT_EQ(judgement.score, 0.0);
}

TEST(Judge, CompilesASourceOnce) {
  GRPO_NEEDS_JUDGE();
  const std::string source = std::string(kSum) + "// once";
  const int64_t before = live_judge()->compiler().counts().compiled;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(judged(source).accepted());
  EXPECT_EQ(live_judge()->compiler().counts().compiled, before + 1);
}

TEST(Judge, RefusesLanguagesAndTasksItCannotJudge) {
  GRPO_NEEDS_JUDGE();
  Judge& judge = *live_judge();
  EXPECT_TRUE(holds(error_text([&] { judge.judge({"cobol", ""}, task_of({{"", ""}})); }), "cobol"));
  Task calls;
  calls.tests = CallTests{.function = "f", .prelude = "", .tests = {{"1", "[]", "1"}}};
  EXPECT_TRUE(holds(error_text([&] { judge.judge({"c", kSum}, calls); }), "Python"));
}

TEST(Judge, HandsInputAndTakesOutputByFilesWhereTheTaskHasThem) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"1 2\n", "3\n"}});
  auto& tests = std::get<OutputTests>(task.tests);
  tests.input_file = "sum.in";
  tests.output_file = "sum.out";
  const std::string start =
      "#include <stdio.h>\n#include <unistd.h>\n#include <sys/stat.h>\nint main(void) {";
  const std::string right = start + R"(
    long a, b; FILE *in = fopen("sum.in", "r"); FILE *out = fopen("sum.out", "w");
    if (!in || !out || fscanf(in, "%ld %ld", &a, &b) != 2 || getchar() != EOF) return 1;
    fprintf(out, "%ld\n", a + b); puts("noise"); })";
  EXPECT_VERDICT(judged(right, task), Verdict::kAccepted);
  EXPECT_VERDICT(judged(start + R"(puts("3"); })", task), Verdict::kWrongAnswer);
  EXPECT_VERDICT(judged(start + R"(return symlink("/etc/hostname", "sum.out"); })", task),
                 Verdict::kWrongAnswer);
  EXPECT_VERDICT(judged(start + R"(return mkfifo("sum.out", 0600); })", task), Verdict::kWrongAnswer);
  EXPECT_VERDICT(judged(start + R"(return mkdir("sum.out", 0700); })", task), Verdict::kWrongAnswer);
  const Judgement judgement = judged(start + "}", task);
  EXPECT_EQ(judgement.tests.at(0).message, "the program left no file sum.out");
}

TEST(Judge, LeavesRoomForRightOutputThatIsLong) {
  GRPO_NEEDS_JUDGE();
  const std::string long_text(3'000'000, 'x');
  EXPECT_VERDICT(judged(kCat, task_of({{long_text, long_text}})), Verdict::kAccepted);
  EXPECT_VERDICT(judged(kCat, task_of({{long_text, "x"}})), Verdict::kOutputLimit);
}

// Burns processor time as clock() counts it, then answers right.
std::string burning(int milliseconds) {
  return "#include <stdio.h>\n#include <time.h>\nint main(void) { while (clock() * 1000 < " +
         std::to_string(milliseconds) + "L * CLOCKS_PER_SEC) {} puts(\"3\"); }";
}

TEST(Judge, HoldsProgramsToTheLimitThoughItLetsThemRunALittleLonger) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"", "3"}});
  task.limits.cpu_ms = 1'000;
  task.limits.wall_ms = 60'000;
  EXPECT_VERDICT(judged(burning(500), task), Verdict::kAccepted);
  const Judgement judgement = judged(burning(1'060), task);
  EXPECT_VERDICT(judgement, Verdict::kTimeLimit);
  EXPECT_EQ(judgement.tests.at(0).limit, LimitFired::kCpu);
  EXPECT_GT(judgement.tests[0].cpu_us, 1'000'000);
}

TEST(Judge, RunsOnceWhatSleepsThroughItsTimeOnTheWall) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"", "3"}});
  task.limits.cpu_ms = 1'000;
  task.limits.wall_ms = 1'000;
  const std::string source =
      "#include <time.h>\n#include <unistd.h>\n"
      "int main(void) { while (clock() * 5 < CLOCKS_PER_SEC) {} for (;;) pause(); }";
  live_judge()->compiler().compile("c", source);
  const auto start = std::chrono::steady_clock::now();
  const Judgement judgement = judged(source, task);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_VERDICT(judgement, Verdict::kIdleLimit);
  EXPECT_GE(judgement.tests.at(0).cpu_us, 150'000);
  // A second run would take another second at least; what the host does beside it is in the first one's time too.
  EXPECT_LT(took.count(), static_cast<double>(judgement.tests[0].wall_us) / 1e6 + 0.9);
}

TEST(Judge, LeavesProgramsTheirThreads) {
  GRPO_NEEDS_JUDGE();
  const Judgement judgement = judged(R"(
#include <pthread.h>
#include <stdio.h>
static pthread_barrier_t all_there;
static void* wait_for_all(void* none) { pthread_barrier_wait(&all_there); return none; }
int main(void) {
  pthread_t threads[8];
  pthread_barrier_init(&all_there, 0, 8);
  for (int i = 0; i < 8; ++i)
    if (pthread_create(&threads[i], 0, wait_for_all, 0) != 0) return 1;
  for (int i = 0; i < 8; ++i) pthread_join(threads[i], 0);
  puts("8");
})",
                                     task_of({{"", "8"}}));
  EXPECT_VERDICT(judgement, Verdict::kAccepted);
}

TEST(Judge, ServesManyThreads) {
  GRPO_NEEDS_JUDGE();
  const Task task = task_of({{"1 2\n", "3\n"}, {"4 5\n", "9\n"}});
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const bool good = (i + round) % 2 == 0;
        const Judgement judgement = judged(good ? kSum : kCat, task);
        right += judgement.verdict == (good ? Verdict::kAccepted : Verdict::kWrongAnswer);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
}

// Rows of the catalogue of attacks: numbers as in its table.

TEST(Judge, Row64_InputThatIsNotReadOrVeryLongIsNoFault) {
  GRPO_NEEDS_JUDGE();
  const std::string input(100'000'000, '7');
  EXPECT_VERDICT(judged("#include <stdio.h>\nint main(void) { puts(\"3\"); }", task_of({{input, "3"}})),
                 Verdict::kAccepted);
  EXPECT_VERDICT(judged(R"(
#include <stdio.h>
#include <unistd.h>
int main(void) {
  static char bytes[1 << 16];
  long all = 0, got;
  while ((got = read(0, bytes, sizeof bytes)) > 0) all += got;
  printf("%ld\n", all);
})",
                        task_of({{input, "100000000"}})),
                 Verdict::kAccepted);
}

TEST(Judge, Row65_OutputMayHoldAnyBytes) {
  GRPO_NEEDS_JUDGE();
  const std::string odd("\xff\xfe\0\x1b[31m\xc3(\n\xed\xa0\x80", 14);
  EXPECT_VERDICT(judged(kCat, task_of({{odd, odd}})), Verdict::kAccepted);
  const Judgement judgement = judged(kCat, task_of({{odd, "3"}}));
  EXPECT_VERDICT(judgement, Verdict::kWrongAnswer);
  EXPECT_NO_THROW(judgement_json(judgement).dump());
  EXPECT_VERDICT(judged(kCat, task_of({{"3\r\n4\r\n", "3\n4\n"}})), Verdict::kAccepted);
  EXPECT_VERDICT(judged(kCat, task_of({{"3\n4", "3\n4\n"}})), Verdict::kAccepted);
  EXPECT_VERDICT(judged(kCat, task_of({{"\xef\xbb\xbf"
                                        "3",
                                        "3"}})),
                 Verdict::kWrongAnswer);
  EXPECT_VERDICT(judged(kCat, task_of({{std::string("3\0", 2), "3"}})), Verdict::kWrongAnswer);
  const std::string line(10'000'000, 'l');
  EXPECT_VERDICT(judged(kCat, task_of({{line, line}})), Verdict::kAccepted);
  EXPECT_VERDICT(judged(kCat, task_of({{line + "m", line}})), Verdict::kWrongAnswer);
}

TEST(Judge, Row66_OddNumbersDoNotPassAFloatComparison) {
  GRPO_NEEDS_JUDGE();
  for (const char* found : {"nan", "-nan", "inf", "1e400", "0x10", "1_6", "16,0", "1e1e1"}) {
    EXPECT_VERDICT(judged(kCat, task_of({{found, "16"}}, {.comparator = Comparator::kFloat})),
                   Verdict::kWrongAnswer);
  }
  EXPECT_VERDICT(judged(kCat, task_of({{"nan", "nan"}}, {.comparator = Comparator::kFloat})),
                 Verdict::kWrongAnswer);
  EXPECT_VERDICT(judged(kCat, task_of({{"1.6e1", "16"}}, {.comparator = Comparator::kFloat})),
                 Verdict::kAccepted);
}

TEST(Judge, Row67_PrintingAVerdictIsNoVerdict) {
  GRPO_NEEDS_JUDGE();
  for (const char* found :
       {"AC", "1", "100", "points 1", "{\"verdict\": \"AC\"}", "exit code 42", "PASSED"}) {
    EXPECT_VERDICT(judged(kCat, task_of({{found, "3"}})), Verdict::kWrongAnswer);
  }
}

TEST(Judge, Row68_RightOutputAndThenABadEndIsARunTimeError) {
  GRPO_NEEDS_JUDGE();
  const std::string start =
      "#include <stdio.h>\n#include <stdlib.h>\n#include <signal.h>\n"
      "int main(void) { puts(\"3\"); fflush(stdout); ";
  EXPECT_VERDICT(judged(start + "return 1; }"), Verdict::kRuntimeError);
  EXPECT_VERDICT(judged(start + "abort(); }"), Verdict::kRuntimeError);
  EXPECT_VERDICT(judged(start + "raise(SIGKILL); }"), Verdict::kRuntimeError);
  EXPECT_VERDICT(judged(start + "return 0; }"), Verdict::kAccepted);
}

TEST(Judge, Row69_APrefixOfTheOutputIsWrong) {
  GRPO_NEEDS_JUDGE();
  for (const char* found : {"", "1", "1\n2", "1\n2\n", "1\n2\n3\n4"}) {
    EXPECT_VERDICT(judged(kCat, task_of({{found, "1\n2\n3\n"}})), Verdict::kWrongAnswer);
  }
}

TEST(Judge, Row70_OtherOrderAndRepeatedWordsAreWrong) {
  GRPO_NEEDS_JUDGE();
  for (const char* found : {"3 2 1", "1 2 3 3", "1 1 2 3", "2\n1\n3"}) {
    EXPECT_VERDICT(judged(kCat, task_of({{found, "1 2 3\n"}})), Verdict::kWrongAnswer);
  }
}

TEST(Judge, Row83_AnswersToThePublicTestsDoNotPassTheHiddenOnes) {
  GRPO_NEEDS_JUDGE();
  const std::string learnt = R"(
#include <stdio.h>
int main(void) {
  long a, b;
  if (scanf("%ld %ld", &a, &b) != 2) return 1;
  puts(a == 1 && b == 2 ? "3" : a == 10 && b == 20 ? "30" : "0");
})";
  const Task task = task_of({{"1 2", "3"}, {"10 20", "30"}, {"17 25", "42"}, {"-1 1", "0"}});
  const Judgement judgement = judged(learnt, task);
  EXPECT_VERDICT(judgement, Verdict::kWrongAnswer);
  EXPECT_FALSE(judgement.accepted());
  EXPECT_EQ(judgement.tests.back().name, "3");
}

TEST(Judge, JudgesPythonByOutput) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("python");
  Judge& judge = *live_judge();
  const Task task = task_of({{"1 2\n", "3\n"}});
  EXPECT_VERDICT(judge.judge({"python", "print(sum(map(int, input().split())))"}, task), Verdict::kAccepted);
  EXPECT_VERDICT(judge.judge({"py", "print(4)"}, task), Verdict::kWrongAnswer);
  const Judgement judgement = judge.judge({"python", "print(1 // 0)"}, task);
  EXPECT_VERDICT(judgement, Verdict::kRuntimeError);
  EXPECT_TRUE(holds(judgement.tests.at(0).message, "ZeroDivisionError"));
  EXPECT_VERDICT(judge.judge({"python", "print(sum(map(int, input().split())))\nraise SystemExit(1)"}, task),
                 Verdict::kRuntimeError);
}

// The warm interpreter makes boxes, so it has capabilities; what runs in the boxes has none.
TEST(Judge, LeavesPythonNoCapability) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("python");
  const char* source = R"(
try:
    lines = open("/proc/self/status").read().splitlines()
except OSError:
    lines = []
names = ("CapInh", "CapPrm", "CapEff", "CapAmb")
print(sum(int(line.split()[1], 16) for line in lines if line.startswith(names)))
)";
  EXPECT_VERDICT(live_judge()->judge({"python", source}, task_of({{"", "0"}})), Verdict::kAccepted);
}

TEST(Judge, JudgesPythonByCallsAndSuites) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("python");
  Judge& judge = *live_judge();
  Task calls;
  calls.tests =
      CallTests{.function = "add", .prelude = "", .tests = {{"1", "[1, 2]", "3"}, {"2", "[0, 0]", "0"}}};
  EXPECT_VERDICT(judge.judge({"python", "def add(a, b): return a + b"}, calls), Verdict::kAccepted);
  EXPECT_VERDICT(judge.judge({"python", "def add(a, b): return a"}, calls), Verdict::kWrongAnswer);
  Task suite;
  suite.tests = Suite{.style = Suite::Style::kHumanEval,
                      .prelude = "",
                      .prompt = "def add(a, b):\n",
                      .declaration = "",
                      .test_code = "def check(candidate):\n    assert candidate(1, 2) == 3\n",
                      .entry_point = "add"};
  EXPECT_VERDICT(judge.judge({"python", "    return a + b\n"}, suite), Verdict::kAccepted);
  EXPECT_FALSE(judge.judge({"python", "    return a - b\n"}, suite).accepted());
}

TEST(Judge, JudgesSuitesOfCompiledLanguages) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  Task suite;
  suite.tests =
      Suite{.style = Suite::Style::kAsserts,
            .prelude = "",
            .prompt = "",
            .declaration = "int add(int a, int b);",
            .test_code = "#undef NDEBUG\n#include <assert.h>\nint main() { assert(add(1, 2) == 3); }\n",
            .entry_point = "add"};
  EXPECT_VERDICT(live_judge()->judge({"cpp", "int add(int a, int b) { return a + b; }"}, suite),
                 Verdict::kAccepted);
  EXPECT_FALSE(live_judge()->judge({"cpp", "int add(int a, int b) { return a - b; }"}, suite).accepted());
}

}  // namespace
}  // namespace grpo
