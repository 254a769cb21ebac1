#include "sandbox/languages/compiler.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/error.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

Compiler& compiler() {
  static Compiler shared(*SharedSandbox::get().sandbox);
  return shared;
}

// Compiles and runs with `input`.
ProgramResult outcome_of(const std::string& language, const std::string& source,
                         const std::string& input = "") {
  const Compiled compiled = compiler().compile(language, source);
  EXPECT_EQ(compiled.failure, "");
  EXPECT_TRUE(compiled.ok) << compiled.log;
  if (!compiled.ok) return {};
  RunRequest request;
  request.programs = {compiled.program};
  request.programs[0].input = Blob::of(input);
  Limits limits;
  limits.cpu_ms = 10'000;
  request.programs[0].limits = compiler().limits_for(language, limits);
  const RunResult result = SharedSandbox::get().sandbox->run(request);
  EXPECT_EQ(result.failure, "");
  return result.failure.empty() ? result.programs.at(0) : ProgramResult{};
}

struct Sample {
  const char* language;
  const char* hello;  // prints "hello"
  const char* sum;    // prints the sum of the numbers on stdin
  const char* broken;
};

const Sample kSamples[] = {
    {"c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }",
     "#include <stdio.h>\nint main(void) { long s = 0, x; while (scanf(\"%ld\", &x) == 1) s += x; "
     "printf(\"%ld\\n\", s); }",
     "int main(void) { return undeclared; }"},
    {"cpp", "#include <iostream>\nint main() { std::cout << \"hello\\n\"; }",
     "#include <bits/stdc++.h>\nusing namespace std;\nint main() { long s = 0, x; while (cin >> x) s += x; "
     "cout << s << endl; }",
     "int main() { return undeclared; }"},
    {"python", "print('hello')", "import sys\nprint(sum(map(int, sys.stdin.read().split())))", nullptr},
    {"javascript", "console.log('hello');",
     "const t = require('fs').readFileSync(0, 'utf8').split(/\\s+/).filter((x) => x);\n"
     "console.log(t.reduce((a, b) => a + Number(b), 0));",
     nullptr},
    {"java",
     "public class Greeting { public static void main(String[] a) { System.out.println(\"hello\"); } }",
     "import java.util.*;\nclass Sum { public static void main(String[] a) { Scanner in = new "
     "Scanner(System.in); long s = 0; "
     "while (in.hasNextLong()) s += in.nextLong(); System.out.println(s); } }",
     "public class Main { public static void main(String[] a) { undeclared(); } }"},
    {"rust", "fn main() { println!(\"hello\"); }",
     "use std::io::Read;\nfn main() { let mut t = String::new(); std::io::stdin().read_to_string(&mut "
     "t).unwrap(); "
     "println!(\"{}\", t.split_whitespace().map(|x| x.parse::<i64>().unwrap()).sum::<i64>()); }",
     "fn main() { undeclared(); }"},
    {"go", "package main\nimport \"fmt\"\nfunc main() { fmt.Println(\"hello\") }",
     "package main\nimport \"fmt\"\nfunc main() { s, x := 0, 0\nfor { if _, e := fmt.Scan(&x); e != nil { "
     "break }\ns += x }\n"
     "fmt.Println(s) }",
     "package main\nfunc main() { undeclared() }"},
    {"bash", "echo hello", "s=0; for x in $(cat); do s=$((s + x)); done; echo $s", nullptr},
};

class EveryLanguage : public testing::TestWithParam<Sample> {};

TEST_P(EveryLanguage, SaysHello) {
  GRPO_NEED_LANGUAGE(GetParam().language);
  const ProgramResult result = outcome_of(GetParam().language, GetParam().hello);
  EXPECT_TRUE(result.exited_with(0)) << result.error << limit_name(result.limit) << result.signal;
  EXPECT_EQ(result.out, "hello\n") << result.error;
}

TEST_P(EveryLanguage, ReadsItsInputToTheEnd) {
  GRPO_NEED_LANGUAGE(GetParam().language);
  const ProgramResult result = outcome_of(GetParam().language, GetParam().sum, "3 4\n5\n\n-2");
  EXPECT_TRUE(result.exited_with(0)) << result.error;
  EXPECT_EQ(result.out, "10\n") << result.error;
}

