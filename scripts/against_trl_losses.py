"""Our loss and gradient beside TRL's, on the same checkpoint and the same batch; see scripts/against-trl.

A tiny Qwen2 with random weights, three groups of four samples of different lengths, random rewards, and log-probabilities
of old policy, reference and sampler that differ from the policy's by noise, so that ratios are clipped on both sides.
TRL computes GRPOTrainer._compute_loss, this project `grpo replay`.

Where the two differ by design, the difference is written beside the case and our formula is checked by the tests alone:
- TRL's "grpo" counts completely masked samples in its mean over samples; ours does not (grpo/packing.h). The batch has
  none.
- TRL's "dr_grpo" leaves the division by the standard deviation on, ours turns it off as the paper does; both are compared.
- TRL 1.16 turns use_bias_correction_kl on by itself, here it has to be asked for; both are compared.
- TRL's entropy bonus is a mean over the tokens of a micro-batch whatever the loss type; ours has the weights of the
  loss type. They agree for "dapo", which is compared.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import datasets
import safetensors.torch
import tokenizers
import torch
import transformers
import trl

MAX_LOSS, MIN_COSINE = 1e-5, 0.99999
SMALL_LOSS = 0.01  # terms of size 1 cancel to it in float32; below it the error is measured against it
VOCABULARY, GROUPS, SAMPLES, LONGEST = 64, 3, 4, 12
ROOT = pathlib.Path(__file__).resolve().parent.parent


def clip(**more):
    return dict(epsilon=0.2, epsilon_high=0.28, **more)


# name: TRL's configuration, then ours where it has other names or conventions, then log-probabilities that are given.
# "old" is given unless a case says otherwise.
CASES = {
    "grpo": (dict(loss_type="grpo", **clip()), {}),
    "grpo, first update": (dict(loss_type="grpo", **clip()), {}, {"old": False}),
    "grpo, delta": (dict(loss_type="grpo", delta=1.5, **clip()), {}),
    "grpo, scale_rewards none": (dict(loss_type="grpo", scale_rewards="none", **clip()), {}),
    "grpo, scale_rewards batch": (dict(loss_type="grpo", scale_rewards="batch", **clip()), {}),
    "grpo, KL": (dict(loss_type="grpo", beta=0.3, use_bias_correction_kl=False, **clip()), {}),
    "grpo, unbiased KL": (dict(loss_type="grpo", beta=0.3, use_bias_correction_kl=True, **clip()), {}),
    "dapo": (dict(loss_type="dapo", **clip()), {}),
    "dapo, KL": (dict(loss_type="dapo", beta=0.3, use_bias_correction_kl=False, **clip()), {}),
    "dapo, entropy bonus": (dict(loss_type="dapo", entropy_coef=0.05, **clip()), {}),
    "dapo, top entropy": (dict(loss_type="dapo", top_entropy_quantile=0.4, **clip()), {}),
    "dapo, off-policy mask": (dict(loss_type="dapo", off_policy_mask_threshold=0.02, **clip()), {}),
    "bnpo": (dict(loss_type="bnpo", **clip()), dict(per_device_train_batch_size=GROUPS * SAMPLES)),
    "dr_grpo": (dict(loss_type="dr_grpo", **clip()), dict(scale_rewards="group")),
    "dr_grpo, scale_rewards none": (dict(loss_type="dr_grpo", scale_rewards="none", **clip()), {}),
    "gspo": (dict(loss_type="grpo", importance_sampling_level="sequence", epsilon=3e-4, epsilon_high=4e-4),
             dict(loss_type="gspo")),
    "cispo": (dict(loss_type="cispo", epsilon_high=1.1), dict(cispo_ratio_max=1.1)),
    "sapo": (dict(loss_type="sapo", sapo_temperature_pos=1.0, sapo_temperature_neg=1.05), {}),
}
for mode in ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"):
    CASES[f"dapo, {mode}"] = (dict(loss_type="dapo", **clip()),
                              dict(importance_sampling_mode=mode, importance_sampling_clip_max=1.2), {"sampler": mode})


def make_checkpoint(folder):
    torch.manual_seed(5)
    config = transformers.Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False, initializer_range=0.2,
        bos_token_id=0, eos_token_id=1)
    model = transformers.Qwen2ForCausalLM(config).to(torch.float32)
    model.save_pretrained(folder)
    characters = {chr(ord("A") + i): i for i in range(VOCABULARY - 6)}
    words = {"<s>": VOCABULARY - 6, "</s>": VOCABULARY - 5}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE({**characters, **words}, merges=[], unk_token="A"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>",
                                         pad_token="</s>").save_pretrained(folder)
    return model


def make_batch(generator):
    groups = []
    for _ in range(GROUPS):
        prompt = torch.randint(2, VOCABULARY - 8, (int(torch.randint(2, 6, (1,), generator=generator)),),
                               generator=generator).tolist()
        for _ in range(SAMPLES):
            length = int(torch.randint(3, LONGEST + 1, (1,), generator=generator))
            groups.append((prompt, torch.randint(2, VOCABULARY - 8, (length,), generator=generator).tolist()))
    return groups, torch.rand(len(groups), generator=generator).tolist()


def policy_scores(model, samples):
    """Log-probability and entropy of each completion token, one sample at a time: nothing to pad."""
    logprobs, entropies = [], []
    with torch.no_grad():
        for prompt, completion in samples:
            logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1:-1].double().log_softmax(-1)
            logprobs.append(logits[torch.arange(len(completion)), completion])
            entropies.append(-(logits.exp() * logits).sum(-1))
    return logprobs, entropies


def padded(lists, left=False, fill=0):
    width = max(len(x) for x in lists)
    rows = [[fill] * (width - len(x)) + list(x) if left else list(x) + [fill] * (width - len(x)) for x in lists]
    return torch.tensor(rows)


def advantages(rewards, scale):
    r = torch.tensor(rewards).view(-1, SAMPLES)
    centred = r - r.mean(1, keepdim=True)
    if scale == "none":
        return centred.flatten()
    std = r.std() if scale == "batch" else r.std(1, keepdim=True)
    return (centred / (std + 1e-4)).flatten()


def sampler_ratio(mode, old, behaviour, mask, most):
    """TRL's correction for a sampler that is not the trainer, from the lines of its generation step that do not run
    here; vLLM is not needed for them."""
    difference = (old - behaviour) * mask
    ratio = torch.exp(difference.sum(-1, keepdim=True) if mode.startswith("sequence") else difference)
    return ratio.clamp(max=most) if mode.endswith("truncate") else ratio.masked_fill(ratio > most, 0.0)


def trl_loss(folder, options, samples, rewards, given):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = trl.GRPOConfig(
        output_dir=str(folder / "trl"), per_device_train_batch_size=len(samples), num_generations=SAMPLES,
        max_completion_length=LONGEST, gradient_checkpointing=False, use_cpu=True, bf16=False, report_to=[],
        **options)
    trainer = trl.GRPOTrainer(
        model=model, args=config, reward_funcs=lambda completions, **_: [0.0] * len(completions),
        processing_class=transformers.AutoTokenizer.from_pretrained(folder),
        train_dataset=datasets.Dataset.from_dict({"prompt": ["A"] * len(samples)}))
    trainer.current_gradient_accumulation_steps = 1
    model = trainer.model.train()
    mask = padded([[1] * len(c) for _, c in samples])
    inputs = {
        "prompt_ids": padded([p for p, _ in samples], left=True), "completion_ids": padded([c for _, c in samples]),
        "prompt_mask": padded([[1] * len(p) for p, _ in samples], left=True), "completion_mask": mask,
        "advantages": advantages(rewards, options.get("scale_rewards", "group")),
        "num_items_in_batch": mask.sum(),
    }
    for key, values in given.items():
        if values is not None:
            inputs[key] = padded([x.tolist() for x in values], fill=0.0).float()
    if "importance_sampling_ratio" in inputs:
        trainer.use_vllm = trainer.vllm_importance_sampling_correction = True
    loss = trainer._compute_loss(model, inputs)
    loss.backward()
    return loss.item(), {name: p.grad for name, p in model.named_parameters()}


def our_loss(folder, program, options, samples, rewards, columns):
    batch = folder / "batch.jsonl"
    with batch.open("w") as file:
        for i, (prompt, completion) in enumerate(samples):
            row = {"group": i // SAMPLES, "prompt_ids": prompt, "completion_ids": completion, "reward": rewards[i]}
            row.update({key: values[i].tolist() for key, values in columns.items() if values is not None})
            file.write(json.dumps(row) + "\n")
    command = [program, "replay", batch, "--model", folder, "--json", "--device", "cpu", "--dtype", "float32",
               "--gradients", folder / "gradients.safetensors"]
    for key, value in {"max_completion_length": LONGEST, "max_grad_norm": 0, **options}.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)["metrics"]["loss"], safetensors.torch.load_file(folder / "gradients.safetensors")


def stacked(name, theirs):
    """TRL's gradient for a weight that lies stacked here: q, k and v, gate and up."""
    for ours, parts in (("qkv_proj", ("q_proj", "k_proj", "v_proj")), ("gate_up_proj", ("gate_proj", "up_proj"))):
        if ours in name:
            return torch.cat([theirs[name.replace(ours, part)] for part in parts])
    return theirs[name]


