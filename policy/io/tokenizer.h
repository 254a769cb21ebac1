#pragma once
// Text to token ids and back, as a Hugging Face tokenizer.json says: byte-level BPE (GPT-2, Qwen, Llama 3,
// DeepSeek) and BPE with byte fallback (SentencePiece style: Llama 2, Mistral, Phi-3). Ids equal those of the
// `tokenizers` library for what is supported; anything else in the file is an Error at load, never a
// different id later. A Tokenizer is immutable and may be used from several threads; copies share everything,
// a cache of words included.
//
// What comes back: for a byte-level tokenizer without normalizer whose vocabulary has all 256 bytes,
// decode(encode(text, false), false) is `text` for any valid UTF-8, and replace_invalid_utf8(text) for any
// bytes. NFC makes it nfc of that; SentencePiece styles lose what their normalizer and decoder drop, such as
// a leading space.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace grpo {

class WordCache;

class Tokenizer {
 public:
  // Reads tokenizer.json from a checkpoint directory. If tokenizer_config.json beside it names a class that
  // decides about BOS and EOS itself (Llama's, which DeepSeek and Mistral use, and a few like it), its
  // add_bos_token and add_eos_token replace the post-processor's tokens, as transformers does. Throws Error
  // (file and JSON path).
  static Tokenizer load(const std::string& directory);
  // From the parsed file; `where` only serves messages.
  static Tokenizer from_json(const Json& json, const std::string& where);

  // Ids of `text`. Added tokens in the text become their single id. add_special_tokens: the post-processor's
  // BOS (or EOS) is added as the file says, never twice where the text already starts (ends) with it. Bytes
  // that are not UTF-8 are read as U+FFFD. Throws Error for a character that the vocabulary cannot express.
  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens = true) const;

  // encode() of every text, in order, on all cores: threads 0 is one per core. Throws the Error of the first
  // text that has one, its place beginning with "text 17" (counted from 0).
  std::vector<std::vector<int64_t>> encode_all(std::span<const std::string> texts,
                                               bool add_special_tokens = true, int threads = 0) const;

  // Text of ids, invalid UTF-8 replaced by U+FFFD. skip_special_tokens drops added tokens marked special.
  // Unknown ids throw Error.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special_tokens = true) const;

  int64_t vocab_size() const;                           // largest id + 1, added tokens included
  int64_t token_to_id(const std::string& token) const;  // -1 if there is none
  // The token as the file spells it (byte-level alphabet), "" for an id without token.
  std::string id_to_token(int64_t id) const;
  bool is_special(int64_t id) const;

  // tokenizer.json as read, saved unchanged beside a checkpoint.
  const Json& source() const;

  // The same tokenizer without its cache of words: slower with the same ids, to measure and to compare.
  Tokenizer without_cache() const;

 private:
  friend class IncrementalDecoder;
  struct Impl;
  Tokenizer(std::shared_ptr<const Impl> impl, std::shared_ptr<WordCache> words)
      : impl_(std::move(impl)), words_(std::move(words)) {}
  static Tokenizer from_files(const Json& json, const std::string& where, const Json& config,
                              const std::string& config_where);

  std::shared_ptr<const Impl> impl_;
  std::shared_ptr<WordCache> words_;  // null: none
};

// A tokenizer.json in which every listed single character is a token and nothing merges, plus `tags`
// (ordinary added tokens such as <think>, kept in decoded text) and special tokens (dropped from it). Ids:
// characters in the order given, then tags, then specials. For policies trained from scratch; loads in
// `tokenizers` as well.
Json character_tokenizer_json(const std::string& characters, const std::vector<std::string>& tags,
                              const std::vector<std::string>& specials);

}  // namespace grpo
