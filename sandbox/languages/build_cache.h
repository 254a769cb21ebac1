#pragma once
// Results of compilations, kept by what went into them: groups of completions repeat programs, and the tests of a problem
// are the same for all of them.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>

#include "sandbox/languages/compiler.h"

namespace grpo {

class BuildCache {
 public:
  // Keeps results of `bytes_max` together: artefacts, logs and keys. A result larger than that is not kept.
  explicit BuildCache(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // What is kept under `key`, or what `make` returns, which is then kept unless the sandbox failed or
  // Built::keep says no. Callers with the same key at the same moment wait for the first of them; where its `make` throws
  // or nothing is kept, the next one tries for itself. Throws what `make` throws. Safe to call from many threads.
  Built get(const std::string& key, const std::function<Built()>& make);

  Compiler::Counts counts() const;
  int64_t bytes() const;  // of what is kept

 private:
  struct Entry {
    Built built;
    bool ready = false;
    int64_t bytes = 0;
    std::list<std::string>::iterator place = {};  // in recent_, where ready
  };

  void keep(const std::string& key, Entry& entry);

  const int64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> entries_;  // those being made, and those that are kept
  std::list<std::string> recent_;         // keys of those that are kept, the most recently used first
  int64_t bytes_ = 0;
  Compiler::Counts counts_;
};

}  // namespace grpo
