#pragma once
// What a stage takes in memory, before anything is loaded: its policy, optimizer, rollout and training passes
// are run on the meta device (policy/memory_meter.h) at the largest size its options allow, and counted. A
// bound as far as lengths go (every completion as long as it may be, every micro-batch full), not an average.

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "grpo/auxiliary_losses.h"
#include "grpo/distill_loss.h"
#include "grpo/optimizer.h"
#include "policy/policy.h"
#include "rollout/engine.h"
#include "rollout/sampling.h"

namespace grpo {

// One call to Engine::generate.
struct RolloutSize {
  int64_t prompts = 1;
  int64_t num_generations = 1;
  int64_t prompt_tokens = 1;  // of the longest prompt
  SamplingOptions sampling;   // max_tokens: of the longest completion
  EngineOptions engine;
};

// One optimizer step.
struct TrainingSize {
  int64_t sequences = 1;
  int64_t prompt_tokens = 1;      // of the longest prompt
  int64_t completion_tokens = 1;  // of the longest completion
  int64_t tokens_per_micro_batch = 16384;
  bool reference = false;  // the policy as it was, for the KL term
  // The reference's own weights wait in host memory while nobody scores tokens with it.
  bool offload_reference = false;
  bool old_logprobs = false;  // tokens are scored under the policy itself before it learns from them
  // Records of the rollout that every pass is given: the routes of all tokens, and so many tokens of the vocabulary at
  // each trained one (0: none are recorded).
  bool routes = false;
  int64_t kept_tokens = 0;
  OptimizerOptions optimizer = {};
  AuxiliaryLossOptions auxiliary = {};
  // With a teacher: the divergence that is minimised; none: the policy gradient of DistillObjective.
  std::optional<DistillLossOptions> divergence = std::nullopt;
};

struct StageSize {
  at::DeviceType device = at::kCUDA;
  // Makes the policy on the device given, adapters and selection of what is trained included.
  std::function<Policy(const at::Device&)> policy;
  // Distillation: makes the teacher on the device given. It counts as a reference does, and reads every micro-batch
  // before the policy.
  std::function<Policy(const at::Device&)> teacher = {};
  // Make the models that rewards score by, on the device given. They count as weights, and score groups while others are
  // still sampled, so many tokens at a time.
  std::vector<std::function<Policy(const at::Device&)>> reward_models = {};
  int64_t reward_tokens_per_pass = 1;
  std::optional<TrainingSize> training;
  std::optional<RolloutSize> rollout;
  std::optional<RolloutSize> evaluation;
};

// Bytes of tensors at the moment of a phase that takes most.
struct MemoryPhase {
  std::string name;  // "load", "rollout", "evaluate", "score", "train", "update"
  int64_t weights = 0;    // of reward models too
  int64_t reference = 0;  // or teacher
  int64_t optimizer = 0;  // masters and moments; 0 where they are offloaded
  int64_t gradients = 0;  // summed over micro-batches, in the master's dtype
  int64_t kv_cache = 0;
  int64_t activations = 0;  // what autograd keeps between forward and backward
  int64_t passing =
      0;  // the rest at the peak: results on the way, logits, workspaces, gradients not yet summed

  int64_t total() const;
};

struct MemoryPlan {
  at::DeviceType device = at::kCUDA;
  std::vector<MemoryPhase> phases;  // in the order of the stage
  int64_t trained_parameters = 0;
  int64_t host_bytes = 0;  // what is offloaded: host memory beside what the process takes anyway
  int64_t record_bytes = 0;  // routes and kept sets of one rollout, in host memory wherever the policy is

  const MemoryPhase& largest() const;
  // Tensors at the peak of the whole stage: what the device's allocator will count.
  int64_t peak_bytes() const { return largest().total(); }
  // What must be free: on CUDA the peak and, beside it, kernels and libraries (1 GiB) and what the allocator
  // loses between blocks (3 %); on the CPU the peak and the records.
  int64_t needed_bytes() const;
};

MemoryPlan plan_memory(const StageSize& stage);

// {"device": "cuda" or "cpu", "peak_bytes", "needed_bytes", "host_bytes", "record_bytes", "trained_parameters", "phases":
// [{"name", "weights", ..., "total"}, ...]}, everything in bytes; and back.
Json memory_json(const MemoryPlan& plan);
MemoryPlan memory_plan(const Json& json);

// The plan as a table, one line per phase, in GiB or MiB.
std::string memory_table(const MemoryPlan& plan);

}  // namespace grpo
