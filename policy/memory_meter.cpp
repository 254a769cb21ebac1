#include "policy/memory_meter.h"

#include <c10/core/Allocator.h>

#include <algorithm>

#include "core/error.h"
#include "policy/kernels/meta.h"

namespace grpo {
namespace {

// CUDA's caching allocator hands out multiples of 512 bytes, LibTorch's on the CPU aligns to 64.
int64_t granule_of(at::DeviceType device) {
  return device == at::kCUDA ? 512 : 64;
}

}  // namespace

// An allocator that gives no memory and counts what it did not give.
class MemoryMeter::Counter : public at::Allocator, public std::enable_shared_from_this<Counter> {
 public:
  explicit Counter(int64_t granule) : granule_(granule) {}

  at::DataPtr allocate(size_t bytes) override {
    const int64_t rounded = (static_cast<int64_t>(bytes) + granule_ - 1) / granule_ * granule_;
    live_ += rounded;
    peak_ = std::max(peak_, live_);
    return {nullptr, new Loan{shared_from_this(), rounded}, &give_back, at::Device(at::kMeta)};
  }
  at::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void*, const void*, size_t) const override {}

  int64_t live() const { return live_; }
  int64_t peak() const { return peak_; }
  void reset_peak() { peak_ = live_; }

 private:
  struct Loan {
    std::shared_ptr<Counter> counter;  // alive as long as any tensor it counts
    int64_t bytes;
  };
  static void give_back(void* loan) {
    const std::unique_ptr<Loan> ended(static_cast<Loan*>(loan));
    ended->counter->live_ -= ended->bytes;
  }

  const int64_t granule_;
  int64_t live_ = 0;
  int64_t peak_ = 0;
};

MemoryMeter::MemoryMeter(at::DeviceType stands_for)
    : counter_(std::make_shared<Counter>(granule_of(stands_for))), before_(c10::GetAllocator(at::kMeta)) {
  GRPO_CHECK(stands_for == at::kCPU || stands_for == at::kCUDA);
  set_meta_stands_for(stands_for);
  c10::SetAllocator(at::kMeta, counter_.get());
}

MemoryMeter::~MemoryMeter() {
  c10::SetAllocator(at::kMeta, before_);
}

int64_t MemoryMeter::live_bytes() const {
  return counter_->live();
}
int64_t MemoryMeter::peak_bytes() const {
  return counter_->peak();
}
void MemoryMeter::reset_peak() {
  counter_->reset_peak();
}

}  // namespace grpo
