#pragma once
// Looking through a text line by line.

#include <algorithm>
#include <string_view>

namespace grpo {

// Calls `see` with every line, without its line break, until it says true; true if it did.
template <typename See>
bool any_line(std::string_view text, See see) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (see(text.substr(begin, end - begin))) return true;
    begin = end + 1;
  }
  return false;
}

}  // namespace grpo
