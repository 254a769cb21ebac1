// The stage "sft": supervised fine-tuning on worked problems.

#include "grpo/sft_trainer.h"
#include "pipelines/sft_sequence.h"
#include "pipelines/stage_data.h"
#include "pipelines/stage_loop.h"

namespace grpo {

Json run_sft_stage(const StageContext& opened, Policy& policy) {
  const StageData data = load_data(opened.recipe, opened.plan, opened.source);
  const StagePlan plan = with_steps(opened, data.train->size());
  const StageContext context = opened.with(plan);
  ObjectReader r(plan.spec.options, context.recipe.file, plan.spec.path);
  SftTrainer trainer(policy, read_sft_options(r));
  const auto draw = [&](int64_t n) { return sft_sequence(context, data.train->draw_sft(n)); };
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
  Json eval = run_loop(context, policy, loop, eval_problems(plan, data), rubric);
  Json finished = {{"steps", plan.max_steps}, {"eval", std::move(eval)}};
  add_contaminated(data, finished);
  return finished;
}

}  // namespace grpo
