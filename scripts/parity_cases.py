"""The checkpoints of scripts/parity: configurations, tensors, and weights that are a formula of their names.

A case is a Hugging Face config.json as published checkpoints spell it, and how its weight files are laid out.
Weights follow the rule that tests/policy/golden_weights.h writes down, so that C++ makes the same bits without
Python. Tensor names and shapes are written out here by hand, from the families' own definitions; transformers
refuses a checkpoint in which they are wrong.
"""

import dataclasses
import json
import math
import re

import numpy as np

CONTEXT = 64  # every model's; sequences come close to it, and so past the original context of scaled ropes
VOCAB = 98
PAD = 5  # of reward models
SEQUENCES = [3, 37, 62]  # tokens


@dataclasses.dataclass
class Case:
    family: str
    name: str
    config: dict
    dtype: str = "F32"  # of the files
    shards: int = 1
    fused: bool = False  # experts as two tensors, as transformers 5 holds them in memory
    fp8: bool = False  # linear weights in 128x128 blocks, as DeepSeek-V3 was released
    router_bias: float = 0.0  # middle of e_score_correction_bias
    golden: bool = True  # one of those that the C++ tests repeat
    refused: str = ""  # the key for which grpo must refuse the checkpoint
    scratch: bool = False  # no checkpoint: grpo draws the weights of this config, whatever keys it leaves out
    note: str = ""


def llama(**keys):
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 44,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
            "rms_norm_eps": 1e-5, "rope_theta": 500.0, "rope_scaling": None, "attention_bias": False,
            "mlp_bias": False, "pretraining_tp": 1, "tie_word_embeddings": False, **keys}


def qwen2(**keys):
    return {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 32, "intermediate_size": 40,
            "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
            "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "use_sliding_window": False, "sliding_window": 8,
            "max_window_layers": 1, "tie_word_embeddings": False, **keys}


def qwen3(**keys):
    return {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 32, "intermediate_size": 40,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 14,
            "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "rope_scaling": None,
            "attention_bias": False, "use_sliding_window": False, "sliding_window": None, "max_window_layers": 2,
            "tie_word_embeddings": False, **keys}


def qwen3_moe(**keys):
    return {**qwen3(), "model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "num_experts": 8,
            "num_experts_per_tok": 3, "moe_intermediate_size": 12, "norm_topk_prob": True, "decoder_sparse_step": 1,
            "mlp_only_layers": [], "router_aux_loss_coef": 0.001, "output_router_logits": False, **keys}


def deepseek_v2(**keys):
    return {"model_type": "deepseek_v2", "architectures": ["DeepseekV2ForCausalLM"], "hidden_size": 32,
            "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4,
            "q_lora_rank": None, "kv_lora_rank": 18, "qk_nope_head_dim": 10, "qk_rope_head_dim": 12,
            "v_head_dim": 14, "n_routed_experts": 8, "n_shared_experts": 2, "num_experts_per_tok": 3,
            "moe_intermediate_size": 12, "first_k_dense_replace": 1, "moe_layer_freq": 1, "n_group": 1,
            "topk_group": 1, "topk_method": "greedy", "scoring_func": "softmax", "norm_topk_prob": False,
            "routed_scaling_factor": 1.0, "aux_loss_alpha": 0.001, "seq_aux": True, "hidden_act": "silu",
            "rms_norm_eps": 1e-6, "rope_theta": 100.0, "rope_scaling": None, "attention_bias": False,
            "tie_word_embeddings": False, **keys}


def deepseek_v3(**keys):
    return {**deepseek_v2(), "model_type": "deepseek_v3", "architectures": ["DeepseekV3ForCausalLM"],
            "q_lora_rank": 20, "n_routed_experts": 12, "n_shared_experts": 1, "n_group": 4, "topk_group": 2,
            "topk_method": "noaux_tc", "scoring_func": "sigmoid", "norm_topk_prob": True,
            "routed_scaling_factor": 2.5, "num_nextn_predict_layers": 0, **keys}


