#include "grpo/exact_json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/grpo/strange_rollout.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::bits_of;

Json through_text(const Json& value) {
  return from_exact_json(parse_json(to_exact_json(value, "test").dump(), "test"), "test");
}

TEST(ExactJson, WhatTextCanHoldStaysAsItIs) {
  const Json value = parse_json(R"({"a": [1, -2, 0.1, 1e300, true, null, "ä"], "b": {"c": {}}})", "test");
  EXPECT_EQ(to_exact_json(value, "test"), value);
}

TEST(ExactJson, WhatTextCannotHoldHasTheDocumentedForm) {
  EXPECT_EQ(to_exact_json("\xff\x01", "test"), (Json{{"$bytes", "ff01"}}));
  EXPECT_EQ(to_exact_json(-INFINITY, "test"), (Json{{"$double", "fff0000000000000"}}));
  EXPECT_EQ(to_exact_json(Json{{"$bytes", 1}}, "test"), parse_json(R"({"$object": [["$bytes", 1]]})", "test"));
}

TEST(ExactJson, EveryBitComesBack) {
  Stream random(1);
  for (int i = 0; i < 3000; ++i) {
    const Json value = testing::strange_json(random, 6);
    ASSERT_EQ(bits_of(through_text(value)), bits_of(value)) << "case " << i;
  }
}

TEST(ExactJson, AsDeepAValueAsFilesCanHoldComesBack) {
  for (const int depth : {199, 200, 201, 512}) {
    Json value = "\n";
    for (int i = 0; i < depth; ++i) value = i % 2 == 0 ? Json::array({value}) : Json{{"a", value}};
    EXPECT_EQ(bits_of(through_text(value)), bits_of(value)) << depth;
  }
}

TEST(ExactJson, AValueNoFileCanHoldIsRefused) {
  Json deep = 1;
  for (int i = 0; i < 513; ++i) deep = Json::array({deep});
  EXPECT_TRUE(holds(error_text([&] { to_exact_json(deep, "columns"); }), "513 levels"));
  EXPECT_TRUE(holds(error_text([&] { to_exact_json(Json::binary({1, 2}), "columns"); }), "of type binary"));
}

TEST(ExactJson, FormsThatNoValueHasAreRefused) {
  for (const char* text :
       {R"({"$bytes": "f"})", R"({"$bytes": "fg"})", R"({"$bytes": "41"})", R"({"$bytes": 1})", R"({"$bytes": "+1"})",
        R"({"$double": "3ff0000000000000"})", R"({"$double": "7ff800000000000"})", R"({"$double": "-7ff80000000000"})",
        R"({"$object": {}})", R"({"$object": [[1, 2]]})", R"({"$object": [["$a"]]})",
        R"({"$object": [["$a", 1], ["$a", 2]]})", R"({"$other": 1})", R"({"a": 1, "$bytes": "ff"})", R"({"$json": 1})",
        R"({"$json": "["})", R"([{"$json": "1"}])"}) {
    EXPECT_THROW(from_exact_json(parse_json(text, "test"), "test"), Error) << text;
  }
}

}  // namespace
}  // namespace grpo
