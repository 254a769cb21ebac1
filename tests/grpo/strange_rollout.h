#pragma once
// Rollouts whose every field holds what is hard to keep in a file, and a comparison that sees every bit.

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/seed.h"
#include "core/types.h"

namespace grpo::testing {

// A double out of random bits: NaN with any payload, infinities, -0, subnormal numbers are all among them.
inline double strange_double(Stream& random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (random.below(6)) {
    case 0: return std::bit_cast<double>(0x7ff0000000000000 | random.next());  // NaN, or an infinity, of either sign
    case 1: return random.below(2) == 0 ? kInfinity : -kInfinity;
    case 2: return -0.0;
    case 3: return 4.9e-324;
    case 4: return std::bit_cast<double>(random.next());
    default: return random.uniform() - 0.5;
  }
}

inline std::string strange_text(Stream& random) {
  const std::vector<std::string> parts = {"", "x = 1/2", "\n", "\r\n", std::string(1, '\0'), "\"", "\\", "\xc3\xa4",
                                          "\xe2\x82", "\xff", "\xf0\x9f\x98\x80", "$bytes", "\xed\xa0\x80", "\x7f"};
  std::string text;
  for (int64_t n = random.below(5); n > 0; --n) text += parts[static_cast<size_t>(random.below(static_cast<int64_t>(parts.size())))];
  return text;
}

inline Json strange_json(Stream& random, int64_t depth = 4) {
  const std::vector<std::string> keys = {"a", "", "$bytes", "$double", "$object", "$json", "\xff", "question", "\xc3\xa4"};
  switch (random.below(depth > 0 ? 9 : 7)) {
    case 0: return nullptr;
    case 1: return random.below(2) == 0;
    case 2: return static_cast<int64_t>(random.next());
    case 3: return random.next();
    case 4: return strange_double(random);
    case 5:
    case 6: return strange_text(random);
    case 7: {
      Json items = Json::array();
      for (int64_t n = random.below(4); n > 0; --n) items.push_back(strange_json(random, depth - 1));
      return items;
    }
    default: {
      Json object = Json::object();
      for (int64_t n = random.below(4); n > 0; --n) {
        object[keys[static_cast<size_t>(random.below(static_cast<int64_t>(keys.size())))]] = strange_json(random, depth - 1);
      }
      return object;
    }
  }
}

inline Episode strange_episode(Stream& random) {
  Episode e;
  e.problem_id = static_cast<int64_t>(random.next());
  e.sample_index = random.below(100);
  for (int64_t n = random.below(6); n > 0; --n) e.prompt_ids.push_back(static_cast<int64_t>(random.next() >> 1));
  e.completion = strange_text(random);
  e.finish_reason = static_cast<FinishReason>(random.below(4));
  e.policy_version = static_cast<int64_t>(random.next());
  e.seed = random.next();
  if (random.below(3) != 0) e.reward = strange_double(random);
  e.advantage = strange_double(random);
  for (int64_t n = random.below(3); n > 0; --n) {
    Score score{.value = std::nullopt, .status = static_cast<ScoreStatus>(random.below(3)), .reason = strange_text(random),
                .details = strange_json(random), .weight = strange_double(random), .gated = random.below(2) == 0};
    if (random.below(3) != 0) score.value = strange_double(random);
    e.scores.push_back(score);
  }
  const int64_t tokens = e.finish_reason == FinishReason::kError ? 0 : random.below(7);
  const bool kept = random.below(2) == 0;
  if (kept) e.kept_begin.push_back(0);
  const auto sometimes = [&](std::vector<double>& list, bool there) {
    for (int64_t t = 0; there && t < tokens; ++t) list.push_back(strange_double(random));
  };
  for (int64_t t = 0; t < tokens; ++t) {
    e.completion_ids.push_back(random.below(1 << 20));
    e.loss_mask.push_back(static_cast<uint8_t>(random.below(2)));
    e.behaviour_logprobs.push_back(std::bit_cast<float>(static_cast<uint32_t>(random.next())));
    if (!kept) continue;
    for (int32_t id = static_cast<int32_t>(random.below(5)); id < 9; id += 1 + static_cast<int32_t>(random.below(6))) e.kept_ids.push_back(id);
    e.kept_begin.push_back(static_cast<int64_t>(e.kept_ids.size()));
  }
  sometimes(e.old_logprobs, random.below(2) == 0);
  sometimes(e.ref_logprobs, random.below(2) == 0);
  sometimes(e.entropy, random.below(2) == 0);
  sometimes(e.token_advantages, random.below(2) == 0);
  const auto fed = static_cast<int64_t>(e.prompt_ids.size()) + tokens - 1;
  for (int64_t n = 0; n < fed * 3 * 2; ++n) e.routes.push_back(static_cast<int16_t>(random.below(257) - 1));
  return e;
}

// Groups of any number of episodes, none among them too.
inline std::vector<Group> strange_groups(uint64_t seed, int64_t num_groups = 4) {
  Stream random(seed);
  std::vector<Group> groups(static_cast<size_t>(num_groups));
  for (Group& group : groups) {
    group.problem.id = static_cast<int64_t>(random.next());
    group.problem.prompt = strange_text(random);
    for (int64_t n = random.below(6); n > 0; --n) group.problem.prompt_ids.push_back(random.below(1 << 20));
    group.problem.completion_prefix = strange_text(random);
    group.problem.answer = strange_text(random);
    group.problem.source = strange_text(random);
    group.problem.columns = strange_json(random);
    for (int64_t n = random.below(4); n > 0; --n) group.episodes.push_back(strange_episode(random));
  }
  return groups;
}

// Everything of a value as bytes, by walking over it: equal exactly where every bit is. Whole numbers of JSON count
// as equal whatever their type.
class Bits {
 public:
  template <typename T>
  void add(const T& number) requires std::is_arithmetic_v<T> || std::is_enum_v<T> {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(T));
  }
  void add(const std::string& text) {
    add(text.size());
    bytes_ += text;
  }
  template <typename T>
  void add(const std::vector<T>& list) {
    add(list.size());
    for (const T& item : list) add(item);
  }
  void add(const std::optional<double>& number) {
    add(number.has_value());
    if (number) add(*number);
  }
  void add(const Json& json) {
    add(std::string(json.is_number_integer() ? "whole" : json.type_name()));
    if (json.is_number_float()) return add(json.get<double>());
    if (json.is_number_integer()) {
      add(json.is_number_unsigned() || json.get<int64_t>() >= 0);
      return add(json.get<uint64_t>());
    }
    if (json.is_string()) return add(json.get_ref<const std::string&>());
    if (json.is_boolean()) return add(json.get<bool>());
    add(json.size());
    for (const auto& [key, item] : json.items()) {
      add(key);
      add(item);
    }
  }
  void add(const Score& s) {
    add(s.value), add(s.status), add(s.reason), add(s.details), add(s.weight), add(s.gated);
  }
  void add(const Episode& e) {
    add(e.problem_id), add(e.sample_index), add(e.prompt_ids), add(e.completion_ids), add(e.loss_mask);
    add(e.behaviour_logprobs), add(e.completion), add(e.finish_reason), add(e.policy_version), add(e.seed);
    add(e.reward), add(e.scores), add(e.advantage), add(e.old_logprobs), add(e.ref_logprobs), add(e.entropy);
    add(e.token_advantages), add(e.routes), add(e.kept_begin), add(e.kept_ids);
  }
  void add(const Group& group) {
    const Problem& p = group.problem;
    add(p.id), add(p.prompt), add(p.prompt_ids), add(p.completion_prefix), add(p.answer), add(p.columns), add(p.source);
    add(group.episodes);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

template <typename T>
std::string bits_of(const T& value) {
  Bits bits;
  bits.add(value);
  return bits.bytes();
}

}  // namespace grpo::testing
