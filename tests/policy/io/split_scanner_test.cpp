// Hand-written scanners against PCRE2, which runs the same pattern: the same matches on every text.
#include <gtest/gtest.h>

#include "core/seed.h"
#include "policy/io/split_pattern.h"
#include "policy/io/unicode.h"
#include "policy/io/unicode_classes.h"

namespace grpo {
namespace {

struct Pattern {
  const char* name;
  std::string_view text;
};
void PrintTo(const Pattern& p, std::ostream* out) {
  *out << p.name;
}

const Pattern kPatterns[] = {{"Gpt2", kGpt2Pattern},        {"Qwen", kQwenPattern},
                             {"Llama3", kLlama3Pattern},    {"DeepSeekNumbers", kDeepSeekNumbers},
                             {"DeepSeekCjk", kDeepSeekCjk}, {"DeepSeek", kDeepSeekPattern}};

std::string utf8(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

// Whether PCRE2's Unicode knows `c` as ours does; versions differ in characters that only one of them has.
std::vector<char32_t> characters_both_know() {
  const std::vector<std::pair<std::string, uint8_t>> classes = {{"\\p{L}", kLetter},
                                                                {"\\p{M}", kMark},
                                                                {"\\p{N}", kNumber},
                                                                {"\\p{P}", kPunctuation},
                                                                {"\\p{S}", kSymbol}};
  std::string all;
  std::vector<size_t> at;  // where each character begins in `all`; SIZE_MAX for surrogates
  std::vector<uint8_t> theirs(0x110000);
  std::vector<char32_t> character_at;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    append_utf8(all, c);
    character_at.resize(all.size(), c);
  }
  for (const auto& [regex, bit] : classes) {
    const SplitPattern pattern = SplitPattern::pcre2(regex, "test");
    std::vector<TextSpan> matches;
    SplitSearch(pattern).find_all(all, matches);
    for (const TextSpan& match : matches) theirs[character_at[match.begin]] |= bit;
  }
  std::vector<char32_t> known;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const uint8_t ours =
        CharacterClasses::table().of(c) & (kLetter | kMark | kNumber | kPunctuation | kSymbol);
    if (ours == theirs[c]) known.push_back(c);
  }
  return known;
}

const std::vector<char32_t>& both_know() {
  static const std::vector<char32_t> characters = characters_both_know();
  return characters;
}

TEST(CharacterClasses, AgreeWithPcre2ButForCharactersOfLaterVersions) {
  const size_t all = 0x110000 - 0x800;
  EXPECT_LE(all - both_know().size(),
            12'000u);  // assigned by Unicode 15 and 16, if the two are that far apart
  for (char32_t c = 0; c < 0x3000; ++c) {
    const uint8_t classes = CharacterClasses::table().of(c);
    EXPECT_EQ((classes & kSpace) != 0, is_white_space(c)) << static_cast<uint32_t>(c);
    EXPECT_EQ((classes & kNumber) != 0, is_numeric(c)) << static_cast<uint32_t>(c);
    EXPECT_EQ((classes & kLineEnd) != 0, c == '\r' || c == '\n') << static_cast<uint32_t>(c);
  }
}

class SplitScanner : public ::testing::TestWithParam<Pattern> {
 protected:
  // The matches of both; a failure where they differ.
  void compare(const std::string& text) {
    scanner_search_.find_all(text, ours_);
    pcre2_search_.find_all(text, theirs_);
    if (ours_ != theirs_) {
      ADD_FAILURE() << "on " << ::testing::PrintToString(text) << "\n scanner: " << shown(text, ours_)
                    << "\n   PCRE2: " << shown(text, theirs_);
    }
  }
  static std::string shown(const std::string& text, const std::vector<TextSpan>& spans) {
    std::string out;
    for (const TextSpan& span : spans) out += '|' + text.substr(span.begin, span.end - span.begin);
    return ::testing::PrintToString(out + '|');
  }

 private:
  const SplitPattern scanner_ = SplitPattern::regex(std::string(GetParam().text), "test");
  const SplitPattern pcre2_ = SplitPattern::pcre2(std::string(GetParam().text), "test");
  SplitSearch scanner_search_{scanner_};
  SplitSearch pcre2_search_{pcre2_};
  std::vector<TextSpan> ours_, theirs_;
};

TEST_P(SplitScanner, IsFoundByTheTextOfThePattern) {
  const std::string text(GetParam().text);
  EXPECT_NE(split_scanner(text), nullptr);
  EXPECT_EQ(split_scanner(text + "|x"), nullptr);
  EXPECT_EQ(split_scanner(text.substr(1)), nullptr);
}

TEST_P(SplitScanner, EqualsPcre2OnEveryShortText) {
  const std::vector<std::string> letters = {"'", "s", "L",      " ",      "\n",     "\t",
                                            "1", ".", "\u00e9", "\u0301", "\u3042", "\u0085"};
  std::vector<std::string> texts = {""};
  for (size_t begin = 0, length = 0; length < 4; ++length) {
    const size_t end = texts.size();
    for (; begin < end; ++begin) {
      for (const auto& letter : letters) texts.push_back(texts[begin] + letter);
    }
  }
  ASSERT_EQ(texts.size(), 1 + 12 + 144 + 1728 + 20736u);
  for (const auto& text : texts) {
    compare(text);
    if (HasFailure()) return;
  }
}

// What the patterns tell apart, and what is easily got wrong: every White_Space, contractions in both cases
// and with the long s, ligatures, modifiers, joiners, controls, private and unassigned characters.
const std::vector<std::u32string> kClasses = {
    U"abcxyzABCXYZ",
    U"strevmldSTREVMLD\u017f\u212a\ufb05\ufb06",
    U"''''\u2019\u02bc",
    U"0123456789\u00b2\u0663\u096a\u2167\u00bd\u4e00",
    U"     ",
    U"\r\n\r\n",
    U"\t\v\f\u0085\u00a0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000",
    U"\u180e\u200b\u200c\u200d\u2060\ufeff\u001c\u001f\u00ad",
    U"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~",
    U"\u00a1\u00bf\u3001\u3002\uff01\u2013\u201c\u060c",
    U"+<=>^`|~$\u00a9\u20ac\u2211\u2603\U0001F600\U0001F9D9",
    U"\u0301\u0308\u093e\u0e34\u20dd\ufe0f",
    U"\u00e9\u00df\u0430\u05d0\u0627\u0905\u1e9e\u01c5\u02b0",
    U"\u4e00\u4f60\u597d\u9fa5\u9fa6\u3400\U00020000",
    U"\u3041\u3042\u309f\u30a0\u30ab\u30ff\u303f\u3100\uac00\u1112\u1161",
    U"\ue000\U000F0000\U0010FFFF\u0378\ufffd\ufffe",
    std::u32string(U"\0\u0001\u007f\u009f", 4)};

std::string random_text(Stream& random) {
  std::string text;
  // Few classes per text, so that runs and their borders come up often.
  std::vector<const std::u32string*> classes;
  for (int64_t n = 1 + random.below(4); n > 0; --n) {
    classes.push_back(&kClasses[static_cast<size_t>(random.below(static_cast<int64_t>(kClasses.size())))]);
  }
  for (int64_t n = 1 + random.below(14); n > 0; --n) {
    if (random.below(24) == 0) {
      const auto& known = both_know();
      append_utf8(text, known[static_cast<size_t>(random.below(static_cast<int64_t>(known.size())))]);
    } else if (random.below(40) == 0) {
      text += static_cast<char>(0x80 + random.below(0x80));  // not UTF-8
    } else {
      const std::u32string& some =
          *classes[static_cast<size_t>(random.below(static_cast<int64_t>(classes.size())))];
      append_utf8(text, some[static_cast<size_t>(random.below(static_cast<int64_t>(some.size())))]);
    }
  }
  return is_valid_utf8(text) ? text : replace_invalid_utf8(text);
}

TEST_P(SplitScanner, EqualsPcre2OnRandomTexts) {
  Stream random(derive_seed({17, GetParam().text.size()}));
  for (int i = 0; i < 50'000; ++i) {  // 300,000 over the six patterns
    compare(random_text(random));
    if (HasFailure()) return;
  }
}

TEST_P(SplitScanner, EqualsPcre2AroundEveryCharacter) {
  const auto& known = both_know();
  // Every character below U+3400, and of the others every 37th: as a start, an inside and an end.
  std::string text;
  for (size_t i = 0; i < known.size(); i += known[i] < 0x3400 ? 1 : 37) {
    const std::string c = utf8(known[i]);
    text += "'" + c + "a " + c + c + "1" + c + ".\n" + c + " ";
    if (text.size() > 4000) {
      compare(text);
      text.clear();
    }
    if (HasFailure()) return;
  }
  compare(text);
}

TEST_P(SplitScanner, TakesAMegabyteOfOneKindInNoTime) {
  for (const std::string unit : {" ", "\n", " \n", "a", "1", ".", "'", "\u0301", "\u3042", "\u200b"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    std::vector<TextSpan> matches;
    split_scanner(GetParam().text)(text, matches);
    size_t end = 0;
    for (const TextSpan& match : matches) {
      ASSERT_LE(end, match.begin);
      ASSERT_LT(match.begin, match.end);
      end = match.end;
    }
    ASSERT_LE(end, text.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Pattern, SplitScanner, ::testing::ValuesIn(kPatterns),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SplitScannerOf, RawLineEndsInAPatternAreTheSamePattern) {
  std::string raw(kDeepSeekPattern);
  for (const auto& [escape, character] : {std::pair("\\r", "\r"), std::pair("\\n", "\n")}) {
    for (size_t at; (at = raw.find(escape)) != raw.npos;) raw.replace(at, 2, character);
  }
  ASSERT_NE(raw, kDeepSeekPattern);
  EXPECT_EQ(split_scanner(raw), split_scanner(kDeepSeekPattern));
}

}  // namespace
}  // namespace grpo
