#include "core/json.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// A reader over a literal that lives as long as the reader.
struct Reader {
  explicit Reader(const std::string& text) : json(parse_json(text, "recipe.json")), reader(json, "recipe.json", "rl") {}
  Json json;
  ObjectReader reader;
};

TEST(Json, ParseErrorsNameLineAndColumn) {
  const Error error = error_of([] { parse_json("{\n  \"a\": 1,\n  \"b\": ?\n}", "recipe.json"); });
  EXPECT_EQ(error.where(), "recipe.json: line 3, column 8");
}

TEST(Json, CommentsAreAllowedAndTrailingCommasAreNot) {
  EXPECT_EQ(parse_json("{\"a\": 1 /* one */} // end", "x")["a"], 1);
  EXPECT_THROW(parse_json("[1, 2,]", "x"), Error);
}

TEST(Json, AKeyGivenTwiceIsAnError) {
  const Error error = error_of([] { parse_json(R"({"beta": 0, "inner": {"beta": 1}, "beta": 2})", "recipe.json"); });
  EXPECT_TRUE(holds(error.summary(), "\"beta\" is given twice"));
}

TEST(Json, NestingIsBounded) {
  EXPECT_NO_THROW(parse_json(std::string(500, '[') + std::string(500, ']'), "x"));
  const Error error = error_of([] { parse_json(std::string(1000000, '['), "x"); });
  EXPECT_TRUE(holds(error.summary(), "levels deep"));
}

TEST(Json, AMissingFileIsAnErrorThatNamesIt) {
  const Error error = error_of([] { read_json_file("/nonexistent/recipe.json"); });
  EXPECT_EQ(error.where(), "/nonexistent/recipe.json");
}

TEST(Json, KeysKeepTheirOrder) {
  TemporaryFolder folder;
  const Json json = read_json_file(folder.write("a.json", "{\"z\": 1, \"a\": 2}"));
  EXPECT_EQ(json.dump(), "{\"z\":1,\"a\":2}");
}

TEST(ObjectReader, UnknownKeysAreErrorsThatSuggestTheNearestOne) {
  Reader r(R"({"max_tokens": 5, "temperture": 0.7})");
  r.reader.integer("max_tokens");
  r.reader.number("temperature", 1.0);
  const Error error = error_of([&] { r.reader.finish(); });
  EXPECT_TRUE(holds(error.summary(), "temperture"));
  EXPECT_FALSE(holds(error.summary(), "max_tokens"));
  EXPECT_EQ(error.where(), "recipe.json: rl.temperture");
  EXPECT_TRUE(holds(error.fix(), "\"temperature\""));
}

TEST(ObjectReader, KnownKeysAreNoErrorEvenIfAbsent) {
  Reader r(R"({"a": 1})");
  r.reader.integer("a");
  r.reader.integer("b", 2);
  EXPECT_NO_THROW(r.reader.finish());
}

TEST(ObjectReader, AskingWhetherAKeyIsThereDoesNotMakeItKnown) {
  Reader r(R"({"a": 1})");
  EXPECT_TRUE(r.reader.has("a"));
  EXPECT_FALSE(r.reader.has("b"));
  EXPECT_THROW(r.reader.finish(), Error);
}

TEST(ObjectReader, NullIsTheSameAsAbsent) {
  Reader r(R"({"a": null})");
  EXPECT_FALSE(r.reader.has("a"));
  EXPECT_EQ(r.reader.number("a", 2.5), 2.5);
  EXPECT_THROW(r.reader.number("a"), Error);
}

TEST(ObjectReader, MissingKeysNameTheirPath) {
  Reader r("{}");
  const Error error = error_of([&] { r.reader.string("model"); });
  EXPECT_EQ(error.where(), "recipe.json: rl.model");
  EXPECT_TRUE(holds(error.summary(), "'model' is missing"));
}

TEST(ObjectReader, NoTypeIsTakenForAnother) {
  Reader r(R"({"n": 1, "s": "1", "b": true, "f": 1.5, "l": [1], "o": {}})");
  EXPECT_THROW(r.reader.number("s"), Error);
  EXPECT_THROW(r.reader.number("b"), Error);
  EXPECT_THROW(r.reader.integer("s"), Error);
  EXPECT_THROW(r.reader.integer("f"), Error);
  EXPECT_THROW(r.reader.integer("b"), Error);
  EXPECT_THROW(r.reader.boolean("n"), Error);
  EXPECT_THROW(r.reader.boolean("s"), Error);
  EXPECT_THROW(r.reader.string("n"), Error);
  EXPECT_THROW(r.reader.strings("l", {}), Error);
  EXPECT_THROW(r.reader.integers("o", {}), Error);
  EXPECT_THROW(r.reader.object("l"), Error);
  EXPECT_THROW(ObjectReader(r.json["l"], "recipe.json"), Error);
}

