#include "grpo/entropy_bonus.h"

#include <algorithm>

#include "core/error.h"

namespace grpo {

EntropyBonusOptions read_entropy_bonus_options(ObjectReader& reader) {
  constexpr double kMost = 1e6;
  EntropyBonusOptions options;
  options.adaptive = reader.boolean("use_adaptive_entropy", false);
  for (const char* key : {"entropy_coef_min", "entropy_coef_max", "entropy_coef_delta", "entropy_target"}) {
    if (!options.adaptive && reader.has(key)) {
      reader.fail(key, "has no effect: use_adaptive_entropy is false", "remove it, or set use_adaptive_entropy");
    }
  }
  options.coef_min = reader.number("entropy_coef_min", options.coef_min, {.min = 0.0, .max = kMost});
  options.coef_max = reader.number("entropy_coef_max", options.coef_max, {.min = 0.0, .max = kMost});
  if (options.coef_max <= options.coef_min) {
    reader.fail("entropy_coef_max", "leaves the controller no room: it is not above entropy_coef_min",
                "raise it, or set entropy_coef alone");
  }
  options.coef_delta =
      reader.number("entropy_coef_delta", options.coef_delta, {.min = 0.0, .max = kMost, .min_exclusive = true});
  options.target = reader.number("entropy_target", options.target, {.min = 0.0, .max = kMost, .min_exclusive = true});
  const NumberRange range =
      options.adaptive ? NumberRange{.min = options.coef_min, .max = options.coef_max} : NumberRange{.min = 0.0, .max = kMost};
  options.coef = reader.number("entropy_coef", options.adaptive ? options.coef_min : 0.0, range);
  return options;
}

EntropyBonusState first_entropy_bonus(const EntropyBonusOptions& options) { return {.coef = options.coef}; }

double applied_entropy_coef(const EntropyBonusOptions& options, const EntropyBonusState& state) {
  return options.adaptive && state.last_entropy > options.target ? 0.0 : state.coef;
}

EntropyBonusState next_entropy_bonus(const EntropyBonusOptions& options, EntropyBonusState state, double mean_entropy) {
  if (!options.adaptive) return state;
  state.coef = mean_entropy <= options.target ? std::min(state.coef + options.coef_delta, options.coef_max)
                                              : std::max(state.coef - options.coef_delta, options.coef_min);
  state.last_entropy = mean_entropy;
  return state;
}

}  // namespace grpo
