#include "pipelines/reject_stage.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "core/file.h"
#include "core/make_folders.h"
#include "core/progress.h"
#include "core/tensorboard_events.h"
#include "grpo/collector.h"
#include "pipelines/interruption.h"
#include "pipelines/keep_rules.h"
#include "pipelines/kept_rows.h"
#include "pipelines/kept_set.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/training_parts.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

struct RejectOptions {
  int64_t num_problems = 0;
  TrainerOptions sampling;  // of prompts_per_step problems at a time
  Json keep;
  std::string completion_template;
};

RejectOptions read_options(ObjectReader& r) {
  RejectOptions o;
  o.num_problems = r.integer("num_problems", 0, {.min = 0});
  o.sampling.prompts_per_step = r.integer("problems_per_step", 64, {.min = 1});
  o.sampling.num_generations = r.integer("num_generations", 4, {.min = 1});
  read_sampling_options(r, o.sampling);
  o.keep = r.raw("keep");
  if (o.keep.is_null()) o.keep = Json::object();
  o.completion_template = r.string("completion_template", "{completion}");
  check_completion_template(o.completion_template, r.where("completion_template"));
  return o;
}

RejectOptions options_of(const StageContext& context) {
  ObjectReader r(context.plan.spec.options, context.recipe.file, context.plan.spec.path);
  RejectOptions options = read_options(r);
  options.sampling.rewards_log = context.rewards_log;
  options.sampling.stop_request = [] { return Interruption::signal() != 0; };
  options.sampling.sampling.eos_ids = context.source.files.eos_token_ids;
  return options;
}

KeepRules rules_of(const Recipe& recipe, const StageSpec& spec, const Json& keep, const Rubric& rubric) {
  ObjectReader r(keep, recipe.file, spec.path.empty() ? "keep" : spec.path + ".keep");
  return read_keep_rules(r, rubric);
}

int64_t count_problems(const Recipe& recipe, const StageSpec& spec, const RejectOptions& options, const StageData& data) {
  if (options.num_problems > 0) return options.num_problems;
  if (data.train->size() > 0) return data.train->size();
  throw Error("a generator never ends", recipe.file + ": " + spec.path,
              "say how many of its problems: \"num_problems\": 2000");
}

// One step's problems with what was kept of each.
std::string step_file(const std::string& directory, int64_t step) {
  return fmt::format("{}/sampled/{:06}.jsonl", directory, step);
}

int64_t steps_on_disk(const std::string& directory) {
  int64_t step = 0;
  while (fs::exists(step_file(directory, step + 1))) ++step;
  return step;
}

// Samples step by step, from the first one that is not on the disk.
class Sampling {
 public:
  Sampling(const StageContext& context, const Policy& policy)
      : context_(context), policy_(policy), options_(options_of(context)), rubric_(stage_rubric(context)),
        rules_(rules_of(context.recipe, context.plan.spec, options_.keep, rubric_)), data_(load_data(context.recipe, context.plan, context.source)),
        questions_(context.recipe, context.plan.spec), problems_(count_problems(context.recipe, context.plan.spec, options_, data_)) {}

  int64_t steps() const {
    return (problems_ + options_.sampling.prompts_per_step - 1) / options_.sampling.prompts_per_step;
  }

  void run() {
    make_folders(context_.directory + "/sampled");
    remove_unfinished(context_.directory + "/sampled");
    const int64_t done = steps_on_disk(context_.directory);
    const int64_t last_line = context_.step_offset + done;
    MetricsWriter metrics(context_.metrics_path, done == 0 ? last_line - 1 : last_line);
    TensorBoardWriter tensorboard(context_.tensorboard, done == 0 ? last_line - 1 : last_line);
    Progress progress(context_.plan.spec.name, steps(), done);
    if (done > 0) progress.message(fmt::format("{}: {} of {} steps are sampled already", context_.plan.spec.name, done, steps()));
    for (int64_t step = done; step < steps(); ++step) {
      Json line = {{"stage", context_.plan.spec.name}, {"stage_step", step + 1}};
      line.update(sample(step));
      const Json named = named_metrics(line, context_.plan.metric_names);
      metrics.write(context_.step_offset + step + 1, named);
      tensorboard.write(context_.step_offset + step + 1, named);
      progress.update(step + 1, {{"reward", number_of(line, "reward")}, {"kept", number_of(line, "reject/kept_ratio")}});
    }
    metrics.sync();
    tensorboard.sync();
    progress.finish();
  }

