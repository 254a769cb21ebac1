#pragma once
// Reading JSON that people wrote: recipes, configurations, data rows. The reader is strict: a wrong type, a
// number out of range and a key nobody asked for are Errors that name the JSON path.

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace grpo {

// Keys keep the order in which they were written, so what is saved looks like what was read.
using Json = nlohmann::ordered_json;

// Parses a whole text; // and /* */ comments are allowed. Throws Error with `where`, line and column, and for a
// key given twice in one object or nesting deeper than 512 levels. Time is linear in the text.
Json parse_json(std::string_view text, const std::string& where);

// Reads and parses a file. Throws Error if the file is missing, unreadable or not JSON.
Json read_json_file(const std::string& path);

// "object", "array", "string", "number", "boolean" or "null".
std::string json_type_name(const Json& value);

// The values a number may take; both ends inclusive unless said otherwise.
struct NumberRange {
  double min = -1e308;
  double max = 1e308;
  bool min_exclusive = false;
};

// Reads one JSON object key by key and remembers which keys were asked for.
//
//   ObjectReader r(json, "recipe.json", "stages[0]");
//   double beta = r.number("beta", 0.0, {.min = 0.0});
//   r.finish();   // Error if the object holds a key that was never asked for
//
// The reader keeps a reference: the object must outlive it.
class ObjectReader {
 public:
  // Throws Error if `object` is not a JSON object. `file` and `path` only serve messages; path may be empty.
  ObjectReader(const Json& object, std::string file, std::string path = "");

  bool has(const std::string& key) const;  // present and not null; marks nothing

  // The forms without default throw if the key is absent; all throw on a wrong type or a value out of range.
  double number(const std::string& key, NumberRange range = {});
  double number(const std::string& key, double fallback, NumberRange range = {});
  int64_t integer(const std::string& key, NumberRange range = {});
  int64_t integer(const std::string& key, int64_t fallback, NumberRange range = {});
  bool boolean(const std::string& key);
  bool boolean(const std::string& key, bool fallback);
  std::string string(const std::string& key);
  std::string string(const std::string& key, const std::string& fallback);
  // A string that must be one of `choices`; the Error lists them.
  std::string choice(const std::string& key, const std::vector<std::string>& choices,
                     const std::optional<std::string>& fallback = std::nullopt);
  std::vector<int64_t> integers(const std::string& key, const std::vector<int64_t>& fallback);
  std::vector<std::string> strings(const std::string& key, const std::vector<std::string>& fallback);

  // The raw value (marks the key); null if absent.
  const Json& raw(const std::string& key);
  // A reader of a nested object; throws if absent or not an object.
  ObjectReader object(const std::string& key);

  // Marks every key as known (for objects whose unknown keys belong to somebody else, such as config.json).
  void allow_unknown() { allow_unknown_ = true; }
  // Throws one Error naming every key never asked for, with the nearest known key where one is close.
  void finish() const;

  // "file: path.key" for messages of the caller.
  std::string where(const std::string& key = "") const;
  [[noreturn]] void fail(const std::string& key, const std::string& what, const std::string& fix = "") const;

 private:
  const Json& at(const std::string& key);
  const Json* find(const std::string& key);
  std::string join(const std::string& key) const;

  const Json& object_;
  std::string file_;
  std::string path_;
  std::set<std::string> known_;
  bool allow_unknown_ = false;
};

}  // namespace grpo
