#include "rewards/check_host.h"

#include "core/error.h"

namespace grpo {

void check_host(const Rubric& rubric, const Problem& problem, const std::string& where) {
  for (const RubricItem& item : rubric.items) {
    if (!item.reward.check_host) continue;
    try {
      item.reward.check_host(problem);
    } catch (const Error& error) {
      throw Error(error.summary(), where + ": problem " + std::to_string(problem.id), error.fix());
    }
  }
}

}  // namespace grpo
