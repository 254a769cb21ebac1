#pragma once
// When a call that failed is worth another try, and how long to wait before it.

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace grpo {

// States that may be others later: 408, 429 and 5xx.
bool may_pass_later(int status);

// Seconds before the `tries`-th further try (1, 2, ...): `first`, doubled before each further one up to 60. A share of
// up to a half is left off, a function of `key` and `tries`, so that calls that failed together do not return together.
double backoff_seconds(double first, int64_t tries, uint64_t key);

// What the header Retry-After asks for, in seconds from `now`, at least 0: a number ("3", "0.5") or an HTTP date ("Wed,
// 21 Oct 2015 07:28:00 GMT"). None if it is neither.
std::optional<double> retry_after_seconds(const std::string& header, std::time_t now);

}  // namespace grpo
