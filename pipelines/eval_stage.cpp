#include "pipelines/eval_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>

#include "core/data_file.h"
#include "core/error.h"
#include "core/file.h"
#include "pipelines/eval_results.h"
#include "pipelines/eval_sets.h"
#include "pipelines/sampled_steps.h"
#include "pipelines/stage_data.h"
#include "rewards/check_host.h"

namespace grpo {
namespace {

// The problems of one step.
struct EvalStep {
  size_t model = 0;
  size_t set = 0;
  size_t first = 0;  // problems [first, last) of the set
  size_t last = 0;
};

Rubric set_rubric(const StageContext& context, const EvaluationSet& set) {
  StagePlan plan = context.plan;
  plan.rewards = set.rewards;
  plan.spec.path = set.path;
  return stage_rubric(context.with(plan));
}

// Models one after the other, each on all sets, from the first step that is not on the disk.
class Evaluation {
 public:
  Evaluation(const StageContext& context, std::optional<at::ScalarType> dtype)
      : context_(context), dtype_(dtype), sets_(read_evaluation_sets(context.recipe, context.plan.spec)) {
    for (const EvaluationSet& set : sets_) rubrics_.push_back(set_rubric(context, set));
    for (size_t model = 0; model < models().size(); ++model) {
      sources_.push_back(read_policy(context_.recipe, models()[model].policy));
      for (size_t set = 0; set < sets_.size(); ++set) add_steps(model, set);
    }
  }

  int64_t steps() const { return static_cast<int64_t>(steps_.size()); }

  void run() {
    run_sampled_steps(context_, begin_sampled_steps(context_.directory), steps(), [&](int64_t step) {
      load(steps_[step]);
      return sample(steps_[step]);
    });
  }

 private:
  const std::vector<EvaluatedModel>& models() const { return context_.plan.spec.models; }

  void add_steps(size_t model, size_t set) {
    const size_t count = sets_[set].problems(sources_[model].files).size();
    const auto size = static_cast<size_t>(sets_[set].problems_per_step);
    for (size_t first = 0; first < count; first += size) steps_.push_back({model, set, first, std::min(first + size, count)});
  }

  // What the step needs, where the one before it needed something else.
  void load(const EvalStep& next) {
    if (!policy_ || loaded_.model != next.model) {
      policy_.reset();  // before there are two
      policy_.emplace(evaluated_policy(context_.recipe, models()[next.model], sources_[next.model], dtype_, context_.device.value()));
    }
    if (problems_.empty() || loaded_.model != next.model || loaded_.set != next.set) {
      problems_ = sets_[next.set].problems(sources_[next.model].files);
    }
    loaded_ = next;
  }

  SampledStep sample(const EvalStep& step) {
    const EvaluationSet& set = sets_[step.set];
    const CheckpointFiles& files = sources_[step.model].files;
    EvalOptions options = set.options;
    options.sampling.eos_ids = files.eos_token_ids;
    const std::vector<Problem> problems(problems_.begin() + static_cast<int64_t>(step.first), problems_.begin() + static_cast<int64_t>(step.last));
    const auto start = std::chrono::steady_clock::now();
    std::vector<Group> groups;
    const EvalResult result = evaluate(*policy_, &*files.tokenizer, rubrics_[step.set], problems, options, &groups);
    std::string text;
    for (const Group& group : groups) text += eval_sample_line(models()[step.model].name, set.name, group).dump() + "\n";
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Json metrics = eval_metrics(result, "");
    metrics["model"] = models()[step.model].name;
    metrics["set"] = set.name;
    metrics["step_time"] = seconds;
    return {.lines = std::move(text),
            .metrics = std::move(metrics),
            .shown = {{models()[step.model].name + "/" + set.name, result.pass_at_1}}};
  }

