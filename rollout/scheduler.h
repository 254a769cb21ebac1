#pragma once
// When each piece of work runs: continuous batching. A prompt waits until there is a row and pages for it and
// at least one of its samples at full length; then it is prefilled once, in chunks if it is long, and samples
// start from it as rows become free, in order. What a sample may need at most is promised when it is admitted,
// so nothing that runs is ever thrown out; pages themselves are taken only when tokens reach them. Knows
// nothing of tensors.

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "rollout/block_pool.h"
#include "rollout/sequence.h"

namespace grpo {

struct SchedulerOptions {
  int64_t page_tokens = 16;      // tokens per page
  int64_t max_running = 512;     // most samples in flight
  int64_t prefill_tokens = 8192; // most prompt tokens per prefill
  int64_t num_generations = 1;   // samples per prompt
  int64_t max_tokens = 256;      // most tokens per completion
};

// prompt->ids[begin, end) is to be run through the policy; earlier tokens are in the cache already.
struct PrefillChunk {
  Prompt* prompt = nullptr;
  int64_t begin = 0;
  int64_t end = 0;
};

// Copy page `from` to page `to`, before anything more is written.
struct PageCopy {
  int32_t from = 0;
  int32_t to = 0;
};

// Most pages that a prompt of that length and `samples` of its num_generations samples occupy at once: those
// full of prompt tokens are shared, everything after them is per sample. A last, partly filled prompt page is
// copied for each sample; the prompt keeps the original until its last sample starts and takes it over.
int64_t pages_needed(int64_t prompt_tokens, int64_t samples, const SchedulerOptions& options);

class Scheduler {
 public:
  // The pool must outlive the scheduler and be used by nobody else.
  Scheduler(BlockPool& pool, const SchedulerOptions& options);

  // Queues a prompt; `ids` is not empty and must outlive the scheduler. pages_needed(ids.size(), 1, options) must
  // be within the pool's limit.
  void add(int64_t group, std::span<const int64_t> ids);

  // Admits what fits and returns the next prompt tokens to run, at most prefill_tokens; the caller runs them
  // before it calls again. Empty: no prompt to run now. A prompt is never split to fill up a batch: whole
  // prompts run together, and one longer than prefill_tokens runs alone in chunks of that size, so that where
  // it is split does not depend on its neighbours.
  std::vector<PrefillChunk> plan_prefill();

  // Samples that may draw their first token now: their prompt is in the cache. Ids and pages are empty. The
  // caller must hand each one to join() or drop() before it calls anything else.
  std::vector<std::unique_ptr<Sequence>> plan_starts();

  // A started sample goes on: it gets the prompt's pages. Where the prompt's last page is partly filled the
  // sample needs its own: the copy to make, or none for the last sample of a prompt, which takes the original.
  // Copies of one plan_starts may be made together, all read before any is written.
  std::optional<PageCopy> join(std::unique_ptr<Sequence> sequence);
  // A started sample that ended with its first token.
  void drop(std::unique_ptr<Sequence> sequence);

  // Samples in flight, oldest first.
  const std::vector<std::unique_ptr<Sequence>>& running() const { return running_; }
  // Gives a running sample pages for its first `tokens` tokens, at most the prompt and max_tokens - 1 more (the
  // last id is never fed).
  void extend(Sequence& sequence, int64_t tokens);
  // Removes the running samples whose `finish` is set; their pages go back.
  void retire();

  // Changes whenever rows or page tables of running() may have.
  int64_t version() const { return version_; }
  int64_t reserved_pages() const { return reserved_; }
  bool done() const { return waiting_.empty() && active_.empty(); }

 private:
  struct Waiting {
    int64_t group;
    std::span<const int64_t> ids;
  };
  bool admit_next();
  int64_t promise_samples(Prompt& prompt);
  int64_t own_pages(const Prompt& prompt) const;      // most pages one sample holds for itself
  int64_t full_pages(const Prompt& prompt) const;     // pages filled by the prompt alone
  bool has_partial_page(const Prompt& prompt) const;
  void count_start(Prompt& prompt);
  void count_finish(Prompt& prompt);

  BlockPool& pool_;
  const SchedulerOptions options_;
  std::deque<Waiting> waiting_;
  std::vector<std::unique_ptr<Prompt>> active_;     // admitted and not finished, oldest first
  std::vector<std::unique_ptr<Sequence>> running_;
  int64_t rows_ = 0;      // samples promised and not finished
  int64_t reserved_ = 0;  // pages promised; never less than pages in use
  int64_t version_ = 0;
};

}  // namespace grpo
