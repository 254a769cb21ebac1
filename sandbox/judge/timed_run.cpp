#include "sandbox/judge/timed_run.h"

#include "core/error.h"

namespace grpo {
namespace {

bool ended_late(const ProgramResult& result, const Limits& limits) {
  return result.limit == LimitFired::kNone && result.cpu_us > limits.cpu_ms * 1000;
}

bool is_whole(const RunResult& result, const RunRequest& request) {
  return result.failure.empty() && result.programs.size() == request.programs.size();
}

}  // namespace

RunResult run_timed(Sandbox& sandbox, const RunRequest& request) {
  GRPO_CHECK(!request.programs.empty());
  const Limits limits = request.programs.back().limits;
  RunRequest lenient = request;
  Limits& given = lenient.programs.back().limits;
  given.wall_ms = limits.wall_limit_ms();
  given.cpu_ms = limits.cpu_ms + (limits.cpu_ms + 4) / 5;

  RunResult result = sandbox.run(lenient);
  if (!result.failure.empty()) result = sandbox.run(lenient);
  if (!is_whole(result, request) || !ended_late(result.programs.back(), limits)) return result;
  RunResult again = sandbox.run(request);
  const bool in_time = is_whole(again, request) && again.programs.back().limit != LimitFired::kCpu &&
                       again.programs.back().limit != LimitFired::kWall;
  if (in_time) return again;
  result.programs.back().limit = LimitFired::kCpu;
  return result;
}

}  // namespace grpo
