#pragma once
// The reward `model`: what a reward model says of a completion. Its value is the score, whatever its range.
//
//   {"name": "model", "model": "helpful", "scope": "summary", "weight": 0.5}
//
//   model          a stage of type reward_model, or the directory of a checkpoint for sequence classification of one label
//   scope          "summary" (default): of the completion what follows the last </think>, without white space before it;
//                  all of it where there is no <think> either, and nothing where the thought never ends. "all": the
//                  completion as it is. (DeepSeek-R1: its helpful model sees the summary, its safety model all.)
//   template       what the model reads before the completion: default the prompt as the policy read it; else a template as
//                  in data.template ("none", "chat", "r1_zero" or a text with {prompt}), of the question in prompt_column
//   prompt_column  with template: the problem's column of the question, default "prompt"; "system", "chat_template_kwargs",
//                  "template_date" as in data
//   max_length     tokens that the model reads at most, default its context: beyond, the completion loses its end, and a
//                  prompt that fills it alone its beginning
//   sigmoid        true: the value is 1 / (1 + e^-score), the probability of being good for a model trained on labels
//   dtype          "float32" or "bfloat16"; default the checkpoint's
//
// A completion's value does not depend on the others of its group (in float32 on the CPU to the last bit). The model has
// one thread of its own that scores group after group, whoever asks, so that it takes no more than one thread pool from
// the rollout; several rewards of the same options have a model each.

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rewards/reward.h"

namespace grpo {

// Tokens that it reads in one pass, but for a longer completion.
inline constexpr int64_t kRewardTokensPerPass = 16384;

struct ModelRewardSettings {
  std::optional<at::Device> device = std::nullopt;  // none: CUDA where it can be used, else the CPU
  // The directory that the option "model" names: of a stage, or the path itself. Throws Error, naming the place `where`.
  // Null: it is a path.
  std::function<std::string(const std::string& model, const std::string& where)> directory = nullptr;
  // Reads options, and checkpoints that are there, but no weights; the reward then scores nothing. For validating a
  // recipe before the stages that train its models have run.
  bool check_only = false;
};

// For RewardContext::provide: makes the reward `model` with weights on the device, and knows no other.
RewardProvider model_rewards(ModelRewardSettings settings);

// What of a completion the scope "summary" leaves.
std::string summary_of(const std::string& completion);

}  // namespace grpo
