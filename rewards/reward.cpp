#include "rewards/reward.h"

#include <fmt/format.h>

#include "rewards/countdown.h"
#include "rewards/exact.h"
#include "rewards/format.h"
#include "rewards/gsm8k.h"
#include "rewards/length.h"

namespace grpo {
namespace {

struct Entry {
  const char* name;
  Reward (*make)(ObjectReader& options);
};

// The one list of built-in rewards, in alphabetical order.
constexpr Entry kRewards[] = {
    {"countdown", countdown_reward},
    {"exact", exact_reward},
    {"format", format_reward},
    {"gsm8k", gsm8k_reward},
    {"length", length_reward},
};

}  // namespace

std::vector<std::string> reward_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kRewards) names.emplace_back(entry.name);
  return names;
}

Reward make_reward(const std::string& name, const Json& options, const std::string& file, const std::string& path) {
  ObjectReader reader(options, file, path);
  for (const Entry& entry : kRewards) {
    if (name != entry.name) continue;
    Reward reward = entry.make(reader);
    reader.finish();
    return reward;
  }
  throw Error(fmt::format("unknown reward \"{}\"", name), reader.where(),
              fmt::format("use one of: {}", fmt::join(reward_names(), ", ")));
}

}  // namespace grpo