def compare(ours, theirs):
    a = torch.cat([g.double().flatten() for g in ours.values()])
    b = torch.cat([stacked(name, theirs).double().flatten() for name in ours])
    assert b.numel() == sum(g.numel() for g in theirs.values()), "some gradient of TRL's has no counterpart"
    return (torch.dot(a, b) / (a.norm() * b.norm())).item(), (a.norm() / b.norm()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="cases whose name holds this")
    parser.add_argument("--program", default=ROOT / "build/release/bin/grpo")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    failed = compared = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = make_checkpoint(folder)
        generator = torch.Generator().manual_seed(7)
        samples, rewards = make_batch(generator)
        logprobs, entropies = policy_scores(model, samples)

        def noisy(scale):
            return [(x + scale * torch.randn(x.shape, generator=generator, dtype=x.dtype)).float().double() for x in logprobs]

        old, reference, sampler = noisy(0.25), noisy(0.3), noisy(0.1)
        for case, (trl_options, our_options, *rest) in CASES.items():
            if arguments.only and arguments.only not in case:
                continue
            given = rest[0] if rest else {}
            their = {"old_per_token_logps": old if given.get("old", True) else None,
                     "ref_per_token_logps": reference if trl_options.get("beta") else None}
            columns = {"old_logprobs": their["old_per_token_logps"], "ref_logprobs": their["ref_per_token_logps"],
                       "entropy": entropies if "top_entropy_quantile" in trl_options else None}
            if "sampler" in given:
                behaviour = [(o + (s - p)).float().double() for o, s, p in zip(old, sampler, logprobs)]
                mask = padded([[1] * len(c) for _, c in samples])
                ratio = sampler_ratio(given["sampler"], padded([x.tolist() for x in old], fill=0.0),
                                      padded([x.tolist() for x in behaviour], fill=0.0), mask, 1.2)
                their["importance_sampling_ratio"] = list(ratio)
                columns["behaviour_logprobs"] = behaviour
            their_loss, their_gradients = trl_loss(folder, trl_options, samples, rewards, their)
            ours = dict(trl_options, **our_options)
            if ours["loss_type"] == "cispo":
                ours.pop("epsilon_high")
            loss, gradients = our_loss(folder, arguments.program, ours, samples, rewards, columns)
            error = abs(loss - their_loss) / max(abs(their_loss), SMALL_LOSS)
            cosine, norms = compare(gradients, their_gradients)
            good = error <= MAX_LOSS and cosine >= MIN_COSINE and abs(norms - 1) <= 1e-4
            compared, failed = compared + 1, failed + (not good)
            print(f"{'ok  ' if good else 'FAIL'} {case:<30} loss {loss:+.8f} {their_loss:+.8f}  relative {error:.1e}  "
                  f"cosine {cosine:.8f}  norms {norms:.6f}", flush=True)
    print(f"{compared - failed} passed, {failed} failed (TRL {trl.__version__}, torch {torch.__version__})")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
