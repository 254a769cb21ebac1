#pragma once
// The way from one program's stdout to another's stdin, through the worker, which counts. Bytes are moved, not copied;
// a program that does not read holds up the one that writes, as a pipe would.

#include <cstdint>

#include "sandbox/box/descriptor.h"

namespace grpo {

class Channel {
 public:
  Channel();  // throws std::system_error

  Descriptor take_writing() { return std::move(writing_); }  // for the program that says
  Descriptor take_reading() { return std::move(reading_); }  // for the program that hears

  // For poll: which end to wait for, and whether for reading or for writing. -1: closed.
  int waits_for() const { return !from_ ? -1 : full_ ? to_.get() : from_.get(); }
  bool waits_to_write() const { return full_; }

  // Moves what can be moved without waiting. Closes itself when either side is gone.
  void move();
  int64_t bytes() const { return bytes_; }
  // Who says came to its end, or closed its stdout, while who hears still listened: the one has not ended because the other
  // had, in whichever order the kernel tells of their deaths.
  bool ended_by_who_says() const { return ended_by_who_says_; }

 private:
  Descriptor writing_, from_, to_, reading_;
  bool full_ = false;
  bool ended_by_who_says_ = false;
  int64_t bytes_ = 0;
};

}  // namespace grpo
