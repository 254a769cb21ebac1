#include "sandbox/languages/build_cache.h"

namespace grpo {
namespace {

int64_t bytes_of(const std::string& key, const Built& built) {
  size_t bytes = key.size() + built.log.size() + sizeof built;
  for (const Blob& artefact : built.artefacts) bytes += static_cast<size_t>(artefact.size());
  return static_cast<int64_t>(bytes);
}

}  // namespace

Built BuildCache::get(const std::string& key, const std::function<Built()>& make) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) break;
    if (found->second.ready) {
      ++counts_.found;
      recent_.splice(recent_.begin(), recent_, found->second.place);
      return found->second.built;
    }
    changed_.wait(lock);
  }
  entries_[key];
  ++counts_.compiled;
  lock.unlock();
  Built built;
  try {
    built = make();
  } catch (...) {
    lock.lock();
    entries_.erase(key);
    changed_.notify_all();
    throw;
  }
  lock.lock();
  if (built.failure.empty() && built.keep) {
    entries_[key].built = built;
    keep(key, entries_[key]);
  } else {
    entries_.erase(key);
  }
  changed_.notify_all();
  return built;
}

void BuildCache::keep(const std::string& key, Entry& entry) {
  entry.bytes = bytes_of(key, entry.built);
  entry.ready = true;
  recent_.push_front(key);
  entry.place = recent_.begin();
  bytes_ += entry.bytes;
  // What is too large by itself would drive out everything else, and goes instead of it.
  const bool too_large = entry.bytes > bytes_max_;
  while (bytes_ > bytes_max_) {
    const std::string last = too_large ? key : recent_.back();
    const auto oldest = entries_.find(last);
    bytes_ -= oldest->second.bytes;
    recent_.erase(oldest->second.place);
    entries_.erase(oldest);
  }
}

Compiler::Counts BuildCache::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

int64_t BuildCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace grpo
