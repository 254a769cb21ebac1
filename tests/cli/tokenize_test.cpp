#include "tests/cli/program.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

class Tokenize : public Program {};

TEST_F(Tokenize, TextComesBack) {
  const std::string model = tiny_model();
  const std::vector<Json> texts = {
      {{"text", "1+2= 3"}}, {{"text", ""}}, {{"text", "<think>9-9</think><answer>0</answer>"}}};
  const Finished ids = done({"tokenize", "--model", model}, lines_of(texts));
  EXPECT_EQ(ids.rows()[0]["input_ids"], Json({1, 10, 2, 13, 14, 3}));
  EXPECT_EQ(ids.rows()[1]["input_ids"], Json::array());
  EXPECT_EQ(done({"tokenize", "--model", model, "--decode"}, ids.out).rows(), texts);
}

TEST_F(Tokenize, SpecialTokensAreNotText) {
  const Finished text =
      done({"tokenize", "--model", tiny_model(), "--decode"}, R"({"input_ids": [1, 2, 19]})");
  EXPECT_EQ(text.rows()[0], Json({{"text", "12"}}));
}

TEST_F(Tokenize, ARealTokenizerWithByteFallbackGivesEveryTextBack) {
  const std::string model = test_data("models/stories260K");
  GRPO_NEEDS_DATA(model);
  const std::vector<Json> texts = {{{"text", "Once upon a time"}},
                                   {{"text", "a\n\n  b\t\"quoted\" \\ back"}},
                                   {{"text", "na\u00efve \u4f60\u597d \U0001F600"}}};
  const Finished ids = done({"tokenize", "--model", model}, lines_of(texts));
  EXPECT_EQ(ids.rows()[0]["input_ids"], Json({1, 403, 407, 261, 378}));
  EXPECT_EQ(done({"tokenize", "--model", model, "--decode"}, ids.out).rows(), texts);
}

}  // namespace
}  // namespace grpo
