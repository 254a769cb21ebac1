"""The part of scripts/parity about reward models: sequence classifiers of one label, both ways.

Reading: a checkpoint written here is scored by transformers and by `grpo score` with the reward `model`; transformers
saves it, and grpo reads that too. Saving: `grpo run` makes a reward model of a causal one in one optimizer step, and
AutoModelForSequenceClassification gives what it exports the same scores, alone and padded in a batch.
"""

import json
import pathlib
import subprocess
import tempfile

import torch
import transformers

import parity
import parity_cases

LIMIT = 2e-5  # float32
TEXTS = [("1+2=", "3"), ("Why?", "<think> because </think> so"), ("a b c", ""), ("x" * 20, "The quick brown fox. ")]


def load(folder, dtype=torch.float32):
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager", output_loading_info=True)
    wrong = {key: sorted(info[key])[:3] for key in ("missing_keys", "mismatched_keys", "unexpected_keys") if info[key]}
    if wrong or model.config.num_labels != 1:
        raise parity.Unreadable(f"transformers: {wrong}, {model.config.num_labels} labels")
    parity.mend(model)
    return model.eval()


@torch.no_grad()
def theirs(model, sequences):
    return [model(torch.tensor([ids])).logits.double().item() for ids in sequences]


@torch.no_grad()
def theirs_batched(model, sequences):
    longest, pad = max(map(len, sequences)), model.config.pad_token_id
    ids = torch.tensor([s + [pad] * (longest - len(s)) for s in sequences])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sequences])
    return model(ids, attention_mask=mask).logits[:, 0].double().tolist()


def text_ids(folder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return [tokenizer(p)["input_ids"] + tokenizer(c)["input_ids"] + [parity_cases.VOCAB - 1] for p, c in TEXTS]


def ours(grpo, folder):
    rows = "".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in TEXTS)
    reward = {"name": "model", "model": str(folder), "scope": "all", "dtype": "float32"}
    done = subprocess.run([grpo, "score", "--reward", json.dumps(reward)], input=rows, capture_output=True, text=True,
                          check=False, env={"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin"})
    if done.returncode != 0:
        raise parity.Unreadable("grpo: " + " ".join(done.stderr.split())[:400])
    return [json.loads(line)["reward"] for line in done.stdout.splitlines()]


def trained(grpo, folder, model):
    """One step of the stage reward_model from a causal model; the folder it exports."""
    (folder / "pairs.jsonl").write_text("".join(
        json.dumps({"prompt": f"{i}+{i}=", "chosen": str(2 * i), "rejected": str(i)}) + "\n" for i in range(1, 9)))
    recipe = {"name": "parity", "seed": 1, "policy": {"model": str(model), "dtype": "float32"},
              "stages": [{"name": "step", "stage": "reward_model", "data": {"train": str(folder / "pairs.jsonl")},
                          "max_steps": 1, "samples_per_step": 4, "learning_rate": 1e-2}]}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    done = subprocess.run([grpo, "run", folder / "recipe.json", "--out", folder / "run", "--device", "cpu"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise parity.Unreadable("grpo run: " + " ".join(done.stderr.split())[:400])
    return folder / "run/stages/01-step/model"


def largest_difference(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def compare(grpo, case, folder):
    model, _ = parity.write_checkpoint(case, folder / "exact")
    ids = text_ids(model)
    reference = load(model)
    expected = theirs(reference, ids)
    if max(expected) - min(expected) < 0.1:
        raise parity.Unreadable(f"the case shows little: scores {expected}")
    differences = [largest_difference(ours(grpo, model), expected)]
    reference.save_pretrained(folder / "resaved")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / "resaved" / file).write_bytes((model / file).read_bytes())
    differences.append(largest_difference(ours(grpo, folder / "resaved"), expected))

    causal = parity_cases.Case(case.family, case.name, {
        **{k: v for k, v in case.config.items() if k not in ("id2label", "label2id")},
        "architectures": [case.config["architectures"][0].replace("ForSequenceClassification", "ForCausalLM")]},
        dtype=case.dtype, shards=case.shards)
    start, _ = parity.write_checkpoint(causal, folder / "causal")
    saved = trained(grpo, folder, start)
    reference = load(saved)
    found = ours(grpo, saved)
    differences.append(max(largest_difference(found, theirs(reference, ids)),
                           largest_difference(found, theirs_batched(reference, ids))))
    return differences


def judge(grpo, case, folder):
    """Prints the case's line; whether all is well."""
    try:
        differences = compare(grpo, case, folder)
    except Exception as problem:  # the table goes on with the next case
        print(f"{case.family + ' ' + case.name:<52} FAIL\n    {type(problem).__name__}: {problem}"[:700], flush=True)
        return False
    good = all(d <= LIMIT for d in differences)
    print(f"{case.family + ' ' + case.name:<52} " + "  ".join(f"{d:.1e}" for d in differences) + f"  {'ok' if good else 'FAIL'}",
          flush=True)
    return good


def write_goldens(cases, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        ids = parity_cases.padded_ids(case)
        with tempfile.TemporaryDirectory() as temporary:
            model, _ = parity.write_checkpoint(case, pathlib.Path(temporary))
            scores = [[score] for score in theirs(load(model), ids)]
        path = folder / f"{case.family}_{case.name}.json"
        path.write_text(parity_cases.golden(case, scores, transformers.__version__, ids, "scores"))
        print(path)
