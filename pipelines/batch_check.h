#pragma once
// What learning takes for granted of a batch that it has sampled itself, and nobody has looked at in one that comes
// from a file.

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"

namespace grpo {

// Which of an episode's lists a batch has; samples without completion ids aside.
struct BatchColumns {
  int64_t samples = 0;  // with completion ids
  bool old_logprobs = false;
  bool ref_logprobs = false;
  bool behaviour_logprobs = false;
  bool entropy = false;
};

// Throws Error naming `where` for a token id outside the vocabulary (ids are not negative), and for a list that some
// samples have and others have not.
BatchColumns check_batch(const std::vector<Group>& groups, int64_t vocab_size, const std::string& where);

}  // namespace grpo
