#!/usr/bin/env bash
# benchmarks/step_memory.sh GRPO: peak memory of a training step of 32,768 packed tokens on a GPU, at the shape of
# Qwen2.5-0.5B with its vocabulary of 151,936 (random bfloat16 weights), as it is, with layers run again, and with moments of
# 8 bits too; beside the plan made before. One JSON line each. The head is always taken in chunks: its logits at once
# would be 32,768 x 151,936 float32 numbers, 19.9 GB, and their gradient as much again.
set -euo pipefail

grpo=${1:?give the program: build/release/bin/grpo}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat >"$folder/recipe.json" <<'JSON'
{"name": "memory", "seed": 1,
 "policy": {
   "config": {"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
     "num_attention_heads": 14, "num_key_value_heads": 2, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
     "rope_theta": 1000000.0, "vocab_size": 151936, "tie_word_embeddings": true},
   "dtype": "bfloat16",
   "tokenizer": {"characters": "0123456789+-*=", "tags": ["<think>", "</think>", "<answer>", "</answer>"]}},
 "stage": "rl", "data": {"train": {"generator": "chain", "operators": 3}},
 "rewards": [{"name": "token_count", "max_tokens": 400}],
 "max_steps": 3, "prompts_per_step": 4, "num_generations": 16, "max_completion_length": 504, "ignore_eos": true,
 "tokens_per_micro_batch": 32768, "learning_rate": 1e-6, "save_model": false, "log_episodes": 0}
JSON

for knobs in "false float32" "true float32" "true int8"; do
  read -r checkpointing moments <<<"$knobs"
  "$grpo" run "$folder/recipe.json" --out "$folder/run" --device cuda --set "gradient_checkpointing=$checkpointing" \
    --set "optimizer_state_dtype=$moments" 2>"$folder/log" >/dev/null || { cat "$folder/log" >&2; exit 1; }
  python3 - "$folder/run/metrics.jsonl" "$checkpointing" "$moments" <<'PYTHON'
import json, sys
last = [json.loads(line) for line in open(sys.argv[1])][-1]
keys = ["memory/peak_bytes", "memory/planned_bytes", "time/generate", "time/train",
        "sampling/sampling_logp_difference/mean"]
print(json.dumps({"gradient_checkpointing": sys.argv[2] == "true", "optimizer_state_dtype": sys.argv[3],
                  **{key: last[key] for key in keys}}))
PYTHON
  rm -rf "$folder/run"
done
