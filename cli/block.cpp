#include "cli/block.h"

#include <fmt/format.h>

#include <algorithm>

namespace grpo {
namespace {

std::string plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  return value.dump();
}

bool is_nested(const Json& value) {
  if (value.is_object()) return true;
  return value.is_array() &&
         std::any_of(value.begin(), value.end(), [](const Json& v) { return v.is_structured(); });
}

std::string one_line(const Json& value) {
  if (!value.is_array()) return plain(value);
  std::string line;
  for (const Json& item : value) line += (line.empty() ? "" : ", ") + plain(item);
  return line;
}

std::string nested(const std::string& key, const Json& value, int indent) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  if (value.is_object()) return margin + key + ":\n" + block(value, indent + 2);
  std::string text;
  for (size_t i = 0; i < value.size(); ++i) {
    const Json& item = value[i];
    const std::string heading =
        item.is_object() && item.contains("name") ? plain(item["name"]) : std::to_string(i + 1);
    text += margin + key + " " + heading + ":\n";
    text += item.is_object() ? block(item, indent + 2) : margin + "  " + item.dump() + "\n";
  }
  return text;
}

}  // namespace

std::string block(const Json& object, int indent) {
  size_t width = 0;
  for (const auto& [key, value] : object.items()) {
    if (!is_nested(value)) width = std::max(width, key.size());
  }
  std::string text;
  for (const auto& [key, value] : object.items()) {
    if (value.is_null() || (value.is_structured() && value.empty())) continue;
    text += is_nested(value)
                ? nested(key, value, indent)
                : fmt::format("{:{}}{:<{}}  {}\n", "", indent, key + ":", width + 1, one_line(value));
  }
  return text;
}

std::string with_commas(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string bytes_text(uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < std::size(kUnits)) value /= 1024.0, ++unit;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

}  // namespace grpo