 private:
  Json sample(int64_t step) {
    TrainerOptions options = options_.sampling;
    const int64_t first = step * options.prompts_per_step;
    options.prompts_per_step = std::min(options.prompts_per_step, problems_ - first);
    Collector collector(policy_, &*context_.source.files.tokenizer, rubric_, options,
                        stage_seed(context_.recipe, context_.plan.spec));
    collector.set_problems_drawn(first);
    StepTimes times;
    const Collector::Rollout rollout = collector.collect([&](int64_t n) { return data_.train->draw(n); }, step, times);
    std::string text;
    int64_t samples = 0, kept = 0;
    double rates = 0.0;
    int64_t rated = 0;
    for (const Group& group : rollout.groups) {
      const KeptSamples chosen = choose_samples(rules_, rubric_, group);
      samples += static_cast<int64_t>(group.episodes.size());
      kept += static_cast<int64_t>(chosen.kept.size());
      rates += chosen.pass_rate.value_or(0.0);
      rated += chosen.pass_rate.has_value();
      text += sampled_line(group, chosen).dump() + "\n";
    }
    write_file_atomically(step_file(context_.directory, step + 1), text);
    Json metrics = rollout.metrics;
    metrics["reject/samples"] = samples;
    metrics["reject/kept"] = kept;
    metrics["reject/kept_ratio"] = samples > 0 ? static_cast<double>(kept) / static_cast<double>(samples) : 0.0;
    metrics["reject/pass_rate"] = rated > 0 ? rates / static_cast<double>(rated) : 0.0;
    times.report(metrics);
    return metrics;
  }

  // A problem, how its samples fared, and the rows that they give.
  Json sampled_line(const Group& group, const KeptSamples& chosen) const {
    const Json question = questions_.of(group.problem);
    Json rows = Json::array();
    for (const size_t e : chosen.kept) {
      Json row = kept_row(group, group.episodes[e], rubric_, question, options_.completion_template);
      row["provenance"]["stage"] = context_.plan.spec.name;
      row["provenance"]["from"] = context_.plan.spec.from;
      rows.push_back(std::move(row));
    }
    return {{"problem", group.problem.id},
            {"question", question},
            {"pass_rate", chosen.pass_rate ? Json(*chosen.pass_rate) : Json()},
            {"samples", group.episodes.size()},
            {"dropped", chosen.dropped},
            {"rows", std::move(rows)}};
  }

  const StageContext& context_;
  const Policy& policy_;
  const RejectOptions options_;
  const Rubric rubric_;
  const KeepRules rules_;
  const StageData data_;
  const Questions questions_;
  const int64_t problems_;
};

}  // namespace

void read_reject_plan(ObjectReader& r, StagePlan& plan) {
  const RejectOptions options = read_options(r);
  if (!r.has("rewards")) r.fail("rewards", "the stage has no rewards", "add \"rewards\": [{\"name\": ...}]");
  plan.max_completion_length = options.sampling.sampling.max_tokens;
  plan.rollout_draws = options.sampling.prompts_per_step;
}

void check_reject(const Recipe& recipe, const StageSpec& spec, const StageData& data, const Rubric& rubric) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  const RejectOptions options = read_options(r);
  rules_of(recipe, spec, options.keep, rubric);
  count_problems(recipe, spec, options, data);
}

void add_reject_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  const RejectOptions options = read_options(r);
  size.rollout = {.prompts = options.sampling.prompts_per_step,
                  .num_generations = options.sampling.num_generations,
                  .prompt_tokens = lengths.prompt,
                  .sampling = options.sampling.sampling,
                  .engine = options.sampling.engine};
}

Json run_reject_stage(const StageContext& context, Policy& policy) {
  Sampling sampling(context, policy);
  sampling.run();
  return {{"steps", sampling.steps()}};
}

Json write_kept(const StageContext& context, const std::string& directory) {
  const RejectOptions options = options_of(context);
  const KeepRules rules = rules_of(context.recipe, context.plan.spec, options.keep, stage_rubric(context));
  std::vector<std::string> steps;
  for (int64_t step = 1; fs::exists(step_file(context.directory, step)); ++step) steps.push_back(step_file(context.directory, step));
  const KeptCounts counts = write_kept_set(steps, rules, directory);
  if (counts.kept == 0) {
    throw Error(fmt::format("none of {} samples was kept ({})", counts.samples, counts.reasons()),
                context.recipe.file + ": " + context.plan.spec.path + ".keep",
                "see pass_rate and dropped in " + context.directory + "/sampled, and ask for less, or sample more");
  }
  return {{"counts", counts.json()}};
}

void remove_sampled(const std::string& stage_directory) { fs::remove_all(stage_directory + "/sampled"); }

}  // namespace grpo
