#include "sandbox/languages/compiled_suite.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

Judgement judged(const std::string& language, const Suite& suite, const std::string& source) {
  static Compiler compiler(*SharedSandbox::get().sandbox);
  Limits limits;
  limits.cpu_ms = 1'000;
  limits.wall_ms = 10'000;
  return judge_compiled_suite(compiler, *SharedSandbox::get().sandbox, {language, source}, suite, limits);
}

// "AC", or the verdict with what there is to say about it.
std::string verdict(const std::string& language, const Suite& suite, const std::string& source) {
  const Judgement judgement = judged(language, suite, source);
  if (judgement.accepted()) return "AC";
  std::string text = verdict_name(judgement.verdict);
  return text + " " + judgement.message + (judgement.tests.empty() ? "" : judgement.tests[0].message) +
         (judgement.verdict == Verdict::kInternalError ? judgement.compile_log : "");
}

std::string short_verdict(const std::string& language, const Suite& suite, const std::string& source) {
  const std::string text = verdict(language, suite, source);
  return text.substr(0, text.find(' '));
}

// f(text) is the text and "!".
Suite cpp_suite() {
  Suite suite;
  suite.style = Suite::Style::kAsserts;
  suite.declaration =
      "#include <string>\n#include <vector>\nusing namespace std;\nvector<string> f(string text) {\n";
  suite.test_code =
      "#undef NDEBUG\n#include <assert.h>\n"
      "bool same(vector<string> a, vector<string> b) {\n"
      "  if (a.size() != b.size()) return false;\n"
      "  for (size_t i = 0; i < a.size(); i++) if (a[i] != b[i]) return false;\n"
      "  return true;\n}\n"
      "int main() {\n  assert(same(f(\"a\"), {\"a!\"}));\n"
      "  assert(f(\"a text of more than sixteen letters\") == vector<string>{\"a text of more than sixteen "
      "letters!\"});\n}\n";
  return suite;
}

const std::string kCppHead = "#include <bits/stdc++.h>\nusing namespace std;\n";
const std::string kCppRight = kCppHead + "vector<string> f(string text) { return {text + \"!\"}; }\n";
const std::string kCppWrong = "vector<string> f(string text) { return {text + \"?\"}; }\n";

TEST(CppSuite, RightProgramPasses) {
  GRPO_NEED_LANGUAGE("cpp");
  EXPECT_EQ(verdict("cpp", cpp_suite(), kCppRight), "AC");
}

TEST(CppSuite, PromptIsContinued) {
  GRPO_NEED_LANGUAGE("cpp");
  Suite suite = cpp_suite();
  suite.prompt = suite.declaration;
  suite.declaration = "";
  EXPECT_EQ(verdict("c++17", suite, "  return {text + \"!\"};\n}\n"), "AC");
  EXPECT_EQ(short_verdict("cpp", suite, "  return {text};\n}\n"), "WA");
}

TEST(CppSuite, MainAndOutputOfTheCandidateAreItsOwnAffair) {
  GRPO_NEED_LANGUAGE("cpp");
  EXPECT_EQ(verdict("cpp", cpp_suite(), kCppRight + "int main() { cout << f(\"x\")[0]; return 1; }"), "AC");
  EXPECT_EQ(
      verdict("cpp", cpp_suite(),
              kCppHead + "vector<string> f(string t) { cout << t << endl; cerr << t; return {t + \"!\"}; }"),
      "AC");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + kCppWrong + "int main() { return 0; }"), "WA");
}

TEST(CppSuite, WrongEmptyAndBrokenProgramsDoNotPass) {
  GRPO_NEED_LANGUAGE("cpp");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + kCppWrong), "WA");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), ""), "CE");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), "int main() {}"), "CE");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + "vector<string> f(string) { return {}; }"), "WA");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + "vector<string> f(string t) { return {t + '!' };"),
            "CE");
  EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + "vector<string> f(string) { throw 1; }"), "RE");
  const std::string endless =
      short_verdict("cpp", cpp_suite(),
                    kCppHead + "vector<string> f(string) { volatile bool b = true; while (b); return {}; }");
  EXPECT_TRUE(endless == "TLE" || endless == "ILE")
      << endless;  // ILE where the host is too busy to give it its time
}

