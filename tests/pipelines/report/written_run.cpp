#include "tests/pipelines/report/written_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace grpo {
namespace {

void append(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary | std::ios::app) << text; }

// Rises from `from` towards `to`, with a little noise that is the same every time.
double learned(double from, double to, int64_t step, int64_t steps, int64_t salt) {
  const double share = 1 - std::exp(-3.0 * static_cast<double>(step) / static_cast<double>(steps));
  return from + (to - from) * share + 0.015 * std::sin(static_cast<double>(step * 7 + salt) * 1.7);
}

struct Writer {
  const WrittenRun& run;
  int64_t line = 0;
  int64_t index = 0;
  Json stages = Json::array();

  std::string finish(const std::string& name, const std::string& type, const std::string& from, int64_t steps, double seconds,
                     Json more) {
    Json manifest = {{"name", name}, {"stage", type}, {"from", from}, {"steps", steps}, {"seconds", seconds},
                     {"version", "0.1.0"}, {"memory", {{"planned_bytes", 500000000}, {"peak_bytes", 612345678}}}};
    manifest.update(more);
    ++index;
    const std::string folder = "stages/" + std::string(index < 10 ? "0" : "") + std::to_string(index) + "-" + name;
    run.write(folder + "/manifest.json", manifest.dump());
    stages.push_back(manifest);
    line += 1;
    return folder;
  }

  Json times(double generate, double train) const {
    return {{"time/generate", generate}, {"time/logprobs", train / 3}, {"time/score", 0.02}, {"time/train", train},
            {"time/other", 0.01}, {"step_time", generate + train + train / 3 + 0.03}};
  }

  Json evaluation(double accuracy, double length) const {
    return {{"eval_accuracy", accuracy}, {"eval_accuracy_stderr", std::sqrt(accuracy * (1 - accuracy) / 400)},
            {"eval_pass@k", std::min(1.0, accuracy + 0.08)}, {"eval_maj@k", std::min(1.0, accuracy + 0.03)},
            {"eval_reward", accuracy + 0.09}, {"eval_completions/mean_length", length},
            {"eval_completions/clipped_ratio", 0.01}, {"eval_num_problems", 400}, {"eval_num_unjudged", 0}};
  }

