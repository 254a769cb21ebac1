#include "rollout/engine.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/seed.h"
#include "policy/decode_parts.h"
#include "rollout/batch.h"
#include "rollout/kv_cache.h"
#include "rollout/recorder.h"
#include "rollout/sampler.h"
#include "rollout/scheduler.h"
#include "rollout/stop.h"

namespace grpo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What rows of a decode step, some or all, come to.
struct DecodedRows {
  SampledTokens sampled;
  at::Tensor routes;  // [R, W]; undefined: none recorded
};

at::Tensor joined(const std::vector<DecodedRows>& parts, const at::Tensor& (*of)(const DecodedRows&)) {
  if (parts.size() == 1 || !of(parts[0]).defined()) return of(parts[0]);
  std::vector<at::Tensor> all;
  for (const DecodedRows& part : parts) all.push_back(of(part));
  return at::cat(all);
}
DecodedRows joined(const std::vector<DecodedRows>& parts) {
  using Part = const DecodedRows&;
  return {{.tokens = joined(parts, [](Part p) -> const at::Tensor& { return p.sampled.tokens; }),
           .logprobs = joined(parts, [](Part p) -> const at::Tensor& { return p.sampled.logprobs; }),
           .finite = joined(parts, [](Part p) -> const at::Tensor& { return p.sampled.finite; }),
           .kept = joined(parts, [](Part p) -> const at::Tensor& { return p.sampled.kept; })},
          joined(parts, [](Part p) -> const at::Tensor& { return p.routes; })};
}

// The tokens of a burst on the host, [K][R].
struct BurstResult {
  int64_t rows = 0;
  std::vector<int64_t> tokens;
  std::vector<float> logprobs;
  std::vector<uint8_t> finite;
  BurstRecords records;

  size_t at(int64_t step, int64_t row) const { return static_cast<size_t>(step * rows + row); }
};

// The only wait of a burst: whatever else comes back was computed before the tokens that the first copy waits for.
// Token ids and floats are exact in a double. routes: [R, W] of each step, or none.
BurstResult read_back(const std::vector<SampledTokens>& steps, const std::vector<at::Tensor>& routes = {}) {
  std::vector<at::Tensor> parts;
  for (const SampledTokens& s : steps) parts.push_back(at::stack({s.tokens.to(at::kDouble), s.logprobs, s.finite}));
  const at::Tensor host = at::stack(parts).to(at::kCPU).contiguous();  // [K, 3, R]
  const double* data = host.const_data_ptr<double>();
  BurstResult result;
  result.rows = host.size(2);
  for (int64_t k = 0; k < host.size(0); ++k) {
    const double* step = data + k * 3 * result.rows;
    for (int64_t r = 0; r < result.rows; ++r) {
      result.tokens.push_back(static_cast<int64_t>(step[r]));
      result.logprobs.push_back(static_cast<float>(step[result.rows + r]));
      result.finite.push_back(step[2 * result.rows + r] != 0.0);
    }
  }
  if (!routes.empty()) result.records.routes = at::stack(routes).to(at::kCPU).contiguous();
  if (steps[0].kept.defined()) {
    std::vector<at::Tensor> kept;
    for (const SampledTokens& s : steps) kept.push_back(s.kept);
    result.records.kept = at::stack(kept).to(at::kCPU).contiguous();
  }
  return result;
}

std::string problem_place(const Problem& problem) { return fmt::format("problem {}", problem.id); }

void check_prompt(const Problem& problem, const ModelConfig& config, int64_t max_tokens) {
  const auto prompt_tokens = static_cast<int64_t>(problem.prompt_ids.size());
  if (prompt_tokens == 0) {
    throw Error("the prompt has no tokens", problem_place(problem), "Tokenize prompts before they are sampled.");
  }
  if (prompt_tokens + max_tokens > config.max_position_embeddings) {
    throw Error(fmt::format("a prompt of {} tokens and up to {} completion tokens exceed the model's context of {}",
                            prompt_tokens, max_tokens, config.max_position_embeddings),
                problem_place(problem), "Drop or shorten long prompts, or lower max_completion_length.");
  }
  for (const int64_t id : problem.prompt_ids) {
    if (id < 0 || id >= config.vocab_size) {
      throw Error(fmt::format("prompt token {} is not in the model's vocabulary of {}", id, config.vocab_size),
                  problem_place(problem), "Use the tokenizer of this checkpoint.");
    }
  }
}

