#pragma once
// How much of a published set of problems a test takes: a sample, or with GRPO_TEST_ALL=1 all of it.

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

namespace grpo {

inline bool all_of_them() {
  const char* all = std::getenv("GRPO_TEST_ALL");
  return all != nullptr && std::string(all) == "1";
}

// Every problem, or `count` of them, evenly spread, and beside these the ones of `always`. `Problem` has an `id`.
template <typename Problem>
std::vector<Problem> sample(std::vector<Problem> problems, size_t count, const std::set<std::string>& always = {}) {
  if (all_of_them() || problems.size() <= count) return problems;
  std::vector<Problem> some;
  size_t taken = 0;
  for (size_t i = 0; i < problems.size(); ++i) {
    const bool due = taken < count && i == taken * problems.size() / count;
    taken += due ? 1 : 0;
    if (due || always.contains(problems[i].id)) some.push_back(problems[i]);
  }
  return some;
}

}  // namespace grpo
