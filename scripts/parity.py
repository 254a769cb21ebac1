"""Compares this project's log-probabilities with those of Hugging Face transformers; see scripts/parity.

Two directions per case. Reading: a checkpoint written here, in the layout that the case names, is read by
transformers and by `grpo logprobs`, in float32 and in bfloat16; transformers saves it, and grpo reads that too.
Saving: `grpo run` takes one optimizer step on it, in the dtype of the case's files, and the folder it exports is read
by both again, with its tokenizer and chat template. Adapters go both ways as well: PEFT's are read by `grpo logprobs
--adapter`, and those of a `grpo run` with "lora" by PEFT, which must compute what the merged model does too.
Reward models (parity_scores.py) go both ways as sequence classifiers, and their scores are compared.
"""

import argparse
import inspect
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import peft
import safetensors.torch
import torch
import transformers

import parity_cases
import parity_scores

MAX_FP32, MAX_BF16, MEAN_BF16 = 2e-5, 3e-2, 3e-3
# In bfloat16 a logit of 8 is off by up to 0.03 by being written down; the output head is made this much smaller.
CALM_HEAD = 1 / 8
CHAT_TEMPLATE = ("{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}"
                 "{% if add_generation_prompt %}[assistant]{% endif %}")
TORCH_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F8_E4M3": torch.float8_e4m3fn}


class Unreadable(Exception):
    """One side refused the checkpoint; the text is its last words."""


# ---- writing checkpoints -----------------------------------------------------------------------------------------

def make_tensor(case, dtype, name, shape, calm):
    values = torch.from_numpy(parity_cases.weight(dtype, name, shape, case.router_bias))
    if dtype == "F8_E4M3":
        return values.view(torch.float8_e4m3fn)
    if calm and (name == "lm_head.weight" or case.config["tie_word_embeddings"] and name.endswith("embed_tokens.weight")):
        values = values * CALM_HEAD
    return values.to(TORCH_DTYPES[dtype])


def dequantised(tensors):
    """The same tensors with FP8 blocks multiplied out to float32, by the formula W = fp8 * scale of its block."""
    plain = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale_inv"):
            continue
        if tensor.dtype == torch.float8_e4m3fn:
            scale = tensors[name + "_scale_inv"]
            scale = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)
            tensor = tensor.float() * scale[: tensor.shape[0], : tensor.shape[1]]
        plain[name] = tensor.float()
    return plain


