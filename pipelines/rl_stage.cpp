// The stage "rl": GRPO on problems that rewards can judge.

#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "core/seed.h"
#include "grpo/trainer.h"
#include "pipelines/curriculum.h"
#include "pipelines/interruption.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/stage_memory.h"
#include "pipelines/stage_policy.h"
#include "policy/device_memory.h"

namespace grpo {
namespace {

Json episode_json(const StagePlan& plan, const Group& group, const Episode& episode, const Rubric& rubric) {
  Json scores = Json::object();
  for (size_t i = 0; i < episode.scores.size(); ++i) {
    const Score& score = episode.scores[i];
    Json entry = {{"value", score.value ? Json(*score.value) : Json()},
                  {"status", score_status_name(score.status)}};
    if (!score.reason.empty()) entry["reason"] = score.reason;
    scores[rubric.items[i].label] = entry;
  }
  return {{"stage", plan.spec.name},
          {"problem_id", episode.problem_id},
          {"sample_index", episode.sample_index},
          {"prompt", group.problem.prompt},
          {"answer", group.problem.answer},
          {"columns", group.problem.columns},
          {"completion", episode.completion},
          {"completion_ids", episode.completion_ids},
          {"behaviour_logprobs", episode.behaviour_logprobs},
          {"finish_reason", finish_reason_name(episode.finish_reason)},
          {"reward", episode.reward ? Json(*episode.reward) : Json()},
          {"rewards", scores},
          {"advantage", episode.advantage},
          {"policy_version", episode.policy_version},
          {"seed", episode.seed}};
}

// How hard the problems are for the policy the stage starts from, as a file of the stage, so that a resumed run trains
// on the same ones: {"pass_rates": [one per problem, null where no sample could be judged]}.
std::vector<std::optional<double>> measured_pass_rates(const StageContext& context, const TrainerOptions& options,
                                                       const Policy& policy, const Rubric& rubric,
                                                       const std::vector<Problem>& problems) {
  const std::string path = context.directory + "/difficulty.json";
  std::vector<std::optional<double>> rates;
  if (std::filesystem::exists(path)) {
    const Json stored = read_json_file(path);
    for (const Json& rate : stored.at("pass_rates")) {
      rates.push_back(rate.is_number() ? std::optional(rate.get<double>()) : std::nullopt);
    }
    if (rates.size() == problems.size()) return rates;
    throw Error(fmt::format("holds {} pass rates for {} problems", rates.size(), problems.size()), path,
                "the data has changed since the run began; start it anew");
  }
  constexpr uint64_t stream = 0x646966666963;
  EvalOptions eval{.num_samples = context.plan.difficulty->num_samples,
                   .sampling = options.sampling,
                   .seed = derive_seed({stage_seed(context.recipe, context.plan.spec), stream}),
                   .reward_workers = options.reward_workers,
                   .engine = options.engine};
  std::vector<Group> groups;
  fmt::print(stderr, "{}: measuring how hard {} problems are\n", context.plan.spec.name, problems.size());
  evaluate(policy, &*context.source.files.tokenizer, rubric, problems, eval, &groups);
  rates = pass_rates(groups);
  Json list = Json::array();
  for (const auto& rate : rates) list.push_back(rate ? Json(*rate) : Json());
  std::filesystem::create_directories(context.directory);
  write_file_atomically(path, Json{{"pass_rates", list}}.dump() + "\n");
  return rates;
}

// What "difficulty" makes of the training problems; none where the stage does not ask for it.
std::optional<Curriculum> make_curriculum(const StageContext& context, const TrainerOptions& options,
                                          const Policy& policy, const Rubric& rubric, const StageData& data) {
  const std::optional<DifficultyOptions>& difficulty = context.plan.difficulty;
  if (!difficulty) return std::nullopt;
  const uint64_t seed = stage_seed(context.recipe, context.plan.spec);
  const std::string where = context.recipe.file + ": " + context.plan.spec.path;
  const std::vector<Problem> problems = data.train->head(difficulty->num_problems);
  if (!difficulty->column.empty()) {
    return Curriculum(problems, difficulty_of_column(problems, difficulty->column, where), difficulty->easy_first, seed);
  }
  const auto rates = measured_pass_rates(context, options, policy, rubric, problems);
  std::vector<Problem> kept;
  std::vector<double> hardness;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (!rates[i] || *rates[i] < difficulty->min_pass_rate || *rates[i] > difficulty->max_pass_rate) continue;
    kept.push_back(problems[i]);
    hardness.push_back(1.0 - *rates[i]);
  }
  fmt::print(stderr, "{}: {} of {} problems are solved {:.0f} to {:.0f} % of the time\n", context.plan.spec.name,
             kept.size(), problems.size(), 100 * difficulty->min_pass_rate, 100 * difficulty->max_pass_rate);
  if (kept.empty()) {
    throw Error(fmt::format("none of {} problems has a pass rate from {} to {}", problems.size(),
                            difficulty->min_pass_rate, difficulty->max_pass_rate),
                where + ".difficulty", "widen the bounds, or start from another policy");
  }
  return Curriculum(std::move(kept), std::move(hardness), difficulty->easy_first, seed);
}

// The step that went wrong, for grpo replay; the newest two are kept. Returns where it is.
std::string save_skipped(const StageContext& context, const Trainer& trainer) {
  constexpr int64_t keep = 2;
  const std::string skipped = context.directory + "/skipped";
  save_checkpoint(skipped, trainer.steps_done(), keep,
                  {{"stage", context.plan.spec.name}, {"step", trainer.steps_done()}},
                  [&](const std::string& path) { trainer.save_skipped(path); });
  return checkpoint_path(skipped, trainer.steps_done());
}

// Takes the heaviest training pass once, so that a device that is too small shows now.
void probe(const StageContext& context, const StageData& data, const Policy& policy, Trainer& trainer) {
  const int64_t prompt = longest_samples(context.plan, data, *context.source.files.tokenizer).prompt;
  StepTimes times;
  Json spent = Json::object();
  int64_t tokens = 0;
  try {
    tokens = trainer.probe(prompt);
  } catch (const c10::OutOfMemoryError&) {
    throw Error(fmt::format("the device is too small for a training pass of {} prompt and {} completion tokens", prompt,
                            context.plan.max_completion_length),
                context.recipe.file + ": " + context.plan.spec.path,
                "lower tokens_per_micro_batch or max_completion_length, or set gradient_checkpointing");
  }
  times.report(spent);
  fmt::print(stderr, "{}: a full training pass of {} tokens took {:.2f} s; at most {} of memory so far, {} planned\n",
             context.plan.spec.name, tokens, spent["step_time"].get<double>(),
             size_text(peak_memory(policy.device())), size_text(context.planned_memory));
}

}  // namespace

