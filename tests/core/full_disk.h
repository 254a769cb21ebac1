#pragma once
// While it lives, no file of this process may grow beyond a size: a write past it fails as on a full disk.

#include <sys/resource.h>

#include <csignal>

namespace grpo {

class FullDisk {
 public:
  explicit FullDisk(rlim_t file_bytes_max) {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);  // then write() returns EFBIG
    rlimit limit = before_;
    limit.rlim_cur = file_bytes_max;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace grpo
