#include "sandbox/judge/checker.h"

#include <gtest/gtest.h>

#include "tests/sandbox/judge/live_judge.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Protocol = Checker::Protocol;

// Writes what it reads, so that a test's input is what there is to check.
constexpr const char* kCat = R"(
#include <stdio.h>
int main(void) { for (int c; (c = getchar()) != EOF;) putchar(c); })";

Checker checker_of(Protocol protocol, const std::string& language, const std::string& source) {
  return {
      .protocol = protocol, .language = language, .source = source, .arguments = {}, .include_folder = ""};
}

TestResult checked(const Checker& checker, const std::string& found, const std::string& answer = "answer") {
  Task task = task_of({{found, answer}});
  std::get<OutputTests>(task.tests).checker = {checker};
  const Judgement judgement = judge_c(kCat, task);
  if (judgement.tests.size() == 1) return judgement.tests[0];
  TestResult none;
  none.verdict = judgement.verdict;
  none.message = judgement.message;
  return none;
}

#define EXPECT_CHECK(result, expected_verdict, expected_score)                                \
  do {                                                                                        \
    const TestResult seen = (result);                                                         \
    EXPECT_STREQ(verdict_name(seen.verdict), verdict_name(expected_verdict)) << seen.message; \
    EXPECT_EQ(seen.score, expected_score) << seen.message;                                    \
  } while (false)

// A checker in testlib's protocol that ends as the first word of the output says, and accepts the answer.
constexpr const char* kObedient = R"(
#include <fstream>
#include <iostream>
#include <string>
#include <vector>
int main(int argc, char **argv) {
  if (argc < 4) return 3;
  std::string word;
  std::ifstream(argv[2]) >> word;
  if (word == "answer") return 0;
  if (word == "crash") *(volatile int *)0 = 1;
  if (word == "loop") for (volatile int i = 0;; ++i) {}
  if (word == "eat") for (std::vector<std::string> all;;) all.emplace_back(1 << 20, 'x');
  if (word == "points") { std::cerr << "points 0.25 a quarter"; return 7; }
  if (word == "argument") return argc == 5 && std::string(argv[4]) == "extra" ? 0 : 1;
  std::cerr << "said " << word << "\nmore";
  return std::stoi(word);
})";

TEST(Checker, OfTestlibDecidesByItsExitStatus) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  const Checker checker = checker_of(Protocol::kTestlib, "cpp", kObedient);
  EXPECT_CHECK(checked(checker, "answer"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "0"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "1"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "2"), Verdict::kPresentationError, 0.0);
  EXPECT_CHECK(checked(checker, "3"), Verdict::kInternalError, 0.0);
  EXPECT_CHECK(checked(checker, "4"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "8"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "points"), Verdict::kWrongAnswer, 0.25);
  EXPECT_EQ(checked(checker, "1").message, "said 1");
  Checker with_argument = checker;
  with_argument.arguments = {"extra"};
  EXPECT_CHECK(checked(with_argument, "argument"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "argument"), Verdict::kWrongAnswer, 0.0);
}

TEST(Checker, Row82_OutputThatBreaksAWorkingCheckerIsWrong) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  const Checker checker = checker_of(Protocol::kTestlib, "cpp", kObedient);
  for (const char* found : {"crash", "eat", "77", "99999999999999999999", "nonsense"}) {
    EXPECT_CHECK(checked(checker, found), Verdict::kWrongAnswer, 0.0);
  }
  EXPECT_TRUE(holds(checked(checker, "crash").message, "the checker failed on the output (signal 11"));
}

TEST(Checker, Row82_ACheckerThatFailsOnTheAnswerTooIsItselfToBlame) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  const Checker checker = checker_of(Protocol::kTestlib, "cpp", kObedient);
  EXPECT_CHECK(checked(checker, "crash", "crash"), Verdict::kInternalError, 0.0);
  EXPECT_CHECK(checked(checker, "crash", "1"), Verdict::kInternalError, 0.0);
  EXPECT_TRUE(holds(checked(checker, "crash", "1").message, "does not accept the answer either"));
}

// A problem that asks for a large number that is even, where the jury knows one that is not the largest.
constexpr const char* kOptimum = R"(
#include <fstream>
#include <iostream>
int main(int argc, char **argv) {
  long found, best;
  if (argc < 4 || !(std::ifstream(argv[3]) >> best) || best % 2 != 0) { std::cerr << "FAIL no answer of the jury"; return 3; }
  if (!(std::ifstream(argv[2]) >> found) || found % 2 != 0) { std::cerr << "wrong answer not even"; return 1; }
  if (found > best) { std::cerr << "FAIL participant has " << found << ", jury " << best; return 3; }
  return found == best ? 0 : 1;
})";

