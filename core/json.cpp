#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <unordered_set>

namespace grpo {
namespace {

// Copying and printing a value recurse; a file must not be able to choose how deep.
constexpr size_t kDepthMax = 512;

// Builds the value from the parser's events. The library's own builder looks every new key up among those
// before it, which on a vocabulary of 150 000 keys takes minutes; here keys are appended, and an object is
// searched for duplicates once, when it closes.
class TreeBuilder {
 public:
  explicit TreeBuilder(Json& root) : root_(root) {}

  bool null() { return add(Json(nullptr)); }
  bool boolean(bool value) { return add(Json(value)); }
  bool number_integer(int64_t value) { return add(Json(value)); }
  bool number_unsigned(uint64_t value) { return add(Json(value)); }
  bool number_float(double value, const std::string&) { return add(Json(value)); }
  bool string(std::string& value) { return add(Json(std::move(value))); }
  bool binary(Json::binary_t&) { return false; }  // JSON text has none

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool key(std::string& name) {
    members(*open_.back()).emplace_back(std::move(name), Json());
    return true;
  }
  bool end_object() {
    std::unordered_set<std::string_view> seen;
    for (const auto& member : members(*open_.back())) {
      if (!seen.insert(member.first).second) return refuse(fmt::format("the key \"{}\" is given twice", member.first));
    }
    open_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception&) {
    byte_ = position;
    return false;
  }

  const std::string& refusal() const { return refusal_; }  // empty: not JSON at all
  size_t byte() const { return byte_; }                    // where the parser stopped, counted from 1

 private:
  static Json::object_t& members(Json& object) { return object.get_ref<Json::object_t&>(); }

  Json& place(Json&& value) {
    if (open_.empty()) return root_ = std::move(value);
    Json& parent = *open_.back();
    if (parent.is_array()) return parent.emplace_back(std::move(value));
    return members(parent).back().second = std::move(value);
  }
  bool add(Json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(Json&& value) {
    if (open_.size() == kDepthMax) return refuse(fmt::format("nested more than {} levels deep", kDepthMax));
    open_.push_back(&place(std::move(value)));
    return true;
  }
  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  Json& root_;
  std::vector<Json*> open_;  // the containers being read; a parent does not grow while its child is open
  std::string refusal_;
  size_t byte_ = 0;
};

// The value as a whole number with every digit kept, written as 1000 or as 1e3; none if it is not one or does not
// fit 64 bits.
std::optional<int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  if (!(number >= -0x1p63 && number < 0x1p63) || number != std::trunc(number)) return std::nullopt;
  return static_cast<int64_t>(number);
}

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
  Json value;
  TreeBuilder builder(value);
  if (Json::sax_parse(text.begin(), text.end(), &builder, nlohmann::detail::input_format_t::json,
                      /*strict=*/true, /*ignore_comments=*/true)) {
    return value;
  }
  if (!builder.refusal().empty()) throw Error(builder.refusal(), where, "mend the file there");
  const size_t end = std::min<size_t>(builder.byte() == 0 ? 0 : builder.byte() - 1, text.size());
  const auto head = text.substr(0, end);
  const auto line = 1 + std::count(head.begin(), head.end(), '\n');
  const auto newline = head.rfind('\n');
  const auto column = newline == std::string_view::npos ? end + 1 : end - newline;
  throw Error("not valid JSON", fmt::format("{}: line {}, column {}", where, line, column),
              "mend the file there; comments (// and /* */) are allowed, trailing commas are not");
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
  const std::optional<int64_t> whole = whole_number(at(key));
  if (!whole) fail(key, fmt::format("expected a whole number of 64 bits, found {}", at(key).dump()));
  number(key, range);
  return *whole;
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
  if (const auto whole = whole_number(*value)) return {*whole};
  std::vector<int64_t> out;
  if (!value->is_array()) fail(key, fmt::format("expected a list of whole numbers, found {}", value->dump()));
  for (const Json& item : *value) {
    const auto whole = whole_number(item);
    if (!whole) fail(key, fmt::format("expected whole numbers of 64 bits, found {}", item.dump()));
    out.push_back(*whole);
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
