#pragma once
// The filters, tests and global functions a template may name. Unknown names are refused when a template is
// loaded, with the names that exist.

#include <string>

#include "policy/io/jinja/runtime.h"

namespace grpo::jinja {

using Filter = Value (*)(Runtime& runtime, const Value& input, const Arguments& arguments);
using Test = bool (*)(Runtime& runtime, const Value& input, const Arguments& arguments);

// Null if there is none of that name.
Filter find_filter(std::string_view name);
Test find_test(std::string_view name);
const Function* find_function(std::string_view name);

// All names, in alphabetical order, for messages.
std::string filter_names();
std::string test_names();

// strftime of a time without zone, as Python's datetime formats it.
Value format_time(Runtime& runtime, const std::string& format, const std::tm& time);

}  // namespace grpo::jinja
