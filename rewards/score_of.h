#pragma once
// The few ways in which a grader says what it found.

#include <string>
#include <utility>

#include "core/types.h"

namespace grpo {

inline Score score_of(double value, std::string reason, Json details = Json::object()) {
  return {.value = value, .status = ScoreStatus::kOk, .reason = std::move(reason), .details = std::move(details)};
}

// The reward has nothing to say of this episode.
inline Score not_applicable(std::string reason) {
  return {.value = std::nullopt, .status = ScoreStatus::kOk, .reason = std::move(reason), .details = Json::object()};
}

// The gold answer cannot be read.
inline Score skipped(std::string reason) {
  return {.value = std::nullopt, .status = ScoreStatus::kSkip, .reason = std::move(reason), .details = Json::object()};
}

// The reward itself failed.
inline Score failed(std::string reason) {
  return {.value = std::nullopt, .status = ScoreStatus::kError, .reason = std::move(reason), .details = Json::object()};
}

}  // namespace grpo
