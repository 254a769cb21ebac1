#include "policy/io/tokenizer_word_cache.h"

#include <cstring>

#include "core/seed.h"

namespace grpo {

WordCache::~WordCache() {
  delete[] places_.load();
}

WordCache::Key WordCache::key_of(std::string_view word) {
  Key key;
  std::memcpy(key.parts.data(), word.data(), word.size());
  uint64_t hash = word.size();
  for (size_t i = 0; 8 * i < word.size(); ++i) hash = mix(hash ^ key.parts[i]);
  key.place = hash & (kPlaces - 1);
  return key;
}

WordCache::Place* WordCache::places() {
  Place* places = places_.load(std::memory_order_acquire);
  if (places != nullptr) return places;
  auto fresh = std::make_unique<Place[]>(kPlaces);
  if (places_.compare_exchange_strong(places, fresh.get(), std::memory_order_acq_rel)) return fresh.release();
  return places;  // another thread was first
}

bool WordCache::find(std::string_view word, std::vector<int64_t>& ids) const {
  const Place* const places = places_.load(std::memory_order_acquire);
  if (places == nullptr || word.size() > kWordBytes || word.empty()) return false;
  const Key key = key_of(word);
  const Place& place = places[key.place];
  const uint32_t version = place.version.load(std::memory_order_acquire);
  const uint32_t sizes = place.sizes.load(std::memory_order_acquire);
  if ((sizes & 0xFF) != word.size() || version % 2 != 0) return false;
  for (size_t i = 0; i < kWordParts; ++i) {
    if (place.parts[i].load(std::memory_order_acquire) != key.parts[i]) return false;
  }
  std::array<int64_t, kIds> found;
  const size_t count = sizes >> 8;
  for (size_t i = 0; i < count && i < kIds; ++i) {
    const uint64_t pair = place.parts[kWordParts + i / 2].load(std::memory_order_acquire);
    found[i] = static_cast<int64_t>(i % 2 == 0 ? pair & 0xFFFFFFFF : pair >> 32);
  }
  // Every load above was an acquire, so this one comes after them; in put every store but the first is a
  // release.
  if (place.version.load(std::memory_order_relaxed) != version) return false;
  ids.insert(ids.end(), found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count));
  return true;
}

void WordCache::put(std::string_view word, const int64_t* ids, size_t count) {
  if (word.empty() || word.size() > kWordBytes || count > kIds) return;
  const Key key = key_of(word);
  Place& place = places()[key.place];
  uint32_t version = place.version.load(std::memory_order_relaxed);
  if (version % 2 != 0 ||
      !place.version.compare_exchange_strong(version, version + 1, std::memory_order_acquire)) {
    return;  // another thread is writing here
  }
  place.sizes.store(static_cast<uint32_t>(word.size() | count << 8), std::memory_order_release);
  for (size_t i = 0; i < kWordParts; ++i) place.parts[i].store(key.parts[i], std::memory_order_release);
  for (size_t i = 0; i < count; i += 2) {
    const uint64_t second = i + 1 < count ? static_cast<uint64_t>(ids[i + 1]) : 0;
    place.parts[kWordParts + i / 2].store(static_cast<uint64_t>(ids[i]) | second << 32,
                                          std::memory_order_release);
  }
  place.version.store(version + 2, std::memory_order_release);
}

}  // namespace grpo
