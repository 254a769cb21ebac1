#pragma once
// The "decoder" of a tokenizer.json: from tokens back to text. Supported: null (tokens joined by spaces),
// ByteLevel, Metaspace, and a Sequence in the order Replace... ByteFallback? Fuse? Strip? (Strip of leading
// characters, which needs the Fuse before it), or any one of these alone.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"

namespace grpo {

// What one token contributes to a text.
struct TokenText {
  std::string bytes;  // ByteLevel: any bytes; otherwise valid UTF-8 unless `raw`; Metaspace: with its marks
  bool raw = false;   // a byte-fallback token such as <0x0A>: one byte of a character
};

class Decoder {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static Decoder from_json(const Json& json, const std::string& file, const std::string& path = "decoder");

  // `token` as the file spells it, valid UTF-8.
  TokenText token_text(std::string_view token) const;

  // Appends what `token`, which is not raw, contributes. first: no token that is kept stands before it.
  void append(const TokenText& token, bool first, std::string& text) const;

  // The text of all tokens; invalid UTF-8 becomes U+FFFD: each ill-formed part under ByteLevel, each byte of
  // an ill-formed run of byte-fallback tokens.
  std::string decode(const std::vector<const TokenText*>& tokens) const;

  bool byte_level() const { return kind_ == Kind::kByteLevel; }
  bool joins_with_space() const { return kind_ == Kind::kJoin; }
  // The character that is dropped from the front of a text, and at most how often.
  const std::string& strip_character() const { return strip_character_; }
  int64_t strip_count() const { return strip_count_; }

 private:
  enum class Kind { kJoin, kByteLevel, kPieces };
  void add(const Json& json, const std::string& file, const std::string& path);
  void add_strip(ObjectReader& r);

  Kind kind_ = Kind::kJoin;
  std::vector<std::pair<std::string, std::string>> replacements_;
  bool byte_fallback_ = false;
  bool fuse_ = false;
  std::string mark_;              // Metaspace: what stands for a space; else empty
  bool drops_first_mark_ = true;  // Metaspace: the first token loses its marks
  std::string strip_character_;
  int64_t strip_count_ = 0;
  int stage_ = 0;  // how far the Sequence has come while it is read
};

}  // namespace grpo
