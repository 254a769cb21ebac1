#include "grpo/trainer_memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "grpo/packing.h"
#include "grpo/route_replay.h"
#include "policy/memory_meter.h"
#include "rollout/kv_cache.h"
#include "rollout/sampler.h"
#include "rollout/scheduler.h"

namespace grpo {
namespace {

// cuBLAS takes 32 MiB per thread on a Hopper GPU, from LibTorch's allocator: the caller's and autograd's.
constexpr int64_t kBlasWorkspace = int64_t{32} << 20;
// AdamW::clip_grad_norm squares in float64, so many numbers of one tensor at a time.
constexpr int64_t kNormPiece = int64_t{1} << 24;
// Masters and both moments of one piece on their way through the device (AdamW::update_by_pieces).
constexpr int64_t kOffloadedPiece = 3 * 4 * (int64_t{1} << 22);

int64_t pages_for(int64_t tokens, int64_t page_tokens) {
  return (tokens + page_tokens - 1) / page_tokens;
}

// `sequences` sequences of together `rows` tokens, on the meta device.
PackedTokens packed(int64_t sequences, int64_t rows, int64_t longest) {
  const auto longs = at::TensorOptions().dtype(at::kLong).device(at::kMeta);
  return {at::empty({rows}, longs), at::empty({rows}, longs),
          at::empty({sequences + 1}, longs.dtype(at::kInt)), longest};
}

at::ScalarType wide_of(const Policy& policy) {
  return policy.dtype() == at::kDouble ? at::kDouble : at::kFloat;
}

// A full micro-batch: all but the prompts are trained.
MicroBatch micro_batch(int64_t sequences, int64_t rows, int64_t longest, int64_t prompt_tokens,
                       at::ScalarType wide) {
  MicroBatch batch;
  batch.tokens = packed(sequences, rows, longest);
  const int64_t trained = std::max<int64_t>(1, rows - sequences * prompt_tokens);
  const auto longs = batch.tokens.tokens.options();
  batch.rows = at::empty({trained}, longs);
  batch.targets = at::empty({trained}, longs);
  batch.weights = at::empty({trained}, longs.dtype(wide));
  return batch;
}

// How many rows a rollout runs at once and the pages they come to hold.
struct CacheSize {
  int64_t limit = 0;    // the pool's
  int64_t prompts = 0;  // in flight
  int64_t rows = 0;
  int64_t pages_at_start = 0;
  int64_t pages = 0;
};

CacheSize cache_size(const RolloutSize& size, const SchedulerOptions& schedule) {
  auto pages_of = [&](int64_t rows) {
    const int64_t whole = rows / size.num_generations, rest = rows % size.num_generations;
    return whole * pages_needed(size.prompt_tokens, size.num_generations, schedule) +
           (rest > 0 ? pages_needed(size.prompt_tokens, rest, schedule) : 0);
  };
  CacheSize cache;
  const int64_t all = size.prompts * size.num_generations;
  cache.limit = pages_of(all);
  if (size.engine.cache_tokens > 0) {
    cache.limit = std::min(cache.limit, size.engine.cache_tokens / size.engine.page_tokens);
  }
  cache.rows = std::min(size.engine.max_running, all);
  while (cache.rows > 1 && pages_of(cache.rows) > cache.limit) --cache.rows;
  cache.prompts = (cache.rows + size.num_generations - 1) / size.num_generations;
  cache.pages = std::min(cache.limit, pages_of(cache.rows));
  const int64_t per_prompt = pages_for(size.prompt_tokens, size.engine.page_tokens);
  const bool partial = size.prompt_tokens % size.engine.page_tokens != 0;
  cache.pages_at_start =
      std::min(cache.pages, cache.prompts * per_prompt + (partial ? cache.rows - cache.prompts : 0));
  return cache;
}

class Planner {
 public:
  explicit Planner(const StageSize& stage) : stage_(stage), meter_(stage.device) {
    for (std::optional<RolloutSize>* rollout : {&stage_.rollout, &stage_.evaluation}) {
      if (*rollout) (*rollout)->engine = resolved((*rollout)->engine, stage_.device);
    }
  }