TEST(CppSuite, EndingTheProgramIsNotPassing) {
  GRPO_NEED_LANGUAGE("cpp");
  for (const std::string& body : std::vector<std::string>{
           "vector<string> f(string) { exit(0); }",
           "vector<string> f(string) { _Exit(0); }",
           "vector<string> f(string) { quick_exit(0); }",
           "struct S { S() { exit(0); } } s;\n" + kCppWrong,
           "struct S { ~S() { _Exit(0); } } s;\n" + kCppWrong,
           "void end(int) { _Exit(0); }\nstruct S { S() { signal(SIGABRT, end); } } s;\n" + kCppWrong,
           "struct S { S() { set_terminate([] { _Exit(0); }); } } s;\nvector<string> f(string) { throw 1; }",
           "struct S { S() { atexit([] { _Exit(0); }); } } s;\n" + kCppWrong,
           "__attribute__((constructor(101))) void first() { _Exit(0); }\n" + kCppWrong,
       }) {
    const std::string found = short_verdict("cpp", cpp_suite(), kCppHead + "#include <csignal>\n" + body);
    EXPECT_TRUE(found == "WA" || found == "RE") << body << "\n" << found;
  }
}

TEST(CppSuite, WhatTheTestsUseIsNotTheCandidatesToReplace) {
  GRPO_NEED_LANGUAGE("cpp");
  for (const std::string& trick : std::vector<std::string>{
           "extern \"C\" int memcmp(const void*, const void*, size_t) { return 0; }\n",
           "extern \"C\" void __assert_fail(const char*, const char*, unsigned, const char*) {}\n",
           "extern \"C\" void abort() { exit(0); }\n",
           "#define assert(x)\n#define same(a, b) true\n",
           "bool same(vector<string>, vector<string>) { return true; }\n",
           "template <> bool std::operator==(const vector<string>&, const vector<string>&) { return true; "
           "}\n",
           "bool operator==(const vector<string>&, const vector<string>&) { return true; }\n"
           "bool operator!=(const string&, const string&) { return false; }\n",
           "template <> int std::string::compare(const std::string&) const { return 0; }\n",
           "asm(\".globl memcmp\\nmemcmp: xor %eax, %eax\\nret\\n\");\n",
           "extern \"C\" int __real_main(int, char**, char**) { return 0; }\n",
           "extern \"C\" long write(int, const void*, unsigned long) { return 0; }\n",
       }) {
    const std::string found = short_verdict("cpp", cpp_suite(), kCppHead + trick + kCppWrong);
    EXPECT_TRUE(found == "WA" || found == "CE") << trick << "\n" << found;
  }
}

TEST(CppSuite, EndWordCannotBeReadAgain) {
  GRPO_NEED_LANGUAGE("cpp");
  for (const char* place : {"/dev/stdin", "/proc/self/fd/0", "/proc/self/environ", "/proc/self/cmdline"}) {
    const std::string copy = "struct S { S() { ifstream in(\"" + std::string(place) +
                             "\"); cout << in.rdbuf() << cin.rdbuf() << flush; _Exit(0); } } s;\n";
    EXPECT_EQ(short_verdict("cpp", cpp_suite(), kCppHead + copy + kCppWrong), "WA") << place;
  }
}

TEST(CppSuite, TestsAreNotThereWhenTheCandidateIsCompiled) {
  GRPO_NEED_LANGUAGE("cpp");
  for (const char* file : {"tests.cpp", "tests.o", "/box/tests.cpp"}) {
    const std::string found =
        verdict("cpp", cpp_suite(), "asm(\".incbin \\\"" + std::string(file) + "\\\"\");\n" + kCppRight);
    EXPECT_EQ(found.substr(0, 2), "CE") << file;
  }
}

