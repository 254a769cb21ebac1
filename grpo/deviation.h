#pragma once
// Mean and deviation of a few numbers, the same to the last bit in whatever order they come.

#include <cstdint>
#include <limits>
#include <vector>

namespace grpo {

struct Moments {
  double mean = std::numeric_limits<double>::quiet_NaN();
  double std = std::numeric_limits<double>::quiet_NaN();  // NaN for fewer than two values
  bool all_equal = false;  // exactly; a rounded mean would leave noise where there must be none
};

// A value that counts `count` times.
struct CountedValue {
  double value = 0.0;
  int64_t count = 1;
};

// The deviation's divisor is the number of values less ddof. NaN in `values` is not allowed.
Moments moments(std::vector<double> values, int64_t ddof);
Moments moments(std::vector<CountedValue> values, int64_t ddof);

}  // namespace grpo
