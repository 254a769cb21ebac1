#pragma once
// A stage's options as the rooms of the loss read them, for tests of all of them together.

#include <string>

#include "core/json.h"
#include "grpo/advantage.h"
#include "grpo/loss_preset.h"
#include "grpo/packing.h"
#include "grpo/policy_loss_options.h"

namespace grpo::testing {

struct LossRecipe {
  AdvantageOptions advantage;
  PackingOptions packing;
  PolicyLossOptions loss;
};

// Throws Error as read_trainer_options does of these keys.
inline LossRecipe read_recipe(const Json& json, int64_t max_completion_length = 20) {
  const Json presets = preset_defaults(json);
  ObjectReader reader(json, "recipe.json");
  LossRecipe recipe{.advantage = read_advantage_options(reader, presets),
                    .packing = read_packing_options(reader, max_completion_length, presets),
                    .loss = read_policy_loss_options(reader, presets)};
  if (recipe.loss.use_kl_in_reward) {
    recipe.advantage.kl_coef = recipe.loss.beta;
    recipe.advantage.kl_estimator = recipe.loss.kl_estimator;
  }
  for (const char* key : {"loss_type", "preset"}) reader.raw(key);
  reader.finish();
  return recipe;
}

// A text is no Json string here.
inline LossRecipe read_recipe(const std::string& text) { return read_recipe(parse_json(text, "recipe.json")); }
inline LossRecipe read_recipe(const char* text) { return read_recipe(std::string(text)); }

}  // namespace grpo::testing