TEST(CppSuite, HelpersOfTheDeclarationAreTheTestsOwn) {
  GRPO_NEED_LANGUAGE("cpp");
  Suite suite;
  suite.declaration =
      "#include <string>\nusing namespace std;\nstring shift(string s) {\n  for (char& c : s) c++;\n"
      "  return s;\n}\nstring unshift(string s) {";
  suite.test_code = "#include <cassert>\nint main() { assert(unshift(shift(\"abc\")) == \"abc\"); }";
  const std::string head = "#include <string>\nusing namespace std;\n";
  EXPECT_EQ(verdict("cpp", suite,
                    head + "string shift(string s) { for (char& c : s) c++; return s; }\n"
                           "string unshift(string s) { for (char& c : s) c--; return s; }"),
            "AC");
  EXPECT_EQ(
      short_verdict("cpp", suite,
                    head + "string shift(string s) { return s; }\nstring unshift(string s) { return s; }"),
      "WA");
}

TEST(CppSuite, TestsAreCompiledOncePerProblem) {
  GRPO_NEED_LANGUAGE("cpp");
  Compiler compiler(*SharedSandbox::get().sandbox);
  for (const char* source : {"int f() { return 1; }", "int f() { return 2; }", "int f() { return 1; }"}) {
    Suite suite;
    suite.declaration = "int f();";
    suite.test_code = "int main() { return f() - 1; }";
    judge_compiled_suite(compiler, *SharedSandbox::get().sandbox, {"cpp", source}, suite, Limits{});
  }
  EXPECT_EQ(compiler.counts().compiled, 1 + 2 + 2);  // tests; candidates; programs
  EXPECT_EQ(compiler.counts().found, 2 + 1 + 1);
}

TEST(CppSuite, BrokenTestsAreTheJudgesFault) {
  GRPO_NEED_LANGUAGE("cpp");
  Suite suite = cpp_suite();
  suite.test_code = "int main() { nonsense }";
  EXPECT_EQ(short_verdict("cpp", suite, kCppRight), "IE");
}

TEST(CppSuite, AHeaderThatTheTaskAsksForAndIsNotHereIsNotTheCandidatesFault) {
  GRPO_NEED_LANGUAGE("cpp");
  const std::string missing = "#include <no_such/md5.h>\n";
  const auto expect_internal = [](const Suite& suite) {
    const std::string found = verdict("cpp", suite, "  return {text + \"!\"};\n}\n");
    EXPECT_EQ(found.substr(0, 2), "IE") << found;
    EXPECT_NE(found.find("no_such/md5.h"), std::string::npos) << found;
  };
  Suite suite = cpp_suite();
  suite.prompt = suite.declaration;
  suite.declaration = "";
  ASSERT_EQ(verdict("cpp", suite, "  return {text + \"!\"};\n}\n"), "AC");
  Suite in_prelude = suite, in_prompt = suite, in_prompt_alone = suite, in_tests = suite;
  in_prelude.prelude = missing;
  expect_internal(in_prelude);
  in_prompt.prompt = missing + in_prompt.prompt;
  expect_internal(in_prompt);
  in_prompt_alone.declaration = suite.prompt;
  in_prompt_alone.prompt = missing + suite.prompt;
  expect_internal(in_prompt_alone);
  in_tests.test_code = missing + in_tests.test_code;
  expect_internal(in_tests);
  suite.declaration = suite.prompt;
  suite.prompt = "";
  EXPECT_EQ(short_verdict("cpp", suite, missing + kCppRight), "CE") << "the candidate's own idea";
  suite.prompt = suite.declaration;
  EXPECT_EQ(short_verdict("cpp", suite, "  return nonsense;\n}\n" + missing), "CE");
}

TEST(CSuite, RightPassesAndTricksDoNot) {
  GRPO_NEED_LANGUAGE("c");
  Suite suite;
  suite.declaration = "#include <string.h>\nint is_hello(const char* text) {";
  suite.test_code =
      "#include <assert.h>\nchar copy[64];\nint main(void) {\n  strcpy(copy, \"hello\");\n"
      "  assert(is_hello(copy));\n  assert(!is_hello(\"help\"));\n  assert(memcmp(copy, \"hellO\", "
      "is_hello(copy) + 4) != 0);\n}\n";
  EXPECT_EQ(verdict("c", suite,
                    "#include <string.h>\nint is_hello(const char* t) { return strcmp(t, \"hello\") == 0; }"),
            "AC");
  EXPECT_EQ(short_verdict("c", suite, "int is_hello(const char* t) { return 1; }"), "WA");
  EXPECT_EQ(short_verdict("c", suite, "#include <stdlib.h>\nint is_hello(const char* t) { exit(0); }"), "WA");
  EXPECT_EQ(short_verdict("c", suite, "void __assert_fail() {}\nint is_hello(const char* t) { return 1; }"),
            "WA");
  EXPECT_EQ(short_verdict("c", suite, ""), "CE");
}

