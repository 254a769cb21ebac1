#pragma once
// The "pre_tokenizer" of a tokenizer.json: cuts normalized text into the words that BPE may not merge across.
// Supported: null, ByteLevel, Split (all five behaviours, inverted or not), Digits, Metaspace and Sequence of
// these.

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

// Metaspace and its decoder, as the file says it: the mark that stands for a space, and which words get one
// in front.
struct Metaspace {
  enum class Prepend { kAlways, kFirst, kNever };
  std::string mark;  // one character
  Prepend prepend = Prepend::kAlways;
  bool split = true;  // words are cut in front of every mark

  // Reads the fields beside "type". Throws Error for a mark that is not one character, an unknown scheme, or
  // the older add_prefix_space where it contradicts the scheme.
  static Metaspace from_json(ObjectReader& r);
};

class PreTokenizer {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static PreTokenizer from_json(const Json& json, const std::string& file,
                                const std::string& path = "pre_tokenizer");

  // The words of `text`, valid UTF-8. at_start: nothing stands before `text`, which is what Metaspace asks
  // that prepends to the first word only. Throws Error where a pattern needs too much memory.
  Words split(std::string text, bool at_start = true) const;

  // The model is to read the bytes of every word as characters of the byte-level alphabet.
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
  struct PrefixSpace {};  // a space in front of every word that has none
  using Step = std::variant<Split, Digits, PrefixSpace, Metaspace>;

  void add(const Json& json, const std::string& file, const std::string& path);
  void add_split(ObjectReader& r);
  void add_byte_level(ObjectReader& r);
  static void apply(const Split& split, Words& words, bool at_start);
  static void apply(const Digits& digits, Words& words, bool at_start);
  static void apply(const PrefixSpace&, Words& words, bool at_start);
  static void apply(const Metaspace& metaspace, Words& words, bool at_start);

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace grpo
