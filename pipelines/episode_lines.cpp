#include "pipelines/episode_lines.h"

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

}  // namespace

void write_episodes(MetricsWriter& file, int64_t line, const StagePlan& plan, const std::vector<Group>& groups,
                    const Rubric& rubric) {
  int64_t written = 0;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      if (plan.log_episodes >= 0 && written++ >= plan.log_episodes) return;
      file.write(line, episode_json(plan, group, episode, rubric));
    }
  }
}

}  // namespace grpo
