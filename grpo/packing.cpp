#include "grpo/packing.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/error.h"
#include "grpo/trained_tokens.h"

namespace grpo {
namespace {

constexpr int64_t kLargestBudget = int64_t{1} << 30;  // cu_seqlens are int32

int64_t length(const TrainSequence& s) {
  return static_cast<int64_t>(s.prompt_ids.size() + s.completion_ids.size());
}

int64_t trained_tokens(const TrainSequence& s) {
  GRPO_CHECK(s.loss_mask.size() == s.completion_ids.size());
  int64_t count = 0;
  for (size_t t = 0; t < s.loss_mask.size(); ++t) count += trained_at(s, t);
  return count;
}

// What tokens of a sequence are multiplied by.
class Weights {
 public:
  Weights(const TrainedCounts& counts, const PackingOptions& options) : counts_(counts), options_(options) {
    if (options.loss_agg_mode != LossAggMode::kLocalTokenMean) return;
    GRPO_CHECK(options.per_device_train_batch_size > 0);
    for (size_t i = 0; i < counts.sequence_tokens.size(); ++i) {
      const size_t batch = local_batch(static_cast<int64_t>(i));
      if (batch == local_tokens_.size()) local_tokens_.push_back(0);
      local_tokens_[batch] += counts.sequence_tokens[i];
    }
    local_batches_ = std::count_if(local_tokens_.begin(), local_tokens_.end(), [](int64_t n) { return n > 0; });
  }

  double of(const TrainSequence& s, int64_t position) const {
    const double b = static_cast<double>(counts_.sequences);
    switch (options_.loss_agg_mode) {
      case LossAggMode::kTokenMean:
        break;
      case LossAggMode::kSeqMeanTokenMean:
        return 1.0 / (b * static_cast<double>(trained_tokens(s)));
      case LossAggMode::kSeqMeanTokenSum:
        return 1.0 / b;
      case LossAggMode::kSeqMeanTokenSumNorm:
        GRPO_CHECK(options_.max_completion_length > 0);
        return 1.0 / (b * static_cast<double>(options_.max_completion_length));
      case LossAggMode::kLocalTokenMean: {
        const int64_t tokens = local_tokens_.at(local_batch(position));
        return 1.0 / (static_cast<double>(tokens) * static_cast<double>(local_batches_));
      }
    }
    return 1.0 / static_cast<double>(counts_.tokens);
  }

 private:
  size_t local_batch(int64_t position) const {
    return static_cast<size_t>(position / options_.per_device_train_batch_size);
  }

  const TrainedCounts& counts_;
  const PackingOptions& options_;
  std::vector<int64_t> local_tokens_;
  int64_t local_batches_ = 0;  // with a trained token
};

template <typename T>
at::Tensor to_tensor(const std::vector<T>& values, const at::TensorOptions& options) {
  const auto host = at::tensor(values, at::TensorOptions().dtype(c10::CppTypeToScalarType<T>::value));
  return host.to(options);
}

// A column of numbers that sequences have one of per completion id, or do not have at all.
class Column {
 public:
  template <typename T>
  void add(std::span<const T> values, size_t t) {
    if (!values.empty()) values_.push_back(static_cast<double>(values[t]));
  }
  // Undefined if no sequence has it.
  at::Tensor tensor(size_t rows, const at::TensorOptions& options) const {
    GRPO_CHECK(values_.empty() || values_.size() == rows);
    return values_.empty() ? at::Tensor() : to_tensor(values_, options);
  }

