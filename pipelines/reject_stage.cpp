#include "pipelines/reject_stage.h"

#include <fmt/format.h>

#include <optional>

#include "core/error.h"
#include "grpo/collector.h"
#include "grpo/length_metrics.h"
#include "grpo/reward_errors.h"
#include "pipelines/endpoint_sampler.h"
#include "pipelines/interruption.h"
#include "pipelines/keep_rules.h"
#include "pipelines/kept_rows.h"
#include "pipelines/kept_set.h"
#include "pipelines/sampled_steps.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"
#include "pipelines/training_parts.h"
#include "rewards/reward_summary.h"

namespace grpo {
namespace {

struct RejectOptions {
  int64_t num_problems = 0;
  TrainerOptions sampling;  // of prompts_per_step problems at a time
  Json keep;
  std::string completion_template;
  std::optional<EndpointSampling> endpoint;
};

// What only a policy of ours can be told.
void check_sent(ObjectReader& r) {
  for (const char* key : {"top_k", "min_p", "ignore_eos", "max_running", "cache_tokens"}) {
    if (r.has(key)) r.fail(key, "without effect: an endpoint samples", "remove it; \"extra\" of the endpoint sends what else a server takes");
  }
}

RejectOptions read_options(ObjectReader& r, const std::string& file) {
  RejectOptions o;
  o.num_problems = r.integer("num_problems", 0, {.min = 0});
  o.sampling.prompts_per_step = r.integer("problems_per_step", 64, {.min = 1});
  o.sampling.num_generations = r.integer("num_generations", 4, {.min = 1});
  read_sampling_options(r, o.sampling);
  o.keep = r.raw("keep");
  if (o.keep.is_null()) o.keep = Json::object();
  o.completion_template = r.string("completion_template", "{completion}");
  check_completion_template(o.completion_template, r.where("completion_template"));
  if (r.has("endpoint")) {
    check_sent(r);
    const SamplingOptions& sampling = o.sampling.sampling;
    o.endpoint = read_endpoint_sampling(r, file,
                                        {.temperature = sampling.temperature,
                                         .top_p = sampling.top_p,
                                         .max_tokens = sampling.max_tokens,
                                         .stop = sampling.stop_strings});
  } else if (r.raw("endpoint"); r.has("endpoint_error_rate_max")) {
    r.fail("endpoint_error_rate_max", "without effect: there is no endpoint", "remove it");
  }
  return o;
}

RejectOptions options_of(const StageContext& context) {
  ObjectReader r(context.plan.spec.options, context.recipe.file, context.plan.spec.path);
  RejectOptions options = read_options(r, context.recipe.file);
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

std::string journal_file(const StageContext& context) { return context.directory + "/replies.jsonl"; }

// A step's problems with their samples, scored.
struct Sampled {
  std::vector<Group> groups;
  Json metrics;
};

// Samples step by step, from the first one that is not on the disk: with `policy`, or by asking the stage's endpoint.
class Sampling {
 public:
  Sampling(const StageContext& context, const Policy* policy)
      : context_(context), policy_(policy), options_(options_of(context)), rubric_(stage_rubric(context)),
        rules_(rules_of(context.recipe, context.plan.spec, options_.keep, rubric_)), data_(load_data(context.recipe, context.plan, context.source)),
        questions_(context.recipe, context.plan.spec), problems_(count_problems(context.recipe, context.plan.spec, options_, data_)) {}

  // What the stage's manifest says of it.
  Json finished() const {
    Json told = {{"steps", steps()}};
    if (options_.endpoint) told["endpoint"] = options_.endpoint->endpoint.model;
    add_contaminated(data_, told);
    return told;
  }

  int64_t steps() const {
    return (problems_ + options_.sampling.prompts_per_step - 1) / options_.sampling.prompts_per_step;
  }

  void run() {
    const int64_t done = begin_sampled_steps(context_.directory);
    if (options_.endpoint) {
      server_.emplace(*options_.endpoint, *context_.source.files.tokenizer, rubric_, options_.sampling.reward_workers,
                      journal_file(context_), done * options_.sampling.prompts_per_step);
    }
    run_sampled_steps(context_, done, steps(), [&](int64_t step) { return sample(step); });
    if (server_) fmt::print(stderr, "{}: {}\n", options_.endpoint->endpoint.model, server_->usage().text());
  }

 private:
  int64_t first_of(int64_t step) const { return step * options_.sampling.prompts_per_step; }
  int64_t count_of(int64_t step) const { return std::min(options_.sampling.prompts_per_step, problems_ - first_of(step)); }
  uint64_t seed() const { return stage_seed(context_.recipe, context_.plan.spec); }

  Sampled by_policy(int64_t step, StepTimes& times) const {
    TrainerOptions options = options_.sampling;
    options.prompts_per_step = count_of(step);
    Collector collector(*policy_, &*context_.source.files.tokenizer, rubric_, options, seed());
    collector.set_problems_drawn(first_of(step));
    Collector::Rollout rollout = collector.collect([&](int64_t n) { return data_.train->draw(n); }, step, times);
    return {.groups = std::move(rollout.groups), .metrics = std::move(rollout.metrics)};
  }

  Sampled by_endpoint(int64_t step, StepTimes& times) {
    const TrainerOptions& options = options_.sampling;
    std::vector<AskedProblem> asked;
    for (int64_t n = first_of(step); n < first_of(step) + count_of(step); ++n) {
      asked.push_back({.problem = data_.train->draw(n), .draw = n, .messages = {}});
      if (!options_.endpoint->raw_prompts) asked.back().messages = messages(asked.back().problem);
    }
    EndpointStep replied = server_->sample(asked, options.num_generations, seed(), options.stop_request);
    check_reward_errors(rubric_, replied.groups, options.reward_error_rate_max, options.rewards_log);
    Sampled out{.groups = std::move(replied.groups), .metrics = Json::object()};
    const AdvantageStats stats = assign_advantages(out.groups, options.advantage);
    out.metrics["reward"] = stats.reward;
    out.metrics["reward_std"] = stats.reward_std;
    out.metrics["frac_reward_zero_std"] = stats.frac_reward_zero_std;
    RewardSummary summary(rubric_);
    for (const Group& group : out.groups) summary.add(group);
    out.metrics.update(summary.metrics());
    add_length_metrics(out.groups, out.metrics);
    out.metrics["endpoint/failed"] = replied.failed;
    out.metrics["endpoint/inexpressible"] = replied.inexpressible;
    out.metrics["endpoint/completion_tokens"] = replied.tokens;
    times.add("generate", replied.ask_seconds);
    times.add("score", replied.wait_seconds);
    return out;
  }

  std::vector<ChatMessage> messages(const Problem& problem) const {
    const std::string& own = options_.endpoint->system;
    return messages_of(questions_.of(problem), own.empty() ? questions_.system(problem) : own,
                       fmt::format("{}: {}.data, problem {}", context_.recipe.file, context_.plan.spec.path, problem.id));
  }

  SampledStep sample(int64_t step) {
    StepTimes times;
    Sampled sampled = options_.endpoint ? by_endpoint(step, times) : by_policy(step, times);
    std::string text;
    int64_t samples = 0, kept = 0;
    double rates = 0.0;
    int64_t rated = 0;
    for (const Group& group : sampled.groups) {
      const KeptSamples chosen = choose_samples(rules_, rubric_, group);
      samples += static_cast<int64_t>(group.episodes.size());
      kept += static_cast<int64_t>(chosen.kept.size());
      rates += chosen.pass_rate.value_or(0.0);
      rated += chosen.pass_rate.has_value();
      text += sampled_line(group, chosen).dump() + "\n";
    }
    Json metrics = std::move(sampled.metrics);
    metrics["reject/samples"] = samples;
    metrics["reject/kept"] = kept;
    metrics["reject/kept_ratio"] = samples > 0 ? static_cast<double>(kept) / static_cast<double>(samples) : 0.0;
    metrics["reject/pass_rate"] = rated > 0 ? rates / static_cast<double>(rated) : 0.0;
    times.report(metrics);
    const ProgressMetrics shown = {{"reward", number_of(metrics, "reward")}, {"kept", number_of(metrics, "reject/kept_ratio")}};
    return {.lines = std::move(text), .metrics = std::move(metrics), .shown = shown};
  }

  // A problem, how its samples fared, and the rows that they give.
  Json sampled_line(const Group& group, const KeptSamples& chosen) const {
    const Json question = questions_.of(group.problem);
    Json rows = Json::array();
    for (const size_t e : chosen.kept) {
      Json row = kept_row(group, group.episodes[e], rubric_, question, options_.completion_template);
      row["provenance"]["stage"] = context_.plan.spec.name;
      if (options_.endpoint) {
        row["provenance"]["endpoint"] = options_.endpoint->endpoint.model;
      } else {
        row["provenance"]["from"] = context_.plan.spec.from;
      }
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
  const Policy* policy_;  // may be null where an endpoint samples
  const RejectOptions options_;
  const Rubric rubric_;
  const KeepRules rules_;
  const StageData data_;
  const Questions questions_;
  const int64_t problems_;
  std::optional<EndpointSampler> server_;
};

// Every question of a file, the first ones of a generator.
void check_messages(const Recipe& recipe, const StageSpec& spec, const StageData& data) {
  constexpr int64_t of_generator = 16;
  const Questions questions(recipe, spec);
  const int64_t size = data.train->size();
  for (int64_t n = 0; n < (size > 0 ? size : of_generator); ++n) {
    const Problem problem = data.train->draw(n);
    messages_of(questions.of(problem), "", fmt::format("{}: {}.data, problem {}", recipe.file, spec.path, problem.id));
  }
}

}  // namespace

void read_reject_plan(ObjectReader& r, const std::string& file, StagePlan& plan) {
  const RejectOptions options = read_options(r, file);
  if (!r.has("rewards")) r.fail("rewards", "the stage has no rewards", "add \"rewards\": [{\"name\": ...}]");
  plan.max_completion_length = options.sampling.sampling.max_tokens;
  plan.rollout_draws = options.sampling.prompts_per_step;
}

void check_reject(const Recipe& recipe, const StageSpec& spec, const StageData& data, const Rubric& rubric) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  const RejectOptions options = read_options(r, recipe.file);
  rules_of(recipe, spec, options.keep, rubric);
  count_problems(recipe, spec, options, data);
  if (options.endpoint && !options.endpoint->raw_prompts) check_messages(recipe, spec, data);
}

void add_reject_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size) {
  ObjectReader r(spec.options, recipe.file, spec.path);
  const RejectOptions options = read_options(r, recipe.file);
  if (options.endpoint) return;
  size.rollout = {.prompts = options.sampling.prompts_per_step,
                  .num_generations = options.sampling.num_generations,
                  .prompt_tokens = lengths.prompt,
                  .sampling = options.sampling.sampling,
                  .engine = options.sampling.engine};
}

Json run_reject_stage(const StageContext& context, Policy& policy) {
  Sampling sampling(context, &policy);
  sampling.run();
  return sampling.finished();
}

bool asks_endpoint(const StageSpec& spec) { return spec.type == "reject" && !spec.options.value("endpoint", Json()).is_null(); }

Json run_endpoint_stage(const StageContext& context) {
  Sampling sampling(context, nullptr);
  sampling.run();
  return sampling.finished();
}

Json write_kept(const StageContext& context, const std::string& directory) {
  const RejectOptions options = options_of(context);
  const KeepRules rules = rules_of(context.recipe, context.plan.spec, options.keep, stage_rubric(context));
  const KeptCounts counts = write_kept_set(sampled_files(context.directory), rules, directory);
  if (counts.kept == 0) {
    throw Error(fmt::format("none of {} samples was kept ({})", counts.samples, counts.reasons()),
                context.recipe.file + ": " + context.plan.spec.path + ".keep",
                "see pass_rate and dropped in " + context.directory + "/sampled, and ask for less, or sample more");
  }
  Json told = counts.json();
  if (options.endpoint) {
    const EndpointOptions& endpoint = options.endpoint->endpoint;
    told["endpoint"] = usage_json(with_cost(journal_usage(journal_file(context)), endpoint), endpoint.model);
  }
  return {{"counts", told}};
}

}  // namespace grpo
