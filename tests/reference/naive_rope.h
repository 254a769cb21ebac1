#pragma once
// The rotary embedding's frequencies and factors, in double precision, from what config.json says and the
// formulas of those who published them.

#include <algorithm>
#include <cmath>
#include <string>

#include "policy/config.h"

namespace grpo::reference {

class NaiveRope {
 public:
  explicit NaiveRope(const ModelConfig& config) : config_(config) {}

  // Frequency i of the rotary embedding, from the formulas of Llama 3.1's and YaRN's authors.
  double frequency(int64_t i) const {
    const double dim = static_cast<double>(config_.rope.dim), f = std::pow(config_.rope.theta, -2.0 * i / dim);
    const Json s = scaling();
    const std::string type = scaling_type();
    if (type == "default") return f;
    const double factor = s["factor"];
    if (type == "linear") return f / factor;
    const double original = s["original_max_position_embeddings"], turns = original * f / (2 * M_PI);
    if (type == "llama3") {
      const double low = s["low_freq_factor"], high = s["high_freq_factor"];
      const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
      return kept * f + (1 - kept) * f / factor;
    }
    auto dimension = [&](double rotations) {
      return dim * std::log(original / (rotations * 2 * M_PI)) / (2 * std::log(config_.rope.theta));
    };
    const double first = std::max(0.0, std::floor(dimension(s.value("beta_fast", 32.0))));
    const double last = std::min(dim - 1, std::ceil(dimension(s.value("beta_slow", 1.0))));
    const double stretched = std::clamp((i - first) / (last - first), 0.0, 1.0);
    return stretched * f / factor + (1 - stretched) * f;
  }
  double cos_sin_factor() const {
    const Json s = scaling();
    if (scaling_type() != "yarn") return 1.0;
    const double log_factor = std::log(s["factor"].get<double>());
    if (s.contains("mscale") && s.contains("mscale_all_dim")) {
      return (0.1 * s["mscale"].get<double>() * log_factor + 1) / (0.1 * s["mscale_all_dim"].get<double>() * log_factor + 1);
    }
    return 0.1 * log_factor + 1;
  }
  // MLA's softmax scale: DeepSeek multiplies it by the square of YaRN's factor for mscale_all_dim.
  double mla_scale(double qk) const {
    const Json s = scaling();
    if (!s.contains("mscale_all_dim")) return 1.0 / std::sqrt(qk);
    const double g = 0.1 * s["mscale_all_dim"].get<double>() * std::log(s["factor"].get<double>()) + 1;
    return g * g / std::sqrt(qk);
  }

 private:
  // What config.json says of the scaling, whichever way it spells it; an empty object for none.
  Json scaling() const {
    for (const char* key : {"rope_scaling", "rope_parameters"}) {
      if (config_.source.contains(key) && config_.source[key].is_object()) return config_.source[key];
    }
    return Json::object();
  }
  std::string scaling_type() const {
    const Json s = scaling();
    return s.contains("rope_type") ? s["rope_type"] : s.contains("type") ? s["type"] : Json("default");
  }

  ModelConfig config_;
};

}  // namespace grpo::reference