  const StageContext& context_;
  const std::optional<at::ScalarType> dtype_;
  const std::vector<EvaluationSet> sets_;
  std::vector<Rubric> rubrics_;
  std::vector<PolicySource> sources_;
  std::vector<EvalStep> steps_;
  EvalStep loaded_;
  std::optional<Policy> policy_;
  std::vector<Problem> problems_;
};

}  // namespace

void read_eval_plan(const Recipe& recipe, ObjectReader& r, StagePlan& plan) {
  r.boolean("log_completions", true);
  r.allow_unknown();  // what else there is, a set may have as well: read_evaluation_sets
  for (const EvaluationSet& set : read_evaluation_sets(recipe, plan.spec)) {
    plan.max_completion_length = std::max(plan.max_completion_length, set.options.sampling.max_tokens);
  }
}

Json check_eval(const Recipe& recipe, const StagePlan& plan, const PolicySource& source, const std::shared_ptr<Judge>& judge,
                StageLengths& lengths) {
  Json names = Json::array(), described = Json::array();
  for (const EvaluatedModel& model : plan.spec.models) names.push_back(model.name);
  for (const EvaluationSet& set : read_evaluation_sets(recipe, plan.spec)) {
    StagePlan own = plan;
    own.rewards = set.rewards;
    own.spec.path = set.path;
    const Rubric rubric = stage_rubric(recipe, own, {.log_file = "", .judge = judge}, {.check_only = true});
    const std::vector<Problem> problems = set.problems(source.files);
    for (const Problem& problem : problems) {
      check_host(rubric, problem, set.data.where);
      lengths.eval_prompt = std::max(lengths.eval_prompt, static_cast<int64_t>(problem.prompt_ids.size()));
    }
    lengths.eval_problems += static_cast<int64_t>(problems.size());
    described.push_back({{"name", set.name}, {"problems", problems.size()}, {"num_samples", set.options.num_samples}});
  }
  return {{"models", names}, {"sets", described}};
}

void add_eval_size(const Recipe& recipe, const StageSpec& spec, const StageLengths& lengths, StageSize& size) {
  int64_t most = 0;
  for (const EvaluationSet& set : read_evaluation_sets(recipe, spec)) {
    const int64_t samples = set.problems_per_step * set.options.num_samples;
    if (samples * set.options.sampling.max_tokens <= most) continue;
    most = samples * set.options.sampling.max_tokens;
    size.evaluation = {.prompts = set.problems_per_step,
                       .num_generations = set.options.num_samples,
                       .prompt_tokens = lengths.eval_prompt,
                       .sampling = set.options.sampling,
                       .engine = set.options.engine};
  }
}

Json run_eval_stage(const StageContext& context, std::optional<at::ScalarType> dtype) {
  Evaluation evaluation(context, dtype);
  evaluation.run();
  return {{"steps", evaluation.steps()}};
}

Json write_eval_results(const StageContext& context, const std::string& directory) {
  const StageSpec& spec = context.plan.spec;
  const std::vector<EvaluationSet> sets = read_evaluation_sets(context.recipe, spec);
  std::map<std::pair<std::string, std::string>, std::vector<std::vector<SampleOutcome>>> problems;  // by model and set
  std::ofstream samples;
  if (spec.options.value("log_completions", true)) samples.open(directory + "/samples.jsonl", std::ios::binary);
  for (const std::string& file : sampled_files(context.directory)) {
    for (const DataRow& line : read_data_file(file)) {
      problems[{line.columns.at("model"), line.columns.at("set")}].push_back(outcomes_of(line.columns));
      if (samples.is_open()) samples << line.columns.dump() << "\n";
    }
  }
  if (samples.is_open()) samples.close();
  if (!samples) throw Error("cannot write the samples", directory, "is the disk full?");
  Json results = Json::array();
  for (const EvaluationSet& set : sets) {
    for (const EvaluatedModel& model : spec.models) {
      results.push_back(eval_result_json(model.name, set, summarize(problems.at({model.name, set.name}))));
    }
  }
  write_file_atomically(directory + "/results.json", Json{{"stage", spec.name}, {"results", results}}.dump(2) + "\n");
  return {{"eval", results}};
}

}  // namespace grpo
