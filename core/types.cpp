#include "core/types.h"

namespace grpo {

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos: return "eos";
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kError: return "error";
  }
  return "unknown";
}

const char* score_status_name(ScoreStatus status) {
  switch (status) {
    case ScoreStatus::kOk: return "ok";
    case ScoreStatus::kSkip: return "skip";
    case ScoreStatus::kError: return "error";
  }
  return "unknown";
}

}  // namespace grpo