// Pages the pool may hand out: what cache_tokens allows, or what all problems together could ever need.
int64_t page_limit(const std::vector<Problem>& problems, const EngineOptions& engine,
                   const SchedulerOptions& options) {
  int64_t all = 0;
  const int64_t allowed = engine.cache_tokens / engine.page_tokens;
  for (const Problem& problem : problems) {
    const auto prompt_tokens = static_cast<int64_t>(problem.prompt_ids.size());
    all += pages_needed(prompt_tokens, options.num_generations, options);
    const int64_t least = pages_needed(prompt_tokens, 1, options);
    if (engine.cache_tokens > 0 && least > allowed) {
      throw Error(fmt::format("a prompt of {} tokens with {} completion tokens needs {} cache pages of {} tokens; "
                              "cache_tokens {} allows {}",
                              prompt_tokens, options.max_tokens, least, engine.page_tokens, engine.cache_tokens,
                              allowed),
                  problem_place(problem),
                  fmt::format("Raise cache_tokens to {} or more, or set 0.", least * engine.page_tokens));
    }
  }
  return engine.cache_tokens > 0 ? std::min(all, allowed) : all;
}

// One call to generate: the state that lives no longer than it.
class Run {
 public:
  Run(const Policy& policy, const Tokenizer* tokenizer, const EngineOptions& engine,
      const std::vector<Problem>& problems, const GenerateOptions& options, const Engine::OnGroup& on_group,
      std::vector<Group>& groups)
      : policy_(policy),
        options_(options),
        on_group_(on_group),
        burst_(engine.decode_burst),
        schedule_{engine.page_tokens, engine.max_running, engine.prefill_tokens, options.num_generations,
                  options.sampling.max_tokens},
        stop_(options.sampling, policy.config().eos_token_ids, tokenizer),
        recorder_(policy.config(), options.record_routes, options.record_kept && truncates(options.sampling),
                  engine.record_bytes_max),
        pool_(page_limit(problems, engine, schedule_)),
        cache_(policy.kv_shapes(), engine.page_tokens, pool_.page_limit(),
               at::TensorOptions(policy.dtype()).device(policy.device())),
        scheduler_(pool_, schedule_),
        batch_(policy.device()),
        groups_(groups) {
    groups_.clear();
    groups_.resize(problems.size());
    ended_.resize(problems.size(), 0);
    for (size_t g = 0; g < problems.size(); ++g) {
      prepare_group(problems[g], groups_[g]);
      scheduler_.add(static_cast<int64_t>(g), groups_[g].problem.prompt_ids);
    }
    stats_.prompts = static_cast<int64_t>(problems.size());
    stats_.episodes = stats_.prompts * options.num_generations;
  }

  // Prompts first: a decode step costs nearly the same for few rows as for many.
  void run() {
    while (!scheduler_.done()) {
      stop_if(options_.stop_request);
      const auto chunks = scheduler_.plan_prefill();
      if (!chunks.empty()) prefill(chunks);
      auto starts = scheduler_.plan_starts();
      const bool idle = chunks.empty() && starts.empty();
      if (!starts.empty()) start(std::move(starts));
      if (idle) decode();
    }
    GRPO_CHECK(pool_.in_use() == 0 && scheduler_.reserved_pages() == 0);
  }

  const EngineStats& stats() const { return stats_; }

 private:
  void prepare_group(const Problem& problem, Group& group) const {
    group.problem = problem;
    group.episodes.resize(static_cast<size_t>(options_.num_generations));
    for (int64_t i = 0; i < options_.num_generations; ++i) {
      Episode& episode = group.episodes[static_cast<size_t>(i)];
      episode.problem_id = problem.id;
      episode.sample_index = i;
      episode.prompt_ids = problem.prompt_ids;
      episode.policy_version = options_.policy_version;
      episode.seed = derive_seed({options_.seed, options_.step, static_cast<uint64_t>(problem.id),
                                  static_cast<uint64_t>(i)});
    }
  }

