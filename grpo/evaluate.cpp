#include "grpo/evaluate.h"

#include <cmath>
#include <limits>
#include <map>

#include "grpo/scored_rollout.h"
#include "rewards/answer_text.h"

namespace grpo {
namespace {

// Whether the rubric's first reward judged the sample, and if so whether it is correct.
std::optional<bool> verdict(const Episode& episode) {
  if (episode.scores.empty()) return std::nullopt;
  const Score& first = episode.scores.front();
  if (first.status != ScoreStatus::kOk || !first.value) return std::nullopt;
  return *first.value >= 1.0;
}

// What a majority vote counts: the tagged answer, else the whole completion.
std::string vote(const Episode& episode) {
  return std::string(last_answer_tag(episode.completion).value_or(episode.completion));
}

struct ProblemResult {
  int64_t judged = 0;
  int64_t correct = 0;
  bool majority_correct = false;
};

ProblemResult judge(const Group& group) {
  ProblemResult result;
  std::map<std::string, std::pair<int64_t, bool>> votes;
  for (const Episode& episode : group.episodes) {
    const auto correct = verdict(episode);
    if (!correct) continue;
    ++result.judged;
    result.correct += *correct;
    auto& [count, right] = votes[vote(episode)];
    ++count;
    right = right || *correct;
  }
  int64_t most = 0;
  for (const auto& [text, entry] : votes) {
    if (entry.first > most) {
      most = entry.first;
      result.majority_correct = entry.second;
    }
  }
  return result;
}

double ratio(double sum, int64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

EvalResult summarize(const std::vector<Group>& groups) {
  EvalResult result;
  double squares = 0, reward = 0, length = 0, clipped = 0;
  int64_t rewarded = 0;
  for (const Group& group : groups) {
    const ProblemResult problem = judge(group);
    result.num_samples += problem.judged;
    result.num_unjudged += static_cast<int64_t>(group.episodes.size()) - problem.judged;
    for (const Episode& episode : group.episodes) {
      if (!verdict(episode)) continue;
      length += static_cast<double>(episode.completion_ids.size());
      clipped += truncated(episode);
      if (episode.reward) {
        reward += *episode.reward;
        ++rewarded;
      }
    }
    if (problem.judged == 0) continue;
    ++result.num_problems;
    const double share = static_cast<double>(problem.correct) / static_cast<double>(problem.judged);
    result.pass_at_1 += share;
    squares += share * share;
    result.pass_at_k += problem.correct > 0;
    result.maj_at_k += problem.majority_correct;
  }
  const int64_t n = result.num_problems;
  result.pass_at_1 = ratio(result.pass_at_1, n);
  result.pass_at_k = ratio(result.pass_at_k, n);
  result.maj_at_k = ratio(result.maj_at_k, n);
  const double variance = n > 1 ? (squares - n * result.pass_at_1 * result.pass_at_1) / (n - 1) : 0.0;
  result.pass_at_1_stderr = std::sqrt(ratio(std::max(0.0, variance), n));
  result.reward = ratio(reward, rewarded);
  result.mean_length = ratio(length, result.num_samples);
  result.clipped_ratio = ratio(clipped, result.num_samples);
  return result;
}

EvalResult evaluate(const Policy& policy, const Tokenizer* tokenizer, const Rubric& rubric,
                    const std::vector<Problem>& problems, const EvalOptions& options,
                    std::vector<Group>* groups) {
  Engine engine(policy, tokenizer, options.engine);
  GenerateOptions generate;
  generate.num_generations = options.num_samples;
  generate.sampling = options.sampling;
  generate.seed = options.seed;
  generate.stop_request = options.stop_request;
  ScoringPool pool(rubric, options.reward_workers);
  std::vector<Group> sampled = generate_and_score(engine, pool, problems, generate).groups;
  const EvalResult result = summarize(sampled);
  if (groups != nullptr) *groups = std::move(sampled);
  return result;
}

Json eval_metrics(const EvalResult& result, const std::string& prefix) {
  Json metrics = Json::object();
  metrics[prefix + "accuracy"] = result.pass_at_1;
  metrics[prefix + "accuracy_stderr"] = result.pass_at_1_stderr;
  metrics[prefix + "pass@k"] = result.pass_at_k;
  metrics[prefix + "maj@k"] = result.maj_at_k;
  metrics[prefix + "reward"] = result.reward;
  metrics[prefix + "completions/mean_length"] = result.mean_length;
  metrics[prefix + "completions/clipped_ratio"] = result.clipped_ratio;
  metrics[prefix + "num_problems"] = result.num_problems;
  metrics[prefix + "num_unjudged"] = result.num_unjudged;
  return metrics;
}

}  // namespace grpo
