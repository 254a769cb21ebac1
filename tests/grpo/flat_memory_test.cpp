// What the heap holds after each step of a long run: as much as after the first ones.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using namespace testing;

// Bytes handed out and not given back, by all arenas and by mmap: what is in use, however much the allocator keeps.
double live_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

// GRPO_TEST_ALL=1: 500 steps.
TEST(TrainerMemory, OfTheHostIsFlatOverALongRun) {
  const int64_t steps = std::getenv("GRPO_TEST_ALL") != nullptr ? 500 : 50, warm_up = 20;
  TrainerOptions options = tiny_options();
  options.max_steps = steps;
  options.prompts_per_step = 6;
  options.num_generations = 8;
  options.num_iterations = 2;
  options.loss.beta = 0.01;
  options.sync_ref_model = true;
  options.ref_model_sync_steps = 7;
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), options, 11);
  std::vector<double> live;
  for (int64_t step = 0; step < steps; ++step) {
    trainer.step(sum_problem);
    if (step >= warm_up) live.push_back(live_bytes());
  }
  const auto [least, most] = std::minmax_element(live.begin(), live.end());
  std::cout << "after each of steps " << warm_up << " to " << steps << ": " << *least << " to " << *most << " bytes\n";
  EXPECT_LT(*most / *least, 1.01);
  // Nor does it creep: the last quarter holds what the second one held.
  const auto quarter = static_cast<int64_t>(live.size()) / 4;
  const double early = *std::max_element(live.begin() + quarter, live.begin() + 2 * quarter);
  const double late = *std::max_element(live.end() - quarter, live.end());
  EXPECT_LT(late / early, 1.002);
}

}  // namespace
}  // namespace grpo