def yarn(key="type", **keys):
    return {key: "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 4, "beta_slow": 1, **keys}


def is_classifier(config):
    return config.get("architectures", [""])[0].endswith("ForSequenceClassification")


def classifier(config):
    """The same model with a score in place of its output head."""
    name = config["architectures"][0].replace("ForCausalLM", "ForSequenceClassification")
    return {**config, "architectures": [name], "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0},
            "pad_token_id": PAD}


def version_5(config):
    """The same configuration as transformers 5 writes it."""
    new = {k: v for k, v in config.items() if k not in ("rope_theta", "rope_scaling")}
    scaling = dict(config.get("rope_scaling") or {})
    kind = scaling.pop("type", None) or scaling.pop("rope_type", None) or "default"
    return {**new, "rope_parameters": {"rope_theta": config["rope_theta"], "rope_type": kind, **scaling}}


def without(config, *keys):
    return {k: v for k, v in config.items() if k not in keys}


def only_sizes(config):
    """What a config.json cannot do without, and the exceptions a case is about."""
    kept = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "n_routed_experts",
            "num_experts", "num_experts_per_tok", "moe_intermediate_size", "decoder_sparse_step",
            "first_k_dense_replace", "n_shared_experts")
    return {k: v for k, v in config.items() if k in kept}


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
FP8 = {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128]}
# Wide enough that every linear weight has whole and ragged blocks, and narrow where it can be.
WIDE = {"hidden_size": 160, "intermediate_size": 144, "moe_intermediate_size": 136, "q_lora_rank": 132,
        "kv_lora_rank": 130, "num_hidden_layers": 2, "n_routed_experts": 4, "n_group": 2, "topk_group": 1,
        "num_experts_per_tok": 2}

