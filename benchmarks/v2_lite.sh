#!/bin/sh
# One GRPO run on DeepSeek-V2-Lite's shape (v2_lite.json): prints the memory plan, then per step the tokens generated
# per second, the times and the peak of memory beside the plan. Needs 65 GB of GPU memory, next to nothing on the host
# and no disk.
#
#   benchmarks/v2_lite.sh [--set key=value ...] [--device cpu ...]     GRPO=path/to/grpo (build/release/bin/grpo)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
grpo=${GRPO:-$here/../build/release/bin/grpo}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
begin=$(date +%s)
# 150 ids end a completion, so that lengths differ, and with them the reward.
"$grpo" run "$here/v2_lite.json" --out "$out/run" --set "policy.config.eos_token_id=[$(seq -s, 14 163)]" "$@"
echo "seconds in all: $(($(date +%s) - begin))"
for key in stage_step rollout/tokens_per_second time/generate time/train step_time num_tokens loss grad_norm \
           sampling/sampling_logp_difference/mean memory/planned_bytes memory/peak_bytes; do
  printf '%-42s' "$key"
  sed -n "s|.*\"$key\":\([^,}]*\).*|\1|p" "$out/run/metrics.jsonl" | tr '\n' ' '
  echo
done
