#pragma once
// Python's operators on values. All fail, in Python's words, where Python raises TypeError, ZeroDivisionError
// and the like; whole numbers beyond 64 bits fail as well.

#include "policy/io/jinja/runtime.h"

namespace grpo::jinja {

enum class Arithmetic { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kRemainder, kPower };
enum class Comparison { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

Value calculate(Runtime& runtime, Arithmetic op, const Value& left, const Value& right);
Value negative(Runtime& runtime, const Value& value);
Value positive(Runtime& runtime, const Value& value);

bool equal(Runtime& runtime, const Value& a, const Value& b);
// a < b; fails for types that have no order.
bool less(Runtime& runtime, const Value& a, const Value& b, const char* op = "<");
bool contains(Runtime& runtime, const Value& container, const Value& item);
bool compare(Runtime& runtime, Comparison op, const Value& left, const Value& right);

// value[key], then value.key; undefined if neither is there (environment.getitem).
Value get_item(Runtime& runtime, const Value& value, const Value& key);
// value.name, then value["name"]; undefined if neither is there (environment.getattr).
Value get_attribute(Runtime& runtime, const Value& value, const std::string& name);
// value[start:stop:step]; None for a bound left out. Fails for what is no list, tuple, range or text.
Value get_slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop,
                const Value& step);

// "...%s..." % arguments, a tuple or one value.
Value format_percent(Runtime& runtime, const Text& format, const Value& arguments);

// Text of `a` and `b` together; a safe one escapes the other.
Value join_texts(Runtime& runtime, const Text& a, const Text& b);
std::string escape_html(std::string_view text);

}  // namespace grpo::jinja
