#pragma once
// The ids of words seen lately, shared by all threads that encode with one tokenizer. Of fixed size: a word
// has one place, and a later word of the same place takes it. Nobody waits: a place that is being written
// counts as empty.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace grpo {

class WordCache {
 public:
  static constexpr size_t kWordBytes = 32;  // longer words, and those of more ids, are not kept
  static constexpr size_t kIds = 6;

  // 2 MiB, taken when the first word comes.
  WordCache() = default;
  ~WordCache();
  WordCache(const WordCache&) = delete;
  WordCache& operator=(const WordCache&) = delete;

  // Appends the ids of `word`; false, and nothing is appended, if they are not known.
  bool find(std::string_view word, std::vector<int64_t>& ids) const;

  // Keeps the `count` ids of `word`, all below 2^32, if there is room for so many.
  void put(std::string_view word, const int64_t* ids, size_t count);

 private:
  static constexpr size_t kPlaces = size_t{1} << 15;
  static constexpr size_t kWordParts = kWordBytes / 8;
  static constexpr size_t kParts = kWordParts + kIds / 2;

  struct Key {
    std::array<uint64_t, kWordParts> parts{};  // the word's bytes, then zeros
    uint64_t place = 0;
  };
  // One cache line. version: odd while it is written. What was read between two equal even versions is whole.
  struct alignas(64) Place {
    std::atomic<uint32_t> version{0};
    std::atomic<uint32_t> sizes{0};  // bytes of the word, then ids * 256; 0: empty
    std::array<std::atomic<uint64_t>, kParts> parts{};
  };

  static Key key_of(std::string_view word);
  Place* places();

  std::atomic<Place*> places_{nullptr};  // kPlaces of them, once there is a word
};

}  // namespace grpo