Json run_rl_stage(const StageContext& context, Policy& policy) {
  ObjectReader r(context.plan.spec.options, context.recipe.file, context.plan.spec.path);
  const Rubric rubric = stage_rubric(context);
  TrainerOptions options = read_trainer_options(r);
  options.rewards_log = context.rewards_log;
  options.stop_request = [] { return Interruption::signal() != 0; };
  options.sampling.eos_ids = context.source.files.eos_token_ids;
  Trainer trainer(policy, &*context.source.files.tokenizer, rubric, options,
                  stage_seed(context.recipe, context.plan.spec), reference_policy(options, policy));
  const StageData data = load_data(context.recipe, context.plan, context.source);
  const std::optional<Curriculum> curriculum = make_curriculum(context, options, policy, rubric, data);
  const DrawProblem draw = [&](int64_t n) { return curriculum ? curriculum->draw(n) : data.train->draw(n); };
  probe(context, data, policy, trainer);
  StageLoop loop;
  loop.times = &trainer.times();
  loop.step = [&] {
    Json metrics = trainer.collect(draw);
    metrics.update(trainer.learn());
    if (trainer.skipped()) trainer.stop_if_stuck(save_skipped(context, trainer));
    return metrics;
  };
  loop.save = [&](const std::string& to) { trainer.save(to); };
  loop.restore = [&](const std::string& from) { trainer.restore(from); };
  loop.eval_at_start = true;
  loop.write_episodes = [&](MetricsWriter& file, int64_t line) {
    // Once per rollout, at its first step.
    if ((trainer.steps_done() - 1) % context.plan.steps_per_rollout != 0) return;
    int64_t written = 0;
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        if (context.plan.log_episodes >= 0 && written++ >= context.plan.log_episodes) return;
        file.write(line, episode_json(context.plan, group, episode, rubric));
      }
    }
  };
  const std::string accuracy = "rewards/" + rubric.items.front().label + "/mean";
  // Steps that share a rollout show what it gave.
  Json rollout = Json::object();
  loop.shown = [accuracy, rollout](const Json& m) mutable {
    if (m.contains("reward")) rollout = m;
    return ProgressMetrics{{accuracy, number_of(rollout, accuracy.c_str())},
                           {"reward", number_of(rollout, "reward")},
                           {"length", number_of(rollout, "completions/mean_length")}};
  };
  // Said once: what became of later steps is in the metrics.
  loop.warning = [wanted = context.plan.rollout_groups, said = false](const Json& m) mutable -> std::string {
    const auto found = m.find("rollout/groups");
    if (said || found == m.end() || *found >= wanted) return "";
    said = true;
    return fmt::format("dynamic_sampling found {} of {} groups with different rewards in {} rounds; training goes on "
                       "with these",
                       found->get<int64_t>(), wanted, m["rollout/rounds"].get<int64_t>());
  };
  return run_loop(context, policy, loop, eval_problems(context.plan, data), rubric);
}

}  // namespace grpo
