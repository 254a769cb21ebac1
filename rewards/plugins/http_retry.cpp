#include "rewards/plugins/http_retry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "core/seed.h"
#include "rewards/answer_text.h"

namespace grpo {

bool may_pass_later(int status) {
  return status == 408 || status == 429 || status >= 500;
}

double backoff_seconds(double first, int64_t tries, uint64_t key) {
  constexpr double kLongestSeconds = 60.0;
  const double doubled =
      std::min(first * std::exp2(static_cast<double>(std::min<int64_t>(tries - 1, 30))), kLongestSeconds);
  return doubled * (1.0 - 0.5 * uniform_at(derive_seed({key, static_cast<uint64_t>(tries)}), 0));
}

std::optional<double> retry_after_seconds(const std::string& header, std::time_t now) {
  const std::string_view text = trim(header);
  double seconds = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (!std::isfinite(seconds)) return std::nullopt;
    return std::max(seconds, 0.0);
  }
  // Months by name: strptime would ask the locale.
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char month[4] = {};
  int day = 0, year = 0, hour = 0, minute = 0, second = 0, read = 0;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour, &minute,
                  &second, &read) != 6 ||
      read != static_cast<int>(copy.size())) {
    return std::nullopt;
  }
  const auto found = std::find(kMonths.begin(), kMonths.end(), std::string_view(month));
  if (found == kMonths.end()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(found - kMonths.begin()) + 1),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  const auto at = static_cast<int64_t>(days) * 86400 + hour * 3600 + minute * 60 + second;
  return std::max(0.0, static_cast<double>(at - static_cast<int64_t>(now)));
}

}  // namespace grpo
