"""Whole GRPO steps of TRL and of this project, on the CPU, in one run; see scripts/against-trl.

The same checkpoint, prompts, sizes, precision and threads, no stop token, so that every sample has its full length; a
reward that costs nothing; seconds per step are medians of the steps after the first. Each side runs in a process of its
own, one after the other and twice over, and its peak memory is what the kernel says of that process. Beside them the
rate of a large matrix product in the same run, and what share of it a step reaches: 2 FLOPs per parameter and token for
generation, 6 for training, attention not counted.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPTS, GENERATIONS = 8, 8
# completion tokens, and steps that are timed
SHAPES = {"stories260K": (128, 6), "qwen2_5m": (512, 2)}


def make_qwen2(folder):
    import tokenizers
    import torch
    import transformers
    torch.manual_seed(1)
    config = transformers.Qwen2Config(
        vocab_size=512, hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=511)
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    words = {chr(0x100 + i): i for i in range(510)} | {"<s>": 510, "</s>": 511}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(words, merges=[], unk_token=chr(0x100)))
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>",
                                         pad_token="</s>").save_pretrained(folder)
    return ["".join(chr(0x100 + (31 * i + 7 * j) % 500) for j in range(16)) for i in range(PROMPTS)]


def copy_stories(folder):
    import shutil
    data = pathlib.Path(os.environ.get("GRPO_TEST_DATA", ROOT.parent / "shared/data")) / "models/stories260K"
    if not data.is_dir():
        sys.exit(f"{data}: not there; set GRPO_TEST_DATA, or leave out --shape stories260K")
    for file in data.iterdir():
        shutil.copy(file, folder)
    return [f"Once upon a time, there was a {x}" for x in
            ("cat", "dog", "girl", "boy", "bird", "tree", "king", "frog")]


def trl_steps(folder, prompts, length, steps, dtype):
    """Runs in a process of its own; prints seconds per step."""
    import datasets
    import torch
    import transformers
    import trl
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    model.generation_config.eos_token_id = None
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    stamps = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            stamps.append(time.perf_counter())

    config = trl.GRPOConfig(
        output_dir=str(folder / "trl"), per_device_train_batch_size=PROMPTS * GENERATIONS, num_generations=GENERATIONS,
        max_completion_length=length, max_steps=steps + 2, learning_rate=1e-6, lr_scheduler_type="constant",
        loss_type="dapo", beta=0.0, temperature=1.0, gradient_checkpointing=False, use_cpu=True, bf16=dtype == "bfloat16",
        report_to=[], save_strategy="no", logging_steps=1000, disable_tqdm=True, shuffle_dataset=False)
    lengths = []

    def reward(completion_ids, **_):
        lengths.extend(len(ids) for ids in completion_ids)
        return [float(ids[-1] % 2) for ids in completion_ids]

    trainer = trl.GRPOTrainer(model=model, args=config, reward_funcs=reward, processing_class=tokenizer,
                              train_dataset=datasets.Dataset.from_dict({"prompt": prompts * (steps + 2)}),
                              callbacks=[Clock()])
    trainer.eos_token_ids = [-1]  # nothing stops early
    trainer.generation_config.eos_token_id = None
    trainer.train()
    assert set(lengths) == {length}, f"TRL stopped early: {sorted(set(lengths))}"
    json.dump({"seconds": [b - a for a, b in zip(stamps[1:], stamps[2:])],
               "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}, sys.stdout)


def our_steps(folder, program, prompts, length, steps, dtype):
    with (folder / "prompts.jsonl").open("w") as file:
        for prompt in prompts:
            file.write(json.dumps({"prompt": prompt, "answer": "1"}) + "\n")
    recipe = {
        "name": "speed", "seed": 1, "policy": {"model": str(folder), "dtype": dtype}, "stage": "rl",
        "data": {"train": str(folder / "prompts.jsonl")}, "rewards": [{"name": "token_count", "max_tokens": length + 1}],
        "max_steps": steps + 2, "prompts_per_step": PROMPTS, "num_generations": GENERATIONS,
        "max_completion_length": length, "ignore_eos": True, "tokens_per_micro_batch": 4096, "learning_rate": 1e-6, "loss_type": "dapo", "beta": 0.0,
        "temperature": 1.0, "save_model": False, "log_episodes": 0}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([program, "run", folder / "recipe.json", "--out", out + "/run", "--device", "cpu"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(done.stdout)
        lines = [json.loads(line) for line in open(out + "/run/metrics.jsonl")]
    assert all(line["completions/min_length"] == length for line in lines if "step_time" in line)
    json.dump({"seconds": [line["step_time"] for line in lines if line["stage_step"] > 2],
               "peak_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}, sys.stdout)


def measured(arguments):
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # TRL prints its metrics before


def gemm_rate(dtype):
    """Of the better of PyTorch's two libraries: on AMD processors oneDNN has wider vectors than MKL in float32."""
    import torch
    a, b = torch.randn(1024, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    products = [lambda: torch.mm(a, b), lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")]
    rates = []
    for product in products:
        times = []
        for _ in range(12):
            start = time.perf_counter()
            product()
            times.append(time.perf_counter() - start)
        rates.append(2 * 1024 ** 3 / statistics.median(times) / 1e9)
    return max(rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, action="append", help="default: all")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/grpo"))
    parser.add_argument("--one", nargs=3, metavar=("SIDE", "SHAPE", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        side, shape, folder = arguments.one
        folder = pathlib.Path(folder)
        prompts = json.loads((folder / "texts.json").read_text())
        length, steps = SHAPES[shape]
        if side == "trl":
            trl_steps(folder, prompts, length, steps, arguments.dtype)
        else:
            our_steps(folder, arguments.program, prompts, length, steps, arguments.dtype)
        return
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    import safetensors.torch
    import torch
    torch.set_num_threads(arguments.threads)
    report = {"threads": arguments.threads, "dtype": arguments.dtype, "load_average": os.getloadavg()[0],
              "gemm_gflops": round(gemm_rate(getattr(torch, arguments.dtype)), 1), "shapes": {}}
    for shape in arguments.shape or SHAPES:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            texts = make_qwen2(folder) if shape == "qwen2_5m" else copy_stories(folder)
            (folder / "texts.json").write_text(json.dumps(texts))
            parameters = sum(t.numel() for t in safetensors.torch.load_file(
                next(folder.glob("*.safetensors"))).values())
            seconds, memory = {"trl": [], "grpo": []}, {"trl": 0, "grpo": 0}
            for _ in range(arguments.rounds):
                for side in seconds:
                    result = measured(["--one", side, shape, name, "--dtype", arguments.dtype, "--program",
                                       arguments.program])
                    seconds[side] += result["seconds"]
                    memory[side] = max(memory[side], result["peak_mib"])
            tokens = PROMPTS * GENERATIONS * SHAPES[shape][0]
            trl, ours = statistics.median(seconds["trl"]), statistics.median(seconds["grpo"])
            report["shapes"][shape] = {
                "parameters": parameters, "samples": PROMPTS * GENERATIONS, "completion_tokens": SHAPES[shape][0],
                "trl_seconds": round(trl, 3), "grpo_seconds": round(ours, 3), "times_faster": round(trl / ours, 2),
                "trl_peak_mib": round(memory["trl"]), "grpo_peak_mib": round(memory["grpo"]),
                "memory_share": round(memory["grpo"] / memory["trl"], 3),
                "grpo_share_of_gemm": round(8 * parameters * tokens / ours / 1e9 / report["gemm_gflops"], 3)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
