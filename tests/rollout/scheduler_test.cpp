// The scheduler without any tensor: a driver that plays the engine, with completions whose lengths it chooses.
#include "rollout/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "core/seed.h"

namespace grpo {
namespace {

// Plays one call: prompts of given lengths, samples that end after length(group, sample) tokens.
class Play {
 public:
  Play(const SchedulerOptions& options, int64_t page_limit, const std::vector<int64_t>& prompt_lengths)
      : options_(options), pool_(page_limit), scheduler_(pool_, options) {
    for (const int64_t length : prompt_lengths) prompts_.emplace_back(static_cast<size_t>(length), 1);
    for (size_t g = 0; g < prompts_.size(); ++g) scheduler_.add(static_cast<int64_t>(g), prompts_[g]);
  }

  std::function<int64_t(int64_t group, int64_t sample)> length = [this](int64_t, int64_t) {
    return options_.max_tokens;
  };

  // One turn as the engine takes it. Returns false once all is done.
  bool turn() {
    if (scheduler_.done()) return false;
    const auto chunks = scheduler_.plan_prefill();
    note_chunks(chunks);
    auto starts = scheduler_.plan_starts();
    const bool idle = chunks.empty() && starts.empty();
    for (auto& start : starts) begin(std::move(start));
    if (idle) decode();
    check();
    return true;
  }

  // Everything to the end; fails if it takes unreasonably long.
  void run() {
    int64_t turns = 0;
    while (turn()) {
      ASSERT_LT(++turns, 100000) << "no progress";
    }
  }

  BlockPool& pool() { return pool_; }
  Scheduler& scheduler() { return scheduler_; }
  int64_t pages_peak = 0;
  int64_t rows_peak = 0;
  int64_t copies = 0;
  std::map<std::pair<int64_t, int64_t>, int64_t> ended;  // (group, sample) -> times
  std::map<int64_t, int64_t> prefilled;                  // group -> prompt tokens run
  std::vector<std::vector<int64_t>> prefill_sizes;       // per pass: chunk lengths
  std::vector<int64_t> start_order;                      // groups, as their samples started

 private:
  void note_chunks(const std::vector<PrefillChunk>& chunks) {
    if (chunks.empty()) return;
    prefill_sizes.emplace_back();
    for (const PrefillChunk& chunk : chunks) {
      EXPECT_EQ(chunk.begin, prefilled[chunk.prompt->group]);
      prefilled[chunk.prompt->group] = chunk.end;
      prefill_sizes.back().push_back(chunk.end - chunk.begin);
    }
  }

  void begin(std::unique_ptr<Sequence> sequence) {
    const int64_t group = sequence->prompt->group;
    const int64_t sample = sequence->sample;
    EXPECT_EQ(prefilled[group], static_cast<int64_t>(prompts_[static_cast<size_t>(group)].size()));
    start_order.push_back(group);
    sequence->ids.push_back(0);
    if (length(group, sample) == 1) {
      ++ended[{group, sample}];
      scheduler_.drop(std::move(sequence));
    } else if (scheduler_.join(std::move(sequence)).has_value()) {
      ++copies;
    }
  }

  void decode() {
    ASSERT_FALSE(scheduler_.running().empty());
    for (const auto& row : scheduler_.running()) {
      scheduler_.extend(*row, row->position() + 1);
      row->ids.push_back(0);
      if (static_cast<int64_t>(row->ids.size()) < length(row->prompt->group, row->sample)) continue;
      row->finish = FinishReason::kLength;
      ++ended[{row->prompt->group, row->sample}];
    }
    check();
    scheduler_.retire();
  }

  void check() {
    pages_peak = std::max(pages_peak, pool_.in_use());
    rows_peak = std::max(rows_peak, static_cast<int64_t>(scheduler_.running().size()));
    EXPECT_LE(pool_.in_use(), scheduler_.reserved_pages());
    EXPECT_LE(scheduler_.reserved_pages(), pool_.page_limit());
    EXPECT_LE(static_cast<int64_t>(scheduler_.running().size()), options_.max_running);
  }

