#include "grpo/exact_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr const char* kBytes = "$bytes";
constexpr const char* kDouble = "$double";
constexpr const char* kObject = "$object";
constexpr const char* kText = "$json";
constexpr int64_t kReadableDepth = 512;  // parse_json's limit

int64_t depth_of(const Json& value) {
  if (!value.is_structured()) return 0;
  int64_t deepest = 0;
  for (const Json& item : value) deepest = std::max(deepest, depth_of(item));
  return deepest + 1;
}

std::string hex_of(const std::string& bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

bool is_plain_key(const std::string& key) { return !key.starts_with('$') && is_valid_utf8(key); }

Json exact_string(const std::string& text) {
  return is_valid_utf8(text) ? Json(text) : Json{{kBytes, hex_of(text)}};
}

Json encode(const Json& value, const std::string& where) {
  if (value.is_string()) return exact_string(value.get_ref<const std::string&>());
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    return Json{{kDouble, fmt::format("{:016x}", std::bit_cast<uint64_t>(value.get<double>()))}};
  }
  if (value.is_array()) {
    Json items = Json::array();
    for (const Json& item : value) items.push_back(encode(item, where));
    return items;
  }
  if (value.is_object()) {
    const auto& members = value.get_ref<const Json::object_t&>();
    const bool plain = std::all_of(members.begin(), members.end(), [](const auto& m) { return is_plain_key(m.first); });
    Json made = plain ? Json::object() : Json::array();
    for (const auto& [key, item] : members) {
      if (plain) {
        made.get_ref<Json::object_t&>().emplace_back(key, encode(item, where));
      } else {
        made.push_back(Json::array({exact_string(key), encode(item, where)}));
      }
    }
    return plain ? made : Json{{kObject, std::move(made)}};
  }
  if (value.is_binary() || value.is_discarded()) {
    throw Error(fmt::format("a value of type {} cannot be written as JSON", value.type_name()), where,
                "give numbers, text, lists and objects");
  }
  return value;
}

[[noreturn]] void refuse(const std::string& what, const std::string& where) {
  throw Error(what, where, "the file is damaged, or another program wrote it");
}

// The one member of an object that stands for something else; null if it stands for itself.
const std::pair<const std::string, Json>* special_member(const Json& value) {
  const auto& members = value.get_ref<const Json::object_t&>();
  return members.size() == 1 && members.front().first.starts_with('$') ? &members.front() : nullptr;
}

const std::string& text_of(const Json& value, const char* key, const std::string& where) {
  if (!value.is_string()) refuse(fmt::format("{} holds {}, not text", key, json_type_name(value)), where);
  return value.get_ref<const std::string&>();
}

std::string bytes_of(const std::string& hex, const std::string& where) {
  std::string bytes(hex.size() / 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    unsigned value = 0;
    const char* first = hex.data() + 2 * i;
    const auto [stop, error] = std::from_chars(first, first + 2, value, 16);
    if (error != std::errc() || stop != first + 2) refuse("$bytes are not hexadecimal digits", where);
    bytes[i] = static_cast<char>(value);
  }
  if (hex.size() % 2 != 0) refuse(fmt::format("$bytes has {} digits, an odd number", hex.size()), where);
  if (is_valid_utf8(bytes)) refuse("$bytes hold text that needs no such form", where);
  return bytes;
}

double double_of(const std::string& hex, const std::string& where) {
  uint64_t bits = 0;
  const auto [stop, error] = std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
  if (hex.size() != 16 || error != std::errc() || stop != hex.data() + 16) {
    refuse("$double is not 16 hexadecimal digits", where);
  }
  const double value = std::bit_cast<double>(bits);
  if (std::isfinite(value)) refuse("$double holds a number that needs no such form", where);
  return value;
}

Json decode(const Json& exact, const std::string& where);

Json object_of(const Json& pairs, const std::string& where) {
  if (!pairs.is_array()) refuse(fmt::format("$object holds {}, not an array", json_type_name(pairs)), where);
  Json object = Json::object();
  auto& members = object.get_ref<Json::object_t&>();
  std::unordered_set<std::string> seen;
  for (const Json& pair : pairs) {
    if (!pair.is_array() || pair.size() != 2) refuse("$object holds something other than pairs", where);
    const Json key = decode(pair[0], where);
    if (!key.is_string()) refuse(fmt::format("a key of $object is {}, not text", json_type_name(key)), where);
    if (!seen.insert(key.get_ref<const std::string&>()).second) refuse("a key of $object is given twice", where);
    members.emplace_back(key.get<std::string>(), decode(pair[1], where));
  }
  return object;
}

Json decode(const Json& exact, const std::string& where) {
  if (exact.is_array()) {
    Json items = Json::array();
    for (const Json& item : exact) items.push_back(decode(item, where));
    return items;
  }
  if (!exact.is_object()) return exact;
  if (const auto* special = special_member(exact)) {
    const auto& [key, value] = *special;
    if (key == kBytes) return bytes_of(text_of(value, kBytes, where), where);
    if (key == kDouble) return double_of(text_of(value, kDouble, where), where);
    if (key == kObject) return object_of(value, where);
  }
  Json object = Json::object();
  for (const auto& [key, item] : exact.get_ref<const Json::object_t&>()) {
    if (key.starts_with('$')) refuse(fmt::format("{} where it does not belong", key), where);
    object.get_ref<Json::object_t&>().emplace_back(key, decode(item, where));
  }
  return object;
}

}  // namespace

Json to_exact_json(const Json& value, const std::string& where) {
  Json exact = encode(value, where);
  const int64_t depth = depth_of(exact);
  if (depth <= kPlainDepth) return exact;
  if (depth > kReadableDepth) {
    throw Error(fmt::format("a value nests {} levels deep; at most {} can be read back", depth, kReadableDepth), where);
  }
  return Json{{kText, exact.dump()}};
}

Json from_exact_json(const Json& exact, const std::string& where) {
  const auto* special = exact.is_object() ? special_member(exact) : nullptr;
  if (special != nullptr && special->first == kText) {
    return decode(parse_json(text_of(special->second, kText, where), where), where);
  }
  return decode(exact, where);
}

}  // namespace grpo
