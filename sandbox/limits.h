#pragma once
// What a program may use. Limits are enforced from outside the program: by the kernel, by the runner's own clock and
// by its watch over memory; nothing that a program does to its timers, signals or limits changes them.

#include <cstdint>

namespace grpo {

struct Limits {
  int64_t cpu_ms = 2'000;  // of all its processes and threads together
  // From start to end, less the time it was ready to run and others had the processor (on a machine that trains at the
  // same time that is most of it); 0: 2 * cpu_ms + 1000.
  int64_t wall_ms = 0;
  // Resident, shared and tmpfs memory of all its processes together.
  int64_t memory_bytes = int64_t{512} << 20;
  // Whether one process may reserve more address space than memory_bytes. Native programs: no (RLIMIT_AS). Virtual
  // machines (Java, node) reserve gigabytes that they never touch: yes (RLIMIT_DATA, and the watch over memory).
  bool reserve_freely = false;
  // 0: memory_bytes, for the main thread of a native program; its other threads have what the C library gives them. Else
  // every thread reserves as much.
  int64_t stack_bytes = 0;
  int64_t processes = 32;   // processes and threads at once
  int64_t open_files = 64;
  int64_t file_bytes = int64_t{64} << 20;  // of one file it writes
  int64_t tmp_bytes = int64_t{64} << 20;   // of all its files together
  int64_t tmp_files = 4'096;
  int64_t stdout_bytes = int64_t{1} << 20;        // more ends the run: output limit
  int64_t stderr_bytes = int64_t{64} << 20;       // more ends the run
  int64_t stderr_kept_bytes = int64_t{16} << 10;  // of it, the first so many come back

  int64_t wall_limit_ms() const { return wall_ms > 0 ? wall_ms : 2 * cpu_ms + 1'000; }
  // When it ends however long it waited for a processor.
  int64_t wall_most_ms() const { return 5 * wall_limit_ms(); }
  int64_t stack_limit_bytes() const { return stack_bytes > 0 ? stack_bytes : memory_bytes; }
  bool operator==(const Limits&) const = default;
};

}  // namespace grpo
