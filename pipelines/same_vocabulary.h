#pragma once
// Whether two models mean the same by a token id: what comparing their logits takes for granted.

#include <cstdint>
#include <string>

#include "policy/io/tokenizer.h"

namespace grpo {

struct Vocabulary {
  const Tokenizer& tokenizer;
  int64_t width = 0;  // logits of the model: its vocab_size, padding included
};

// Compares the token of every id. Ids that both models have logits of must name the same token, or none, in both; the
// student's tokens must lie among them; tokens and padding of the teacher beyond the student's logits play no part. Throws
// Error at `where` otherwise, which counts the ids that differ and shows the first of them.
void check_same_vocabulary(const Vocabulary& student, const Vocabulary& teacher, const std::string& where);

}  // namespace grpo