Suite java_suite() {
  Suite suite;
  suite.declaration =
      "import java.util.*;\n\nclass Solution {\n    public List<String> f(String text, int n) {\n";
  suite.test_code =
      "public class Main {\n  public static void main(String[] args) {\n    Solution s = new Solution();\n"
      "    List<Boolean> correct = Arrays.asList(s.f(\"a\", 2).equals(Arrays.asList(\"a\", \"a\")),\n"
      "        s.f(\"b\", 0).equals(new ArrayList<String>()));\n"
      "    if (correct.contains(false)) { throw new AssertionError(); }\n  }\n}\n";
  return suite;
}

TEST(JavaSuite, RightPassesAndWrongDoesNot) {
  GRPO_NEED_LANGUAGE("java");
  const std::string right =
      "import java.util.*;\nclass Solution { public List<String> f(String t, int n) { return "
      "Collections.nCopies(n, t); } }";
  EXPECT_EQ(verdict("java", java_suite(), right), "AC");
  EXPECT_EQ(
      short_verdict("java", java_suite(),
                    "import java.util.*;\nclass Solution { List<String> f(String t, int n) { int[] a = {}; "
                    "a[n] = 1; return null; } }"),
      "RE");
  EXPECT_EQ(short_verdict("java", java_suite(),
                          "import java.util.*;\nclass Solution { public List<String> f(String t, int n) "
                          "{ return new ArrayList<>(); } }"),
            "WA");
}

TEST(JavaSuite, AClassThatTheTaskAsksForAndIsNotHereIsNotTheCandidatesFault) {
  GRPO_NEED_LANGUAGE("java");
  const std::string right =
      "import java.util.*;\nclass Solution { public List<String> f(String t, int n) { return "
      "Collections.nCopies(n, t); } }";
  const std::string missing = "import no.such.Digest;\n";
  Suite in_declaration = java_suite(), in_tests = java_suite(), broken = java_suite();
  in_declaration.declaration = missing + in_declaration.declaration;
  in_tests.test_code = missing + in_tests.test_code;
  broken.test_code += "nonsense";
  for (const Suite& suite : {in_declaration, in_tests}) {
    const std::string found = verdict("java", suite, right);
    EXPECT_EQ(found.substr(0, 2), "IE") << found;
    EXPECT_NE(found.find("no.such"), std::string::npos) << found;
  }
  EXPECT_EQ(short_verdict("java", broken, right), "IE");
  EXPECT_EQ(short_verdict("java", java_suite(), missing + right), "CE") << "the candidate's own idea";
}

TEST(JavaSuite, TricksDoNotPass) {
  GRPO_NEED_LANGUAGE("java");
  const std::string head = "import java.util.*;\n";
  const std::string wrong =
      "class Solution { public List<String> f(String t, int n) { return new ArrayList<>(); } }\n";
  for (const std::string& trick : std::vector<std::string>{
           "class Solution { public List<String> f(String t, int n) { System.exit(0); return null; } }",
           "class Solution { public List<String> f(String t, int n) { Runtime.getRuntime().halt(0); return "
           "null; } }",
           "class Arrays { static <T> List<T> asList(T... x) { return new ArrayList<>(); } }\n" + wrong,
           "class Main { public static void main(String[] a) {} }\n" + wrong,
           std::string(
               "class Yes extends ArrayList<String> { public boolean equals(Object o) { return true; } }\n"
               "class Solution { public List<String> f(String t, int n) { return new Yes(); } }"),
           std::string("class Solution { public List<String> f(String t, int n) throws Exception { "
                       "System.out.write(new "
                       "java.io.FileInputStream(\"/proc/self/fd/0\").readAllBytes()); System.out.flush(); "
                       "System.exit(0); return null; } }"),
       }) {
    const std::string found = short_verdict("java", java_suite(), head + trick);
    EXPECT_TRUE(found == "WA" || found == "RE") << trick << "\n"
                                                << verdict("java", java_suite(), head + trick);
  }
}