CASES = [
    Case("llama", "gqa3_head10_tied",
         llama(hidden_size=36, num_attention_heads=6, head_dim=10, tie_word_embeddings=True, rope_theta=10000.0)),
    Case("llama", "mha_v5_spelling", version_5(llama(num_key_value_heads=4)), golden=False),
    Case("llama", "mqa_attention_and_mlp_bias",
         llama(num_key_value_heads=1, head_dim=12, attention_bias=True, mlp_bias=True)),
    Case("llama", "defaults_f16_shards",
         without(llama(), "rope_theta", "rope_scaling", "num_key_value_heads", "rms_norm_eps", "mlp_bias",
                 "attention_bias"), dtype="F16", shards=3, note="keys left to the family's defaults"),
    Case("llama", "llama3_rope_gqa4_tied",
         llama(num_attention_heads=8, head_dim=16, rope_scaling=LLAMA3, tie_word_embeddings=True,
               eos_token_id=[95, 96, 97])),
    Case("llama", "llama3_rope_v5_spelling", version_5(llama(head_dim=16, rope_scaling=LLAMA3)), golden=False),
    Case("llama", "linear_rope", llama(rope_scaling={"type": "linear", "factor": 4.0})),
    Case("llama", "yarn", llama(head_dim=16, rope_scaling=yarn("rope_type", beta_fast=8))),
    Case("llama", "yarn_attention_factor_untruncated",
         version_5(llama(head_dim=16, rope_scaling=yarn("rope_type", attention_factor=1.25, truncate=False)))),
    Case("llama", "yarn_original_context_left_out",
         llama(head_dim=16, rope_scaling=without(yarn(), "original_max_position_embeddings")), golden=False,
         note="max_position_embeddings"),
    Case("llama", "rope_in_both_spellings",
         llama(rope_parameters={"rope_type": "default", "rope_theta": 500.0}, rope_scaling=yarn()), golden=False,
         refused="rope_scaling", note="transformers takes rope_scaling, with a theta of its own"),

    Case("llama", "from_scratch", only_sizes(llama()), golden=False, scratch=True),

    Case("qwen2", "gqa2_bf16", qwen2(), dtype="BF16"),
    Case("qwen2", "mqa_tied_v5_shards", version_5(qwen2(num_key_value_heads=1, tie_word_embeddings=True)), shards=2),
    Case("qwen2", "yarn_gqa4",
         qwen2(num_attention_heads=8, head_dim=16, rope_theta=100.0, rope_scaling=without(yarn(), "beta_fast",
                                                                                       "beta_slow"))),
    Case("qwen2", "from_scratch", only_sizes(qwen2()), golden=False, scratch=True),
    Case("qwen2", "sliding_window", qwen2(use_sliding_window=True), golden=False, refused="use_sliding_window"),

    Case("qwen3", "gqa2_head14_tied", qwen3(tie_word_embeddings=True)),
    Case("qwen3", "attention_bias_mqa_bf16", qwen3(num_key_value_heads=1, attention_bias=True), dtype="BF16",
         note="transformers gives o_proj a bias too"),
    Case("qwen3", "yarn_v5_spelling", version_5(qwen3(head_dim=16, rope_theta=100.0, rope_scaling=yarn()))),
    Case("qwen3", "head_dim_left_out", without(qwen3(num_attention_heads=2, num_key_value_heads=1), "head_dim"),
         golden=False, note="128, whatever the width"),
    Case("qwen3", "from_scratch", only_sizes(qwen3()), golden=False, scratch=True),

    Case("qwen3_moe", "norm_topk", qwen3_moe(num_attention_heads=8, head_dim=8)),
    Case("qwen3_moe", "sparse_step_and_dense_layers_fused",
         qwen3_moe(num_hidden_layers=4, decoder_sparse_step=2, mlp_only_layers=[1], norm_topk_prob=False),
         fused=True),
    Case("qwen3_moe", "attention_bias_bf16_shards_v5",
         version_5(without(qwen3_moe(attention_bias=True, rope_theta=1000000.0), "norm_topk_prob")), dtype="BF16",
         shards=3, note="norm_topk_prob left out: false"),
    Case("qwen3_moe", "from_scratch", only_sizes(qwen3_moe(decoder_sparse_step=2)), golden=False, scratch=True),

    Case("deepseek_v2", "lite_yarn",
         deepseek_v2(rope_scaling=yarn(mscale=0.707, mscale_all_dim=0.707))),
    Case("deepseek_v2", "q_lora_groups",
         deepseek_v2(q_lora_rank=20, n_group=4, topk_group=2, topk_method="group_limited_greedy",
                     routed_scaling_factor=4.0, rope_theta=10000.0)),
    Case("deepseek_v2", "yarn_unequal_mscale_fused_v5",
         version_5(deepseek_v2(q_lora_rank=16, first_k_dense_replace=0,
                               rope_scaling=yarn(mscale=1.0, mscale_all_dim=0.5))), fused=True),
    Case("deepseek_v2", "yarn_without_mscale",
         deepseek_v2(n_group=None, topk_group=None, rope_scaling=yarn()), golden=False),
    Case("deepseek_v2", "norm_topk", deepseek_v2(norm_topk_prob=True, routed_scaling_factor=4.0), golden=False,
         refused="norm_topk_prob", note="transformers ignores norm_topk_prob here, DeepSeek's own code does not"),
    Case("deepseek_v2", "from_scratch", only_sizes(deepseek_v2()), golden=False, scratch=True),

    Case("deepseek_v3", "groups_and_bias", deepseek_v3()),
    Case("deepseek_v3", "from_scratch", only_sizes(deepseek_v3(n_routed_experts=16, num_experts_per_tok=4)),
         golden=False, scratch=True),
    Case("deepseek_v3", "biases_in_attention", deepseek_v3(attention_bias=True), golden=False, refused="attention_bias"),
    Case("deepseek_v3", "defaults",
         without(deepseek_v3(n_routed_experts=16, num_experts_per_tok=8, num_hidden_layers=4), "n_group", "topk_group",
                 "norm_topk_prob", "routed_scaling_factor", "n_shared_experts", "first_k_dense_replace",
                 "scoring_func", "topk_method", "moe_layer_freq"),
         golden=False, note="keys left to the family's defaults"),
    Case("deepseek_v3", "no_q_lora_half_split_rope",
         deepseek_v3(q_lora_rank=None, n_group=1, topk_group=1, norm_topk_prob=False, rope_interleave=False,
                     routed_scaling_factor=1.0, first_k_dense_replace=0)),
    Case("deepseek_v3", "negative_choice_scores_bf16", deepseek_v3(n_group=6, topk_group=2), dtype="BF16",
         router_bias=-1.25, note="groups not chosen count as -inf"),
    Case("deepseek_v3", "yarn", deepseek_v3(rope_scaling=yarn(mscale=1.0, mscale_all_dim=1.0))),
    Case("deepseek_v3", "yarn_fused_v5",
         version_5(deepseek_v3(first_k_dense_replace=2, rope_scaling=yarn(mscale=1.0, mscale_all_dim=1.0))),
         fused=True, golden=False),
    Case("deepseek_v3", "mtp_layer", deepseek_v3(num_nextn_predict_layers=1), shards=2,
         note="transformers leaves the layer out"),
    Case("deepseek_v3", "fp8_blocks",
         deepseek_v3(**WIDE, rope_scaling=yarn(mscale=1.0, mscale_all_dim=1.0), quantization_config=FP8),
         dtype="BF16", shards=2, fp8=True, note="transformers reads the same weights dequantised to float32"),
    Case("deepseek_v3", "fp8_blocks_and_mtp",
         deepseek_v3(**WIDE, num_nextn_predict_layers=1,
                     quantization_config={**FP8, "scale_fmt": "ue8m0"}), dtype="BF16", fp8=True,
         golden=False, note="transformers reads the same weights dequantised to float32"),
]

