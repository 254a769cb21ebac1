#pragma once
// The key of a server, and how it is kept out of everything that is written.

#include <string>

namespace grpo {

// The key in the environment variable `name`, without white space at its ends. Throws Error with `where`, which says
// nothing of the value, if the variable is not set, or holds blanks or anything but printable ASCII.
std::string read_endpoint_key(const std::string& name, const std::string& where);

// The text with every occurrence of the key as "[key]". An empty key stands nowhere.
std::string without_key(std::string text, const std::string& key);

}  // namespace grpo
