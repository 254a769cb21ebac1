#pragma once
// Text of ids as they are sampled, for stop strings and for showing progress. Characters come out as soon as
// their last byte is known, so the pieces joined are what Tokenizer::decode gives for all ids together. One
// difference: in a run of byte-fallback tokens (<0xE2>) that is not UTF-8, decode() replaces every byte of
// the run by U+FFFD, here characters that were complete before the bad byte have already gone out.

#include <cstdint>
#include <string>

#include "policy/io/tokenizer.h"

namespace grpo {

// One sequence of ids; for one thread. Keeps the tokenizer alive.
class IncrementalDecoder {
 public:
  explicit IncrementalDecoder(Tokenizer tokenizer, bool skip_special_tokens = true);

  // The text that `id` completes, valid UTF-8; empty while a character lacks bytes. Throws Error for an id
  // without token.
  std::string push(int64_t id);
  // U+FFFD for a character still incomplete, else nothing; afterwards the decoder is as new.
  std::string flush();

 private:
  std::string strip(std::string text);

  Tokenizer tokenizer_;
  bool skip_special_tokens_;
  std::string pending_;  // bytes of a character that is not complete
  bool first_ = true;    // no token yet: nothing to put a joining space before
  int64_t strip_left_;   // leading characters still to drop
};

}  // namespace grpo
