#!/bin/sh
# recipes/r1_tiny.json with a policy of 59 million parameters (MLA, 8 experts, bfloat16) and a student of 4 million, on one
# GPU: prints the table of checkpoints and writes the report.
#
#   benchmarks/r1_scaled.sh OUT [--set key=value ...]     GRPO=path/to/grpo (build/release/bin/grpo)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
grpo=${GRPO:-$here/../build/release/bin/grpo}
out=$1
shift
begin=$(date +%s)
# Wider and deeper, drawn smaller, and so with smaller steps; batches that a GPU notices.
"$grpo" run "$here/../recipes/r1_tiny.json" --out "$out" --device cuda --set name=r1_scaled \
  --set policy.dtype=bfloat16 --set policy.initializer_range=0.02 --set policy.config.hidden_size=512 \
  --set policy.config.num_hidden_layers=8 --set policy.config.intermediate_size=1536 --set policy.config.num_attention_heads=8 \
  --set policy.config.kv_lora_rank=128 --set policy.config.qk_nope_head_dim=64 --set policy.config.qk_rope_head_dim=32 \
  --set policy.config.v_head_dim=64 --set policy.config.moe_intermediate_size=512 \
  --set policies.student.dtype=bfloat16 --set policies.student.initializer_range=0.02 \
  --set policies.student.config.hidden_size=256 --set policies.student.config.num_hidden_layers=4 \
  --set policies.student.config.intermediate_size=768 \
  --set warm.max_steps=700 --set warm.samples_per_step=256 --set warm.learning_rate=5e-4 --set zero.learning_rate=2e-5 \
  --set cold.learning_rate=3e-5 --set reasoning.learning_rate=2e-5 --set again.learning_rate=2e-4 \
  --set taste.learning_rate=1e-4 --set all.learning_rate=2e-5 \
  --set student_base.max_steps=700 --set student_base.samples_per_step=256 --set student_base.learning_rate=6e-4 \
  --set student_traces.max_steps=700 --set student_traces.samples_per_step=128 --set student_traces.learning_rate=6e-4 \
  --set student_on_policy.learning_rate=5e-5 --set student_rl.learning_rate=3e-5 "$@"
echo "seconds in all: $(($(date +%s) - begin))"
"$grpo" report "$out"
