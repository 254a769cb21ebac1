#pragma once
// A runner on a host that denies something: for SandboxOptions::runner.

#include <initializer_list>
#include <string>

#include "sandbox/tier.h"

namespace grpo {

// A folder that goes away with it, in which lie copies of grpo-runner, deny and host_tier, and a script `path()` that
// starts the one through the other. Everybody may read it, so that a runner that becomes an ordinary user finds itself.
class DeniedRunner {
 public:
  // The words of deny.cpp.
  explicit DeniedRunner(std::initializer_list<const char*> words);
  ~DeniedRunner();
  DeniedRunner(const DeniedRunner&) = delete;
  DeniedRunner& operator=(const DeniedRunner&) = delete;

  const std::string& path() const { return path_; }
  // A folder there that everybody may write to, for SandboxOptions::cache.
  const std::string& cache() const { return cache_; }
  // Why this host cannot deny that, or where it does allows no sandbox of `tier` anyway, as host_allows.h finds out;
  // empty: a sandbox of that tier must start. For GTEST_SKIP.
  std::string impossible(Tier tier) const;
  // Why this host cannot deny that; empty: it can.
  std::string impossible() const;

 private:
  // The first line that the command says on stderr when it fails on that host; empty: it succeeds.
  std::string complaint_of(const std::string& command) const;

  std::string folder_;
  std::string path_;
  std::string cache_;
  std::string words_;
};

}  // namespace grpo
