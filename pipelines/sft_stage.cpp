// The stage "sft": supervised fine-tuning on worked problems.

#include <fmt/format.h>

#include "core/error.h"
#include "grpo/sft_trainer.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"

namespace grpo {

Json run_sft_stage(const StageContext& context, Policy& policy) {
  ObjectReader r(context.plan.spec.options, context.recipe.file, context.plan.spec.path);
  SftTrainer trainer(policy, read_sft_options(r));
  const StageData data = load_data(context.recipe, context.plan, context.source);
  const Tokenizer& tokenizer = *context.source.files.tokenizer;
  const int64_t eos = context.source.files.config.eos_token_ids.empty()
                          ? context.source.files.eos_token_ids.front()
                          : context.source.files.config.eos_token_ids.front();
  auto draw = [&](int64_t n) {
    const SftSample sample = data.train->draw_sft(n);
    SftSequence sequence{sample.problem.prompt_ids, tokenizer.encode(sample.completion, false)};
    sequence.completion_ids.push_back(eos);
    const int64_t context_length = context.source.files.config.max_position_embeddings;
    const int64_t length = static_cast<int64_t>(sequence.prompt_ids.size() + sequence.completion_ids.size());
    if (length > context_length) {
      throw Error(fmt::format("a sample has {} tokens, the model's context is {}", length, context_length),
                  fmt::format("{}: problem {}", context.recipe.file, sample.problem.id),
                  "shorten or drop it");
    }
    return sequence;
  };
  StageLoop loop;
  StepTimes times;
  loop.times = &times;
  loop.step = [&] { return times.measure("train", [&] { return trainer.step(draw); }); };
  loop.save = [&](const std::string& to) { trainer.save(to); };
  loop.restore = [&](const std::string& from) { trainer.restore(from); };
  loop.shown = [](const Json& m) {
    return ProgressMetrics{{"loss", number_of(m, "loss")}, {"grad_norm", number_of(m, "grad_norm")}};
  };
  std::optional<Rubric> rubric;
  if (context.plan.eval) rubric = stage_rubric(context);
  return run_loop(context, policy, loop, eval_problems(context.plan, data), rubric);
}

}  // namespace grpo
