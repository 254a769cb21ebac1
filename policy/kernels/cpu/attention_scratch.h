#pragma once
// Room for the work of an attention kernel, of the thread that asks: kept from call to call, as large as was ever asked for.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace grpo::cpu {

// At least `size` numbers in one of eight places.
template <class C>
C* scratch(int place, int64_t size) {
  thread_local std::vector<C> buffers[8];
  std::vector<C>& buffer = buffers[place];
  if (static_cast<int64_t>(buffer.size()) < size) buffer.resize(static_cast<size_t>(size));
  return buffer.data();
}

}  // namespace grpo::cpu
