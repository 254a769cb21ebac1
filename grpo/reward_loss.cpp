#include "grpo/reward_loss.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "grpo/packing.h"
#include "policy/score_head.h"

namespace grpo {
namespace {

const RewardPair* as_pair(const RewardSample& sample) { return std::get_if<RewardPair>(&sample); }

at::Tensor column(const std::vector<double>& values, const at::TensorOptions& options) {
  return at::tensor(values, at::kDouble).to(options);
}

RewardMicroBatch build(const std::vector<RewardSample>& samples, const std::vector<int64_t>& members,
                       const ModelConfig& config, const at::TensorOptions& options) {
  std::vector<std::vector<int64_t>> ids;
  std::vector<double> margins, labels;
  for (const int64_t i : members) {
    const RewardPair* pair = as_pair(samples[static_cast<size_t>(i)]);
    if (pair == nullptr) continue;
    ids.push_back(pair->chosen_ids);
    ids.push_back(pair->rejected_ids);
    margins.push_back(pair->margin);
  }
  for (const int64_t i : members) {
    if (as_pair(samples[static_cast<size_t>(i)]) != nullptr) continue;
    const auto& point = std::get<RewardPoint>(samples[static_cast<size_t>(i)]);
    ids.push_back(point.ids);
    labels.push_back(point.label);
  }
  RewardMicroBatch batch;
  batch.rows = at::tensor(scored_rows(ids, config), at::kLong).to(options.device());
  batch.tokens = pack_sequences(ids, options.device());
  batch.margins = column(margins, options);
  batch.labels = column(labels, options);
  batch.weight = 1.0 / static_cast<double>(samples.size());
  return batch;
}

// Scores of the pairs, [P, 2], and of the single answers, [Q].
std::pair<at::Tensor, at::Tensor> parts(const at::Tensor& scores, const RewardMicroBatch& batch) {
  const int64_t pairs = batch.num_pairs();
  return {scores.narrow(0, 0, 2 * pairs).view({pairs, 2}), scores.narrow(0, 2 * pairs, scores.size(0) - 2 * pairs)};
}

}  // namespace

int64_t num_tokens(const RewardSample& sample) {
  if (const RewardPair* pair = as_pair(sample)) {
    return static_cast<int64_t>(pair->chosen_ids.size() + pair->rejected_ids.size());
  }
  return static_cast<int64_t>(std::get<RewardPoint>(sample).ids.size());
}

std::vector<RewardMicroBatch> pack_rewards(const std::vector<RewardSample>& samples, const ModelConfig& config,
                                           int64_t tokens_per_micro_batch, const at::TensorOptions& options) {
  std::vector<int64_t> lengths, order(samples.size());
  for (const RewardSample& sample : samples) lengths.push_back(num_tokens(sample));
  std::iota(order.begin(), order.end(), 0);
  std::vector<RewardMicroBatch> batches;
  for (const auto& bin : best_fit_decreasing(lengths, std::move(order), tokens_per_micro_batch)) {
    batches.push_back(build(samples, bin, config, options));
  }
  return batches;
}

at::Tensor reward_loss(const at::Tensor& scores, const RewardMicroBatch& batch, double center) {
  const auto [pairs, points] = parts(scores, batch);
  const at::Tensor chosen = pairs.select(1, 0), rejected = pairs.select(1, 1);
  at::Tensor loss = -at::log_sigmoid(chosen - rejected - batch.margins).sum();
  if (center > 0.0) loss = loss + center * (chosen + rejected).pow(2).sum();
  loss = loss - (batch.labels * at::log_sigmoid(points) + (1 - batch.labels) * at::log_sigmoid(-points)).sum();
  return loss * batch.weight;
}

void RewardStatistics::add(const at::Tensor& scores, const RewardMicroBatch& batch) {
  const at::Tensor host = scores.detach().to(at::kCPU).to(at::kDouble).contiguous();
  const at::Tensor labels = batch.labels.to(at::kCPU).to(at::kDouble).contiguous();
  const double* value = host.const_data_ptr<double>();
  const int64_t pairs = batch.num_pairs();
  for (int64_t p = 0; p < pairs; ++p) {
    right_ += value[2 * p] > value[2 * p + 1];
    margin_ += value[2 * p] - value[2 * p + 1];
  }
  for (int64_t q = 0; q < labels.size(0); ++q) {
    right_ += (value[2 * pairs + q] > 0.0) == (labels.const_data_ptr<double>()[q] > 0.5);
  }
  for (int64_t s = 0; s < host.size(0); ++s) {
    sum_ += value[s];
    min_ = sequences_ == 0 ? value[s] : std::min(min_, value[s]);
    max_ = sequences_ == 0 ? value[s] : std::max(max_, value[s]);
    ++sequences_;
  }
  samples_ += pairs + labels.size(0);
  pairs_ += pairs;
}

void RewardStatistics::write(Json& metrics, const std::string& prefix) const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto samples = static_cast<double>(samples_);
  metrics[prefix + "accuracy"] = samples_ > 0 ? right_ / samples : nan;
  if (pairs_ > 0) metrics[prefix + "margin"] = margin_ / static_cast<double>(pairs_);
  metrics[prefix + "mean_reward"] = sequences_ > 0 ? sum_ / static_cast<double>(sequences_) : nan;
  metrics[prefix + "min_reward"] = sequences_ > 0 ? min_ : nan;
  metrics[prefix + "max_reward"] = sequences_ > 0 ? max_ : nan;
}

Json evaluate_rewards(const Policy& model, const std::vector<RewardSample>& samples, double center,
                      int64_t tokens_per_micro_batch, const std::string& prefix) {
  const at::NoGradGuard no_grad;
  const auto options = at::TensorOptions(model.device()).dtype(model.dtype() == at::kDouble ? at::kDouble : at::kFloat);
  RewardStatistics statistics;
  double loss = 0.0;
  for (const RewardMicroBatch& batch : pack_rewards(samples, model.config(), tokens_per_micro_batch, options)) {
    const at::Tensor scores = model.scores(model.hidden(batch.tokens).index_select(0, batch.rows));
    loss += reward_loss(scores, batch, center).item<double>();
    statistics.add(scores, batch);
  }
  Json metrics = {{prefix + "loss", loss}};
  statistics.write(metrics, prefix);
  return metrics;
}

}  // namespace grpo