Suite javascript_suite() {
  Suite suite;
  suite.declaration = "\nconst f = (text, n) => {\n";
  suite.test_code =
      "const testF = () => {\n  console.assert(JSON.stringify(f('a', 2)) === JSON.stringify(['a', 'a']))\n"
      "  console.assert(f('b', 0).length === 0)\n}\n\ntestF()\n";
  return suite;
}

TEST(JavascriptSuite, RightPassesAndWrongDoesNot) {
  GRPO_NEED_LANGUAGE("javascript");
  EXPECT_EQ(
      verdict("js", javascript_suite(), "const f = (t, n) => { console.log(t); return Array(n).fill(t) }"),
      "AC");
  EXPECT_EQ(verdict("js", javascript_suite(), "function f(t, n) { return Array(n).fill(t) }"), "AC");
  EXPECT_EQ(short_verdict("js", javascript_suite(), "const f = (t, n) => [t, t]"), "WA");
  EXPECT_EQ(short_verdict("js", javascript_suite(), ""), "RE");
  EXPECT_EQ(short_verdict("js", javascript_suite(), "const f = ("), "RE");
  EXPECT_EQ(short_verdict("js", javascript_suite(), "const f = () => { throw new Error('no') }"), "RE");
  const std::string endless = short_verdict("js", javascript_suite(), "const f = () => { for (;;); }");
  EXPECT_TRUE(endless == "TLE" || endless == "ILE")
      << endless;  // ILE where the host is too busy to give it its time
}

TEST(JavascriptSuite, AModuleThatTheTaskAsksForAndIsNotHereIsNotTheCandidatesFault) {
  GRPO_NEED_LANGUAGE("javascript");
  const std::string right = "const f = (t, n) => Array(n).fill(t)";
  const std::string missing = "const md5 = require('no-such-md5')\n";
  Suite in_declaration = javascript_suite(), in_tests = javascript_suite(), broken = javascript_suite();
  in_declaration.declaration = missing + in_declaration.declaration;
  in_tests.test_code = missing + in_tests.test_code;
  for (const Suite& suite : {in_declaration, in_tests}) {
    const std::string found = verdict("js", suite, right);
    EXPECT_EQ(found.substr(0, 2), "IE") << found;
    EXPECT_NE(found.find("no-such-md5"), std::string::npos) << found;
  }
  broken.test_code += "}";
  EXPECT_EQ(short_verdict("js", broken, right), "IE");
  EXPECT_EQ(short_verdict("js", javascript_suite(), missing + right), "RE") << "the candidate's own idea";
  EXPECT_EQ(short_verdict("js", javascript_suite(), "const f = (t, n) => require('no-such-md5')"), "RE");
  EXPECT_EQ(short_verdict("js", javascript_suite(),
                          "const f = (t, n) => { const e = new Error(); e.code = 'MODULE_NOT_FOUND'; throw e }"),
            "RE");
}

TEST(JavascriptSuite, TricksDoNotPass) {
  GRPO_NEED_LANGUAGE("javascript");
  const std::string wrong = "const f = (t, n) => ['no'];\n";
  for (const std::string& trick : std::vector<std::string>{
           "const f = () => process.exit(0)",
           std::string("process.exit(0)"),
           "console.assert = () => {};\n" + wrong,
           "JSON.stringify = () => '';\n" + wrong,
           "const f = () => ({toJSON() { return ['a', 'a'] }, length: 0})",
           "const f = (t) => ({constructor: {constructor: () => 1}, length: 0})",
           "process.on('exit', () => { process.exitCode = 0 });\n" + wrong,
           "require('fs').writeSync(3, JSON.stringify({value: true}) + '\\n');\n" + wrong,
           "const assert = require('fs'); assert.writeSync(1, 'ok');\n" + wrong,
       }) {
    const std::string found = short_verdict("js", javascript_suite(), trick);
    EXPECT_TRUE(found == "WA" || found == "RE") << trick << "\n" << verdict("js", javascript_suite(), trick);
  }
}