TEST(Checker, OfTestlibThatBlamesTheJuryMakesNoProgramWrong) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  const Checker checker = checker_of(Protocol::kTestlib, "cpp", kOptimum);
  EXPECT_CHECK(checked(checker, "10", "10"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "8", "10"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "13", "10"), Verdict::kWrongAnswer, 0.0);
  const TestResult better = checked(checker, "12", "10");
  EXPECT_CHECK(better, Verdict::kInternalError, 0.0);
  EXPECT_EQ(better.message, "the checker blames the jury (status 3): FAIL participant has 12, jury 10");
  EXPECT_CHECK(checked(checker, "10", "odd"), Verdict::kInternalError, 0.0);
}

TEST(Checker, ThatDoesNotCompileIsAnInternalErrorThatSaysWhy) {
  GRPO_NEEDS_JUDGE();
  const TestResult result =
      checked(checker_of(Protocol::kTestlib, "c", "int main(void) { return nothing; }"), "1");
  EXPECT_CHECK(result, Verdict::kInternalError, 0.0);
  EXPECT_TRUE(holds(result.message, "the checker does not compile"));
  EXPECT_TRUE(holds(result.message, "nothing"));
}

TEST(Checker, InPythonPrintsAShare) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("python");
  const Checker checker = checker_of(Protocol::kPython, "python", R"(
import sys
read = [open(name).read() for name in sys.argv[1:4]]
assert read[0] == read[1]
print("noise")
print(eval(read[1]) if read[1] != "answer" else 1)
)");
  EXPECT_CHECK(checked(checker, "1"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "100"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "0"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "0.5"), Verdict::kWrongAnswer, 0.5);
  EXPECT_CHECK(checked(checker, "50"), Verdict::kWrongAnswer, 0.5);
}

TEST(Checker, InPythonThatRaisesOnTheOutputAndNotOnTheAnswerMakesItWrong) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("python");
  const Checker checker = checker_of(Protocol::kPython, "python", R"(
import sys
print(int(int(open(sys.argv[2]).read()) == int(open(sys.argv[3]).read())))
)");
  EXPECT_CHECK(checked(checker, "5", "5"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "6", "5"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "x", "5"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "((((", "5"), Verdict::kWrongAnswer, 0.0);
  EXPECT_CHECK(checked(checker, "5", "x"), Verdict::kInternalError, 0.0);
}

TEST(Checker, OfKattisReadsTheOutputOnStdinAndLeavesFeedback) {
  GRPO_NEEDS_JUDGE();
  const Checker checker = checker_of(Protocol::kKattis, "c", R"(
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  char path[300], answer[100] = "", found[100] = "", more[2];
  FILE *file = fopen(argv[2], "r");
  if (argc < 4 || !file || fscanf(file, "%99s", answer) != 1) return 1;
  snprintf(path, sizeof path, "%s/judgemessage.txt", argv[3]);
  FILE *message = fopen(path, "w");
  if (!message) return 2;
  if (scanf("%99s", found) != 1 || scanf("%1s", more) == 1) { fprintf(message, "one word, please\n"); return 43; }
  if (strcmp(found, "broken") == 0) return 0;
  fprintf(message, "not %s\nnor else\n", found);
  return strcmp(found, answer) == 0 ? 42 : 43;
})");
  EXPECT_CHECK(checked(checker, "answer"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "answers"), Verdict::kWrongAnswer, 0.0);
  EXPECT_EQ(checked(checker, "answers").message, "not answers");
  EXPECT_EQ(checked(checker, "a b").message, "one word, please");
  EXPECT_CHECK(checked(checker, "broken"), Verdict::kWrongAnswer, 0.0);
}

TEST(Checker, FindsItsHeadersInTheFolderThatTheTaskNames) {
  GRPO_NEEDS_JUDGE();
  GRPO_NEEDS_TOOL("cpp");
  const TemporaryFolder folder;
  Checker checker = checker_of(Protocol::kTestlib, "cpp",
                               "#include \"testlib.h\"\n"
                               "int main(int, char **argv) { return same(argv[2], argv[3]) ? 0 : 1; }");
  const auto refusal = [&] { return error_of([&] { checked(checker, "1"); }); };
  EXPECT_TRUE(holds(refusal().summary(), "testlib.h"));
  EXPECT_TRUE(holds(refusal().fix(), "include_folder"));
  checker.include_folder = folder.path();
  EXPECT_TRUE(holds(refusal().where(), folder.path()));
  folder.write("testlib.h", R"(
#include <fstream>
#include <string>
inline bool same(const char *a, const char *b) {
  std::string x, y;
  std::ifstream(a) >> x;
  std::ifstream(b) >> y;
  return x == y;
})");
  EXPECT_CHECK(checked(checker, "answer"), Verdict::kAccepted, 1.0);
  EXPECT_CHECK(checked(checker, "other"), Verdict::kWrongAnswer, 0.0);
  checker.include_folder += "/absent";
  EXPECT_TRUE(holds(refusal().summary(), "does not exist"));
}

