#pragma once
// Attributes and methods of values: those of str, dict, list, tuple and of a loop that a sandboxed template
// may use. Methods that would change a value, and names that start with an underscore, are undefined with a
// message that says so; Python methods that are not implemented here fail when they are looked up.

#include "policy/io/jinja/runtime.h"

namespace grpo::jinja {

// Whether the type of `value` has an attribute of that name in Python.
bool has_attribute(const Value& value, const std::string& name);
// The attribute, or an undefined value.
Value attribute_of(Runtime& runtime, const Value& value, const std::string& name);
Value call_method(Runtime& runtime, const Method& method, const Arguments& arguments);

// str methods, by name; the table of methods.cpp.
Value call_text_method(Runtime& runtime, const Text& text, const std::string& name,
                       const Arguments& arguments);
bool is_text_method(const std::string& name);

}  // namespace grpo::jinja