  MemoryPlan plan() {
    plan_.device = stage_.device;
    Policy policy = stage_.policy(at::Device(at::kMeta));
    for (const auto& make : stage_.reward_models) reward_models_.push_back(make(at::Device(at::kMeta)));
    standing_.weights = meter_.live_bytes();
    add("load", standing_, 0);
    std::optional<AdamW> optimizer;
    std::optional<Policy> reference;
    if (stage_.training) {
      const std::vector<Parameter>& trained = choose_trainable(policy, stage_.training->auxiliary);
      for (const Parameter& p : trained) plan_.trained_parameters += p.tensor.numel();
      int64_t before = meter_.live_bytes();
      optimizer.emplace(trained, stage_.training->optimizer);
      const int64_t optimizer_bytes = meter_.live_bytes() - before;
      // On the CPU there is nowhere to go.
      const bool gpu = stage_.device == at::kCUDA;
      (gpu && stage_.training->optimizer.offload ? offloaded_ : standing_.optimizer) += optimizer_bytes;
      before = meter_.live_bytes();
      if (stage_.training->reference) reference = policy.reference_copy();
      reference_bytes_ = meter_.live_bytes() - before;
      (gpu && stage_.training->offload_reference ? offloaded_ : standing_.reference) += reference_bytes_;
      plan_.host_bytes = offloaded_;
      before = meter_.live_bytes();
      if (stage_.teacher) teacher_ = stage_.teacher(at::Device(at::kMeta));
      standing_.reference += meter_.live_bytes() - before;
      policy.set_requires_grad(true);
      if (stage_.rollout) plan_.record_bytes = record_bytes(policy.config());
    }
    if (stage_.evaluation) roll_out("evaluate", policy, *stage_.evaluation);
    if (stage_.rollout) roll_out("rollout", policy, *stage_.rollout);
    if (optimizer) {
      score(policy, reference);
      train(policy, *optimizer);
    }
    return plan_;
  }

 private:
  // Adds a phase whose peak is `peak` bytes by the meter, which counts what is offloaded: what `parts` does not
  // name is passing.
  void add(const std::string& name, MemoryPhase parts, int64_t peak) {
    parts.name = name;
    parts.passing = std::max<int64_t>(0, peak - offloaded_ - parts.total());
    plan_.phases.push_back(parts);
  }

  int64_t workspace(int64_t threads) const {
    return stage_.device == at::kCUDA ? threads * kBlasWorkspace : 0;
  }

  void roll_out(const std::string& name, const Policy& policy, const RolloutSize& size) {
    const at::NoGradGuard no_grad;
    const SchedulerOptions schedule{size.engine.page_tokens, size.engine.max_running,
                                    size.engine.prefill_tokens, size.num_generations,
                                    size.sampling.max_tokens};
    const CacheSize cache = cache_size(size, schedule);
    meter_.reset_peak();
    MemoryPhase parts = standing_;
    {
      KvCache store(policy.kv_shapes(), size.engine.page_tokens, cache.limit,
                    at::TensorOptions(policy.dtype()).device(at::kMeta), stage_.device);
      store.reserve(cache.pages_at_start);
      const int64_t fit = std::max<int64_t>(1, size.engine.prefill_tokens / size.prompt_tokens);
      const int64_t prompts = std::min(cache.prompts, fit);
      const int64_t rows = std::min(prompts * size.prompt_tokens, size.engine.prefill_tokens);
      forward(policy, store, size, prompts, rows, rows == prompts * size.prompt_tokens);
      // Every row reaches its next page in the same step.
      for (int64_t pages = cache.pages_at_start; pages < cache.pages; pages += cache.rows)
        store.reserve(pages);
      store.reserve(cache.pages);
      const at::Tensor hidden = forward(policy, store, size, cache.rows, cache.rows, false);
      const at::Tensor logits = policy.logits(hidden);
      // The CPU draws row by row.
      const at::Tensor uniforms = at::empty({cache.rows}, logits.options().dtype(at::kFloat));
      if (stage_.device == at::kCUDA) sample(logits, uniforms, size.sampling);
      for (const Policy& model : reward_models_) score_group(model, size);
      parts.kv_cache = store.bytes();
    }
    add(name, parts, meter_.peak_bytes() + workspace(1));
  }

