#include "grpo/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "grpo/rollout_file.h"

namespace grpo {
namespace {

constexpr const char* kRolloutFolder = "/rollout";

}  // namespace

Trainer::Trainer(Policy& policy, const Tokenizer* tokenizer, Rubric rubric, TrainerOptions options,
                 uint64_t seed, std::optional<Policy> reference)
    : rubric_(std::move(rubric)),
      options_(std::move(options)),
      learner_(policy, options_, std::move(reference)),
      collector_(policy, tokenizer, rubric_, options_, seed) {}

bool Trainer::at_rollout_boundary() const {
  return steps_done_ % (options_.steps_per_generation * options_.num_iterations) == 0;
}

Json Trainer::step(const DrawProblem& draw) {
  Json metrics = collect(draw);
  metrics.update(learn());
  stop_if_stuck("");
  times_.report(metrics);
  return metrics;
}

Json Trainer::collect(const DrawProblem& draw) {
  if (rollout_ready_) return rollout_metrics_;
  const int64_t problems_drawn = collector_.problems_drawn();
  try {
    use(collector_.collect(draw, steps_done_, times_));
  } catch (const Cancelled&) {
    collector_.set_problems_drawn(problems_drawn);
    throw;
  }
  return rollout_metrics_;
}

Json Trainer::collect_from(const std::function<Collector::Rollout()>& make) {
  if (rollout_ready_) return rollout_metrics_;
  Collector::Rollout rollout = make();
  for (Group& group : rollout.groups) {
    for (Episode& episode : group.episodes) {
      for (auto* list : {&episode.old_logprobs, &episode.ref_logprobs, &episode.entropy}) list->clear();
    }
  }
  if (options_.mask_truncated_completions) mask_truncated_completions(rollout.groups);
  AdvantageOptions before_kl = options_.advantage;  // use() takes it off once tokens are scored
  before_kl.kl_coef = 0.0;
  assign_advantages(rollout.groups, before_kl);
  use(std::move(rollout));
  return rollout_metrics_;
}

// Scores the tokens of the rollout, which is then that of the next step.
void Trainer::use(Collector::Rollout rollout) {
  groups_ = std::move(rollout.groups);
  rollout_failed_ = rollout.failed;
  times_.measure("logprobs", [&] {
    // Step by step, so that scoring packs what learning will pack.
    for (int64_t step = 0; step < options_.steps_per_generation; ++step) {
      learner_.score_tokens(step_share(groups_, step, options_.steps_per_generation),
                            options_.steps_per_generation * options_.num_iterations);
    }
  });
  if (options_.loss.use_kl_in_reward) assign_advantages(groups_, options_.advantage);
  rollout_metrics_ = std::move(rollout.metrics);
  rollout_ready_ = true;
}

Json Trainer::learn() {
  GRPO_CHECK(rollout_ready_);
  const std::vector<Group*> groups = groups_of_step();
  const double rate = learning_rate(options_.schedule, steps_done_, options_.max_steps);
  Json metrics = times_.measure("train", [&] {
    Learner::Gradients gradients = learner_.accumulate(groups);
    const bool failed = groups.empty()
                            ? rollout_failed_
                            : std::all_of(groups.begin(), groups.end(), [](Group* g) { return all_failed(*g); });
    const bool good = gradients.finite && !failed;
    good && gradients.tokens > 0 ? learner_.update(rate) : learner_.discard();
    skipped_in_a_row_ = good ? 0 : skipped_in_a_row_ + 1;
    skipped_steps_ += !good;
    return std::move(gradients.metrics);
  });
  ++steps_done_;
  rollout_metrics_ = Json::object();
  learner_.sync_reference(steps_done_);
  if (at_rollout_boundary()) rollout_ready_ = false;
  metrics["learning_rate"] = rate;
  metrics["num_tokens"] = learner_.num_tokens();
  metrics["skipped_steps"] = skipped_steps_;
  return metrics;
}

void Trainer::stop_if_stuck(const std::string& dump) const {
  if (skipped_in_a_row_ < options_.nonfinite_steps_max) return;
  throw Error(fmt::format("{} optimizer steps in a row had logits, a loss or a gradient that is not finite",
                          skipped_in_a_row_),
              fmt::format("step {}", steps_done_),
              "lower learning_rate, or go back to an earlier checkpoint" +
                  (dump.empty() ? std::string() : "; the last of these steps can be looked at with grpo replay " + dump));
}

std::vector<Group*> Trainer::groups_of_step() {
  return step_share(groups_, steps_done_, options_.steps_per_generation);
}

void Trainer::save(const std::string& directory) const { write_state(directory, steps_done_, rollout_ready_); }

void Trainer::save_skipped(const std::string& directory) const {
  GRPO_CHECK(skipped_in_a_row_ > 0);
  write_state(directory, steps_done_ - 1, /*with_rollout=*/true);
}

void Trainer::write_state(const std::string& directory, int64_t steps_done, bool with_rollout) const {
  learner_.save(directory, {{"steps_done", steps_done},
                            {"problems_drawn", collector_.problems_drawn()},
                            {"skipped_steps", skipped_steps_},
                            {"skipped_in_a_row", skipped_in_a_row_},
                            {"rollout_ready", with_rollout},
                            {"rollout_metrics", rollout_metrics_},
                            {"rollout_failed", rollout_failed_}});
  if (with_rollout) write_rollout(directory + kRolloutFolder, groups_, {{"step", steps_done}});
}

void Trainer::restore(const std::string& directory) {
  const Json state = learner_.restore(directory);
  ObjectReader r(state, directory + "/state.json");
  r.allow_unknown();
  steps_done_ = r.integer("steps_done", {.min = 0});
  collector_.set_problems_drawn(r.integer("problems_drawn", {.min = 0}));
  skipped_steps_ = r.integer("skipped_steps", {.min = 0});
  skipped_in_a_row_ = r.integer("skipped_in_a_row", {.min = 0});
  rollout_ready_ = r.boolean("rollout_ready");
  rollout_failed_ = r.boolean("rollout_failed");
  rollout_metrics_ = state.at("rollout_metrics");
  groups_.clear();
  if (rollout_ready_) groups_ = read_rollout(directory + kRolloutFolder, Checksums::kSkip).groups;
}

}  // namespace grpo
