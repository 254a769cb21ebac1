#pragma once
// The "pre_tokenizer" of a tokenizer.json: cuts normalized text into the words that BPE may not merge across.
// Supported: null, ByteLevel, Split (all five behaviours, inverted or not), Digits and Sequence of these.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "policy/io/split_pattern.h"

namespace grpo {

// A text and its words, in order and none empty; characters between words have been removed.
struct Words {
  std::string text;
  std::vector<TextSpan> spans;  // into text
};

// What becomes of the delimiter a Split finds: a word of its own, nothing, the tail of the word before, the
// head of the word after, or a word together with the delimiters next to it.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

class PreTokenizer {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static PreTokenizer from_json(const Json& json, const std::string& file,
                                const std::string& path = "pre_tokenizer");

  // The words of `text`, valid UTF-8. Throws Error where a pattern needs too much memory.
  Words split(std::string text) const;

  // Words come out in the byte-level alphabet.
  bool byte_level() const { return byte_level_; }

 private:
  struct Split {
    SplitPattern pattern;
    SplitBehavior behavior;
    bool invert;
  };
  struct Digits {
    bool individual;
  };
  struct PrefixSpace {};   // a space in front of every word that has none
  struct ByteAlphabet {};  // bytes become characters
  using Step = std::variant<Split, Digits, PrefixSpace, ByteAlphabet>;

  void add(const Json& json, const std::string& file, const std::string& path);
  void add_split(ObjectReader& r);
  void add_byte_level(ObjectReader& r);
  static void apply(const Split& split, Words& words);
  static void apply(const Digits& digits, Words& words);
  static void apply(const PrefixSpace&, Words& words);
  static void apply(const ByteAlphabet&, Words& words);

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace grpo
