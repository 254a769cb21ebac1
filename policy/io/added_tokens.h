#pragma once
// The "added_tokens" of a tokenizer.json: strings that become one id wherever they stand in a text, before
// any pre-tokenizer or merge sees them. Tokens that are not `normalized` are looked for in the text as given,
// the others in the normalized text between those, with their own spelling normalized too.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/json.h"
#include "policy/io/normalizer.h"
#include "policy/io/split_pattern.h"

namespace grpo {

struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and behind it
  bool normalized = true;
  bool special = false;  // decode() drops it when asked to skip special tokens
};

// A literal search for many strings at once: at each place the longest, then on behind it.
class TokenTrie {
 public:
  TokenTrie();
  void add(std::string_view content, size_t value);
  bool empty() const { return nodes_.size() == 1; }
  // The longest string that stands at `text[at]`: its value, and its end in `end`.
  std::optional<size_t> longest_at(std::string_view text, size_t at, size_t& end) const;

 private:
  struct Node {
    std::vector<std::pair<uint8_t, uint32_t>> children;  // sorted by byte
    std::optional<size_t> value;
  };
  uint32_t child(uint32_t node, uint8_t byte) const;  // 0: none, for nobody's child is the root

  std::vector<Node> nodes_;
  std::vector<uint8_t> starts_;  // 256 flags: bytes that some string begins with
};

// A stretch of a text: an added token, or text between added tokens.
struct TextSegment {
  TextSpan span;
  const AddedToken* token = nullptr;  // null: text
};

class AddedTokens {
 public:
  // Throws Error with `file` and JSON path for a bad entry, an id or a content given twice.
  static AddedTokens from_json(const Json& json, const Normalizer& normalizer, const std::string& file,
                               const std::string& path = "added_tokens");

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  const AddedToken* find(const std::string& content) const;  // null if there is none
  const AddedToken* find(int64_t id) const;

  // Cuts `text` (valid UTF-8) at the tokens that are not normalized, or at those that are.
  std::vector<TextSegment> split_raw(std::string_view text) const { return split(text, raw_); }
  std::vector<TextSegment> split_normalized(std::string_view text) const { return split(text, normalized_); }
  bool any_normalized() const { return !normalized_.empty(); }

 private:
  std::vector<TextSegment> split(std::string_view text, const TokenTrie& trie) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, size_t> by_content_;
  std::unordered_map<int64_t, size_t> by_id_;
  TokenTrie raw_;
  TokenTrie normalized_;
};

}  // namespace grpo