TEST_P(EveryLanguage, CompileErrorNamesWhatIsWrongAndNothingOfTheBox) {
  GRPO_NEED_LANGUAGE(GetParam().language);
  if (GetParam().broken == nullptr) GTEST_SKIP() << GetParam().language << " is not compiled";
  const Compiled compiled = compiler().compile(GetParam().language, GetParam().broken);
  EXPECT_FALSE(compiled.ok);
  EXPECT_EQ(compiled.failure, "");
  EXPECT_NE(compiled.log.find("undeclared"), std::string::npos) << compiled.log;
  EXPECT_EQ(compiled.log.find("/box"), std::string::npos) << compiled.log;
  EXPECT_EQ(compiled.log.find('\x1b'), std::string::npos) << compiled.log;
}

TEST_P(EveryLanguage, LogsAreTheSameEveryTime) {
  GRPO_NEED_LANGUAGE(GetParam().language);
  if (GetParam().broken == nullptr) GTEST_SKIP() << GetParam().language << " is not compiled";
  Compiler another(*SharedSandbox::get().sandbox);
  EXPECT_EQ(another.compile(GetParam().language, GetParam().broken).log,
            compiler().compile(GetParam().language, GetParam().broken).log);
  EXPECT_EQ(another.counts().compiled, 1);
}

INSTANTIATE_TEST_SUITE_P(Compiler, EveryLanguage, testing::ValuesIn(kSamples),
                         [](const auto& test) { return std::string(test.param.language); });

// Its run time reserves a great deal more than it uses, and starts threads by itself.
TEST(Compiler, GoHasItsThreadsAndNoMoreMemoryThanItsLimit) {
  GRPO_NEED_LANGUAGE("go");
  const ProgramResult busy =
      outcome_of("go",
                 "package main\nimport (\"fmt\"; \"sync\")\nfunc main() {\n\tvar w sync.WaitGroup\n\tvar m sync.Mutex\n"
                 "\tsum := 0\n\tfor i := 0; i < 1000; i++ {\n\t\tw.Add(1)\n\t\tgo func(i int) { m.Lock(); sum += i; "
                 "m.Unlock(); w.Done() }(i)\n\t}\n\tw.Wait()\n\tfmt.Println(sum, len(make([]byte, 100<<20)))\n}\n");
  EXPECT_TRUE(busy.exited_with(0)) << busy.error;
  EXPECT_EQ(busy.out, "499500 104857600\n");
  const ProgramResult greedy =
      outcome_of("go",
                 "package main\nfunc main() {\n\tvar all [][]byte\n\tfor {\n\t\tb := make([]byte, 1<<20)\n\t\tfor i := "
                 "range b { b[i] = 1 }\n\t\tall = append(all, b)\n\t}\n}\n");
  EXPECT_FALSE(greedy.exited_with(0));
  // It asks for 64 MiB at once, and may be refused them (RLIMIT_DATA) well before it has used what it may.
  EXPECT_TRUE(greedy.limit == LimitFired::kMemory || greedy.near_memory_limit ||
              greedy.error.find("out of memory") != std::string::npos)
      << greedy.error;
}

TEST(Compiler, LinkerErrorsAreTheSameEveryTime) {
  GRPO_NEED_LANGUAGE("cpp");
  const char* source = "void missing();\nint main() { missing(); }";
  Compiler another(*SharedSandbox::get().sandbox);
  const std::string log = compiler().compile("cpp", source).log;
  EXPECT_NE(log.find("missing()"), std::string::npos) << log;
  EXPECT_EQ(log, another.compile("cpp", source).log);
}