SCORE_CASES = [
    Case("llama", "score_llama3_rope_tied",
         classifier(llama(num_attention_heads=8, head_dim=16, rope_scaling=LLAMA3, tie_word_embeddings=True))),
    Case("qwen2", "score_shards", classifier(qwen2()), shards=2),
    Case("qwen3", "score_tied_bf16", classifier(qwen3(tie_word_embeddings=True)), dtype="BF16"),
    Case("qwen3_moe", "score", classifier(qwen3_moe(num_attention_heads=8, head_dim=8))),
    Case("deepseek_v2", "score_yarn", classifier(deepseek_v2(rope_scaling=yarn(mscale=0.707, mscale_all_dim=0.707)))),
    Case("deepseek_v3", "score_groups_and_bias", classifier(deepseek_v3())),
]

DTYPE_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def finished_config(case):
    """The case's config.json: what all have in common added, in the spelling of its transformers generation."""
    v5 = "rope_parameters" in case.config
    return {"vocab_size": VOCAB, "max_position_embeddings": CONTEXT, "eos_token_id": VOCAB - 1,
            "initializer_range": 0.02, "use_cache": True, "transformers_version": "5.7.0" if v5 else "4.46.3",
            "dtype" if v5 else "torch_dtype": DTYPE_NAMES[case.dtype], **case.config}


# ---- tensors ---------------------------------------------------------------------------------------------------

def gqa_tensors(config, at):
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    kv = config.get("num_key_value_heads", heads)
    default = 128 if config["model_type"].startswith("qwen3") else hidden // heads
    dim = config.get("head_dim", default)
    biased = config.get("attention_bias", False)
    for part, rows in (("q", heads), ("k", kv), ("v", kv)):
        yield f"{at}.{part}_proj.weight", [rows * dim, hidden]
        if biased or config["model_type"] == "qwen2":
            yield f"{at}.{part}_proj.bias", [rows * dim]
    yield f"{at}.o_proj.weight", [hidden, heads * dim]
    if biased:
        yield f"{at}.o_proj.bias", [hidden]
    if config["model_type"].startswith("qwen3"):
        yield f"{at}.q_norm.weight", [dim]
        yield f"{at}.k_norm.weight", [dim]