  Episode& episode_of(const Sequence& sequence) {
    Group& group = groups_[static_cast<size_t>(sequence.prompt->group)];
    return group.episodes[static_cast<size_t>(sequence.sample)];
  }

  ForwardOutput forward(const PackedTokens& tokens, const KvView& view) const {
    return policy_.forward(tokens, {.kv = &view, .record_routes = recorder_.records_routes()});
  }

  SampledTokens draw(const at::Tensor& logits, const at::Tensor& uniforms) const {
    return sample(logits, uniforms, options_.sampling, recorder_.records_kept());
  }

  void prefill(const std::vector<PrefillChunk>& chunks) {
    const auto began = Clock::now();
    reserve_cache();
    const PrefillBatch batch = prefill_batch(chunks, cache_, policy_.device());
    const ForwardOutput out = forward(batch.tokens, batch.view);
    const at::Tensor& hidden = out.hidden;
    if (const at::Tensor routes = recorder_.joined(out.routes); routes.defined()) {
      int64_t begin = 0;
      for (const PrefillChunk& chunk : chunks) {
        recorder_.add_prompt(chunk.prompt->group, routes.slice(0, begin, begin + chunk.end - chunk.begin));
        begin += chunk.end - chunk.begin;
      }
    }
    if (!batch.completed.empty()) {
      const at::Tensor last = hidden.index_select(0, batch.last_rows);
      for (size_t i = 0; i < batch.completed.size(); ++i) {
        last_hidden_[batch.completed[i]->group] = last[static_cast<int64_t>(i)];
      }
    }
    stats_.prefill_tokens += batch.tokens.tokens.size(0);
    stats_.prefill_seconds += seconds_since(began);
  }

  // The first token of every sample comes from the prompt's last hidden state.
  void start(std::vector<std::unique_ptr<Sequence>> starts) {
    const auto began = Clock::now();
    std::vector<at::Tensor> hidden;
    std::vector<int64_t> row_of_start;
    std::vector<float> uniforms;
    std::vector<int64_t> groups;
    const Prompt* previous = nullptr;
    for (const auto& sequence : starts) {
      if (sequence->prompt != previous) {
        hidden.push_back(last_hidden_.at(sequence->prompt->group));
        groups.push_back(sequence->prompt->group);
      }
      previous = sequence->prompt;
      row_of_start.push_back(static_cast<int64_t>(hidden.size()) - 1);
      sequence->seed = episode_of(*sequence).seed;
      uniforms.push_back(uniform_at(sequence->seed, 0));
    }
    const at::Device device = policy_.device();
    const at::Tensor logits = policy_.logits(at::stack(hidden)).index_select(0, at::tensor(row_of_start).to(device));
    const BurstResult first = read_back({draw(logits, at::tensor(uniforms).to(device))});
    if (recorder_.records_routes()) recorder_.fetch_prompts(groups);

    std::vector<PageCopy> copies;
    for (size_t i = 0; i < starts.size(); ++i) {
      Sequence& sequence = *starts[i];
      const int64_t group = sequence.prompt->group;
      recorder_.start(sequence);
      accept(sequence, first, 0, static_cast<int64_t>(i));
      if (sequence.finish == FinishReason::kError) clear_pages(sequence.prompt->pages, /*use_count_max=*/INT64_MAX);
      if (sequence.sample + 1 == options_.num_generations) {
        last_hidden_.erase(group);
        recorder_.forget_prompt(group);
      }
      if (sequence.finish.has_value()) {
        record(sequence);
        ended_groups_.push_back(group);
        scheduler_.drop(std::move(starts[i]));
      } else if (const auto copy = scheduler_.join(std::move(starts[i]))) {
        copies.push_back(*copy);
      }
    }
    reserve_cache();
    cache_.copy(copies);
    stats_.prefill_seconds += seconds_since(began);
    report_groups();
  }

