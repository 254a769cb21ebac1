#pragma once
// The "model" of a tokenizer.json: byte-pair encoding. A word starts as its characters; then, as long as any
// neighbours are a merge of the file, the earliest merge of the list is applied, leftmost first.

#include <array>
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
  // parts or result are not in the vocabulary, or ids that are negative, taken twice or far above the number
  // of tokens (see id_limit).
  static Bpe from_json(const Json& json, const std::string& file, const std::string& path = "model");

  // Appends the ids of one word, valid UTF-8. A character that is not in the vocabulary becomes its bytes
  // (byte_fallback) or else unk_token. Where there is neither, nothing is appended and the result is that
  // character's offset in `word`.
  [[nodiscard]] std::optional<size_t> encode_word(std::string_view word, std::vector<int64_t>& ids) const;

  // Appends the ids of a word given as bytes, each of which stands for its character of the byte-level
  // alphabet; the same as encode_word(to_byte_alphabet(bytes), ids), and the result is an offset in `bytes`.
  [[nodiscard]] std::optional<size_t> encode_bytes(std::string_view bytes, std::vector<int64_t>& ids) const;

  // The mark U+2581 can only stand at the start of a token or behind another mark, as SentencePiece makes
  // vocabularies: then cutting a text in front of every mark that follows another character leaves its ids as
  // they are.
  bool marks_start_words() const { return marks_start_words_; }

  // The first id that a vocabulary of `count` entries may not use: a file cannot ask for memory it does not
  // fill.
  static int64_t id_limit(size_t count);

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
  void read_bytes();
  void read_marks();
  bool add_character(std::string_view character, std::vector<int32_t>& symbols, bool& unknown) const;
  // Both merge the symbols of a word; the first in quadratic time, for few of them, which it overwrites.
  void merge_few(int32_t* symbols, size_t count, std::vector<int64_t>& ids) const;
  void merge_many(const std::vector<int32_t>& symbols, std::vector<int64_t>& ids) const;

  std::vector<std::string> tokens_;
  std::vector<bool> known_;                            // by id
  std::unordered_map<std::string_view, int32_t> ids_;  // views into tokens_
  MergeTable merges_;
  std::vector<int32_t> byte_ids_;  // by byte: its token <0xHH> or -1; empty without byte_fallback
  std::array<int32_t, 256>
      alphabet_ids_{};  // by byte: the token that is its character of the byte-level alphabet, or -1
  int32_t unknown_id_ = -1;
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
  bool marks_start_words_ = false;
};

}  // namespace grpo