  // One pass over a group's samples.
  void score_group(const Policy& model, const RolloutSize& size) const {
    const int64_t length = std::min(size.prompt_tokens + size.sampling.max_tokens, model.config().max_position_embeddings);
    const int64_t sequences = std::clamp<int64_t>(stage_.reward_tokens_per_pass / length, 1, size.num_generations);
    const PackedTokens batch = packed(sequences, sequences * length, length);
    const at::Tensor hidden = model.hidden(batch);
    model.scores(hidden.index_select(0, at::empty({sequences}, batch.tokens.options())));
  }

  static at::Tensor forward(const Policy& policy, const KvCache& store, const RolloutSize& size,
                            int64_t sequences, int64_t rows, bool whole) {
    const PackedTokens batch = packed(sequences, rows, size.prompt_tokens);
    const auto ints = batch.cu_seqlens.options();
    KvView view;
    view.layers = store.layers();
    view.block_tables = at::empty(
        {sequences, pages_for(size.prompt_tokens + size.sampling.max_tokens, size.engine.page_tokens)}, ints);
    view.rows = at::empty({rows}, ints);
    view.slots = at::empty({rows}, batch.tokens.options());
    view.whole = whole;
    return policy.hidden(batch, &view);
  }

  // How a full micro-batch looks, and whether it is the only one.
  struct BatchSize {
    int64_t sequences, rows, length;
    bool whole;
  };
  BatchSize batch_size() const {
    const TrainingSize& size = *stage_.training;
    const int64_t length = size.prompt_tokens + size.completion_tokens, all = size.sequences * length;
    const int64_t rows = std::max(length, std::min(all, size.tokens_per_micro_batch));
    return {(rows + length - 1) / length, rows, length, all <= rows};
  }

  MicroBatch full_batch(const Policy& policy) const {
    const BatchSize size = batch_size();
    return micro_batch(size.sequences, size.rows, size.length, stage_.training->prompt_tokens, wide_of(policy));
  }

  // Of all samples of a rollout, as the engine bounds it (core/types.h: Episode).
  int64_t record_bytes(const ModelConfig& config) const {
    const TrainingSize& size = *stage_.training;
    const int64_t fed = size.prompt_tokens + size.completion_tokens - 1;
    int64_t sample = 0;
    if (size.routes) sample += fed * routes_per_token(config) * 2;
    if (size.kept_tokens > 0) sample += size.completion_tokens * size.kept_tokens * 4 + (size.completion_tokens + 1) * 8;
    const int64_t all = stage_.rollout->prompts * stage_.rollout->num_generations * sample;
    const int64_t most = stage_.rollout->engine.record_bytes_max;
    return most > 0 ? std::min(all, most) : all;
  }

  // What a pass is given of them beside its batch.
  struct Records {
    at::Tensor routes;   // [N, W]
    at::Tensor checked;  // the same as the forward pass reads it, until that is over
    at::Tensor on_cpu;   // kept sets, where the tensors of the CPU are counted
    KeptTokens kept;     // real numbers: they decide what is computed
  };
  Records records(const Policy& policy, const MicroBatch& batch) const {
    const TrainingSize& size = *stage_.training;
    const auto longs = batch.rows.options();
    Records out;
    if (const int64_t width = routes_per_token(policy.config()); size.routes && width > 0) {
      out.routes = at::empty({batch.num_tokens(), width}, longs.dtype(at::kShort));
      out.checked = at::empty({batch.num_tokens(), width}, longs);
    }
    if (size.kept_tokens > 0) {
      const int64_t rows = batch.num_targets(), kept = std::min(size.kept_tokens, policy.config().vocab_size);
      out.kept = {.begin = at::arange(rows + 1, at::kLong) * kept, .ids = at::arange(kept, at::kInt).repeat({rows})};
      if (stage_.device == at::kCPU) out.on_cpu = at::empty({rows * kept * 4 + (rows + 1) * 8}, longs.dtype(at::kByte));
    }
    return out;
  }

  static at::Tensor logprobs(const Policy& by, const at::Tensor& hidden, const MicroBatch& batch, const Records& records) {
    const KeptTokens* kept = records.kept.begin.defined() ? &records.kept : nullptr;
    return by.token_scores(hidden.index_select(0, batch.rows), batch.targets, {.kept = kept}).logprobs;
  }

