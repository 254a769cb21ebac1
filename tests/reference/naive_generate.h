#pragma once
// Generation by its definition: one sequence, no cache, no batch; every token from one full forward pass over
// everything before it. The oracle of rollout/engine.h.

#include <cmath>
#include <vector>

#include "core/seed.h"
#include "policy/policy.h"

namespace grpo::reference {

struct NaiveCompletion {
  std::vector<int64_t> ids;
  std::vector<double> logprobs;
};

// Until max_tokens or an id of `eos`. temperature 0: the most likely token, log-probability at temperature 1.
inline NaiveCompletion naive_generate(const Policy& policy, const std::vector<int64_t>& prompt, int64_t max_tokens,
                                      double temperature, uint64_t seed, const std::vector<int64_t>& eos = {}) {
  NaiveCompletion out;
  std::vector<int64_t> all = prompt;
  for (int64_t n = 0; n < max_tokens; ++n) {
    const at::Tensor hidden = policy.hidden(pack_sequences({all}, policy.device()));
    const at::Tensor logits = policy.logits(hidden.narrow(0, hidden.size(0) - 1, 1)).to(at::kDouble)[0];
    const at::Tensor logprobs = (temperature == 0.0 ? logits : logits / temperature).log_softmax(0);
    int64_t token = logits.argmax().item<int64_t>();
    if (temperature > 0.0) {
      double below = 0.0;
      for (token = 0; token + 1 < logits.size(0); ++token) {
        below += std::exp(logprobs[token].item<double>());
        if (below > static_cast<double>(uniform_at(seed, static_cast<uint64_t>(n)))) break;
      }
    }
    out.ids.push_back(token);
    out.logprobs.push_back(logprobs[token].item<double>());
    all.push_back(token);
    for (const int64_t id : eos) {
      if (id == token) return out;
    }
  }
  return out;
}

}  // namespace grpo::reference
