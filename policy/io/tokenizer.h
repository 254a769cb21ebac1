#pragma once
// Text to token ids and back, as a Hugging Face tokenizer.json says: byte-level BPE (GPT-2, Qwen) and BPE with
// byte fallback (SentencePiece style). Ids equal those of the `tokenizers` library for what is supported;
// anything else in the file is an Error at load, never a different id later. A Tokenizer is immutable and may
// be used from several threads.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace grpo {

class Tokenizer {
 public:
  // Reads tokenizer.json from a checkpoint directory. Throws Error (file and JSON path).
  static Tokenizer load(const std::string& directory);
  // From the parsed file; `where` only serves messages.
  static Tokenizer from_json(const Json& json, const std::string& where);

  // Ids of `text`. Added tokens in the text become their single id. add_special_tokens: the post-processor's
  // BOS (or EOS) is added as the file says, never twice where the text already starts (ends) with it. Bytes that
  // are not UTF-8 are read as U+FFFD. Throws Error for a character that the vocabulary cannot express.
  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens = true) const;

  // Text of ids, invalid UTF-8 replaced by U+FFFD. skip_special_tokens drops added tokens marked special.
  // Unknown ids throw Error.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special_tokens = true) const;

  int64_t vocab_size() const;                              // largest id + 1, added tokens included
  int64_t token_to_id(const std::string& token) const;     // -1 if there is none
  // The token as the file spells it (byte-level alphabet), "" for an id without token.
  std::string id_to_token(int64_t id) const;
  bool is_special(int64_t id) const;

  // tokenizer.json as read, saved unchanged beside a checkpoint.
  const Json& source() const;

 private:
  friend class IncrementalDecoder;
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A tokenizer.json in which every listed single character is a token and nothing merges, plus `tags` (ordinary
// added tokens such as <think>, kept in decoded text) and special tokens (dropped from it). Ids: characters in
// the order given, then tags, then specials. For policies trained from scratch; loads in `tokenizers` as well.
Json character_tokenizer_json(const std::string& characters, const std::vector<std::string>& tags,
                              const std::vector<std::string>& specials);

}  // namespace grpo