  void score_by(const Policy& by, const MicroBatch& batch) const {
    Records given = records(by, batch);
    const at::Tensor hidden = by.hidden(batch.tokens);
    given.checked = at::Tensor();
    logprobs(by, hidden, batch, given);
  }

  // Passes without gradients, one policy after the other; the reference is on the device.
  void score(const Policy& policy, const std::optional<Policy>& reference) {
    if (!reference && !stage_.training->old_logprobs) return;
    const at::NoGradGuard no_grad;
    meter_.reset_peak();
    const MicroBatch batch = full_batch(policy);
    score_by(policy, batch);
    if (reference) score_by(*reference, batch);
    MemoryPhase parts = standing_;
    parts.reference = reference_bytes_;
    // The meter counts the reference either way, as what it is here: on the device.
    const int64_t parked = reference_bytes_ - standing_.reference;
    add("score", parts, meter_.peak_bytes() + parked + workspace(1));
  }

  // The teacher's hidden states of the trained tokens; undefined where there is none.
  at::Tensor teacher_hidden(const MicroBatch& batch) const {
    const at::NoGradGuard no_grad;
    return teacher_ ? teacher_->hidden(batch.tokens).index_select(0, batch.rows) : at::Tensor();
  }

  at::Tensor loss_of(const Policy& policy, const at::Tensor& hidden, const MicroBatch& batch,
                     const Records& given, const at::Tensor& of_teacher) const {
    if (teacher_ && stage_.training->divergence) {
      const HeadRows student{hidden.index_select(0, batch.rows), policy.head()};
      return (distill_loss(student, {of_teacher, teacher_->head()}, *stage_.training->divergence).divergence *
              batch.weights)
          .sum();
    }
    at::Tensor scores = logprobs(policy, hidden, batch, given);
    if (teacher_) {
      const at::NoGradGuard no_grad;
      teacher_->token_scores(of_teacher, batch.targets);
    }
    return (scores * batch.weights).sum();
  }

  void train(const Policy& policy, AdamW& optimizer) {
    const TrainingSize& size = *stage_.training;
    const bool whole = batch_size().whole;
    const int64_t standing = meter_.live_bytes();
    MemoryPhase parts = standing_;
    meter_.reset_peak();
    AuxiliaryLosses auxiliary(policy, size.auxiliary);
    // The second micro-batch meets the sum of the first one's gradients.
    for (int64_t pass = 0; pass < (whole ? 1 : 2); ++pass) {
      const int64_t before = meter_.live_bytes();
      const MicroBatch batch = full_batch(policy);
      const at::Tensor of_teacher = teacher_hidden(batch);
      Records given = records(policy, batch);
      ForwardOutput output = policy.forward(batch.tokens, auxiliary.forward_options());
      given.checked = at::Tensor();
      at::Tensor loss = loss_of(policy, output.hidden, batch, given, of_teacher);
      loss = auxiliary.add_to(loss, batch, output);
      output = {};
      parts.activations = std::max(parts.activations, meter_.live_bytes() - before);
      if (!loss.requires_grad()) break;
      loss.backward();
      optimizer.accumulate_gradients();
    }
    const int64_t gradients = meter_.live_bytes() - standing;
    if (!whole) parts.gradients = gradients;
    add("train", parts, meter_.peak_bytes() + workspace(2));

    MemoryPhase update = standing_;
    update.gradients = gradients;
    int64_t largest = 0;
    for (const Parameter& p : policy.trainable()) largest = std::max(largest, p.tensor.numel());
    const int64_t norm = meter_.live_bytes() + 16 * std::min(largest, kNormPiece);
    meter_.reset_peak();
    optimizer.step(0.0);
    const int64_t pieces = size.optimizer.offload && stage_.device == at::kCUDA ? std::min(kOffloadedPiece, 12 * largest) : 0;
    add("update", update, std::max(norm, meter_.peak_bytes() + pieces) + workspace(2));
  }

