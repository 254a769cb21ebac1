// Training gives the same bits wherever its tensors lie and whatever their memory held before: addresses differ
// between two runs of one seed, since threads that come and go share one heap.

#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using namespace testing;

// Hands out memory close to whatever else is on the heap, in an order that it draws, aligned as LibTorch promises and
// filled with NaN.
class ScatteringAllocator final : public c10::Allocator {
 public:
  explicit ScatteringAllocator(uint64_t seed) : random_(seed) {}
  ~ScatteringAllocator() override {
    for (void* block : between_) std::free(block);
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (random_() % 4 == 0) between_.push_back(std::malloc(16 << random_() % 6));
    if (between_.size() > 64) std::free(std::exchange(between_[random_() % between_.size()], nullptr));
    void* data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
    if (data == nullptr) throw std::bad_alloc();
    std::memset(data, 0xff, bytes);
    return {data, data, &std::free, c10::Device(c10::kCPU)};
  }
  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }

 private:
  static constexpr size_t kAlignment = 64;
  std::mt19937_64 random_;
  std::vector<void*> between_;
};

class Scattered {
 public:
  explicit Scattered(uint64_t seed) : allocator_(seed), before_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(&allocator_, kPriority);
  }
  ~Scattered() { c10::SetCPUAllocator(before_, kPriority); }
  Scattered(const Scattered&) = delete;
  Scattered& operator=(const Scattered&) = delete;

 private:
  static constexpr uint8_t kPriority = 200;
  ScatteringAllocator allocator_;
  c10::Allocator* before_;
};

class MemoryLayout : public ::testing::TestWithParam<const char*> {};

TEST_P(MemoryLayout, ChangesNoBitOfTraining) {
  const Json config = std::string(GetParam()) == "deepseek" ? deepseek_json() : llama_json();
  const auto run = [&](std::vector<Json>& metrics) {
    Policy policy = character_policy(config);
    Trainer trainer(policy, &characters(), evenness(), tiny_options(), 3);
    for (int step = 0; step < 3; ++step) metrics.push_back(without_times(trainer.step(sum_problem)));
    return weights_of(policy);
  };
  std::vector<Json> expected;
  const std::vector<NamedTensor> weights = run(expected);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<Json> metrics;
    const Scattered scattered(seed);
    std::thread([&] { EXPECT_EQ(changed(run(metrics), weights), "") << "seed " << seed; }).join();
    EXPECT_EQ(metrics, expected) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Trainer, MemoryLayout, ::testing::Values("llama", "deepseek"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace grpo