  void decode() {
    const auto began = Clock::now();
    const auto& rows = scheduler_.running();
    GRPO_CHECK(!rows.empty());
    const int64_t steps = burst_steps();
    for (const auto& row : rows) {
      const int64_t most = static_cast<int64_t>(row->prompt->ids.size()) + options_.sampling.max_tokens - 1;
      scheduler_.extend(*row, std::min(row->position() + steps, most));
    }
    reserve_cache();
    batch_.prepare(rows, options_.sampling.max_tokens, steps, scheduler_.version(), cache_);

    std::vector<SampledTokens> sampled;
    std::vector<at::Tensor> routes;
    at::Tensor tokens = batch_.first_tokens();
    for (int64_t k = 0; k < steps; ++k) {
      DecodedRows step = decode_step(tokens, k, static_cast<int64_t>(rows.size()));
      if (recorder_.records_routes()) routes.push_back(std::move(step.routes));
      sampled.push_back(std::move(step.sampled));
      tokens = sampled.back().tokens;
    }
    const BurstResult result = read_back(sampled, routes);
    stats_.decode_steps += steps;
    stats_.decode_rows += steps * result.rows;
    stats_.max_running = std::max(stats_.max_running, result.rows);
    finish_burst(result, steps);
    stats_.decode_seconds += seconds_since(began);
    report_groups();
  }

  // One step of all rows, each part of them by itself.
  DecodedRows decode_step(const at::Tensor& tokens, int64_t step, int64_t rows) const {
    std::vector<DecodedRows> parts(static_cast<size_t>(decode_parts(policy_, rows)));
    const auto num_parts = static_cast<int64_t>(parts.size());
    at::parallel_for(0, num_parts, 1, [&](int64_t begin, int64_t end) {
      const at::NoGradGuard no_grad;  // a thread's own
      for (int64_t p = begin; p < end; ++p) {
        const int64_t first = rows * p / num_parts, count = rows * (p + 1) / num_parts - first;
        const KvView view = batch_.view(step, first, count);
        const ForwardOutput out = forward(batch_.tokens(tokens, step, first, count), view);
        parts[static_cast<size_t>(p)] = {draw(policy_.logits(out.hidden), batch_.uniforms(step, first, count)),
                                         recorder_.joined(out.routes)};
      }
    });
    return joined(parts);
  }

  // No longer than the row with most left to say.
  int64_t burst_steps() const {
    int64_t longest = 1;
    for (const auto& row : scheduler_.running()) {
      longest = std::max(longest, options_.sampling.max_tokens - static_cast<int64_t>(row->ids.size()));
    }
    return std::min(burst_, longest);
  }

  // Hands each row its tokens up to where it ended; what a row sampled beyond is dropped.
  void finish_burst(const BurstResult& result, int64_t steps) {
    for (int64_t r = 0; r < result.rows; ++r) {
      Sequence& row = *scheduler_.running()[static_cast<size_t>(r)];
      for (int64_t k = 0; k < steps && !row.finish.has_value(); ++k) accept(row, result, k, r);
      if (!row.finish.has_value()) continue;
      if (row.finish == FinishReason::kError) clear_pages(row.pages, /*use_count_max=*/1);
      record(row);
      ended_groups_.push_back(row.prompt->group);
    }
    scheduler_.retire();
  }

  // Appends one sampled token, or ends the sequence as an error.
  void accept(Sequence& sequence, const BurstResult& result, int64_t step, int64_t row) {
    const size_t at = result.at(step, row);
    if (result.finite[at] == 0) {
      sequence.finish = FinishReason::kError;
      return;
    }
    recorder_.add_step(sequence, result.records, step, row);
    sequence.ids.push_back(result.tokens[at]);
    sequence.logprobs.push_back(result.logprobs[at]);
    sequence.finish = stop_.ended(sequence.ids);
  }

  void record(Sequence& sequence) {
    Episode& episode = episode_of(sequence);
    episode.finish_reason = *sequence.finish;
    if (episode.finish_reason == FinishReason::kError) {
      ++stats_.errors;
      return;
    }
    const Problem& problem = groups_[static_cast<size_t>(sequence.prompt->group)].problem;
    episode.completion = problem.completion_prefix + stop_.text(sequence.ids, episode.finish_reason);
    episode.completion_ids = std::move(sequence.ids);
    episode.behaviour_logprobs = std::move(sequence.logprobs);
    Recorder::move_to(episode, sequence);
    episode.loss_mask.assign(episode.completion_ids.size(), 1);
    stats_.tokens_generated += static_cast<int64_t>(episode.completion_ids.size());
  }

