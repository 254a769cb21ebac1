#pragma once
// A policy's own weights in host memory while nobody computes with it: a reference takes nothing of its device
// between two rounds of scoring.

#include "policy/policy.h"

namespace grpo {

// Moves trainable() and buffers() to host memory, pinned where the device is a GPU; what a reference shares with
// another policy (Policy::reference_copy) stays where it is. Meanwhile the policy cannot compute, but it can be saved,
// loaded and copied to or from. On the CPU there is nothing to do. Nobody else may be using the weights.
void park(const Policy& policy);

// Brings them back, with the same bits. Without effect where nothing is parked.
void unpark(const Policy& policy);

// A policy that may be parked, brought back for as long as this lives.
class Unparked {
 public:
  Unparked(const Policy& policy, bool parks) : policy_(parks ? &policy : nullptr) {
    if (policy_ != nullptr) unpark(*policy_);
  }
  ~Unparked() {
    if (policy_ != nullptr) park(*policy_);
  }
  Unparked(const Unparked&) = delete;
  Unparked& operator=(const Unparked&) = delete;

 private:
  const Policy* policy_;
};

}  // namespace grpo
