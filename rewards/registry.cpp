#include "rewards/registry.h"

#include <fmt/format.h>

#include "rewards/code/code_reward.h"
#include "rewards/instructions/instructions.h"
#include "rewards/language/language_consistency.h"
#include "rewards/math/math_reward.h"
#include "rewards/math/mcq.h"
#include "rewards/plugins/http.h"
#include "rewards/plugins/judge_reward.h"
#include "rewards/plugins/library.h"
#include "rewards/plugins/place.h"
#include "rewards/plugins/program.h"
#include "rewards/plugins/python.h"
#include "rewards/rules/cosine.h"
#include "rewards/rules/countdown.h"
#include "rewards/rules/exact.h"
#include "rewards/rules/format.h"
#include "rewards/rules/gsm8k.h"
#include "rewards/rules/length.h"
#include "rewards/rules/multi_answer.h"
#include "rewards/rules/reasoning_steps.h"
#include "rewards/rules/repetition.h"
#include "rewards/rules/soft_overlong.h"
#include "rewards/rules/tag_count.h"
#include "rewards/rules/token_count.h"

namespace grpo {
namespace {

// `folder`: where the paths in the options start.
using Maker = Reward (*)(ObjectReader& options, const std::string& folder, const RewardContext& context);

// Most rewards need to know nothing of where they run.
template <Reward (*make)(ObjectReader&)>
Reward plain(ObjectReader& options, const std::string&, const RewardContext&) {
  return make(options);
}

Reward library(ObjectReader& options, const std::string& folder, const RewardContext&) {
  return library_reward(options, folder);
}

struct Entry {
  const char* name;
  Maker make;
};

// The one list of built-in rewards, in alphabetical order.
constexpr Entry kRewards[] = {
    {"code", code_reward},
    {"cosine", plain<cosine_reward>},
    {"countdown", plain<countdown_reward>},
    {"exact", plain<exact_reward>},
    {"format", plain<format_reward>},
    {"gsm8k", plain<gsm8k_reward>},
    {"http", http_reward},
    {"instructions", plain<instructions_reward>},
    {"judge", judge_reward},
    {"language_consistency", plain<language_consistency_reward>},
    {"length", plain<length_reward>},
    {"library", library},
    {"math", plain<math_reward>},
    {"mcq", plain<mcq_reward>},
    {"multi_answer", plain<multi_answer_reward>},
    {"program", program_reward},
    {"python", python_reward},
    {"reasoning_steps", plain<reasoning_steps_reward>},
    {"repetition", plain<repetition_reward>},
    {"soft_overlong", plain<soft_overlong_reward>},
    {"tag_count", plain<tag_count_reward>},
    {"token_count", plain<token_count_reward>},
};

}  // namespace

bool runs_code(const std::string& name) { return name == "code"; }

std::vector<std::string> reward_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kRewards) names.emplace_back(entry.name);
  return names;
}

Reward make_reward(const std::string& name, const Json& options, const std::string& file,
                   const std::string& path, const RewardContext& context) {
  ObjectReader reader(options, file, path);
  for (const Entry& entry : kRewards) {
    if (name != entry.name) continue;
    Reward reward = entry.make(reader, folder_of(file), context);
    reader.finish();
    return reward;
  }
  if (context.provide) {
    if (std::optional<Reward> reward = context.provide(name, reader)) {
      reader.finish();
      return std::move(*reward);
    }
  } else if (name == "model") {
    throw Error("the reward \"model\" asks a reward model, and models are not at hand here", reader.where(),
                "use it in a recipe: grpo run");
  }
  throw Error(fmt::format("unknown reward \"{}\"", name), reader.where(),
              fmt::format("use one of: {}", fmt::join(reward_names(), ", ")));
}

}  // namespace grpo
