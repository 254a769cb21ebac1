#include "grpo/evaluate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "grpo/scored_rollout.h"
#include "rewards/math/vote.h"

namespace grpo {
namespace {

struct ProblemResult {
  int64_t judged = 0;
  int64_t correct = 0;
  bool majority_correct = false;
};

ProblemResult judge(const std::vector<SampleOutcome>& samples) {
  ProblemResult result;
  std::map<std::string, std::pair<int64_t, bool>> votes;
  for (const SampleOutcome& sample : samples) {
    if (!sample.correct) continue;
    ++result.judged;
    result.correct += *sample.correct;
    auto& [count, right] = votes[sample.vote];
    ++count;
    right = right || *sample.correct;
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

// The chance that k samples drawn from n without putting back, c of them correct, hold a correct one.
double pass_chance(int64_t n, int64_t c, int64_t k) {
  if (n - c < k) return 1.0;
  double none = 1.0;
  for (int64_t i = n - c + 1; i <= n; ++i) none *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  return 1.0 - none;
}

std::map<int64_t, double> pass_chances(const std::vector<ProblemResult>& problems) {
  int64_t most = 0;
  for (const ProblemResult& problem : problems) most = std::max(most, problem.judged);
  std::set<int64_t> ks;
  for (int64_t k = 2; k < most; k *= 2) ks.insert(k);
  if (most > 1) ks.insert(most);
  std::map<int64_t, double> chances;
  for (const int64_t k : ks) {
    double sum = 0.0;
    int64_t count = 0;
    for (const ProblemResult& problem : problems) {
      if (problem.judged < k) continue;
      sum += pass_chance(problem.judged, problem.correct, k);
      ++count;
    }
    chances[k] = sum / static_cast<double>(count);
  }
  return chances;
}

double ratio(double sum, int64_t count) {
  return count > 0 ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

SampleOutcome outcome_of(const Episode& episode) {
  SampleOutcome outcome{.correct = std::nullopt,
                        .vote = math::answer_vote(episode.completion),
                        .reward = episode.reward,
                        .length = static_cast<int64_t>(episode.completion_ids.size()),
                        .truncated = truncated(episode)};
  if (episode.scores.empty()) return outcome;
  const Score& first = episode.scores.front();
  if (first.status == ScoreStatus::kOk && first.value) outcome.correct = *first.value >= 1.0;
  return outcome;
}

EvalResult summarize(const std::vector<std::vector<SampleOutcome>>& problems) {
  EvalResult result;
  double squares = 0, reward = 0, length = 0, clipped = 0;
  int64_t rewarded = 0;
  std::vector<ProblemResult> judged;
  for (const std::vector<SampleOutcome>& samples : problems) {
    const ProblemResult problem = judge(samples);
    result.num_samples += problem.judged;
    result.num_unjudged += static_cast<int64_t>(samples.size()) - problem.judged;
    for (const SampleOutcome& sample : samples) {
      if (!sample.correct) continue;
      length += static_cast<double>(sample.length);
      clipped += sample.truncated;
      if (sample.reward) {
        reward += *sample.reward;
        ++rewarded;
      }
    }
    if (problem.judged == 0) continue;
    judged.push_back(problem);
    const double share = static_cast<double>(problem.correct) / static_cast<double>(problem.judged);
    result.pass_at_1 += share;
    squares += share * share;
    result.pass_at_k += problem.correct > 0;
    result.maj_at_k += problem.majority_correct;
  }
  const auto n = static_cast<int64_t>(judged.size());
  result.num_problems = n;
  result.pass_at = pass_chances(judged);
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

EvalResult summarize(const std::vector<Group>& groups) {
  std::vector<std::vector<SampleOutcome>> problems;
  for (const Group& group : groups) {
    std::vector<SampleOutcome>& samples = problems.emplace_back();
    for (const Episode& episode : group.episodes) samples.push_back(outcome_of(episode));
  }
  return summarize(problems);
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
