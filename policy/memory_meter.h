#pragma once
// How much memory a computation takes, found by running it without any: on the meta device tensors have
// shapes and no numbers, operators run in no time, and what autograd would keep it keeps. A MemoryMeter
// counts the bytes such tensors would hold, so a plan is made by the code that is planned for, and follows it
// when it changes.

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

namespace grpo {

// Counts the storage of all tensors on the meta device that come about while it lives (one meter at a time,
// one thread). What a computation reads back to the host cannot be run this way; everything Policy does can.
class MemoryMeter {
 public:
  // `stands_for`: the device whose operators are meant, at::kCPU or at::kCUDA; their temporaries differ.
  explicit MemoryMeter(at::DeviceType stands_for);
  // Tensors may outlive the meter.
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  // Bytes of storages alive, each rounded up as the device's allocator does.
  int64_t live_bytes() const;
  // Most bytes alive at once since construction or reset_peak().
  int64_t peak_bytes() const;
  void reset_peak();

 private:
  class Counter;
  std::shared_ptr<Counter> counter_;
  at::Allocator* before_;
};

}  // namespace grpo