TEST(Checker, IsNotAskedAboutProgramsThatFailed) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"", "answer"}});
  std::get<OutputTests>(task.tests).checker = {
      checker_of(Protocol::kTestlib, "c", "int main(void) { return 0; }")};
  EXPECT_EQ(judge_c("int main(void) { return 1; }", task).verdict, Verdict::kRuntimeError);
  EXPECT_EQ(judge_c("int main(void) { return 0; }", task).verdict, Verdict::kAccepted);
}

// Thinks of the number in its input, answers guesses with "higher", "lower" or "right", and gives up after 20.
constexpr const char* kGuessing = R"(
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  long secret, guess;
  FILE *input = fopen(argv[1], "r");
  if (argc < 4 || !input || fscanf(input, "%ld", &secret) != 1) return 1;
  for (int asked = 0; asked < 20; ++asked) {
    if (scanf("%ld", &guess) != 1) return 43;
    if (guess == -1) return 0;
    puts(guess < secret ? "higher" : guess > secret ? "lower" : "right");
    fflush(stdout);
    if (guess == secret) return 42;
  }
  return 43;
})";

Judgement interactive(const std::string& candidate) {
  Task task = task_of({{"77", ""}, {"1", ""}, {"1000", ""}});
  std::get<OutputTests>(task.tests).interactor = {checker_of(Protocol::kKattis, "c", kGuessing)};
  task.limits.cpu_ms = 500;
  task.limits.wall_ms = 3'000;
  return judge_c(candidate, task);
}

TEST(Interactor, DecidesAboutTheTalkItHad) {
  GRPO_NEEDS_JUDGE();
  const std::string start = "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\nint main(void) {";
  const Judgement right = interactive(start + R"(
    long low = 1, high = 1000;
    char answer[20] = "";
    while (answer[0] != 'r') {
      long guess = (low + high) / 2;
      printf("%ld\n", guess); fflush(stdout);
      if (scanf("%19s", answer) != 1) return 1;
      if (answer[0] == 'h') low = guess + 1; else high = guess - 1;
    } })");
  EXPECT_TRUE(right.accepted()) << story(right);
  const Judgement slow = interactive(start + R"(
    for (long guess = 1; ; ++guess) { char answer[20]; printf("%ld\n", guess); fflush(stdout);
      if (scanf("%19s", answer) != 1 || answer[0] == 'r') return 0; } })");
  EXPECT_EQ(slow.verdict, Verdict::kWrongAnswer) << story(slow);
  EXPECT_EQ(interactive(start + "puts(\"word\"); }").verdict, Verdict::kWrongAnswer);
  EXPECT_EQ(interactive(start + "}").verdict, Verdict::kWrongAnswer);
  EXPECT_EQ(interactive(start + "abort(); }").verdict, Verdict::kRuntimeError);
  // However long its death takes: the interactor has ended because it did, and not the other way round.
  EXPECT_EQ(interactive(start + "close(1); usleep(100000); abort(); }").verdict, Verdict::kRuntimeError);
  EXPECT_EQ(interactive(start + "pause(); }").verdict, Verdict::kIdleLimit);
  EXPECT_EQ(interactive(start + "for (;;) {} }").verdict, Verdict::kTimeLimit);
  EXPECT_EQ(interactive(start + "puts(\"-1\"); }").verdict, Verdict::kWrongAnswer);
}

TEST(Interactor, OfTestlibThatBlamesTheJuryMakesNoProgramWrong) {
  GRPO_NEEDS_JUDGE();
  Task task = task_of({{"", ""}});
  std::get<OutputTests>(task.tests).interactor = {checker_of(
      Protocol::kTestlib, "c", "#include <stdio.h>\nint main(void) { return getchar() == '3' ? 3 : 1; }")};
  const std::string start = "#include <stdio.h>\nint main(void) { puts(";
  EXPECT_EQ(judge_c(start + "\"3\"); }", task).verdict, Verdict::kInternalError);
  EXPECT_EQ(judge_c(start + "\"4\"); }", task).verdict, Verdict::kWrongAnswer);
}

// Says three megabytes, hears as much, and accepts if it does.
TEST(Interactor, MayTalkAtLengthAndBeAnsweredSo) {
  GRPO_NEEDS_JUDGE();
  const std::string talk = R"(
#include <stdio.h>
#include <string.h>
static char line[1002];
int say(void) {
  memset(line, 'x', 1000);
  line[1000] = 10;
  for (int i = 0; i < 3000; ++i)
    if (fwrite(line, 1, 1001, stdout) != 1001) return 1;
  return fflush(stdout);
}
int hear(void) {
  int lines = 0;
  for (int c; lines < 3000 && (c = getchar()) != EOF;) lines += c == 10;
  return lines != 3000;
}
)";
  Task task = task_of({{"", ""}});
  std::get<OutputTests>(task.tests).interactor = {
      checker_of(Protocol::kTestlib, "c", talk + "int main(void) { return say() || hear(); }")};
  const Judgement judgement = judge_c(talk + "int main(void) { return hear() || say(); }", task);
  EXPECT_TRUE(judgement.accepted()) << story(judgement);
}

}  // namespace
}  // namespace grpo
