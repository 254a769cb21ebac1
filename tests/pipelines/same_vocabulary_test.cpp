// Which pairs of tokenizers can be distilled into one another, and what is said of the others.

#include "pipelines/same_vocabulary.h"

#include <gtest/gtest.h>

#include "tests/throws_error.h"

namespace grpo {
namespace {

Tokenizer tokenizer(const std::string& characters, const std::vector<std::string>& tags = {"<think>"}) {
  return Tokenizer::from_json(character_tokenizer_json(characters, tags, {"<eos>"}), "test");
}

void check(const Vocabulary& student, const Vocabulary& teacher) { check_same_vocabulary(student, teacher, "recipe.json: teacher"); }

TEST(SameVocabulary, MayBePaddedDifferently) {
  const Tokenizer t = tokenizer("0123");  // 6 ids
  EXPECT_NO_THROW(check({t, 6}, {t, 6}));
  EXPECT_NO_THROW(check({t, 6}, {t, 128}));
  EXPECT_NO_THROW(check({t, 128}, {t, 6}));
}

TEST(SameVocabulary, LetsTheTeacherHaveTokensBeyondTheStudentsLogits) {
  const Tokenizer student = tokenizer("0123");
  const Tokenizer more = Tokenizer::from_json(character_tokenizer_json("0123", {"<think>"}, {"<eos>", "<tool>"}), "test");
  EXPECT_NO_THROW(check({student, 6}, {more, 7}));
  EXPECT_TRUE(holds(error_text([&] { check({student, 8}, {more, 8}); }), "id 6 is no token to the student and \"<tool>\" to the teacher"));
  EXPECT_TRUE(holds(error_text([&] { check({more, 7}, {student, 6}); }), "ids up to 6, the teacher's logits end at 5"));
}

TEST(SameVocabulary, SaysHowManyIdsDifferAndWhichComeFirst) {
  const Error error = error_of([] {
    const Tokenizer a = tokenizer("0123456789"), b = tokenizer("0213456798");
    check({a, 12}, {b, 12});
  });
  EXPECT_TRUE(holds(error.summary(), "different tokens at 4 of 12 ids"));
  EXPECT_TRUE(holds(error.summary(), "id 1 is \"1\" to the student and \"2\" to the teacher; id 2 is \"2\""));
  EXPECT_EQ(error.where(), "recipe.json: teacher");
}

TEST(SameVocabulary, ShowsTheFirstFiveOfMany) {
  const std::string text = error_text([] {
    const Tokenizer a = tokenizer("0123456789"), b = tokenizer("9876543210");
    check({a, 12}, {b, 12});
  });
  EXPECT_TRUE(holds(text, "at 10 of 12 ids") && holds(text, "id 4 is") && !holds(text, "id 5 is")) << text;
}

}  // namespace
}  // namespace grpo