def mla_tensors(config, at):
    heads, hidden, rope = config["num_attention_heads"], config["hidden_size"], config["qk_rope_head_dim"]
    q, latent, q_rank = config["qk_nope_head_dim"] + rope, config["kv_lora_rank"], config["q_lora_rank"]
    if q_rank is None:
        yield f"{at}.q_proj.weight", [heads * q, hidden]
    else:
        yield f"{at}.q_a_proj.weight", [q_rank, hidden]
        yield f"{at}.q_a_layernorm.weight", [q_rank]
        yield f"{at}.q_b_proj.weight", [heads * q, q_rank]
    yield f"{at}.kv_a_proj_with_mqa.weight", [latent + rope, hidden]
    yield f"{at}.kv_a_layernorm.weight", [latent]
    yield f"{at}.kv_b_proj.weight", [heads * (config["qk_nope_head_dim"] + config["v_head_dim"]), latent]
    yield f"{at}.o_proj.weight", [hidden, heads * config["v_head_dim"]]


def mlp_tensors(config, at, width):
    hidden, biased = config["hidden_size"], config.get("mlp_bias", False)
    for part, shape in (("gate", [width, hidden]), ("up", [width, hidden]), ("down", [hidden, width])):
        yield f"{at}.{part}_proj.weight", shape
        if biased:
            yield f"{at}.{part}_proj.bias", shape[:1]


def moe_tensors(config, at, fused):
    hidden, width = config["hidden_size"], config["moe_intermediate_size"]
    experts = config["num_experts"] if config["model_type"] == "qwen3_moe" else config["n_routed_experts"]
    yield f"{at}.gate.weight", [experts, hidden]
    if config["model_type"] == "deepseek_v3":
        yield f"{at}.gate.e_score_correction_bias", [experts]
    if fused:
        yield f"{at}.experts.gate_up_proj", [experts, 2 * width, hidden]
        yield f"{at}.experts.down_proj", [experts, hidden, width]
    else:
        yield from mlp_tensors(config, f"{at}.experts.{{0-{experts - 1}}}", width)
    if config["model_type"].startswith("deepseek"):
        yield from mlp_tensors(config, f"{at}.shared_experts", config.get("n_shared_experts", 1) * width)


def is_moe_layer(config, layer):
    if config["model_type"] == "qwen3_moe":
        return layer not in config["mlp_only_layers"] and (layer + 1) % config["decoder_sparse_step"] == 0
    return config["model_type"].startswith("deepseek") and layer >= config.get("first_k_dense_replace", 3)


def layer_tensors(config, layer, fused):
    at, hidden = f"model.layers.{layer}", config["hidden_size"]
    yield f"{at}.input_layernorm.weight", [hidden]
    attention = mla_tensors if config["model_type"].startswith("deepseek") else gqa_tensors
    yield from attention(config, f"{at}.self_attn")
    yield f"{at}.post_attention_layernorm.weight", [hidden]
    if is_moe_layer(config, layer):
        yield from moe_tensors(config, f"{at}.mlp", fused)
    else:
        yield from mlp_tensors(config, f"{at}.mlp", config["intermediate_size"])


def named_shapes(config, fused, mtp):
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    yield "model.embed_tokens.weight", [config["vocab_size"], hidden]
    for layer in range(layers):
        yield from layer_tensors(config, layer, fused)
    for layer in range(layers, layers + mtp):
        at = f"model.layers.{layer}"
        yield f"{at}.embed_tokens.weight", [config["vocab_size"], hidden]
        yield f"{at}.enorm.weight", [hidden]
        yield f"{at}.hnorm.weight", [hidden]
        yield f"{at}.eh_proj.weight", [hidden, 2 * hidden]
        yield from layer_tensors(config, layer, fused)
        yield f"{at}.shared_head.norm.weight", [hidden]
        yield f"{at}.shared_head.head.weight", [config["vocab_size"], hidden]
    yield "model.norm.weight", [hidden]
    if is_classifier(config):
        yield "score.weight", [1, hidden]
    elif not config["tie_word_embeddings"]:
        yield "lm_head.weight", [config["vocab_size"], hidden]