TEST(JavascriptSuite, ValuesTravelAsTheyAre) {
  GRPO_NEED_LANGUAGE("javascript");
  Suite suite;
  suite.declaration = "const same = (x) => {";
  suite.test_code =
      "const assert = require('assert');\n"
      "for (const x of [1, -0, NaN, Infinity, 1e308, 'a\\n\\u2028', '', null, undefined, true, "
      "12345678901234567890n, [], [[1], [undefined]],\n"
      "  {a: 1, b: {c: [2]}}, new Map([[1, {x: 2}], ['1', 3]]), new Set([1, '1']), new Date(5), "
      "JSON.parse('{\"__proto__\": 1}')]) {\n"
      "  assert.deepStrictEqual(same(x), x);\n}\nassert.throws(() => same(() => 1));\n";
  EXPECT_EQ(verdict("javascript", suite, "const same = (x) => x"), "AC");
  EXPECT_EQ(short_verdict("javascript", suite, "const same = (x) => x === undefined ? null : x"), "WA");
}

Suite rust_suite() {
  Suite suite;
  suite.declaration =
      "use std::collections::HashMap;\nuse rand::Rng;\n\nfn f(text: String, n: usize) -> Vec<String> {\n";
  suite.test_code =
      "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n#[test]\n    fn test_f() {\n"
      "        assert_eq!(f(String::from(\"a\"), 2), vec![\"a\", \"a\"]);\n"
      "        assert_eq!(f(String::from(\"b\"), 0), Vec::<String>::new());\n    }\n\n}\n";
  return suite;
}

TEST(RustSuite, RightPassesAndWrongDoesNot) {
  GRPO_NEED_LANGUAGE("rust");
  EXPECT_EQ(
      verdict("rust", rust_suite(),
              "fn f(t: String, n: usize) -> Vec<String> { println!(\"{}\", t); vec![t; n] }\nfn main() {}"),
      "AC");
  EXPECT_EQ(short_verdict("rust", rust_suite(), "fn f(t: String, n: usize) -> Vec<String> { vec![t] }"),
            "WA");
  EXPECT_EQ(short_verdict("rust", rust_suite(), "fn f(t: String, n: usize) -> Vec<String> { panic!() }"),
            "RE");
  EXPECT_EQ(short_verdict("rust", rust_suite(), ""), "CE");
}

TEST(RustSuite, TestsThatNeedWhatIsNotHereAreNotTheCandidatesFault) {
  GRPO_NEED_LANGUAGE("rust");
  Suite suite = rust_suite();
  suite.test_code =
      "#[cfg(test)]\nmod tests {\n use super::*;\n #[test] fn a() { let x: u8 = rand::random(); }\n}\n";
  EXPECT_EQ(short_verdict("rust", suite, "fn f(t: String, n: usize) -> Vec<String> { vec![t; n] }"), "IE");
  suite.test_code = "/*\n#[cfg(test)]\nmod tests {\n #[test] fn a() {}\n}\n*/";
  EXPECT_THROW(judged("rust", suite, "fn f(t: String, n: usize) -> Vec<String> { vec![t; n] }"), Error);
}

