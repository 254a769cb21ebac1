#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace grpo {
namespace {

// Levenshtein distance, for "did you mean".
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string nearest(const std::string& key, const std::set<std::string>& known) {
  std::string best;
  size_t best_distance = key.size() / 2 + 1;
  for (const auto& candidate : known) {
    const size_t distance = edit_distance(key, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const nlohmann::json::parse_error& e) {
    const size_t end = std::min<size_t>(e.byte == 0 ? 0 : e.byte - 1, text.size());
    const auto head = text.substr(0, end);
    const auto line = 1 + std::count(head.begin(), head.end(), '\n');
    const auto newline = head.rfind('\n');
    const auto column = newline == std::string_view::npos ? end + 1 : end - newline;
    throw Error("not valid JSON", fmt::format("{}: line {}, column {}", where, line, column),
                "mend the file there; comments (// and /* */) are allowed, trailing commas are not");
  }
}

Json read_json_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error("cannot open file", path, "check that the path exists and is readable");
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) throw Error("cannot read file", path, "check that it is a regular file and the disk is healthy");
  return parse_json(text.str(), path);
}

std::string json_type_name(const Json& value) { return value.type_name(); }

ObjectReader::ObjectReader(const Json& object, std::string file, std::string path)
    : object_(object), file_(std::move(file)), path_(std::move(path)) {
  if (!object_.is_object()) {
    throw Error(fmt::format("expected an object, found {}", json_type_name(object_)), where(),
                "write { ... } there");
  }
}

bool ObjectReader::has(const std::string& key) const {
  const auto it = object_.find(key);
  return it != object_.end() && !it->is_null();
}

const Json* ObjectReader::find(const std::string& key) {
  known_.insert(key);
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

const Json& ObjectReader::at(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) fail(key, fmt::format("'{}' is missing", key), fmt::format("add \"{}\"", key));
  return *value;
}

double ObjectReader::number(const std::string& key, NumberRange range) {
  const Json& value = at(key);
  if (!value.is_number()) fail(key, fmt::format("expected a number, found {}", json_type_name(value)));
  const double number = value.get<double>();
  const bool too_low = range.min_exclusive ? number <= range.min : number < range.min;
  if (too_low || number > range.max || number != number) {
    const std::string low = range.min <= -1e308 ? "" : fmt::format("{} {}", range.min_exclusive ? ">" : ">=", range.min);
    const std::string high = range.max >= 1e308 ? "" : fmt::format("<= {}", range.max);
    fail(key, fmt::format("{} is out of range", number),
         fmt::format("use a value {}{}{}", low, low.empty() || high.empty() ? "" : " and ", high));
  }
  return number;
}

double ObjectReader::number(const std::string& key, double fallback, NumberRange range) {
  return find(key) == nullptr ? fallback : number(key, range);
}

int64_t ObjectReader::integer(const std::string& key, NumberRange range) {
  const Json& value = at(key);
  if (!value.is_number_integer()) {
    const bool whole = value.is_number_float() && value.get<double>() == static_cast<double>(
                                                      static_cast<int64_t>(value.get<double>()));
    if (!whole) fail(key, fmt::format("expected a whole number, found {}", value.dump()));
  }
  return static_cast<int64_t>(number(key, range));
}

int64_t ObjectReader::integer(const std::string& key, int64_t fallback, NumberRange range) {
  return find(key) == nullptr ? fallback : integer(key, range);
}

bool ObjectReader::boolean(const std::string& key) {
  const Json& value = at(key);
  if (!value.is_boolean()) fail(key, fmt::format("expected true or false, found {}", value.dump()));
  return value.get<bool>();
}

bool ObjectReader::boolean(const std::string& key, bool fallback) {
  return find(key) == nullptr ? fallback : boolean(key);
}

std::string ObjectReader::string(const std::string& key) {
  const Json& value = at(key);
  if (!value.is_string()) fail(key, fmt::format("expected a string, found {}", value.dump()));
  return value.get<std::string>();
}

std::string ObjectReader::string(const std::string& key, const std::string& fallback) {
  return find(key) == nullptr ? fallback : string(key);
}

std::string ObjectReader::choice(const std::string& key, const std::vector<std::string>& choices,
                                 const std::optional<std::string>& fallback) {
  if (find(key) == nullptr && fallback) return *fallback;
  const std::string value = string(key);
  if (std::find(choices.begin(), choices.end(), value) == choices.end()) {
    fail(key, fmt::format("unknown value \"{}\"", value), fmt::format("use one of: {}", fmt::join(choices, ", ")));
  }
  return value;
}

std::vector<int64_t> ObjectReader::integers(const std::string& key, const std::vector<int64_t>& fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_number_integer()) return {value->get<int64_t>()};
  std::vector<int64_t> out;
  if (!value->is_array()) fail(key, fmt::format("expected a list of whole numbers, found {}", value->dump()));
  for (const Json& item : *value) {
    if (!item.is_number_integer()) fail(key, fmt::format("expected whole numbers, found {}", item.dump()));
    out.push_back(item.get<int64_t>());
  }
  return out;
}

std::vector<std::string> ObjectReader::strings(const std::string& key, const std::vector<std::string>& fallback) {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_string()) return {value->get<std::string>()};
  std::vector<std::string> out;
  if (!value->is_array()) fail(key, fmt::format("expected a list of strings, found {}", value->dump()));
  for (const Json& item : *value) {
    if (!item.is_string()) fail(key, fmt::format("expected strings, found {}", item.dump()));
    out.push_back(item.get<std::string>());
  }
  return out;
}

const Json& ObjectReader::raw(const std::string& key) {
  static const Json null;
  const Json* value = find(key);
  return value == nullptr ? null : *value;
}

ObjectReader ObjectReader::object(const std::string& key) { return ObjectReader(at(key), file_, join(key)); }

void ObjectReader::finish() const {
  if (allow_unknown_) return;
  std::vector<std::string> unknown;
  for (const auto& [key, value] : object_.items()) {
    if (!known_.contains(key)) unknown.push_back(key);
  }
  if (unknown.empty()) return;
  std::vector<std::string> advice;
  for (const auto& key : unknown) {
    const std::string near = nearest(key, known_);
    if (!near.empty()) advice.push_back(fmt::format("\"{}\" instead of \"{}\"", near, key));
  }
  const std::string fix = advice.empty()
                              ? fmt::format("known keys here: {}", fmt::join(known_, ", "))
                              : fmt::format("did you mean {}?", fmt::join(advice, ", "));
  const char* noun = unknown.size() == 1 ? "unknown key" : "unknown keys";
  throw Error(fmt::format("{} {}", noun, fmt::join(unknown, ", ")), where(unknown.front()), fix);
}

std::string ObjectReader::join(const std::string& key) const {
  if (key.empty()) return path_;
  return path_.empty() ? key : path_ + "." + key;
}

std::string ObjectReader::where(const std::string& key) const {
  const std::string path = join(key);
  return path.empty() ? file_ : file_ + ": " + path;
}

void ObjectReader::fail(const std::string& key, const std::string& what, const std::string& fix) const {
  throw Error(what, where(key), fix);
}

}  // namespace grpo