  SchedulerOptions options_;
  std::vector<std::vector<int64_t>> prompts_;
  BlockPool pool_;
  Scheduler scheduler_;
};

SchedulerOptions options_of(int64_t generations, int64_t max_tokens) {
  return {.page_tokens = 4, .max_running = 64, .prefill_tokens = 1000, .num_generations = generations,
          .max_tokens = max_tokens};
}

TEST(Scheduler, AGroupUsesSharedPagesOnceAndPrivatePagesPerSample) {
  // 10 prompt tokens on pages of 4: two full pages are shared, the third holds 2 and is copied. 10 + 7 - 1 = 16
  // cached tokens are 4 pages, so each sample has 2 of its own.
  Play play(options_of(5, 7), 100, {10});
  play.run();
  EXPECT_EQ(play.pages_peak, 2 + 5 * 2);
  EXPECT_EQ(play.copies, 4);  // the last sample takes the prompt's page over
}

TEST(Scheduler, APromptThatFillsItsPagesIsNotCopied) {
  Play play(options_of(3, 4), 100, {8});
  play.run();
  EXPECT_EQ(play.copies, 0);
  EXPECT_EQ(play.pages_peak, 2 + 3 * 1);
}

TEST(Scheduler, SamplesOfAGroupReadTheSamePromptPages) {
  Play play(options_of(3, 4), 100, {10});
  play.turn();
  const auto& running = play.scheduler().running();
  ASSERT_EQ(running.size(), 3u);
  for (const auto& row : running) {
    ASSERT_EQ(row->pages.size(), 3u);
    EXPECT_EQ(row->pages[0].id(), running[0]->pages[0].id());
    EXPECT_EQ(row->pages[1].id(), running[0]->pages[1].id());
    EXPECT_EQ(row->pages[0].use_count(), 3);
    EXPECT_EQ(row->pages[2].use_count(), 1);
  }
  EXPECT_NE(running[0]->pages[2].id(), running[1]->pages[2].id());
  play.run();
}

TEST(Scheduler, ThePromptIsPrefilledOncePerGroup) {
  Play play(options_of(6, 3), 1000, {10, 3, 25});
  play.run();
  EXPECT_EQ(play.prefill_sizes, (std::vector<std::vector<int64_t>>{{10, 3, 25}}));
}

TEST(Scheduler, APrefillStaysWithinItsBudgetAndSplitsOnlyPromptsLongerThanIt) {
  SchedulerOptions options = options_of(1, 2);
  options.prefill_tokens = 8;
  Play play(options, 1000, {5, 3, 4, 20, 8, 1});
  play.run();
  EXPECT_EQ(play.prefill_sizes, (std::vector<std::vector<int64_t>>{{5, 3}, {4}, {8}, {8}, {4}, {8}, {1}}));
}

TEST(Scheduler, AGroupLargerThanTheRowsStartsItsSamplesAsRowsBecomeFree) {
  SchedulerOptions options = options_of(10, 5);
  options.max_running = 3;
  Play play(options, 1000, {6, 6});
  play.length = [](int64_t, int64_t sample) { return 2 + sample % 3; };
  play.run();
  EXPECT_EQ(play.rows_peak, 3);
  EXPECT_EQ(play.ended.size(), 20u);
  EXPECT_TRUE(std::is_sorted(play.start_order.begin(), play.start_order.end())) << "first come, first served";
  EXPECT_EQ(play.prefilled[0] + play.prefilled[1], 12);
}

TEST(Scheduler, TheSmallestPossibleCacheStillFinishesEverything) {
  for (const int64_t prompt : {4, 6, 7}) {
    for (const int64_t max_tokens : {1, 2, 9}) {
      const SchedulerOptions options = options_of(4, max_tokens);
      const int64_t least = pages_needed(prompt, 1, options);
      Play play(options, least, {prompt, prompt, prompt});
      play.run();
      EXPECT_EQ(play.ended.size(), 12u);
      EXPECT_LE(play.pages_peak, least);
      EXPECT_EQ(play.pool().in_use(), 0);
    }
  }
}

// Many shapes of work: every sample ends exactly once, nothing leaks, promises are never exceeded (Play::check).
TEST(Scheduler, EverySampleEndsOnceAndAllPagesComeBackWhateverTheLimits) {
  Stream random(7);
  for (int trial = 0; trial < 300; ++trial) {
    const SchedulerOptions options{.page_tokens = 1 + random.below(6), .max_running = 1 + random.below(9),
                                   .prefill_tokens = 1 + random.below(30), .num_generations = 1 + random.below(6),
                                   .max_tokens = 1 + random.below(12)};
    std::vector<int64_t> prompts;
    int64_t least = 0;
    for (int64_t i = 1 + random.below(8); i > 0; --i) {
      prompts.push_back(1 + random.below(20));
      least = std::max(least, pages_needed(prompts.back(), 1, options));
    }
    Play play(options, least + random.below(30), prompts);
    const uint64_t seed = random.next();
    play.length = [&](int64_t group, int64_t sample) {
      return 1 + static_cast<int64_t>(derive_seed({seed, static_cast<uint64_t>(group), static_cast<uint64_t>(sample)}) %
                                      static_cast<uint64_t>(options.max_tokens));
    };
    play.run();
    EXPECT_EQ(play.ended.size(), prompts.size() * static_cast<size_t>(options.num_generations));
    for (const auto& [sample, times] : play.ended) EXPECT_EQ(times, 1);
    EXPECT_EQ(play.pool().in_use(), 0);
    EXPECT_EQ(play.scheduler().reserved_pages(), 0);
    const int64_t tokens = std::accumulate(prompts.begin(), prompts.end(), int64_t{0});
    int64_t run = 0;
    for (const auto& pass : play.prefill_sizes) run += std::accumulate(pass.begin(), pass.end(), int64_t{0});
    EXPECT_EQ(run, tokens);
    if (testing::Test::HasFailure()) FAIL() << "trial " << trial;
  }
}

TEST(Scheduler, PagesAreTakenAsTokensReachThem) {
  Play play(options_of(1, 100), 1000, {4});
  play.turn();
  EXPECT_EQ(play.pool().in_use(), 1);
  EXPECT_EQ(play.scheduler().reserved_pages(), 26);  // 4 + 100 - 1 tokens
  play.turn();
  EXPECT_EQ(play.pool().in_use(), 2);
  play.run();
}

}  // namespace
}  // namespace grpo
