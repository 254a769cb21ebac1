#pragma once
// Random numbers without state: a seed is derived from what it is for (run, step, problem, sample), and the
// n-th number of a stream is a function of seed and n. Results therefore do not depend on batch mates, on the
// order of work or on a resume. The mixer is splitmix64 (Steele, Lea, Flood 2014).

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace grpo {

// A well-mixed 64-bit value of its input.
uint64_t mix(uint64_t value);

// One seed from several numbers; order matters.
uint64_t derive_seed(std::initializer_list<uint64_t> parts);

// The n-th uniform number of a stream, in [0, 1) with 24 random bits, so it is exact in a float.
float uniform_at(uint64_t seed, uint64_t n);

// A host-side stream for shuffles and problem generators.
class Stream {
 public:
  explicit Stream(uint64_t seed) : seed_(seed) {}
  uint64_t next();                  // 64 random bits
  int64_t below(int64_t bound);     // uniform in [0, bound), without modulo bias; bound > 0
  double uniform();                 // [0, 1), 53 bits
  void shuffle(std::vector<int64_t>& values);  // Fisher-Yates

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

}  // namespace grpo