  // Non-finite values must not reach the next owner of a page; pages others still read are theirs and clean.
  void clear_pages(const PageTable& pages, int64_t use_count_max) {
    std::vector<int64_t> ids;
    for (const PageRef& page : pages) {
      if (page.use_count() <= use_count_max) ids.push_back(page.id());
    }
    cache_.clear(ids);
  }

  // Tells of the groups whose last sample has ended.
  void report_groups() {
    for (const int64_t group : std::exchange(ended_groups_, {})) {
      const bool complete = ++ended_[static_cast<size_t>(group)] == options_.num_generations;
      if (complete && on_group_) on_group_(groups_[static_cast<size_t>(group)]);
    }
  }

  // Backs the pages handed out with memory.
  void reserve_cache() {
    batch_.release_cache();
    cache_.reserve(pool_.high_water());
    stats_.pages_peak = std::max(stats_.pages_peak, pool_.in_use());
    stats_.cache_bytes = cache_.bytes();
  }

  const Policy& policy_;
  const GenerateOptions& options_;
  const Engine::OnGroup& on_group_;
  const int64_t burst_;
  const SchedulerOptions schedule_;
  const StopRules stop_;
  Recorder recorder_;
  BlockPool pool_;  // before everything that holds its pages
  KvCache cache_;
  Scheduler scheduler_;
  DecodeBatch batch_;
  std::unordered_map<int64_t, at::Tensor> last_hidden_;  // [D] by group, until its last sample has started
  std::vector<int64_t> ended_groups_;  // of samples that ended and are not counted in ended_
  std::vector<int64_t> ended_;         // samples that ended, by group
  std::vector<Group>& groups_;         // the caller's; never resized once the first group is reported
  EngineStats stats_;
};

const EngineOptions& checked(const EngineOptions& options) {
  const auto require = [](bool holds, const char* field, int64_t value, const char* fix) {
    if (!holds) throw Error(fmt::format("{} is {}", field, value), fmt::format("rollout.{}", field), fix);
  };
  require(options.max_running >= 1, "max_running", options.max_running, "Set at least 1 sample.");
  require(options.cache_tokens >= 0, "cache_tokens", options.cache_tokens, "Set 0 to fit the cache to the need.");
  require(options.prefill_tokens >= 1, "prefill_tokens", options.prefill_tokens, "Set at least 1 token.");
  require(options.page_tokens >= 0, "page_tokens", options.page_tokens, "Set 0 to choose by the device.");
  require(options.decode_burst >= 0, "decode_burst", options.decode_burst, "Set 0 to choose by the device.");
  require(options.record_bytes_max >= 0, "record_bytes_max", options.record_bytes_max, "Set 0 for any amount.");
  return options;
}

}  // namespace

EngineOptions resolved(EngineOptions options, c10::DeviceType device) {
  if (options.page_tokens == 0) options.page_tokens = device == at::kCPU ? 64 : 16;
  if (options.decode_burst == 0) options.decode_burst = device == at::kCPU ? 1 : 8;
  return options;
}

Engine::Engine(const Policy& policy, const Tokenizer* tokenizer, const EngineOptions& options)
    : policy_(policy), tokenizer_(tokenizer), options_(resolved(checked(options), policy.device().type())) {}

std::vector<Group> Engine::generate(const std::vector<Problem>& problems, const GenerateOptions& options,
                                    const OnGroup& on_group) {
  std::vector<Group> groups;
  generate(problems, options, groups, on_group);
  return groups;
}

void Engine::generate(const std::vector<Problem>& problems, const GenerateOptions& options, std::vector<Group>& groups,
                      const OnGroup& on_group) {
  const auto began = Clock::now();
  const at::NoGradGuard no_grad;
  validate(options.sampling, policy_.config().vocab_size, "sampling");
  if (options.num_generations < 1) {
    throw Error(fmt::format("num_generations is {}", options.num_generations), "num_generations",
                "Sample at least one completion per problem.");
  }
  for (const Problem& problem : problems) check_prompt(problem, policy_.config(), options.sampling.max_tokens);
  Run run(policy_, tokenizer_, options_, problems, options, on_group, groups);
  run.run();
  stats_ = run.stats();
  stats_.seconds = seconds_since(began);
}

}  // namespace grpo