TEST(RustSuite, TricksDoNotPass) {
  GRPO_NEED_LANGUAGE("rust");
  const std::string wrong = "fn f(t: String, n: usize) -> Vec<String> { vec![t] }\n";
  for (const std::string& trick : std::vector<std::string>{
           "fn f(t: String, n: usize) -> Vec<String> { std::process::exit(0) }",
           "#[macro_export] macro_rules! assert_eq { ($($x:tt)*) => {} }\n" + wrong,
           std::string("pub struct Yes;\nimpl<T> PartialEq<Vec<T>> for Yes { fn eq(&self, _: &Vec<T>) -> "
                       "bool { true } }\n"
                       "impl std::fmt::Debug for Yes { fn fmt(&self, _: &mut std::fmt::Formatter) -> "
                       "std::fmt::Result { Ok(()) } }\n"
                       "fn f(t: String, n: usize) -> Yes { Yes }"),
           "#[no_mangle] pub extern \"C\" fn memcmp(_: *const u8, _: *const u8, _: usize) -> i32 { 0 }\n" +
               wrong,
           "pub mod grpo_entry { pub fn f(t: String, n: usize) -> Vec<String> { std::process::exit(0) } }\n" +
               wrong + "#[cfg(any())]\n",
           "const T: &str = include_str!(\"tests.rs\");\n" + wrong,
       }) {
    const std::string found = short_verdict("rust", rust_suite(), trick);
    EXPECT_TRUE(found == "WA" || found == "CE") << trick << "\n" << verdict("rust", rust_suite(), trick);
  }
}

TEST(GoSuite, RightPassesAndWrongDoesNot) {
  GRPO_NEED_LANGUAGE("go");
  Suite suite;
  suite.test_code =
      "package main\n\nimport (\n\t\"testing\"\n\t\"github.com/stretchr/testify/assert\"\n)\n\n"
      "func TestF(t *testing.T) {\n\tassert := assert.New(t)\n\tassert.Equal([]int{1, 1}, F(1))\n}\n";
  EXPECT_EQ(verdict("go", suite, "func F(x int) []int { return []int{x, x} }"), "AC");
  EXPECT_EQ(short_verdict("go", suite, "func F(x int) []int { return nil }"), "WA");
  EXPECT_EQ(short_verdict("go", suite, "func F(x int) []int { var a []int; return a[x:] }"), "RE");
  EXPECT_EQ(short_verdict("go", suite, "func F(x int) string { return \"1 1\" }"), "WA");
  EXPECT_EQ(short_verdict("go", suite, "func G(x int) []int { return nil }"), "CE");
  EXPECT_EQ(short_verdict("go", suite, ""), "CE");
  EXPECT_EQ(short_verdict("go", suite, "import \"os\"\nfunc F(x int) []int { os.Exit(0); return nil }"),
            "WA");
  EXPECT_EQ(short_verdict("go", suite,
                          "import \"os\"\nfunc init() { os.Exit(0) }\nfunc F(x int) []int { return nil }"),
            "WA");
}

// The data set's imports are meant for a file that holds both solution and tests.
TEST(GoSuite, ImportsAreMadeToFitButNotTheCandidatesOwn) {
  GRPO_NEED_LANGUAGE("go");
  Suite suite;
  suite.prompt = "\nimport (\n\t\"math\"\n\t\"strings\"\n)\n\n// F uses math.Abs.\nfunc F(x int) string {\n";
  suite.test_code =
      "package main\n\nimport (\n\t\"math\"\n\t\"testing\"\n\t\"github.com/stretchr/testify/assert\"\n)\n\n"
      "func TestF(t *testing.T) {\n\tassert.Equal(t, \"3//`\", F(3))\n}\n";
  EXPECT_EQ(verdict("go", suite, "\treturn strconv.Itoa(x) + strings.Repeat(`/`, 2) + \"`\"\n}\n"), "AC");
  suite.prompt = "";
  EXPECT_EQ(verdict("go", suite,
                    "package main\n\nimport f \"fmt\"\n\nfunc F(x int) string { return f.Sprint(x, `//`)[:1] + "
                    "`//` + \"`\" }\n"),
            "AC");
  EXPECT_EQ(short_verdict("go", suite, "import \"os\"\nfunc F(x int) string { return \"3//`\" }\n"), "CE");
}

TEST(CompiledSuite, LanguageWithoutSuitesIsAnError) {
  GRPO_NEED_SANDBOX();
  EXPECT_THROW(judged("python", cpp_suite(), ""), Error);
  EXPECT_THROW(judged("cobol", cpp_suite(), ""), Error);
  if (has_language("cpp")) {
    EXPECT_THROW(judged("cpp", Suite{}, "int main() {}"), Error);
  }
}

}  // namespace
}  // namespace grpo