TEST(Compiler, SameSourceIsCompiledOnceWhoeverAsks) {
  GRPO_NEED_LANGUAGE("c");
  Compiler fresh(*SharedSandbox::get().sandbox);
  const std::string source = "int main(void) { return 7; }";
  std::vector<std::jthread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(fresh.compile(i % 2 == 0 ? "c" : "C", source).ok); });
  }
  threads.clear();
  EXPECT_EQ(fresh.counts().compiled, 1);
  EXPECT_EQ(fresh.counts().found, 5);
  EXPECT_TRUE(fresh.compile("c", source + " ").ok);
  EXPECT_EQ(fresh.counts().compiled, 2);
  if (has_language("cpp")) {
    EXPECT_TRUE(fresh.compile("cpp", source).ok);  // another language: another program
    EXPECT_EQ(fresh.counts().compiled, 3);
  }
}

TEST(Compiler, WhatMetTheLimitOnTheWallIsCompiledAnewTheNextTime) {
  GRPO_NEED_LANGUAGE("c");
  Limits limits = find_language("c")->compile_limits;
  limits.wall_ms = 1;
  Compiler hasty(*SharedSandbox::get().sandbox, {.limits = limits});
  for (const int times : {1, 2}) {
    const Compiled compiled = hasty.compile("c", "int main(void) { return 8; }");
    EXPECT_EQ(compiled.failure, "");
    EXPECT_FALSE(compiled.ok);
    EXPECT_NE(compiled.log.find("not done after 1 ms"), std::string::npos) << compiled.log;
    EXPECT_EQ(hasty.counts().compiled, times);
  }
}

TEST(Compiler, SeveralFilesMakeOneProgram) {
  GRPO_NEED_LANGUAGE("c");
  const Compiled compiled =
      compiler().compile("c", {{"one.c", "int two(void);\nint main(void) { return two(); }"},
                               {"deep/er/two.c", "#include \"two.h\"\nint two(void) { return TWO; }"}});
  EXPECT_FALSE(compiled.ok);  // two.h is not there
  EXPECT_NE(compiled.log.find("two.h"), std::string::npos) << compiled.log;
  EXPECT_TRUE(compiler()
                  .compile("c", {{"one.c", "int two(void);\nint main(void) { return two(); }"},
                                 {"deep/er/two.c", "int two(void) { return 2; }"}})
                  .ok);
}

TEST(Compiler, UnknownLanguageIsAnErrorThatNamesThoseThatAreKnown) {
  GRPO_NEED_SANDBOX();
  try {
    compiler().compile("cobol", "x");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(error.summary().find("cobol"), std::string::npos);
    EXPECT_NE(error.fix().find("python"), std::string::npos);
  }
}

TEST(Compiler, MissingToolchainIsAnErrorThatNamesThePackage) {
  GRPO_NEED_SANDBOX();
  bool one_is_missing = false;
  for (const ProgrammingLanguage& language : languages()) {
    std::string missing;
    if (find_toolchain(language, &missing)) continue;
    one_is_missing = true;
    try {
      compiler().compile(language.name, "x");
      FAIL() << "no error for " << language.name;
    } catch (const Error& error) {
      EXPECT_NE(error.summary().find("apt-get install"), std::string::npos) << error.summary();
      EXPECT_NE(error.summary().find(language.name), std::string::npos);
    }
  }
  if (!one_is_missing) GTEST_SKIP() << "every language is installed";
}

TEST(Compiler, LimitsHaveTheFactorsOfTheLanguage) {
  GRPO_NEED_SANDBOX();
  Limits limits;
  limits.wall_ms = 5'000;
  for (const ProgrammingLanguage& language : languages()) {
    const Limits more = compiler().limits_for(language.name, limits);
    EXPECT_EQ(more.cpu_ms, static_cast<int64_t>(2'000 * language.time_factor)) << language.name;
    EXPECT_EQ(more.wall_ms, static_cast<int64_t>(5'000 * language.time_factor)) << language.name;
    EXPECT_EQ(more.memory_bytes, limits.memory_bytes + language.extra_memory_bytes) << language.name;
    EXPECT_EQ(more.stack_bytes, language.stack_bytes) << language.name;
    EXPECT_GE(more.processes, limits.processes) << language.name;
  }
  EXPECT_EQ(compiler().limits_for("cpp", Limits{}).cpu_ms, Limits{}.cpu_ms);
}

}  // namespace
}  // namespace grpo
