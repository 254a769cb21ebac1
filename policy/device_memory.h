#pragma once
// How much memory a device has, and how much of it was taken. On CUDA: of the GPU, and the bytes of tensors
// as LibTorch's allocator counts them. On the CPU: of the machine, and the process's resident memory,
// LibTorch's own code and all. Everything is 0 where the system does not say.

#include <c10/core/Device.h>

#include <cstdint>

namespace grpo {

struct DeviceMemory {
  int64_t free = 0;   // bytes a new allocation may hope for
  int64_t total = 0;  // bytes
};

// Starts CUDA if nobody has.
DeviceMemory device_memory(const c10::Device& device);

// Bytes taken at this moment, and the most since reset_peak_memory (or the start). Where the system does not
// allow the CPU's peak to be reset it is that since the start of the process.
int64_t taken_memory(const c10::Device& device);
int64_t peak_memory(const c10::Device& device);
void reset_peak_memory(const c10::Device& device);

}  // namespace grpo