  void episodes(const std::string& stage, int64_t step) const {
    for (int64_t sample = 0; sample < 4; ++sample) {
      const std::string longer(sample == 0 ? 3000 : 30, 'x');
      // By hand: invalid UTF-8 must reach the file as it is.
      std::string completion;
      for (const char c : kHostile + longer) {
        if (c == '"' || c == '\\') completion += '\\';
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20) {
          completion += byte == 0x1b ? "\\u001b" : "\\u0001";
        } else {
          completion += c;
        }
      }
      run.episodes_line("{\"step\":" + std::to_string(line + step) + ",\"stage\":\"" + stage +
                        "\",\"problem_id\":7,\"sample_index\":" + std::to_string(sample) +
                        ",\"prompt\":\"3+4*2=\",\"answer\":\"4\",\"completion\":\"" + completion +
                        "\",\"completion_ids\":[1,2,3],\"finish_reason\":\"eos\",\"reward\":" + (sample == 1 ? "1.1" : "0.1") +
                        ",\"rewards\":{\"exact\":{\"value\":" + (sample == 1 ? "1.0" : "0.0") +
                        ",\"status\":\"ok\",\"reason\":\"another <b>answer</b>\"},\"format\":{\"value\":1.0,\"status\":\"ok\"}},"
                        "\"advantage\":0.5}\n");
    }
  }

  void rl(const std::string& name, const std::string& from, int64_t steps, double start, double end) {
    Json evals = Json::array();
    double tokens = 0, seconds = 0;
    for (int64_t step = 0; step <= steps; ++step) {
      const double reward = learned(start, end, step, steps, index);
      Json row = {{"step", line + step}, {"stage", name}, {"stage_step", step}};
      if (step > 0) {
        tokens += 12000;
        row.update({{"reward", reward + 0.1}, {"reward_std", 0.2}, {"rewards/exact/mean", reward}, {"rewards/format/mean", 0.97},
                    {"rewards/language/mean", 0.8 + reward / 8}, {"completions/mean_length", 20 + 30 * reward},
                    {"completions/clipped_ratio", 0.02}, {"loss", 0.02 * std::sin(static_cast<double>(step))},
                    {"entropy", 1.2 - 0.9 * reward}, {"kl", 0.002 * static_cast<double>(step)}, {"grad_norm", 0.3 + 0.1 * std::cos(static_cast<double>(step))},
                    {"sampling/sampling_logp_difference/mean", 1e-7}, {"sampling/sampling_logp_difference/max", step == 5 ? 2e-2 : 3e-6},
                    {"learning_rate", 1e-4}, {"num_tokens", tokens}, {"skipped_steps", 0}});
        row.update(times(0.9, 1.05));
        seconds += row["step_time"].get<double>();
      }
      if (step == 0 || step == steps || step % 20 == 0) {
        const double accuracy = std::clamp(learned(start, end, step, steps, 0), 0.0, 1.0);
        row.update(evaluation(accuracy, 20 + 30 * accuracy));
        evals.push_back({{"step", step}, {"accuracy", accuracy}, {"mean_length", 20 + 30 * accuracy}});
      }
      run.metrics(row);
      if (step == 1 || step == steps / 2 || step == steps) episodes(name, step);
    }
    line += steps;
    finish(name, "rl", from, steps, seconds + 2, {{"eval", evals}});
  }

  void sft(const std::string& name, const std::string& from, int64_t steps, double accuracy, const std::string& type = "sft") {
    for (int64_t step = 1; step <= steps; ++step) {
      Json row = {{"step", line + step}, {"stage", name}, {"stage_step", step}, {"loss", 3 * std::exp(-static_cast<double>(step) / 60) + 0.3},
                  {"entropy", 1.0}, {"grad_norm", 0.5}, {"learning_rate", 5e-5}, {"num_tokens", 2500 * step},
                  {"time/train", 0.24}, {"time/other", 0.01}, {"step_time", 0.25}};
      if (type == "distill") row["divergence"] = 0.8 * std::exp(-static_cast<double>(step) / 50);
      if (step == steps) row.update(evaluation(accuracy, 26));
      run.metrics(row);
    }
    line += steps;
    finish(name, type, from, steps, 0.25 * static_cast<double>(steps) + 1, {{"data", {{{"path", "traces.jsonl"}, {"sha256", std::string(64, 'a')}}}}});
  }

  void reject(const std::string& name, const std::string& from) {
    const std::string folder = finish(name, "reject", from, 0, 64.5, {{"counts", {{"problems", 2000}, {"samples", 8000}, {"kept", 3120}, {"dropped", {{"exact", 4400}, {"language", 480}}}}}});
    for (int row = 0; row < 5; ++row) {
      const Json kept = {{"question", "3+4*2="}, {"answer", "4"}, {"completion", "<think>3+4=7*2=4</think><answer>4</answer>"},
                         {"provenance", {{"stage", name}, {"problem", row}, {"sample", 1}, {"seed", 5}, {"reward", 1.1}, {"scores", {{"exact", 1.0}, {"format", 1.0}}}}}};
      run.write(folder + "/data/kept.jsonl", kept.dump() + "\n");
    }
  }

  void reward_model(const std::string& name, const std::string& from, int64_t steps) {
    for (int64_t step = 1; step <= steps; ++step) {
      const double share = static_cast<double>(step) / static_cast<double>(steps);
      Json row = {{"step", line + step}, {"stage", name}, {"stage_step", step}, {"loss", 0.69 - 0.4 * share}, {"accuracy", 0.5 + 0.4 * share},
                  {"margin", 2 * share}, {"grad_norm", 1.0}, {"num_tokens", 3000 * step}, {"time/train", 0.3}, {"step_time", 0.3}};
      if (step % 10 == 0) row.update({{"eval_loss", 0.7 - 0.38 * share}, {"eval_accuracy", 0.5 + 0.37 * share}, {"eval_margin", 1.8 * share}, {"eval_length_accuracy", 0.55}});
      run.metrics(row);
    }
    line += steps;
    finish(name, "reward_model", from, steps, 20, {{"counts", {{"pairs", 1200}, {"pairs_held_out", 130}}}, {"metrics", {{"step", steps}, {"accuracy", 0.87}, {"length_accuracy", 0.55}}}});
  }
};

}  // namespace

void WrittenRun::recipe(const Json& recipe) const { write("recipe.json", recipe.dump(2)); }
void WrittenRun::metrics_line(const std::string& line) const { append(file("metrics.jsonl"), line); }
void WrittenRun::episodes_line(const std::string& line) const { append(file("episodes.jsonl"), line); }

void WrittenRun::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
  append(file(name), text);
}

double reward_at(int64_t step) { return step == 137 ? 9.75 : step == 401 ? -3.5 : 0.1 + static_cast<double>(step % 17) / 31; }

void write_rl_run(const WrittenRun& run, int64_t steps) {
  run.recipe({{"name", "one stage"}, {"stage", "rl"}, {"max_steps", steps}, {"data", {{"eval", "sets/held_out.jsonl"}}}});
  for (int64_t step = 0; step <= steps; ++step) {
    Json row = {{"step", step}, {"stage", "rl"}, {"stage_step", step}};
    if (step > 0) {
      row.update({{"reward", reward_at(step)}, {"num_tokens", 1000 * step}, {"time/generate", 0.25}, {"time/train", 0.5}, {"time/other", 0.0},
                  {"step_time", 0.75}});
    }
    if (step == 0 || step == steps) row.update({{"eval_accuracy", step == 0 ? 0.125 : 0.625}, {"eval_accuracy_stderr", 0.0421}});
    run.metrics(row);
  }
  run.summary({{"device", "cpu"}, {"stages", {{{"name", "rl"}, {"stage", "rl"}, {"from", "base"}, {"steps", steps}, {"seconds", 1.0}, {"version", "0.1.0"}}}}});
}

