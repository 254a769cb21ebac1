#pragma once
// AdamW over float32 masters. Where a parameter is bfloat16 or float16 the optimizer keeps a float32 master,
// on which a step of 1e-6 is not rounded away, and writes the rounded master back; a float32 or float64
// parameter is its own master. Gradients of micro-batches are summed in the master's dtype. Moments can be stored in
// fewer bits, and masters and moments away from the device.
//
// One optimizer step:  { forward, backward, accumulate_gradients() } per micro-batch,
//                      clip_grad_norm(max), then step(rate) or, if the norm is not finite, nothing;
//                      zero_grad().
//
// Not thread-safe. The parameters' tensors are shared with the policy and must not be replaced meanwhile.

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"
#include "grpo/moment.h"
#include "policy/io/safetensors.h"
#include "policy/policy.h"

namespace grpo {

struct OptimizerOptions {
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double weight_decay =
      0.0;  // decoupled, per step: w -= rate * weight_decay * w. Not on vectors (norms, biases)
  double max_grad_norm = 1.0;  // global norm above which gradients are scaled down; 0: never
  // What the two moments are stored in (grpo/moment.h): 8, 4 or a little over 2 bytes a parameter. In int8, tensors of
  // fewer than 4096 numbers (norms, biases) keep float32. For when memory is short: updates get some noise.
  MomentDtype state_dtype = MomentDtype::kFloat32;
  // Masters and moments lie in pinned host memory and pass through the device piece by piece at each step: the same
  // bits as without, for 8 to 24 bytes a parameter over the bus. On the CPU there is nothing to gain.
  bool offload = false;
};

// Reads adam_beta1, adam_beta2, adam_epsilon, weight_decay, max_grad_norm, optimizer_state_dtype ("float32",
// "bfloat16", "int8") and offload_optimizer. Throws Error naming the key.
OptimizerOptions read_optimizer_options(ObjectReader& reader);

class AdamW {
 public:
  // Parameters must be contiguous, of floating dtype, with distinct names. Masters are copied from them here.
  AdamW(const std::vector<Parameter>& parameters, const OptimizerOptions& options);

  // Adds every parameter's .grad to its accumulator and clears .grad; call after each backward().
  void accumulate_gradients();

  // Scales the accumulated gradients by min(1, max_norm / (norm + 1e-6)) and returns the global 2-norm from
  // before, summed in float64. max_norm 0 only measures. A norm that is NaN or infinite leaves the gradients
  // as they are: the caller must then skip the step.
  double clip_grad_norm(double max_norm);

  // One AdamW update of masters and parameters at learning rate `lr`, and step_count() + 1. A parameter that
  // got no gradient is updated with gradient zero. Weight decay acts on tensors of two or more dimensions
  // only. Gradients must be finite; they are kept until zero_grad().
  void step(double lr);

  // Drops accumulated gradients and every parameter's .grad.
  void zero_grad();

  // The accumulated gradients under the parameters' names, in the master's dtype; zeros where there is none.
  // They share storage with the optimizer.
  std::vector<NamedTensor> gradients();

  int64_t step_count() const { return step_count_; }

  // All state but the step count: "exp_avg.NAME", "exp_avg_sq.NAME", for moments in int8 the same with ".scale" behind
  // it and, where a master is kept, "master.NAME". Tensors share storage with the optimizer: write them before the
  // next step.
  std::vector<NamedTensor> state() const;

  // Takes over a saved state: `names` lists what is there, `read` gives one tensor, so that only one is in
  // host memory at a time. Parameters with a master are rewritten from it, accumulated gradients dropped.
  // Five steps after that equal, bit for bit, five steps without the interruption. Throws one Error, and
  // changes nothing, if names are missing or unused; throws Error naming the tensor if a dtype or shape
  // differs. `where` is the file for messages.
  void load_state(const std::vector<std::string>& names,
                  const std::function<at::Tensor(const std::string& name)>& read, int64_t step_count,
                  const std::string& where);
  void load_state(const std::vector<NamedTensor>& state, int64_t step_count, const std::string& where);

  // After somebody else wrote to the parameters (a rollback, loaded weights): masters follow them.
  void reset_masters();

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    at::Tensor master;         // the parameter itself, unless it is of low precision
    at::Tensor gradient = {};  // undefined until something was accumulated; on the parameter's device
    Moment exp_avg;
    Moment exp_avg_sq;
    bool resident = true;  // masters and moments are updated where they lie, all at once

    bool has_own_master() const { return !master.is_same(parameter); }
  };

  at::Tensor& gradient_of(Slot& slot);
  void update_resident(double lr);
  void update_by_pieces(Slot& slot, double lr);
  at::Tensor count_on(const at::Device& device) const;
  double decay_of(const Slot& slot) const { return slot.parameter.dim() >= 2 ? options_.weight_decay : 0.0; }

  OptimizerOptions options_;
  std::vector<Slot> slots_;
  int64_t step_count_ = 0;
};

}  // namespace grpo
