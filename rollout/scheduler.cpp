#include "rollout/scheduler.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace grpo {
namespace {

int64_t pages_for(int64_t tokens, int64_t page_tokens) { return (tokens + page_tokens - 1) / page_tokens; }

// The next tokens of a prompt, at most `tokens_max`.
PrefillChunk take(Prompt& prompt, int64_t tokens_max) {
  const int64_t begin = prompt.cached;
  prompt.cached = std::min(begin + tokens_max, static_cast<int64_t>(prompt.ids.size()));
  return {&prompt, begin, prompt.cached};
}

}  // namespace

int64_t pages_needed(int64_t prompt_tokens, int64_t samples, const SchedulerOptions& options) {
  const int64_t shared = prompt_tokens / options.page_tokens;
  const int64_t own = pages_for(prompt_tokens + options.max_tokens - 1, options.page_tokens) - shared;
  const bool keeps_partial = samples < options.num_generations && prompt_tokens % options.page_tokens != 0;
  return shared + samples * own + (keeps_partial ? 1 : 0);
}

Scheduler::Scheduler(BlockPool& pool, const SchedulerOptions& options) : pool_(pool), options_(options) {
  GRPO_CHECK(options.page_tokens > 0 && options.max_running > 0 && options.prefill_tokens > 0);
  GRPO_CHECK(options.num_generations > 0 && options.max_tokens > 0);
}

int64_t Scheduler::full_pages(const Prompt& prompt) const {
  return static_cast<int64_t>(prompt.ids.size()) / options_.page_tokens;
}

bool Scheduler::has_partial_page(const Prompt& prompt) const {
  return static_cast<int64_t>(prompt.ids.size()) % options_.page_tokens != 0;
}

int64_t Scheduler::own_pages(const Prompt& prompt) const {
  const int64_t tokens = static_cast<int64_t>(prompt.ids.size()) + options_.max_tokens - 1;
  return pages_for(tokens, options_.page_tokens) - full_pages(prompt);
}

void Scheduler::add(int64_t group, std::span<const int64_t> ids) {
  GRPO_CHECK(!ids.empty());
  GRPO_CHECK(pages_needed(static_cast<int64_t>(ids.size()), 1, options_) <= pool_.page_limit());
  waiting_.push_back({group, ids});
}

// The last sample of a prompt takes over its partial page, so its promise holds one page less of new ones.
int64_t Scheduler::promise_samples(Prompt& prompt) {
  int64_t promised = 0;
  while (prompt.promised < options_.num_generations && rows_ < options_.max_running) {
    const bool last = prompt.promised + 1 == options_.num_generations;
    const int64_t pages = own_pages(prompt) - (last && has_partial_page(prompt) ? 1 : 0);
    if (reserved_ + pages > pool_.page_limit()) break;
    reserved_ += pages;
    ++rows_;
    ++prompt.promised;
    ++promised;
  }
  return promised;
}

// First come, first served: a prompt is admitted only when all samples of those before it have a place.
bool Scheduler::admit_next() {
  if (waiting_.empty()) return false;
  auto prompt = std::make_unique<Prompt>();
  prompt->group = waiting_.front().group;
  prompt->ids = waiting_.front().ids;
  const int64_t prompt_pages = full_pages(*prompt) + (has_partial_page(*prompt) ? 1 : 0);
  if (reserved_ + prompt_pages > pool_.page_limit()) return false;
  reserved_ += prompt_pages;
  if (promise_samples(*prompt) == 0) {
    reserved_ -= prompt_pages;
    return false;
  }
  for (int64_t i = 0; i < prompt_pages; ++i) prompt->pages.push_back(pool_.allocate());
  waiting_.pop_front();
  active_.push_back(std::move(prompt));
  return true;
}

std::vector<PrefillChunk> Scheduler::plan_prefill() {
  bool all_promised = true;
  for (const auto& prompt : active_) {
    promise_samples(*prompt);
    all_promised = all_promised && prompt->promised == options_.num_generations;
  }
  while (all_promised && admit_next()) all_promised = active_.back()->promised == options_.num_generations;

  std::vector<PrefillChunk> chunks;
  int64_t budget = options_.prefill_tokens;
  for (const auto& prompt : active_) {
    const auto size = static_cast<int64_t>(prompt->ids.size());
    if (prompt->cached == size) continue;
    if (size > options_.prefill_tokens) {
      if (chunks.empty()) chunks.push_back(take(*prompt, options_.prefill_tokens));
      break;
    }
    if (size > budget) break;
    chunks.push_back(take(*prompt, size));
    budget -= size;
  }
  return chunks;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::plan_starts() {
  std::vector<std::unique_ptr<Sequence>> starts;
  for (const auto& prompt : active_) {
    if (prompt->cached < static_cast<int64_t>(prompt->ids.size())) continue;
    for (int64_t sample = prompt->started; sample < prompt->promised; ++sample) {
      starts.push_back(std::make_unique<Sequence>());
      starts.back()->prompt = prompt.get();
      starts.back()->sample = sample;
    }
  }
  return starts;
}

void Scheduler::count_start(Prompt& prompt) {
  ++prompt.started;
  if (prompt.started == options_.num_generations) prompt.pages.clear();
}

std::optional<PageCopy> Scheduler::join(std::unique_ptr<Sequence> sequence) {
  Prompt& prompt = *sequence->prompt;
  std::optional<PageCopy> copy;
  sequence->pages.reserve(static_cast<size_t>(full_pages(prompt) + own_pages(prompt)));
  sequence->pages = prompt.pages;
  const bool last = prompt.started + 1 == options_.num_generations;
  if (has_partial_page(prompt) && !last) {
    sequence->pages.back() = pool_.allocate();
    copy = PageCopy{prompt.pages.back().id(), sequence->pages.back().id()};
  }
  count_start(prompt);
  running_.push_back(std::move(sequence));
  ++version_;
  return copy;
}

void Scheduler::drop(std::unique_ptr<Sequence> sequence) {
  Prompt& prompt = *sequence->prompt;
  count_start(prompt);
  count_finish(prompt);
}

void Scheduler::extend(Sequence& sequence, int64_t tokens) {
  GRPO_CHECK(tokens <= static_cast<int64_t>(sequence.prompt->ids.size()) + options_.max_tokens - 1);
  const auto pages = static_cast<size_t>(pages_for(tokens, options_.page_tokens));
  if (sequence.pages.size() >= pages) return;
  while (sequence.pages.size() < pages) sequence.pages.push_back(pool_.allocate());
  ++version_;
}

void Scheduler::retire() {
  const auto ended = [](const std::unique_ptr<Sequence>& s) { return s->finish.has_value(); };
  if (std::none_of(running_.begin(), running_.end(), ended)) return;
  for (const auto& sequence : running_) {
    if (!ended(sequence)) continue;
    sequence->pages.clear();
    count_finish(*sequence->prompt);
  }
  std::erase_if(running_, ended);
  ++version_;
}

// Gives back what one sample was promised; with the last sample, what the prompt was.
void Scheduler::count_finish(Prompt& prompt) {
  ++prompt.finished;
  --rows_;
  if (prompt.finished < options_.num_generations) {
    reserved_ -= own_pages(prompt);
    return;
  }
  reserved_ -= own_pages(prompt) + full_pages(prompt);
  GRPO_CHECK(reserved_ >= 0);
  std::erase_if(active_, [&prompt](const std::unique_ptr<Prompt>& p) { return p.get() == &prompt; });
}

}  // namespace grpo
