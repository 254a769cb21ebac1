#pragma once
// What a Tokenizer is made of, for its own sources only.

#include "policy/io/added_tokens.h"
#include "policy/io/bpe.h"
#include "policy/io/decoder.h"
#include "policy/io/normalizer.h"
#include "policy/io/post_processor.h"
#include "policy/io/pre_tokenizer.h"
#include "policy/io/tokenizer.h"

namespace grpo {

struct Tokenizer::Impl {
  Json source;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  AddedTokens added;
  PostProcessor post_processor;
  Decoder decoder;
  std::vector<TokenText> texts;  // by id, up to vocab_size
  std::vector<bool> known;       // by id

  bool is_special(int64_t id) const;
  // The text of one id; null if it is special and to be skipped. Throws Error for an id without token.
  const TokenText* text_of(int64_t id, bool skip_special_tokens) const;
};

}  // namespace grpo
