#pragma once
// The entropy bonus of the loss and the controller of its coefficient (TRL's rule): while the policy's entropy is at or
// below a target the coefficient grows by a fixed step, else it shrinks, and the bonus is off.

#include <limits>

#include "core/json.h"

namespace grpo {

struct EntropyBonusOptions {
  double coef = 0.0;      // loss - coef * sum_t w_t H_t; the first coefficient where it is adaptive
  bool adaptive = false;  // let the controller move it, once per optimizer step
  double coef_min = 0.0;
  double coef_max = 1.0;
  double coef_delta = 0.005;
  double target = 0.2;  // nats, mean over trained tokens. Near what the first steps report keeps it there

  bool enabled() const { return adaptive || coef != 0.0; }
};

// Reads entropy_coef, use_adaptive_entropy and, with that, entropy_coef_min, entropy_coef_max, entropy_coef_delta and
// entropy_target. Throws Error naming the key.
EntropyBonusOptions read_entropy_bonus_options(ObjectReader& reader);

// What has to be remembered from one optimizer step to the next.
struct EntropyBonusState {
  double coef = 0.0;
  double last_entropy = std::numeric_limits<double>::quiet_NaN();  // of the step before; NaN: there was none
};

EntropyBonusState first_entropy_bonus(const EntropyBonusOptions& options);
// What the coming step's loss is given. Where adaptive: 0 after a step whose entropy was above the target.
double applied_entropy_coef(const EntropyBonusOptions& options, const EntropyBonusState& state);
// After an optimizer step with that mean entropy of its trained tokens; not after a skipped one. Unchanged where not
// adaptive.
EntropyBonusState next_entropy_bonus(const EntropyBonusOptions& options, EntropyBonusState state, double mean_entropy);

}  // namespace grpo
