#include "pipelines/stage_data.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/seed.h"
#include "pipelines/distill_stage.h"
#include "pipelines/reject_stage.h"
#include "pipelines/sft_sequence.h"
#include "pipelines/stage_policy.h"
#include "pipelines/training_parts.h"

namespace grpo {
namespace {

constexpr uint64_t kEvalStream = 0x6576616c;
constexpr uint64_t kDataStream = 0x64617461;
constexpr uint64_t kMixtureStream = 0x6d697874;

}  // namespace

uint64_t stage_seed(const Recipe& recipe, const StageSpec& spec) {
  uint64_t index = 0;
  while (index < recipe.stages.size() && recipe.stages[index].name != spec.name) ++index;
  return derive_seed({recipe.seed, index});
}

uint64_t eval_seed(const Recipe& recipe) { return derive_seed({recipe.seed, kEvalStream}); }

namespace {

Mixture load_training_data(const Recipe& recipe, const StagePlan& plan, const PolicySource& source) {
  const StageSpec& spec = plan.spec;
  const DataUse use = data_use(recipe, spec);
  const int64_t context = source.files.config.max_position_embeddings;
  // What an endpoint samples need not fit into our policy's context.
  const int64_t reserved = spec.type == "sft" || asks_endpoint(spec) ? 1 : plan.max_completion_length;
  const uint64_t seed = derive_seed({stage_seed(recipe, spec), kDataStream});
  std::vector<TrainingPart> read = read_training_parts(recipe, spec, use);
  std::vector<Mixture::Part> parts;
  for (size_t i = 0; i < read.size(); ++i) {
    TrainingPart& part = read[i];
    if (spec.type == "distill") part.data.answers = false;  // it judges nothing
    part.data.end_token_ids = end_tokens(source.files);
    if (part.from_step > 0 && spec.options.value("dynamic_sampling", false)) {
      throw Error("\"from_step\" counts the problems of steps, and with dynamic_sampling steps take more of them",
                  part.data.where, "leave out one of them");
    }
    // Several parts have shuffles of their own.
    const uint64_t part_seed = read.size() == 1 ? seed : derive_seed({seed, i});
    parts.push_back({.name = part.name,
                     .weight = part.weight,
                     .first_draw = part.from_step / plan.steps_per_rollout * plan.rollout_draws,
                     .source = ProblemSource(part.data, *source.files.tokenizer, context, reserved, part_seed,
                                             source.files.chat_template)});
  }
  return Mixture(std::move(parts), derive_seed({seed, kMixtureStream}));
}

}  // namespace

StageData load_data(const Recipe& recipe, const StagePlan& plan, const PolicySource& source) {
  const StageSpec& spec = plan.spec;
  StageData out;
  out.train.emplace(load_training_data(recipe, plan, source));
  if (plan.eval) {
    Json eval_data = spec.options["data"];
    eval_data.erase("worked_fraction");
    // One set of evaluation problems for the whole run.
    out.eval.emplace(read_data_options(eval_data, recipe.file, spec.path.empty() ? "data" : spec.path + ".data", DataUse::kEval),
                     *source.files.tokenizer, source.files.config.max_position_embeddings,
                     plan.eval->options.sampling.max_tokens, eval_seed(recipe), source.files.chat_template);
    if (out.eval->size() == 0 && plan.eval->num_problems == 0) {
      throw Error("a generated evaluation set needs a size", recipe.file + ": eval.num_problems",
                  "set it to at least 200");
    }
  }
  return out;
}

void add_contaminated(const StageData& data, Json& told) {
  for (const Mixture::Part& part : data.train->parts()) {
    if (!part.source.contaminated()) continue;
    Json& all = told["contaminated"];
    if (all.is_null()) all = {{"rows", 0}, {"sets", Json::object()}};
    for (const auto& [set, count] : *part.source.contaminated()) {
      all["rows"] = all["rows"].get<int64_t>() + count;
      all["sets"][set] = all["sets"].value(set, int64_t{0}) + count;
    }
  }
}

std::vector<Problem> eval_problems(const StagePlan& plan, const StageData& data) {
  if (!plan.eval) return {};
  std::vector<Problem> problems = data.eval->head(plan.eval->num_problems);
  for (Problem& problem : problems) problem.source = data.train->parts().front().name;
  return problems;
}

StageLengths longest_samples(const Recipe& recipe, const StagePlan& plan, const StageData& data, const Tokenizer& tokenizer) {
  constexpr int64_t looked_at = 256;
  StageLengths lengths;
  const auto longer = [](int64_t& longest, size_t tokens) {
    longest = std::max(longest, static_cast<int64_t>(tokens));
  };
  const int64_t size = data.train->size();
  for (int64_t n = 0; n < (size > 0 ? std::min(size, looked_at) : looked_at); ++n) {
    if (data_use(recipe, plan.spec) == DataUse::kTrainSft) {
      const SftSample sample = data.train->draw_sft(n);
      const size_t prompt = sample.problem.prompt_ids.size();
      longer(lengths.prompt, prompt);
      // Of a conversation, all that follows the first prompt.
      longer(lengths.completion, sample.conversation ? sample.conversation->ids.size() - prompt
                                                     : tokenizer.encode(sample.completion, false).size() + 1);
    } else {
      longer(lengths.prompt, data.train->draw(n).prompt_ids.size());
    }
  }
  if (plan.eval) {
    for (const Problem& problem : eval_problems(plan, data)) {
      longer(lengths.eval_prompt, problem.prompt_ids.size());
      ++lengths.eval_problems;
    }
  }
  return lengths;
}

DataUse data_use(const Recipe& recipe, const StageSpec& spec) {
  if (spec.type == "distill") return distill_data_use(recipe, spec);
  return spec.type == "sft" ? DataUse::kTrainSft : DataUse::kTrainRl;
}

Rubric stage_rubric(const Recipe& recipe, const StagePlan& plan, RewardContext context, ModelRewardSettings models) {
  models.directory = [&recipe, spec = plan.spec](const std::string& model, const std::string& where) {
    const auto stage = recipe.index_of(model);
    if (stage && recipe.stages[*stage].type != "reward_model") {
      throw Error(fmt::format("stage \"{}\" trains no reward model", model), where, "name one of type \"reward_model\"");
    }
    return model_directory(recipe, spec, "rewards", model);
  };
  context.provide = model_rewards(std::move(models));
  return read_rubric(plan.rewards, recipe.file, plan.spec.path.empty() ? "rewards" : plan.spec.path + ".rewards",
                     context);
}

Rubric stage_rubric(const StageContext& context) {
  return stage_rubric(context.recipe, context.plan, {.log_file = context.rewards_log, .judge = context.judge},
                      {.device = context.device});
}

}  // namespace grpo
