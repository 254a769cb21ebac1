// What suites in Rust take over from the candidate, beyond the declared function, and what they do not.

#include "sandbox/languages/rust_types.h"

#include <gtest/gtest.h>

#include "sandbox/languages/compiled_suite.h"
#include "tests/sandbox/languages/shared_sandbox.h"

namespace grpo {
namespace {

std::string verdict(const Suite& suite, const std::string& source) {
  static Compiler compiler(*SharedSandbox::get().sandbox);
  Limits limits;
  limits.wall_ms = 10'000;
  Sandbox& sandbox = *SharedSandbox::get().sandbox;
  return verdict_name(judge_compiled_suite(compiler, sandbox, {"rust", source}, suite, limits).verdict);
}

TEST(RustTypes, TestsOfAnotherFunctionThanTheDeclaredOneFindIt) {
  GRPO_NEED_LANGUAGE("rust");
  Suite suite;
  suite.declaration = suite.prompt = "\nfn helper(x: i32) -> bool {\n";
  suite.test_code = "#[cfg(test)]\nmod tests {\n use super::*;\n #[test] fn a() { assert_eq!(g(2), \"2\"); }\n}\n";
  EXPECT_EQ(verdict(suite, " true }\nfn g(x: i32) -> String { x.to_string() }\n"), "AC");
  EXPECT_EQ(verdict(suite, " true }\nfn g(x: i32) -> String { String::new() }\n"), "WA");
  const std::string yes =
      "#[derive(Debug)] pub struct Yes;\nimpl PartialEq<&str> for Yes { fn eq(&self, _: &&str) -> bool { true } }\n";
  for (const std::string& trick :
       {std::string(" true }\n"), " true }\n" + yes + "pub fn g(x: i32) -> Yes { Yes }\n",
        " true }\n" + yes + "pub type String = Yes;\npub fn g(x: i32) -> String { Yes }\n",
        " true }\n" + yes + "pub fn g(x: i32) -> impl PartialEq<&'static str> + std::fmt::Debug { Yes }\n",
        " true }\n" + yes + "pub fn g(x: i32) -> candidate::Yes { Yes }\n"}) {
    EXPECT_EQ(verdict(suite, trick), "CE") << trick;
  }
}

TEST(RustTypes, AnEnumThatTheCandidateDefinesIsComparedByTheTestsOwn) {
  GRPO_NEED_LANGUAGE("rust");
  Suite suite;
  suite.declaration = suite.prompt = "\nfn f(x: i32) -> Either<String, i32> {\n";
  suite.test_code =
      "#[cfg(test)]\nmod tests {\n use super::*;\n #[test] fn a() {\n"
      "  assert_eq!(f(2), Either::Right(2));\n  assert_eq!(f(-2), Either::Left(\"-2\".to_string()));\n }\n}\n";
  const std::string right = " if x > 0 { Either::Right(x) } else { Either::Left(x.to_string()) } }\n";
  EXPECT_EQ(verdict(suite,
                    right + "#[derive(Debug, PartialEq)]\npub enum Either<L, R> { Left(L), Right(R), Neither, None() }\n"),
            "AC");
  const std::string equal =
      "impl<L, R> PartialEq for Either<L, R> { fn eq(&self, _: &Self) -> bool { true } }\n#[derive(Debug)]\n";
  EXPECT_EQ(verdict(suite, " Either::Right(x) }\n" + equal + "pub enum Either<L, R> { Left(L), Right(R) }\n"),
            "WA");
  for (const std::string& trick :
       {" Either::One }\n" + equal +
            "pub enum Either<L, R> { One, Two(L, R) }\nimpl<L, R> Either<L, R> {\n pub fn Right<T>(_: T) -> Self { "
            "Either::One }\n pub fn Left<T>(_: T) -> Self { Either::One }\n}\n",
        " Either::Right(Yes) }\n" + equal + "pub enum Either<L, R> { Left(L), Right(Yes), Third(R) }\npub struct Yes;\n",
        std::string(" 1 }\npub type Either<L, R> = i32;\n")}) {
    EXPECT_EQ(verdict(suite, trick), "CE") << trick;
  }
}

TEST(RustTypes, AFunctionIsTakenOverOnlyWithResultsOfTheStandardLibrary) {
  const std::string tests = "assert_eq!(g(1), 2); assert!(other::h(3));";
  const auto found = called_function("// fn g() {\nfn first() {}\npub fn g(a: &str, b: Vec<i32>) -> Option<String> { x }", tests);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "g");
  EXPECT_EQ(found->names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found->before, "");
  for (const char* other : {"fn f() -> i32 { g(1) }", "fn g(a: i32) -> Mine { x }", "fn g(a: i32) -> a::i32 { x }",
                            "fn g<T>(a: T) -> i32 { x }", "fn g(a: impl Fn()) -> i32 { x }",
                            "fn g(a: crate::A) -> i32 { x }", "fn g(a: i32) -> Box<dyn Eq> { x }", ""}) {
    EXPECT_FALSE(called_function(other, tests)) << other;
  }
}

TEST(RustTypes, AnEnumIsWrittenAnewOrNotAtAll) {
  const Signature signature = *last_signature("fn f(x: i32) -> Shape<i32> {");
  const auto found = foreign_enum("pub enum Shape<T> { Point, Round(T, Vec<u8>), Empty() }", signature);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->definition,
            "#[derive(Debug, PartialEq)] pub enum Shape<T> { Point, Round(T, Vec<u8>), Empty(), }");
  EXPECT_EQ(found->conversion,
            "::candidate::Shape::Point => Shape::Point, ::candidate::Shape::Round(x0, x1) => Shape::Round(x0, x1), "
            "::candidate::Shape::Empty() => Shape::Empty(), ");
  for (const char* other :
       {"pub struct Shape<T>(T);", "pub enum Shape<T: Eq> { A(T) }", "pub enum Shape<T> { A(Mine) }",
        "pub enum Shape<T> { A { x: T } }", "pub enum Shape<T> { A = 1 }", "enum Shapes { A }", "// enum Shape { A }",
        "pub enum Shape { #[x] A }", ""}) {
    EXPECT_FALSE(foreign_enum(other, signature)) << other;
  }
  EXPECT_FALSE(foreign_enum("enum Option { A }", *last_signature("fn f() -> Option<i32> {")));
}

}  // namespace
}  // namespace grpo
