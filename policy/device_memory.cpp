#include "policy/device_memory.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <fstream>
#include <sstream>
#include <string>

namespace grpo {
namespace {

// "VmHWM:   1234 kB" of a file in /proc, in bytes; 0 where there is none.
int64_t proc_bytes(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key + ":")) continue;
    std::istringstream value(line.substr(key.size() + 1));
    int64_t kilobytes = 0;
    value >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

// The allocator of a GPU, started; null where it keeps no statistics.
c10::DeviceAllocator* allocator(const c10::Device& device) {
  auto* const found = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()));
  if (found != nullptr && !found->initialized()) at::empty({1}, at::TensorOptions().device(device));
  return found;
}

c10::CachingAllocator::Stat allocated(const c10::Device& device) {
  constexpr auto all_pools = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  c10::DeviceAllocator* const found = allocator(device);
  if (found == nullptr) return {};
  return found->getDeviceStats(device.index()).allocated_bytes[all_pools];
}

}  // namespace

DeviceMemory device_memory(const c10::Device& device) {
  if (device.is_cpu()) {
    return {proc_bytes("/proc/meminfo", "MemAvailable"), proc_bytes("/proc/meminfo", "MemTotal")};
  }
  c10::DeviceAllocator* const found = allocator(device);
  if (found == nullptr) return {};
  const auto [free, total] = found->getMemoryInfo(device.index());
  return {static_cast<int64_t>(free), static_cast<int64_t>(total)};
}

int64_t taken_memory(const c10::Device& device) {
  return device.is_cpu() ? proc_bytes("/proc/self/status", "VmRSS") : allocated(device).current;
}

int64_t peak_memory(const c10::Device& device) {
  return device.is_cpu() ? proc_bytes("/proc/self/status", "VmHWM") : allocated(device).peak;
}

void reset_peak_memory(const c10::Device& device) {
  if (device.is_cpu()) {
    std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): resets the high water mark
  } else if (c10::DeviceAllocator* const found = allocator(device)) {
    found->resetPeakStats(device.index());
  }
}

}  // namespace grpo