def tensor_list(case):
    """[dtype, name, shape] of everything in the files, in order; {0-7} in a name stands for 0, 1, ... 7."""
    tensors = []
    for name, shape in named_shapes(case.config | {"vocab_size": VOCAB}, case.fused,
                                    case.config.get("num_nextn_predict_layers", 0)):
        if name.endswith("e_score_correction_bias"):
            tensors.append(["F32", name, shape])
        elif case.fp8 and name.endswith("_proj.weight") and not name.endswith("eh_proj.weight") or \
                case.fp8 and name.endswith("with_mqa.weight"):
            tensors.append(["F8_E4M3", name, shape])
            tensors.append(["F32", name + "_scale_inv", [math.ceil(n / 128) for n in shape]])
        else:
            tensors.append([case.dtype, name, shape])
    return tensors


def expand(tensors):
    for dtype, name, shape in tensors:
        found = re.search(r"\{(\d+)-(\d+)\}", name)
        if not found:
            yield dtype, name, shape
            continue
        for i in range(int(found[1]), int(found[2]) + 1):
            yield dtype, name.replace(found[0], str(i)), shape


# ---- weights, as in tests/policy/golden_weights.h ------------------------------------------------------------------

def hashes(name, count):
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def fan_in_scale(fan_in):
    scale = 1.0
    while fan_in >= 4:
        fan_in, scale = fan_in // 4, scale / 2
    return scale


def weight(dtype, name, shape, router_bias):
    """The tensor as float32 (of an FP8 tensor, its codes as uint8), before rounding to dtype."""
    bits = hashes(name, math.prod(shape))
    if dtype == "F8_E4M3":
        codes = (bits >> np.uint64(56)).astype(np.uint8)
        codes[codes & 0x7F == 0x7F] -= 1  # not a number
        return codes.reshape(shape)
    u = (((bits >> np.uint64(40)).astype(np.int64) - 2**23) / 2**23).astype(np.float32)
    if name.endswith("_scale_inv"):
        middle, scale = 1 / 2048, 1 / 4096
    elif name.endswith("norm.weight"):
        middle, scale = 1.0, 0.25
    elif name.endswith("e_score_correction_bias"):
        middle, scale = router_bias, 0.25
    elif name.endswith(".bias"):
        middle, scale = 0.0, 0.25
    elif name.endswith("embed_tokens.weight"):
        middle, scale = 0.0, 0.5
    elif name.endswith(("head.weight", "gate.weight")):
        middle, scale = 0.0, 2 * fan_in_scale(shape[-1])
    else:
        middle, scale = 0.0, fan_in_scale(shape[-1])
    return (np.float32(middle) + np.float32(scale) * u).reshape(shape)


def token_ids(case):
    """Sequences of the case, by the same generator."""
    return [(hashes(f"{case.family}/{case.name}/{n}", n) % np.uint64(VOCAB)).astype(int).tolist() for n in SEQUENCES]


def padded_ids(case):
    """Sequences of a reward model, some with padding behind, or in the middle, where it is none."""
    sequences = token_ids(case)
    return sequences + [sequences[1] + [PAD] * 4, sequences[0] + [PAD] + sequences[0], [PAD, PAD]]


def many_short_ids(case):
    ids = hashes(f"{case.family}/{case.name}/short", 96 * 6) % np.uint64(VOCAB)
    return ids.astype(int).reshape(96, 6).tolist()


def golden(case, numbers, version, ids=None, key="logprobs"):
    """What tests/policy/parity_test.cpp reads (of reward models, with a list of one score per sequence,
    score_parity_test.cpp), as text with one tensor or sequence a line."""
    def lines(rows):
        return "[\n  " + ",\n  ".join(json.dumps(r, separators=(",", ":")) for r in rows) + "]"
    fields = {"family": json.dumps(case.family), "case": json.dumps(case.name),
              "transformers": json.dumps(version), "note": json.dumps(case.note),
              "config": json.dumps(finished_config(case)), "shards": str(case.shards),
              "router_bias": json.dumps(case.router_bias), "tensors": lines(tensor_list(case)),
              "ids": lines(ids or token_ids(case)), key: lines([[round(float(x), 7) for x in row] for row in numbers])}
    return "{\n" + ",\n".join(f'"{k}": {v}' for k, v in fields.items()) + "\n}\n"