TEST(ObjectReader, RangesAreInclusiveUnlessSaidOtherwise) {
  Reader r(R"({"zero": 0, "one": 1, "two": 2})");
  EXPECT_EQ(r.reader.number("zero", {.min = 0, .max = 1}), 0.0);
  EXPECT_EQ(r.reader.number("one", {.min = 0, .max = 1}), 1.0);
  const Error above = error_of([&] { r.reader.number("two", {.min = 0, .max = 1}); });
  EXPECT_EQ(above.where(), "recipe.json: rl.two");
  EXPECT_TRUE(holds(above.fix(), ">= 0 and <= 1"));
  EXPECT_THROW(r.reader.number("zero", {.min = 0, .min_exclusive = true}), Error);
  EXPECT_THROW(r.reader.integer("two", {.max = 1}), Error);
}

TEST(ObjectReader, FallbacksStandOnlyForAbsentKeysAndNeverHideABadOne) {
  Reader r(R"({"a": "x", "b": -1})");
  EXPECT_THROW(r.reader.number("a", 1.0), Error);
  EXPECT_THROW(r.reader.integer("b", 5, {.min = 0}), Error);
}

TEST(ObjectReader, WholeNumbersMayBeWrittenAsFloats) {
  Reader r(R"({"a": 1e3, "b": 2.0, "c": -4})");
  EXPECT_EQ(r.reader.integer("a"), 1000);
  EXPECT_EQ(r.reader.integer("b"), 2);
  EXPECT_EQ(r.reader.integer("c"), -4);
}

TEST(ObjectReader, LargeWholeNumbersKeepEveryDigit) {
  Reader r(R"({"seed": 9007199254740993, "max": 9223372036854775807, "min": -9223372036854775808})");
  EXPECT_EQ(r.reader.integer("seed"), 9007199254740993);
  EXPECT_EQ(r.reader.integer("max"), INT64_MAX);
  EXPECT_EQ(r.reader.integer("min"), INT64_MIN);
}

TEST(ObjectReader, WholeNumbersBeyond64BitsAreErrors) {
  Reader r(R"({"a": 9223372036854775808, "b": 1e300, "c": -1e19, "d": [18446744073709551615]})");
  EXPECT_THROW(r.reader.integer("a"), Error);
  EXPECT_THROW(r.reader.integer("b"), Error);
  EXPECT_THROW(r.reader.integer("c"), Error);
  EXPECT_THROW(r.reader.integers("d", {}), Error);
}

TEST(ObjectReader, AChoiceOutsideTheListNamesTheList) {
  Reader r(R"({"loss_type": "grop"})");
  const Error error = error_of([&] { r.reader.choice("loss_type", {"grpo", "dapo"}); });
  EXPECT_TRUE(holds(error.summary(), "grop"));
  EXPECT_TRUE(holds(error.fix(), "grpo, dapo"));
  EXPECT_EQ(r.reader.choice("absent", {"grpo", "dapo"}, "dapo"), "dapo");
  EXPECT_THROW(r.reader.choice("missing", {"grpo"}), Error);
}

TEST(ObjectReader, ListsMayBeWrittenAsOneValue) {
  Reader r(R"({"stop": "END", "ids": 7, "both": ["a", "b"], "numbers": [1, 2]})");
  EXPECT_EQ(r.reader.strings("stop", {}), std::vector<std::string>{"END"});
  EXPECT_EQ(r.reader.integers("ids", {}), std::vector<int64_t>{7});
  EXPECT_EQ(r.reader.strings("both", {}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(r.reader.integers("numbers", {}), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(r.reader.integers("absent", {4}), std::vector<int64_t>{4});
}

TEST(ObjectReader, NestedObjectsAreReadStrictlyUnderTheirOwnPath) {
  Reader r(R"({"optimizer": {"lr": 1, "bate": 2}})");
  ObjectReader nested = r.reader.object("optimizer");
  nested.number("lr");
  const Error error = error_of([&] { nested.finish(); });
  EXPECT_EQ(error.where(), "recipe.json: rl.optimizer.bate");
  EXPECT_NO_THROW(r.reader.finish());
}

TEST(ObjectReader, UnknownKeysMayBeLeftToSomebodyElse) {
  Reader r(R"({"architectures": ["X"], "vocab_size": 3})");
  EXPECT_EQ(r.reader.integer("vocab_size"), 3);
  r.reader.allow_unknown();
  EXPECT_NO_THROW(r.reader.finish());
}

}  // namespace
}  // namespace grpo
