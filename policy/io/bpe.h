#pragma once
// The "model" of a tokenizer.json: byte-pair encoding. A word starts as its characters; then, as long as any
// neighbours are a merge of the file, the earliest merge of the list is applied, leftmost first.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.h"

namespace grpo {

// Immutable; may be used from several threads.
class Bpe {
 public:
  // Throws Error with `file` and JSON path for another model type, dropout, subword affixes, a merge whose
  // parts or result are not in the vocabulary, or ids that are negative, taken twice or above 2^24.
  static Bpe from_json(const Json& json, const std::string& file, const std::string& path = "model");

  // Appends the ids of one word, valid UTF-8. A character that is not in the vocabulary becomes its bytes
  // (byte_fallback) or else unk_token. Where there is neither, nothing is appended and the result is that
  // character's offset in `word`.
  [[nodiscard]] std::optional<size_t> encode_word(std::string_view word, std::vector<int64_t>& ids) const;

  int64_t token_to_id(std::string_view token) const;                  // -1 if there is none
  const std::vector<std::string>& tokens() const { return tokens_; }  // by id; "" where there is none
  bool has(int64_t id) const;

 private:
  struct Merge {
    int32_t rank;
    int32_t id;
  };
  // Pairs of ids to merges: open addressing, a power of two in size, at most half full.
  class MergeTable {
   public:
    void reserve(size_t count);
    void put(int32_t left, int32_t right, Merge merge);  // the later of two for one pair wins
    const Merge* find(int32_t left, int32_t right) const;

   private:
    struct Slot {
      uint64_t pair = kFree;
      Merge merge{};
    };
    static constexpr uint64_t kFree = ~uint64_t{0};
    size_t slot_of(uint64_t pair) const;
    std::vector<Slot> slots_;
  };

  void read_vocabulary(ObjectReader& r);
  void read_options(ObjectReader& r);
  void read_merges(ObjectReader& r);
  void add_merge(std::string_view left, std::string_view right, size_t rank, const ObjectReader& r);
  bool add_character(std::string_view character, std::vector<int32_t>& symbols, bool& unknown) const;
  void merge_all(const std::vector<int32_t>& symbols, std::vector<int64_t>& ids) const;

  std::vector<std::string> tokens_;
  std::vector<bool> known_;                            // by id
  std::unordered_map<std::string_view, int32_t> ids_;  // views into tokens_
  MergeTable merges_;
  std::vector<int32_t> byte_ids_;  // by byte: its token <0xHH> or -1; empty without byte_fallback
  int32_t unknown_id_ = -1;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace grpo
