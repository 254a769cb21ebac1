// Encoding data sets on several threads, and the cache of words that they share.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/seed.h"
#include "policy/io/tokenizer.h"
#include "policy/io/tokenizer_word_cache.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

Tokenizer golden(const char* name) {
  const std::string file = golden_path(std::string("tokenizer/") + name);
  return Tokenizer::from_json(read_json_file(file), file);
}

// Words of a few letters, many of them often.
std::vector<std::string> random_texts(size_t count, uint64_t seed) {
  Stream random(seed);
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    for (int64_t words = random.below(40); words > 0; --words) {
      for (int64_t n = random.below(6); n > 0; --n) text += static_cast<char>('a' + random.below(5));
      text += random.below(9) == 0 ? "\n" : " ";
    }
  }
  return texts;
}

TEST(EncodeAll, EqualsEncodingOneByOneInOrder) {
  const Tokenizer tokenizer = golden("llama3.json");
  const auto texts = random_texts(3000, 1);
  std::vector<Ids> one_by_one;
  for (const auto& text : texts) one_by_one.push_back(tokenizer.without_cache().encode(text));
  for (const int threads : {0, 1, 2, 7})
    EXPECT_EQ(tokenizer.encode_all(texts, true, threads), one_by_one) << threads;
  EXPECT_EQ(tokenizer.without_cache().encode_all(texts, true, 3), one_by_one);
}

TEST(EncodeAll, TakesNoTextsAndFewerTextsThanThreads) {
  const Tokenizer tokenizer = golden("llama3.json");
  EXPECT_TRUE(tokenizer.encode_all({}).empty());
  const std::vector<std::string> two = {"a", ""};
  EXPECT_EQ(tokenizer.encode_all(two, false, 64), (std::vector<Ids>{tokenizer.encode("a", false), {}}));
}

// byte_level.json has neither ö nor an unknown token.
TEST(EncodeAll, TheFirstTextThatFailsIsNamed) {
  const Tokenizer tokenizer = golden("byte_level.json");
  std::vector<std::string> texts(2000, "ab ab");
  for (const size_t bad : {size_t{1999}, size_t{1500}, size_t{777}, size_t{776}, size_t{0}}) {
    texts[bad] = "ab ö";
    for (const int threads : {1, 2, 8}) {
      const std::string error = error_text([&] { tokenizer.encode_all(texts, true, threads); });
      EXPECT_TRUE(holds(error, "'ö' (U+00F6)"));
      EXPECT_TRUE(holds(error, "| text " + std::to_string(bad) + ": "));
    }
  }
}

TEST(WordCache, GivesWhatWasPutAndNothingElse) {
  WordCache cache;
  Ids ids = {7};
  EXPECT_FALSE(cache.find("word", ids));
  const Ids some = {1, 0, 4294967295};
  cache.put("word", some.data(), some.size());
  EXPECT_FALSE(cache.find("wor", ids));
  EXPECT_FALSE(cache.find(std::string_view("word\0", 5), ids));
  EXPECT_FALSE(cache.find("", ids));
  EXPECT_EQ(ids, Ids{7});
  EXPECT_TRUE(cache.find("word", ids));
  EXPECT_EQ(ids, (Ids{7, 1, 0, 4294967295}));
}

TEST(WordCache, LongWordsAndManyIdsAreNotKept) {
  WordCache cache;
  const Ids ids(20, 3);
  Ids found;
  const std::string longest(WordCache::kWordBytes, 'x');
  cache.put(longest, ids.data(), WordCache::kIds);
  EXPECT_TRUE(cache.find(longest, found));
  cache.put(longest + "x", ids.data(), 1);
  EXPECT_FALSE(cache.find(longest + "x", found));
  cache.put("y", ids.data(), WordCache::kIds + 1);
  EXPECT_FALSE(cache.find("y", found));
  EXPECT_EQ(found, Ids(WordCache::kIds, 3));
}

TEST(WordCache, StaysOfOneSizeAndRightWhenFull) {
  WordCache cache;
  const auto word = [](int64_t i) { return "w" + std::to_string(i); };
  int64_t kept = 0;
  for (int64_t i = 0; i < 300'000; ++i) cache.put(word(i), &i, 1);
  for (int64_t i = 0; i < 300'000; ++i) {
    Ids found;
    if (!cache.find(word(i), found)) continue;
    ++kept;
    ASSERT_EQ(found, Ids{i});
  }
  EXPECT_GT(kept, 20'000);
  EXPECT_LE(kept, 32'768);
}

// Two words of which one takes the other's place: what is read is always whole.
TEST(WordCache, ThreadsThatWriteAndReadOnePlaceNeverMixWords) {
  WordCache cache;
  // Enough words that many share a place; each has ids made of its number.
  constexpr int64_t kWords = 200'000;
  const auto word = [](int64_t i) {
    return std::string(static_cast<size_t>(1 + i % 24), 'a') + std::to_string(i);
  };
  std::atomic<int64_t> wrong{0}, found_count{0};
  const auto work = [&](uint64_t seed) {
    Stream random(seed);
    Ids found;
    for (int round = 0; round < 60'000; ++round) {
      const int64_t i = random.below(64) * 3125 % kWords;
      const std::string text = word(i);
      const Ids ids(static_cast<size_t>(1 + i % 6), i);
      cache.put(text, ids.data(), ids.size());
      const int64_t k = random.below(64) * 3125 % kWords;
      found.clear();
      if (!cache.find(word(k), found)) continue;
      ++found_count;
      if (found != Ids(static_cast<size_t>(1 + k % 6), k)) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) threads.emplace_back(work, t);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found_count, 1000);
}

}  // namespace
}  // namespace grpo
