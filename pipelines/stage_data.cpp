#include "pipelines/stage_data.h"

#include <algorithm>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {
namespace {

constexpr uint64_t kEvalStream = 0x6576616c;
constexpr uint64_t kDataStream = 0x64617461;

}  // namespace

uint64_t stage_seed(const Recipe& recipe, const StageSpec& spec) {
  uint64_t index = 0;
  while (index < recipe.stages.size() && recipe.stages[index].name != spec.name) ++index;
  return derive_seed({recipe.seed, index});
}

uint64_t eval_seed(const Recipe& recipe) { return derive_seed({recipe.seed, kEvalStream}); }

StageData load_data(const Recipe& recipe, const StagePlan& plan, const PolicySource& source) {
  const StageSpec& spec = plan.spec;
  if (!spec.options.contains("data")) {
    throw Error("the stage has no data", recipe.file + ": " + spec.path, "add \"data\": {\"train\": ...}");
  }
  const Json& data = spec.options["data"];
  const std::string path = spec.path.empty() ? "data" : spec.path + ".data";
  const int64_t context = source.files.config.max_position_embeddings;
  const uint64_t seed = derive_seed({stage_seed(recipe, spec), kDataStream});
  StageData out;
  const DataUse use = spec.type == "sft" ? DataUse::kTrainSft : DataUse::kTrainRl;
  Json train_data = data;
  const int64_t reserved = spec.type == "sft" ? 1 : plan.max_completion_length;
  out.train.emplace(read_data_options(train_data, recipe.file, path, use), *source.files.tokenizer, context,
                    reserved, seed, source.files.chat_template);
  if (plan.eval) {
    Json eval_data = data;
    eval_data.erase("worked_fraction");
    // One set of evaluation problems for the whole run.
    out.eval.emplace(read_data_options(eval_data, recipe.file, path, DataUse::kEval), *source.files.tokenizer,
                     context, plan.eval->options.sampling.max_tokens,
                     eval_seed(recipe), source.files.chat_template);
    if (out.eval->size() == 0 && plan.eval->num_problems == 0) {
      throw Error("a generated evaluation set needs a size", recipe.file + ": eval.num_problems",
                  "set it to at least 200");
    }
  }
  return out;
}

std::vector<Problem> eval_problems(const StagePlan& plan, const StageData& data) {
  return plan.eval ? data.eval->head(plan.eval->num_problems) : std::vector<Problem>();
}

StageLengths longest_samples(const StagePlan& plan, const StageData& data, const Tokenizer& tokenizer) {
  constexpr int64_t looked_at = 256;
  StageLengths lengths;
  const auto longer = [](int64_t& longest, size_t tokens) {
    longest = std::max(longest, static_cast<int64_t>(tokens));
  };
  const int64_t size = data.train->size();
  for (int64_t n = 0; n < (size > 0 ? std::min(size, looked_at) : looked_at); ++n) {
    if (plan.spec.type == "sft") {
      const SftSample sample = data.train->draw_sft(n);
      longer(lengths.prompt, sample.problem.prompt_ids.size());
      longer(lengths.completion, tokenizer.encode(sample.completion, false).size() + 1);
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

Rubric stage_rubric(const Recipe& recipe, const StagePlan& plan, const RewardContext& context) {
  return read_rubric(plan.rewards, recipe.file, plan.spec.path.empty() ? "rewards" : plan.spec.path + ".rewards",
                     context);
}

Rubric stage_rubric(const StageContext& context) {
  return stage_rubric(context.recipe, context.plan, {.log_file = context.rewards_log, .judge = context.judge});
}

}  // namespace grpo