 private:
  std::vector<double> values_;
};

MicroBatch build(const std::vector<TrainSequence>& sequences, const std::vector<int64_t>& members,
                 const Weights& denominators, const at::TensorOptions& options) {
  std::vector<std::vector<int64_t>> ids;
  std::vector<int64_t> rows, targets, target_begin{0};
  std::vector<int64_t> lengths;
  std::vector<double> advantages, weights;
  Column behaviour, old, reference, policy_mask;
  int64_t row = -1;  // the row before the next token
  for (int64_t index : members) {
    const TrainSequence& s = sequences[index];
    const double weight = denominators.of(s, s.position < 0 ? index : s.position);
    auto& all = ids.emplace_back(s.prompt_ids.begin(), s.prompt_ids.end());
    all.insert(all.end(), s.completion_ids.begin(), s.completion_ids.end());
    row += static_cast<int64_t>(s.prompt_ids.size());
    for (size_t t = 0; t < s.completion_ids.size(); ++t, ++row) {
      if (!trained_at(s, t)) continue;
      rows.push_back(row);
      targets.push_back(s.completion_ids[t]);
      advantages.push_back(s.token_advantages.empty() ? s.advantage : s.token_advantages[t]);
      weights.push_back(weight);
      behaviour.add(s.behaviour_logprobs, t);
      old.add(s.old_logprobs, t);
      reference.add(s.ref_logprobs, t);
      policy_mask.add(s.policy_mask, t);
    }
    lengths.push_back(static_cast<int64_t>(rows.size()) - target_begin.back());
    target_begin.push_back(static_cast<int64_t>(rows.size()));
  }

  const auto longs = options.dtype(at::kLong);
  MicroBatch batch;
  batch.tokens = pack_sequences(ids, options.device());
  batch.rows = to_tensor(rows, longs);
  batch.targets = to_tensor(targets, longs);
  batch.advantages = to_tensor(advantages, options);
  batch.behaviour_logprobs = behaviour.tensor(rows.size(), options);
  batch.old_logprobs = old.tensor(rows.size(), options);
  batch.ref_logprobs = reference.tensor(rows.size(), options);
  batch.policy_mask = policy_mask.tensor(rows.size(), options);
  batch.lengths = to_tensor(lengths, longs);
  batch.weights = to_tensor(weights, options);
  batch.sequences = members;
  batch.target_begin = std::move(target_begin);
  return batch;
}

int64_t read_budget(ObjectReader& reader) {
  return reader.integer("tokens_per_micro_batch", PackingOptions{}.tokens_per_micro_batch,
                        {.min = 1, .max = static_cast<double>(kLargestBudget)});
}

}  // namespace

std::vector<std::vector<int64_t>> best_fit_decreasing(const std::vector<int64_t>& lengths,
                                                      std::vector<int64_t> order, int64_t budget) {
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<int64_t>> bins;
  std::multimap<int64_t, size_t> by_room;  // room left -> bin; equal rooms in the order they came about
  for (int64_t i : order) {
    auto fit = by_room.lower_bound(lengths[i]);
    size_t bin = bins.size();
    int64_t room = budget;
    if (fit == by_room.end()) {
      bins.emplace_back();
    } else {
      room = fit->first;
      bin = fit->second;
      by_room.erase(fit);
    }
    bins[bin].push_back(i);
    by_room.emplace(std::max<int64_t>(0, room - lengths[i]), bin);
  }
  for (auto& bin : bins) std::sort(bin.begin(), bin.end());
  return bins;
}

PackingOptions read_packing_options(ObjectReader& reader, int64_t max_completion_length, const Json& presets) {
  PackingOptions options;
  options.tokens_per_micro_batch = read_budget(reader);
  const std::vector<std::string> modes = {"token-mean", "seq-mean-token-mean", "seq-mean-token-sum",
                                          "seq-mean-token-sum-norm", "local-token-mean"};
  const std::string mode = reader.choice("loss_agg_mode", modes, presets.value("loss_agg_mode", modes.front()));
  options.loss_agg_mode =
      static_cast<LossAggMode>(std::find(modes.begin(), modes.end(), mode) - modes.begin());  // in their order
  options.max_completion_length = max_completion_length;
  if (options.loss_agg_mode != LossAggMode::kLocalTokenMean && reader.has("per_device_train_batch_size")) {
    reader.fail("per_device_train_batch_size", "only has a say in the loss_agg_mode \"local-token-mean\"",
                "remove it; memory is bounded by tokens_per_micro_batch");
  }
  options.per_device_train_batch_size =
      reader.integer("per_device_train_batch_size", options.per_device_train_batch_size, {.min = 1});
  return options;
}

PackingOptions read_sft_packing_options(ObjectReader& reader) {
  return {.tokens_per_micro_batch = read_budget(reader), .loss_agg_mode = LossAggMode::kTokenMean};
}

bool trained_at(const TrainSequence& s, size_t t) {
  return trained_at(s.loss_mask, !s.prompt_ids.empty(), t);
}

TrainSequence train_sequence(const Episode& episode) {
  return {.prompt_ids = episode.prompt_ids,
          .completion_ids = episode.completion_ids,
          .loss_mask = episode.loss_mask,
          .behaviour_logprobs = episode.behaviour_logprobs,
          .old_logprobs = episode.old_logprobs,
          .ref_logprobs = episode.ref_logprobs,
          .token_advantages = episode.token_advantages,
          .entropy = episode.entropy,
          .advantage = episode.advantage};
}

TrainedCounts count_trained(const std::vector<TrainSequence>& sequences) {
  TrainedCounts counts;
  for (const TrainSequence& s : sequences) {
    const int64_t tokens = trained_tokens(s);
    counts.sequences += tokens > 0;
    counts.tokens += tokens;
    counts.sequence_tokens.push_back(tokens);
  }
  return counts;
}

std::vector<MicroBatch> pack(const std::vector<TrainSequence>& sequences, const TrainedCounts& counts,
                             const PackingOptions& packing, const at::TensorOptions& options) {
  GRPO_CHECK(packing.tokens_per_micro_batch > 0);
  std::vector<int64_t> lengths, members;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const TrainSequence& s = sequences[i];
    for (const size_t given : {s.behaviour_logprobs.size(), s.old_logprobs.size(), s.ref_logprobs.size(),
                               s.token_advantages.size(), s.entropy.size(), s.policy_mask.size()}) {
      GRPO_CHECK(given == 0 || given == s.completion_ids.size());
    }
    lengths.push_back(length(s));
    if (trained_tokens(s) > 0) members.push_back(static_cast<int64_t>(i));
  }
  const Weights denominators(counts, packing);
  std::vector<MicroBatch> batches;
  for (const auto& bin : best_fit_decreasing(lengths, std::move(members), packing.tokens_per_micro_batch)) {
    batches.push_back(build(sequences, bin, denominators, options));
  }
  return batches;
}

}  // namespace grpo