def write_weights(folder, tensors, shards):
    if shards == 1:
        safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    weight_map = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {k: t for i, (k, t) in enumerate(tensors.items()) if i % shards == shard}
        safetensors.torch.save_file(part, folder / name, metadata={"format": "pt"})
        weight_map.update({k: name for k in part})
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_tokenizer(folder):
    """Byte-level BPE of the printable characters, one token each."""
    letters = [chr(c) for c in range(33, 127)] + ["Ġ", "Ċ"]
    eos = {"id": parity_cases.VOCAB - 1, "content": "<eos>", "single_word": False, "lstrip": False, "rstrip": False,
           "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "vocab": {letter: i for i, letter in enumerate(letters)}, "merges": []}
    (folder / "tokenizer.json").write_text(json.dumps(
        {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [eos], "normalizer": None,
         "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level, "model": model}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<eos>", "clean_up_tokenization_spaces": False,
         "chat_template": CHAT_TEMPLATE}))


def write_checkpoint(case, folder, calm=False):
    """Writes the case to folder/model, and to folder/oracle what transformers is to read if that differs."""
    model = folder / "model"
    model.mkdir(parents=True)
    config = parity_cases.finished_config(case)
    tensors = {name: make_tensor(case, dtype, name, shape, calm)
               for dtype, name, shape in parity_cases.expand(parity_cases.tensor_list(case))}
    (model / "config.json").write_text(json.dumps(config, indent=2))
    write_weights(model, tensors, case.shards)
    write_tokenizer(model)
    if not case.fp8:
        return model, model
    oracle = folder / "oracle"
    oracle.mkdir()
    plain = {k: v for k, v in config.items() if k != "quantization_config"}
    (oracle / "config.json").write_text(json.dumps(plain | {"torch_dtype": "float32"}, indent=2))
    write_weights(oracle, dequantised(tensors), 1)
    return model, oracle


# ---- the two readers ---------------------------------------------------------------------------------------------

def g(scale, mscale):
    return 1.0 if scale <= 1 else 0.1 * mscale * math.log(scale) + 1.0


def mend(model):
    """Sets transformers right where it departs from DeepSeek's own code. Returns what had to be set right."""
    config, mended = model.config, set()
    if not config.model_type.startswith("deepseek"):
        return mended
    rope = config.rope_parameters
    factor = g(rope.get("factor", 1.0), rope["mscale_all_dim"]) if rope.get("mscale_all_dim") else 1.0
    scaling = (config.qk_nope_head_dim + config.qk_rope_head_dim) ** -0.5 * factor**2
    for layer in model.model.layers:
        if abs(layer.self_attn.scaling / scaling - 1) > 1e-9:
            layer.self_attn.scaling = scaling
            mended.add("softmax scale without mscale^2")
    gates = moe_gates(model)
    if config.model_type == "deepseek_v3" and gates and "-inf" not in inspect.getsource(type(gates[0]).forward):
        raise Unreadable("this transformers fills groups not chosen with 0; use the version that scripts/parity pins")
    return mended


def moe_gates(model):
    return [layer.mlp.gate for layer in model.model.layers if hasattr(layer.mlp, "gate")]


def load_theirs(folder, dtype):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
    extra = f"model.layers.{model.config.num_hidden_layers}."  # the MTP layer, which transformers leaves out
    wrong = [f"{k}: {sorted(info[k])[:3]}" for k in ("missing_keys", "mismatched_keys") if info[k]]
    unexpected = [k for k in info["unexpected_keys"] if not k.startswith(extra)]
    if wrong or unexpected:
        raise Unreadable(f"transformers: {wrong} unexpected: {unexpected[:3]}")
    return model.eval()


@torch.no_grad()
def theirs(model, sequences):
    """Per sequence the log-probabilities and entropies of all but the first token."""
    result = []
    for ids in sequences:
        logprobs = torch.log_softmax(model(torch.tensor([ids])).logits[0, :-1].float(), -1)
        chosen = logprobs.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        result.append((chosen.double().numpy(), -(logprobs.exp() * logprobs).sum(-1).numpy()))
    return result


@torch.no_grad()
def routes(model, sequences, blur=None):
    """Per router of a model, on sequences of one length: what it sees, [tokens, width], and the experts that it
    chooses, [tokens, chosen]. `blur`: per router, how far from what it sees it is to look, [tokens, 1]."""
    seen, chosen, hooks = [], [], []

    def before(_, inputs):
        x = inputs[0].reshape(-1, inputs[0].shape[-1])
        seen.append(x.float())
        return ((x + blur[len(seen) - 1] * torch.randn_like(x)) if blur else x).view_as(inputs[0]), *inputs[1:]

    for gate in moe_gates(model):
        hooks.append(gate.register_forward_pre_hook(before))
        hooks.append(gate.register_forward_hook(lambda _, __, out: chosen.append(out[2].sort(-1).values)))
    model(torch.tensor(sequences))
    for hook in hooks:
        hook.remove()
    return seen, torch.cat(chosen, -1)


def ours(grpo, folder, dtype, sequences, adapter=None):
    rows = "".join(json.dumps({"input_ids": ids}) + "\n" for ids in sequences)
    done = subprocess.run([grpo, "logprobs", "--model", folder, "--dtype", dtype, "--device", "cpu",
                           *(["--adapter", adapter] if adapter else [])], input=rows,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unreadable("grpo: " + " ".join(done.stderr.split())[:400])
    return [np.array(json.loads(line)["logprobs"]) for line in done.stdout.splitlines()]


def one_step(grpo, folder, policy, out="run"):
    """Lets grpo take an optimizer step from `policy`, as a recipe says it, and returns the folder it exports."""
    (folder / "data.jsonl").write_text("".join(
        json.dumps({"prompt": f"{i}+{i}=", "completion": str(2 * i)}) + "\n" for i in range(8)))
    recipe = {"name": "parity", "seed": 1, "policy": policy,
              "stages": [{"name": "step", "stage": "sft",
                          "data": {"train": str(folder / "data.jsonl"), "columns": {"completion": "completion"}},
                          "max_steps": 1, "samples_per_step": 4, "learning_rate": 1e-3}]}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    done = subprocess.run([grpo, "run", folder / "recipe.json", "--out", folder / out, "--device", "cpu"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unreadable("grpo run: " + " ".join(done.stderr.split())[:400])
    return folder / out / "stages/01-step/model"


# ---- judging -----------------------------------------------------------------------------------------------------

def differences(a, b):
    delta = np.concatenate([np.abs(x - y) for x, y in zip(a, b, strict=True)])
    return float(delta.max()), float(delta.mean())


def settled_tokens(exact, rounded, sequences):
    """Per sequence, how many log-probabilities come before the first token that rounding could send to another
    expert: whose experts change between float32 and bfloat16, or when the routers see it some times as blurred as
    bfloat16 makes it. What follows such a token may be another model's."""
    seen, chosen = routes(exact, sequences)
    seen_rounded, chosen_rounded = routes(rounded, sequences)
    same = (chosen == chosen_rounded).all(-1)
    blur = [4 * (a - b).pow(2).mean(-1, True).sqrt() for a, b in zip(seen, seen_rounded, strict=True)]
    torch.manual_seed(1)
    for _ in range(12):
        same &= (routes(exact, sequences, blur)[1] == chosen).all(-1)
    return same.view(len(sequences), -1)[:, :-1].long().cumprod(1).sum(1).tolist()


def compare_reading(grpo, case, folder, report):
    model, oracle = write_checkpoint(case, folder / "exact")
    sequences = parity_cases.token_ids(case)
    reference = load_theirs(oracle, torch.float32)
    report["mended"] = mend(reference)
    expected = theirs(reference, sequences)
    entropy = np.concatenate([e for _, e in expected]).mean() / math.log(parity_cases.VOCAB)
    if not 0.1 < entropy < 0.85:
        raise Unreadable(f"the case shows little: mean entropy is {entropy:.2f} of the largest")
    report["logprobs"] = [logprobs for logprobs, _ in expected]
    report["read fp32"] = differences(ours(grpo, model, "float32", sequences), report["logprobs"])
    reference.save_pretrained(folder / "resaved")  # config.json and names as this transformers writes them
    report["resaved fp32"] = differences(ours(grpo, folder / "resaved", "float32", sequences), report["logprobs"])


def compare_bf16(grpo, case, folder, report):
    model, oracle = write_checkpoint(case, folder / "calm", calm=True)
    exact, rounded = load_theirs(oracle, torch.float32), load_theirs(oracle, torch.bfloat16)
    mend(exact), mend(rounded)
    sequences = parity_cases.token_ids(case)
    lengths = [len(ids) - 1 for ids in sequences]
    if moe_gates(exact):
        sequences = parity_cases.many_short_ids(case)
        lengths = settled_tokens(exact, rounded, sequences)
    truth, expected = ([x[:n] for (x, _), n in zip(theirs(m, sequences), lengths, strict=True)] for m in (exact, rounded))
    found = [x[:n] for x, n in zip(ours(grpo, model, "bfloat16", sequences), lengths, strict=True)]
    report["read bf16"] = differences(found, expected)
    report["bf16 tokens"] = sum(lengths)
    if sum(lengths) < 40:
        raise Unreadable(f"the case shows little in bfloat16: {sum(lengths)} tokens")
    mine, their = differences(found, truth)[1], differences(expected, truth)[1]
    if mine > 1.5 * their:
        raise Unreadable(f"bfloat16 costs {mine:.1e} here and {their:.1e} in transformers, on the mean")


def compare_saving(grpo, case, folder, report):
    model, _ = write_checkpoint(case, folder / "saved")
    dtype = "bfloat16" if case.dtype == "BF16" else "float32"
    saved = one_step(grpo, folder, {"model": str(model), "dtype": dtype})
    sequences = parity_cases.token_ids(case)
    reference = load_theirs(saved, torch.float32)
    mend(reference)
    found = ours(grpo, saved, "float32", sequences)
    report["saved fp32"] = differences(found, [logprobs for logprobs, _ in theirs(reference, sequences)])
    if differences(found, report["logprobs"])[0] < 1e-4:
        raise Unreadable("the optimizer step changed nothing")
    before, after = (transformers.AutoTokenizer.from_pretrained(path) for path in (model, saved))
    text, chat = "What is 1 + 2?\n<eos>", [{"role": "user", "content": "1+2="}]
    if before(text)["input_ids"] != after(text)["input_ids"] or \
            before.apply_chat_template(chat, tokenize=False) != after.apply_chat_template(chat, tokenize=False):
        raise Unreadable("the tokenizer or its chat template changed")
    as_saved = load_theirs(saved, "auto")
    if as_saved.dtype != getattr(torch, dtype) or hasattr(as_saved.config, "quantization_config"):
        raise Unreadable(f"config.json does not say that the weights are {dtype}")
    if as_saved.config.tie_word_embeddings != case.config["tie_word_embeddings"]:
        raise Unreadable("config.json does not say whether the head is tied")


def adaptable(model):
    """Endings of the names of all linear modules that adapters are compared on. In a mixture those of attention: there
    PEFT takes every gate_proj, up_proj and down_proj, those of shared experts too, for routed experts."""
    names = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    names = [name for name in names if "self_attn" in name or not moe_gates(model) and name != "lm_head"]
    return sorted({name.rsplit(".", 1)[-1] for name in names})


def compare_adapters(grpo, case, folder, report):
    model, oracle = write_checkpoint(case, folder / "adapted")
    sequences = parity_cases.token_ids(case)
    reference = load_theirs(oracle, torch.float32)
    mend(reference)
    targets = adaptable(reference)
    torch.manual_seed(3)
    adapted = peft.get_peft_model(reference, peft.LoraConfig(
        r=3, lora_alpha=7, lora_dropout=0.1, target_modules=targets, use_rslora=True, task_type="CAUSAL_LM"))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    adapted.eval().save_pretrained(folder / "adapter")
    expected = [logprobs for logprobs, _ in theirs(adapted, sequences)]
    report["adapter read"] = differences(ours(grpo, model, "float32", sequences, folder / "adapter"), expected)
    if differences(expected, report["logprobs"])[0] < 1e-2:
        raise Unreadable("PEFT's adapter changes nothing")

    merged = one_step(grpo, folder, {"model": str(model), "dtype": "float32", "lora": {
        "r": 3, "lora_alpha": 64, "target_modules": targets}}, out="adapter_run")
    saved = merged.parent / "adapter"
    reference = load_theirs(oracle, torch.float32)
    mend(reference)
    loaded = peft.PeftModel.from_pretrained(reference, saved)
    count = sum("lora_A" in name for name, _ in loaded.named_parameters())
    tensors = safetensors.torch.load_file(saved / "adapter_model.safetensors")
    if 2 * count != len(tensors):
        raise Unreadable(f"PEFT makes {count} adapters of a file of {len(tensors)} tensors")
    expected = [logprobs for logprobs, _ in theirs(loaded.eval(), sequences)]
    report["adapter saved"] = differences(ours(grpo, model, "float32", sequences, saved), expected)
    report["adapter merged"] = differences(ours(grpo, merged, "float32", sequences), expected)
    if differences(expected, report["logprobs"])[0] < 1e-4:
        raise Unreadable("the step on adapters changed nothing")


def compare_scratch(grpo, case, folder, report):
    folder.mkdir(exist_ok=True)
    saved = one_step(grpo, folder, {
        "config": {**case.config, "max_position_embeddings": parity_cases.CONTEXT, "vocab_size": parity_cases.VOCAB},
        "initializer_range": 0.25, "tokenizer": {"characters": "0123456789+=", "eos": "<eos>"}})
    reference = load_theirs(saved, torch.float32)
    mend(reference)
    sequences = parity_cases.token_ids(case)
    report["saved fp32"] = differences(ours(grpo, saved, "float32", sequences),
                                       [logprobs for logprobs, _ in theirs(reference, sequences)])


def judge_refusal(grpo, case, folder):
    model, _ = write_checkpoint(case, folder)
    try:
        ours(grpo, model, "float32", parity_cases.token_ids(case))
    except Unreadable as refusal:
        if case.refused in str(refusal):
            return {"problems": [], "refused": True}
        return {"problems": [str(refusal)]}
    return {"problems": [f"read, and {case.refused} ignored or guessed"]}


def judge(grpo, case, folder):
    if case.refused:
        return judge_refusal(grpo, case, folder)
    report = {"problems": []}
    for step in (compare_scratch,) if case.scratch else (
            compare_reading, compare_bf16, compare_saving, compare_adapters):
        try:
            step(grpo, case, folder, report)
        except Exception as problem:  # the table goes on with the next case
            report["problems"].append(f"{step.__name__}: {type(problem).__name__}: {problem}"[:600])
    limits = {"read fp32": (MAX_FP32, MAX_FP32), "read bf16": (MAX_BF16, MEAN_BF16), "resaved fp32": (MAX_FP32, MAX_FP32),
              "saved fp32": (MAX_FP32, MAX_FP32), "adapter read": (MAX_FP32, MAX_FP32),
              "adapter saved": (MAX_FP32, MAX_FP32), "adapter merged": (MAX_FP32, MAX_FP32)}
    for key, (largest, mean) in limits.items():
        if key in report and not (report[key][0] <= largest and report[key][1] <= mean):
            report["problems"].append(f"{key}: max {report[key][0]:.2e} (limit {largest:g}), "
                                      f"mean {report[key][1]:.2e} (limit {mean:g})")
    return report


def print_row(case, report):
    def cell(key):
        return f"{report[key][0]:.1e} / {report[key][1]:.1e}" if key in report else "-"
    verdict = "FAIL" if report["problems"] else "refused, rightly" if "refused" in report else "ok"
    print(f"{case.family + ' ' + case.name:<52} {cell('read fp32'):>17}  {cell('resaved fp32'):>17}  {cell('read bf16'):>17} "
          f"{report.get('bf16 tokens', '-'):>4}  {cell('saved fp32'):>17}  {cell('adapter read'):>17}  "
          f"{cell('adapter saved'):>17}  {verdict}")
    for line in report["problems"]:
        print("    " + line)
    if case.note:
        print("    " + case.note)
    if report.get("mended"):
        print(f"    mended in transformers: {', '.join(sorted(report['mended']))}")
    sys.stdout.flush()


def main():
    arguments = argparse.ArgumentParser(prog="scripts/parity", description=__doc__,
                                        formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", metavar="FAMILY", help="only this family, or the cases FAMILY/NAME")
    arguments.add_argument("--write-goldens", action="store_true",
                           help="write tests/golden/policy/ from transformers instead of comparing")
    options = arguments.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cases = [c for c in parity_cases.CASES
             if not options.only or c.family == options.only or f"{c.family}/{c.name}".startswith(options.only + "_")
             or f"{c.family}/{c.name}" == options.only]
    if not cases:
        sys.exit(f"parity: no case of {options.only}; families: {', '.join(sorted({c.family for c in parity_cases.CASES}))}")
    scores = [c for c in parity_cases.SCORE_CASES if c.family in {case.family for case in cases}
              and (not options.only or "/" not in options.only)]
    if options.write_goldens:
        parity_scores.write_goldens(scores, root / "tests/golden/scores")
        for case in (c for c in cases if c.golden):
            with tempfile.TemporaryDirectory() as folder:
                _, oracle = write_checkpoint(case, pathlib.Path(folder))
                reference = load_theirs(oracle, torch.float32)
                mend(reference)
                logprobs = [row for row, _ in theirs(reference, parity_cases.token_ids(case))]
            path = root / f"tests/golden/policy/{case.family}_{case.name}.json"
            path.write_text(parity_cases.golden(case, logprobs, transformers.__version__))
            print(path.relative_to(root))
        return
    grpo = root / "build/release/bin/grpo"
    if not grpo.exists():
        sys.exit("parity: build/release/bin/grpo is missing\nfix: scripts/build release")
    print(f"transformers {transformers.__version__}, torch {torch.__version__}; difference of log-probabilities, max / mean")
    print(f"{'case':<52} {'read, float32':>17}  {'saved by theirs':>17}  {'read, bfloat16':>17} {'of':>4}  {'saved by ours':>17}  "
          f"{'PEFT adapter':>17}  {'adapter of ours':>17}")
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="grpo-parity-") as folder:
            report = judge(grpo, case, pathlib.Path(folder))
        print_row(case, report)
        failed += bool(report["problems"])
    print("scores of reward models: read, saved by theirs, saved by ours")
    for case in scores:
        with tempfile.TemporaryDirectory(prefix="grpo-parity-") as folder:
            failed += not parity_scores.judge(grpo, case, pathlib.Path(folder))
    print(f"{len(cases) + len(scores) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
