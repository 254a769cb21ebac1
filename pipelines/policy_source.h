#pragma once
// Where a recipe's policy comes from: a checkpoint directory, or an architecture to start from scratch.
//
//   "policy": {"model": "path/to/checkpoint", "dtype": "bfloat16"}
//   "policy": {"config": { ...config.json... }, "initializer_range": 0.02,
//              "tokenizer": "path/to/dir" or {"characters": "0123456789", "tags": ["<think>"], "eos":
//              "<eos>"}}
//
// From scratch, vocab_size and eos_token_id may be left out: they follow from the tokenizer.

#include <optional>
#include <string>

#include "core/json.h"
#include "policy/io/checkpoint.h"
#include "policy/policy.h"

namespace grpo {

struct PolicySource {
  CheckpointFiles files;             // tokenizer always there
  std::optional<std::string> model;  // checkpoint directory; none: from scratch
  double initializer_range = 0.02;
  std::optional<std::string> dtype;
};

// Reads and checks everything but weights. Throws Error.
PolicySource read_policy_source(const Json& policy, const std::string& file);

// Loads or draws the weights. dtype: overrides the recipe's; none takes the recipe's, else the checkpoint's.
Policy make_policy(const PolicySource& source, std::optional<at::ScalarType> dtype, const at::Device& device,
                   uint64_t seed);

}  // namespace grpo