  StageSize stage_;
  MemoryMeter meter_;
  MemoryPlan plan_;
  std::optional<Policy> teacher_;
  std::vector<Policy> reward_models_;
  MemoryPhase standing_;  // what is there in every phase after loading
  int64_t reference_bytes_ = 0;
  int64_t offloaded_ = 0;  // counted by the meter, but not on the device
};

}  // namespace

namespace {

struct Part {
  const char* key;
  const char* title;
  int64_t MemoryPhase::*bytes;
};
constexpr Part kParts[] = {{"weights", "weights", &MemoryPhase::weights},
                           {"reference", "reference", &MemoryPhase::reference},
                           {"optimizer", "optimizer", &MemoryPhase::optimizer},
                           {"gradients", "gradients", &MemoryPhase::gradients},
                           {"kv_cache", "kv cache", &MemoryPhase::kv_cache},
                           {"activations", "activations", &MemoryPhase::activations},
                           {"passing", "passing", &MemoryPhase::passing}};

}  // namespace

int64_t MemoryPhase::total() const {
  return weights + reference + optimizer + gradients + kv_cache + activations + passing;
}

const MemoryPhase& MemoryPlan::largest() const {
  GRPO_CHECK(!phases.empty());
  return *std::max_element(phases.begin(), phases.end(),
                           [](const MemoryPhase& a, const MemoryPhase& b) { return a.total() < b.total(); });
}

int64_t MemoryPlan::needed_bytes() const {
  if (device != at::kCUDA) return peak_bytes() + record_bytes;
  return peak_bytes() + peak_bytes() * 3 / 100 + (int64_t{1} << 30);
}

MemoryPlan plan_memory(const StageSize& stage) {
  return Planner(stage).plan();
}

Json memory_json(const MemoryPlan& plan) {
  Json phases = Json::array();
  for (const MemoryPhase& phase : plan.phases) {
    Json row = {{"name", phase.name}};
    for (const Part& part : kParts) row[part.key] = phase.*part.bytes;
    row["total"] = phase.total();
    phases.push_back(row);
  }
  return {{"device", plan.device == at::kCUDA ? "cuda" : "cpu"},
          {"peak_bytes", plan.peak_bytes()},
          {"needed_bytes", plan.needed_bytes()},
          {"host_bytes", plan.host_bytes},
          {"record_bytes", plan.record_bytes},
          {"trained_parameters", plan.trained_parameters},
          {"phases", phases}};
}

MemoryPlan memory_plan(const Json& json) {
  MemoryPlan plan;
  plan.device = json.at("device") == "cuda" ? at::kCUDA : at::kCPU;
  plan.trained_parameters = json.at("trained_parameters").get<int64_t>();
  plan.host_bytes = json.at("host_bytes").get<int64_t>();
  plan.record_bytes = json.at("record_bytes").get<int64_t>();
  for (const Json& row : json.at("phases")) {
    MemoryPhase phase;
    phase.name = row.at("name").get<std::string>();
    for (const Part& part : kParts) phase.*part.bytes = row.at(part.key).get<int64_t>();
    plan.phases.push_back(phase);
  }
  return plan;
}

std::string memory_table(const MemoryPlan& plan) {
  const bool large = plan.peak_bytes() >= int64_t{1} << 30;
  const double unit = large ? 1024.0 * 1024.0 * 1024.0 : 1024.0 * 1024.0;
  std::string text = fmt::format("{:<10}", large ? "GiB" : "MiB");
  for (const Part& part : kParts) text += fmt::format("{:>12}", part.title);
  text += fmt::format("{:>12}\n", "total");
  for (const MemoryPhase& phase : plan.phases) {
    text += fmt::format("{:<10}", phase.name);
    for (const Part& part : kParts) {
      const int64_t bytes = phase.*part.bytes;
      text += bytes == 0 ? fmt::format("{:>12}", "-")
                         : fmt::format("{:>12.2f}", static_cast<double>(bytes) / unit);
    }
    text += fmt::format("{:>12.2f}\n", static_cast<double>(phase.total()) / unit);
  }
  if (plan.host_bytes > 0) {
    text += fmt::format("offloaded to host memory: {:.2f}\n", static_cast<double>(plan.host_bytes) / unit);
  }
  if (plan.record_bytes > 0) {
    text += fmt::format("records of a rollout in host memory: {:.2f}\n", static_cast<double>(plan.record_bytes) / unit);
  }
  return text;
}

}  // namespace grpo
