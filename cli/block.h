#pragma once
// JSON as a block for people: "key: value" lines, nested objects indented, empty ones and nulls left out.

#include <string>

#include "core/json.h"

namespace grpo {

// Keys of one object stand in one column; a list of plain values is one line, "a, b, c"; a list of objects
// one block each, headed by its "name" where it has one, else by its number. Ends with a newline.
std::string block(const Json& object, int indent = 0);

// 1234567 -> "1,234,567".
std::string with_commas(uint64_t number);

// 3221225472 -> "3.00 GiB".
std::string bytes_text(uint64_t bytes);

}  // namespace grpo