void write_r1_run(const WrittenRun& run) {
  const Json stages = {
      {{"name", "zero"}, {"stage", "rl"}, {"from", "base"}, {"max_steps", 120}},
      {{"name", "collect"}, {"stage", "reject"}, {"from", "zero"}},
      {{"name", "cold_start"}, {"stage", "sft"}, {"from", "base"}, {"data", {{"train", {{"stage", "collect"}}}}}, {"max_steps", 200}},
      {{"name", "reasoning"}, {"stage", "rl"}, {"max_steps", 120}},
      {{"name", "sampling"}, {"stage", "reject"}, {"from", "reasoning"}},
      {{"name", "second_sft"}, {"stage", "sft"}, {"from", "base"}, {"data", {{"train", {{{"stage", "sampling"}, {"weight", 3}}, {{"generator", "courtesy"}}}}}}, {"max_steps", 200}},
      {{"name", "helpful"}, {"stage", "reward_model"}, {"max_steps", 60}},
      {{"name", "all"}, {"stage", "rl"}, {"from", "second_sft"}, {"rewards", {{{"name", "exact"}}, {{"name", "model"}, {"model", "helpful"}}}}, {"max_steps", 80}},
      {{"name", "student_traces"}, {"stage", "sft"}, {"policy", "student"}, {"data", {{"train", {{"stage", "sampling"}}}}}, {"max_steps", 150}},
      {{"name", "student_on_policy"}, {"stage", "distill"}, {"policy", "student"}, {"from", "base"}, {"teacher", "all"}, {"max_steps", 100}},
      {{"name", "student_rl"}, {"stage", "rl"}, {"policy", "student"}, {"from", "base"}, {"max_steps", 80}},
      {{"name", "final"}, {"stage", "eval"}, {"models", {"all", "reasoning"}}}};
  run.recipe({{"name", "r1_tiny"}, {"description", "The four stages of DeepSeek-R1 at the smallest scale. " + std::string("<b>&")}, {"seed", 1},
              {"data", {{"train", {{"generator", "chain"}, {"operators", 8}, {"split", "train"}}}, {"eval", {{"generator", "chain"}, {"operators", 8}, {"split", "eval"}}}}},
              {"eval", {{"num_problems", 400}, {"num_samples", 4}, {"temperature", 0.6}, {"top_p", 0.95}, {"steps", 20}}},
              {"stages", stages}});
  Writer writer{run};
  writer.rl("zero", "base", 120, 0.22, 0.86);
  writer.reject("collect", "zero");
  writer.sft("cold_start", "base", 200, 0.61);
  writer.rl("reasoning", "cold_start", 120, 0.61, 0.93);
  writer.reject("sampling", "reasoning");
  writer.sft("second_sft", "base", 200, 0.9);
  writer.reward_model("helpful", "second_sft", 60);
  writer.rl("all", "second_sft", 80, 0.9, 0.955);
  writer.sft("student_traces", "base", 150, 0.78);
  writer.sft("student_on_policy", "base", 100, 0.84, "distill");
  writer.rl("student_rl", "base", 80, 0.08, 0.31);
  const std::string folder = writer.finish("final", "eval", "all", 0, 42, Json::object());
  const auto result = [](const char* model, const char* set, double accuracy, double pass_4, double pass_16) {
    return Json{{"model", model}, {"set", set}, {"accuracy", accuracy}, {"accuracy_stderr", 0.0123}, {"pass@4", pass_4},
                {"pass@16", pass_16}, {"cons@16", pass_4}, {"completions/mean_length", 71.5}, {"num_problems", 200},
                {"num_samples", 16}, {"num_unjudged", 0}, {"temperature", 0.6}, {"top_p", 0.95}, {"max_completion_length", 96}};
  };
  run.write(folder + "/data/results.json",
            Json({{"stage", "final"}, {"results", {result("all", "chain_12", 0.8125, 0.875, 0.9375), result("reasoning", "chain_12", 0.75, 0.8125, 0.9375),
                                                   result("all", "sorting", 0.4375, 0.5, 0.625), result("reasoning", "sorting", 0.5, 0.5625, 0.75)}}}).dump());
  run.summary({{"recipe", "recipes/r1_tiny.json"}, {"device", "cpu"}, {"stages", writer.stages}});
  run.write("tensorboard/events.out.tfevents.1700000000.vm.1.0", "");
}

}  // namespace grpo
