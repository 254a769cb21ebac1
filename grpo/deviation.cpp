#include "grpo/deviation.h"

#include <algorithm>
#include <cmath>

namespace grpo {

Moments moments(std::vector<CountedValue> values, int64_t ddof) {
  std::erase_if(values, [](const CountedValue& v) { return v.count == 0; });
  if (values.empty()) return {};
  // Sums of sorted numbers do not depend on the order in which they came.
  std::sort(values.begin(), values.end(), [](const CountedValue& a, const CountedValue& b) {
    return a.value != b.value ? a.value < b.value : a.count < b.count;
  });
  double n = 0.0, sum = 0.0;
  for (const CountedValue& v : values) {
    n += static_cast<double>(v.count);
    sum += static_cast<double>(v.count) * v.value;
  }
  Moments m;
  m.mean = sum / n;
  m.all_equal = values.front().value == values.back().value;
  if (n < 2.0) return m;
  double squares = 0.0;
  for (const CountedValue& v : values) squares += static_cast<double>(v.count) * (v.value - m.mean) * (v.value - m.mean);
  m.std = m.all_equal ? 0.0 : std::sqrt(squares / (n - static_cast<double>(ddof)));
  return m;
}

Moments moments(std::vector<double> values, int64_t ddof) {
  std::vector<CountedValue> counted;
  counted.reserve(values.size());
  for (const double v : values) counted.push_back({.value = v});
  return moments(std::move(counted), ddof);
}

}  // namespace grpo
