#pragma once
// How many bytes of CPU tensors are alive, measured: every allocation of LibTorch passes through here while a
// CountingAllocator lives. Memory that libraries take for themselves is not seen.

#include <c10/core/Allocator.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace grpo {

class CountingAllocator {
 public:
  // One at a time.
  CountingAllocator() : before_(c10::GetAllocator(c10::kCPU)) {
    counter().live = counter().peak = 0;
    c10::SetAllocator(c10::kCPU, &counter(), kPriority);
  }
  ~CountingAllocator() { c10::SetAllocator(c10::kCPU, before_, kPriority); }
  CountingAllocator(const CountingAllocator&) = delete;
  CountingAllocator& operator=(const CountingAllocator&) = delete;

  int64_t live_bytes() const { return counter().locked(counter().live); }
  int64_t peak_bytes() const { return counter().locked(counter().peak); }
  void reset_peak() {
    const std::lock_guard lock(counter().mutex);
    counter().peak = counter().live;
  }

 private:
  static constexpr uint8_t kPriority = 255;

  // Lives as long as the process, for tensors may outlive who counted them.
  struct Counter : c10::Allocator {
    std::mutex mutex;
    std::unordered_map<void*, int64_t> sizes;
    int64_t live = 0, peak = 0;

    int64_t locked(const int64_t& number) {
      const std::lock_guard lock(mutex);
      return number;
    }
    c10::DataPtr allocate(size_t bytes) override {
      void* const data = bytes == 0 ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64);
      if (data != nullptr) {
        const std::lock_guard lock(mutex);
        sizes[data] = static_cast<int64_t>(bytes);
        live += static_cast<int64_t>(bytes);
        peak = std::max(peak, live);
      }
      return {data, data, &give_back, c10::Device(c10::kCPU)};
    }
    static void give_back(void* data) {
      if (data == nullptr) return;
      {
        const std::lock_guard lock(counter().mutex);
        const auto it = counter().sizes.find(data);
        counter().live -= it->second;
        counter().sizes.erase(it);
      }
      std::free(data);
    }
    c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
    void copy_data(void* to, const void* from, std::size_t count) const override {
      std::memcpy(to, from, count);
    }
  };
  static Counter& counter() {
    static auto* const one = new Counter;
    return *one;
  }

  c10::Allocator* const before_;
};

}  // namespace grpo
