// How a config.json spells its rotary embedding.
#include <fmt/format.h>

#include <cmath>

#include "policy/families.h"
#include "policy/rope_scaling.h"

namespace grpo {
namespace {

// The object that holds the scaling, if there is one: transformers 5 keeps theta in it as well.
std::optional<ObjectReader> scaling_reader(ObjectReader& r) {
  if (r.has("rope_parameters") && r.has("rope_scaling") && r.raw("rope_parameters") != r.raw("rope_scaling")) {
    r.fail("rope_scaling", "rope_parameters is there too, and says something else", "keep the one that is meant");
  }
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!r.has(key)) continue;
    ObjectReader scaling = r.object(key);
    scaling.allow_unknown();
    return scaling;
  }
  return std::nullopt;
}

std::string rope_type(ObjectReader& s) {
  const char* key = s.has("rope_type") ? "rope_type" : "type";
  return s.choice(key, {"default", "linear", "llama3", "yarn"}, "default");
}

double read_factor(ObjectReader& s) { return s.number("factor", {.min = 1.0}); }

Llama3Rope read_llama3(ObjectReader& s) {
  Llama3Rope rope;
  rope.factor = read_factor(s);
  rope.low_freq_factor = s.number("low_freq_factor", {.min = 0.0, .min_exclusive = true});
  rope.high_freq_factor = s.number("high_freq_factor", {.min = 0.0, .min_exclusive = true});
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    s.fail("high_freq_factor", fmt::format("{} is not above low_freq_factor = {}", rope.high_freq_factor,
                                           rope.low_freq_factor));
  }
  rope.original_max_position_embeddings = s.integer("original_max_position_embeddings", {.min = 1});
  return rope;
}

YarnRope read_yarn(ObjectReader& s, const ModelConfig& model) {
  YarnRope rope;
  rope.original_max_position_embeddings =
      s.integer("original_max_position_embeddings", model.max_position_embeddings, {.min = 1});
  rope.factor = read_factor(s);
  rope.beta_fast = s.number("beta_fast", 32.0, {.min = 0.0, .min_exclusive = true});
  rope.beta_slow = s.number("beta_slow", 1.0, {.min = 0.0, .min_exclusive = true});
  rope.truncate = s.boolean("truncate", true);
  return rope;
}

// What cosine and sine are multiplied by.
double yarn_attention_factor(ObjectReader& s, double factor) {
  if (s.has("attention_factor")) return s.number("attention_factor", {.min = 0.0, .min_exclusive = true});
  const double mscale = s.number("mscale", 0.0), all = s.number("mscale_all_dim", 0.0);
  if (mscale != 0.0 && all != 0.0) return yarn_mscale(factor, mscale) / yarn_mscale(factor, all);
  return yarn_mscale(factor, 1.0);
}

}  // namespace

RopeConfig read_rope(ObjectReader& r, const ModelConfig& model, int64_t dim, bool interleaved) {
  RopeConfig rope;
  rope.dim = dim;
  rope.interleaved = interleaved;
  if (dim < 2 || dim % 2 != 0) r.fail("", fmt::format("rotary dimension {} is not a positive even number", dim));
  rope.theta = r.number("rope_theta", rope.theta, {.min = 1.0, .min_exclusive = true});
  double rotary_share = r.number("partial_rotary_factor", 1.0);
  if (std::optional<ObjectReader> s = scaling_reader(r)) {
    rope.theta = s->number("rope_theta", rope.theta, {.min = 1.0, .min_exclusive = true});
    rotary_share = s->number("partial_rotary_factor", rotary_share);
    const std::string type = rope_type(*s);
    if (type == "linear") rope.scaling = LinearRope{read_factor(*s)};
    if (type == "llama3") rope.scaling = read_llama3(*s);
    if (type == "yarn") {
      rope.scaling = read_yarn(*s, model);
      rope.attention_factor = yarn_attention_factor(*s, std::get<YarnRope>(rope.scaling).factor);
    }
  }
  if (rotary_share != 1.0) r.fail("partial_rotary_factor", "rotating a part of each head is not supported");
  return rope;
}

double read_softmax_factor(ObjectReader& r) {
  std::optional<ObjectReader> s = scaling_reader(r);
  if (!s || rope_type(*s) == "default") return 1.0;
  const double all = s->number("mscale_all_dim", 0.0);
  if (all == 0.0) return 1.0;
  const double mscale = yarn_mscale(read_factor(*s), all);
  return mscale * mscale;
}

}  // namespace grpo
