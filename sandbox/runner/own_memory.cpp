#include "sandbox/runner/own_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer keeps what is freed, to catch who uses it; here that would count against the memory of programs.
extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=1";
}
#endif

namespace grpo {
namespace {

constexpr int kMappedBytes = 128 << 10;  // the C library's own beginning, which it would raise with every large piece

}  // namespace

OwnMemory::OwnMemory(int proc) : refs_(openat(proc, "self/clear_refs", O_WRONLY | O_CLOEXEC)) {
  mallopt(M_MMAP_THRESHOLD, kMappedBytes);
}

int64_t OwnMemory::forget_peak() {
  // "5": the peak of resident memory, as proc(5) has it.
  return refs_ && pwrite(refs_.get(), "5", 1, 0) == 1 ? peak_bytes() : 0;
}

int64_t OwnMemory::peak_bytes() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<int64_t>(used.ru_maxrss) * 1024;
}

}  // namespace grpo
