#pragma once
// Values as text: Python's str() and repr(), and json.dumps as Hugging Face's `tojson` calls it.

#include <optional>
#include <string>

#include "policy/io/jinja/runtime.h"

namespace grpo::jinja {

// What {{ value }} prints. Fails for values whose text holds an address in Python (methods, iterators,
// loops).
std::string to_text(Runtime& runtime, const Value& value);
std::string to_repr(Runtime& runtime, const Value& value);
// repr of a float: the fewest digits that read back, ".0" for whole ones, exponents as Python writes them.
std::string float_text(double value);
// Text between quotes with escapes, as repr writes it.
std::string quoted(std::string_view text);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // of one level
  std::string item_separator = ", ";  // "," by default where there is an indent
  std::string key_separator = ": ";
  bool sort_keys = false;
};

// Fails for what JSON cannot say: undefined values, iterators, namespaces, keys that are no simple values.
Value to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace grpo::jinja
