#pragma once
// Byte-pair encoding as its definition reads: look at all neighbours, join the pair that comes first in the
// list of merges (of several, the leftmost), and start again. Quadratic; for tests.

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace grpo::reference {

using MergeRanks = std::map<std::pair<std::string, std::string>, size_t>;

inline std::vector<std::string> naive_bpe(std::vector<std::string> symbols, const MergeRanks& ranks) {
  for (;;) {
    size_t best_rank = ranks.size(), best_at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto it = ranks.find({symbols[i], symbols[i + 1]});
      if (it != ranks.end() && it->second < best_rank) {
        best_rank = it->second;
        best_at = i;
      }
    }
    if (best_rank == ranks.size()) return symbols;
    symbols[best_at] += symbols[best_at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

}  // namespace grpo::reference
