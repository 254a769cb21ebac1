#include "core/seed.h"

#include <utility>

#include "core/error.h"

namespace grpo {

uint64_t mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15ull;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
  return value ^ (value >> 31);
}

uint64_t derive_seed(std::initializer_list<uint64_t> parts) {
  uint64_t seed = 0x243f6a8885a308d3ull;
  for (const uint64_t part : parts) seed = mix(seed ^ mix(part));
  return seed;
}

float uniform_at(uint64_t seed, uint64_t n) {
  return static_cast<float>(mix(seed ^ mix(n)) >> 40) * 0x1.0p-24f;
}

uint64_t Stream::next() { return mix(seed_ ^ mix(count_++)); }

int64_t Stream::below(int64_t bound) {
  GRPO_CHECK(bound > 0);
  const uint64_t range = static_cast<uint64_t>(bound);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  uint64_t value = next();
  while (value >= limit) value = next();
  return static_cast<int64_t>(value % range);
}

double Stream::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

void Stream::shuffle(std::vector<int64_t>& values) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
}

}  // namespace grpo
