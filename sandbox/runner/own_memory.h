#pragma once
// The worker's own memory. An init lives in it, and so does a program until it is executed, so what the kernel calls the
// peak of a box is never less than the worker's: which must be small, and known.

#include <cstdint>

#include "sandbox/box/descriptor.h"

namespace grpo {

class OwnMemory {
 public:
  OwnMemory() = default;
  // `proc`: a folder descriptor of a /proc that shows this process. From now on large pieces of memory go back to the
  // system as soon as they are free.
  explicit OwnMemory(int proc);

  // Forgets the peak so far. What it is afterwards: the memory in use, in bytes; 0 where the kernel does not forget.
  int64_t forget_peak();
  static int64_t peak_bytes();

 private:
  Descriptor refs_;
};

}  // namespace grpo
