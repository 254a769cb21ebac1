#pragma once
// Where a recipe's policy comes from: a checkpoint directory, or an architecture to start from scratch.
//
//   "policy": {"model": "path/to/checkpoint", "dtype": "bfloat16"}
//   "policy": {"config": { ...config.json... }, "initializer_range": 0.02,
//              "tokenizer": "path/to/dir" or {"characters": "0123456789", "tags": ["<think>"], "eos":
//              "<eos>"}}
//
// From scratch, vocab_size and eos_token_id may be left out: they follow from the tokenizer.
//
// What of it the stages train, where that is not everything:
//
//   "trainable": ["self_attn"]      regular expressions over checkpoint names (policy/trainable.h)
//   "lora": {"r": 16, "lora_alpha": 32, "target_modules": "all-linear"}    (policy/lora.h)
//   "adapter": "path/to/adapter"    goes on with a PEFT adapter of "model"
//
// A stage that starts from an earlier one starts from its merged model: it gets new adapters of the same
// kind.

#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "policy/io/checkpoint.h"
#include "policy/lora.h"
#include "policy/policy.h"

namespace grpo {

struct PolicySource {
  CheckpointFiles files;             // tokenizer always there
  std::optional<std::string> model;  // checkpoint directory; none: from scratch
  double initializer_range = 0.02;
  std::optional<std::string> dtype;
  std::vector<std::string> trainable;  // empty: everything
  std::optional<LoraConfig> lora;      // of "lora" or of the adapter
  std::optional<std::string> adapter;  // folder of a PEFT adapter
  std::string where;                   // "recipe.json: policy", for messages
  int64_t parameters_trainable = 0;
};

// Reads and checks everything but weights. `path`: where in the file it stands. Throws Error.
PolicySource read_policy_source(const Json& policy, const std::string& file, const std::string& path = "policy");

// Loads or draws the weights. dtype: overrides the recipe's; none takes the recipe's, else the checkpoint's.
Policy make_policy(const PolicySource& source, std::optional<at::ScalarType> dtype, const at::Device& device,
                   uint64_t seed);

// Leaves trainable what the recipe says, or puts adapters on: those of source.adapter if the policy is
// `base`, that is make_policy's own, else new ones drawn by `seed`. Throws Error.
void choose_trained(Policy& policy, const PolicySource& source, bool base, uint64_t seed);

}  // namespace grpo
