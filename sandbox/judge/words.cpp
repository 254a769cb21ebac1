#include "sandbox/judge/words.h"

#include <algorithm>

namespace grpo {

OutputWordReader::OutputWordReader(std::string_view text, std::string_view white_space) : rest_(text) {
  for (const char c : white_space) space_[static_cast<unsigned char>(c)] = true;
}

OutputWord OutputWordReader::next() {
  size_t start = 0;
  while (start < rest_.size() && is_space(rest_[start])) line_ += rest_[start++] == '\n';
  size_t end = start;
  while (end < rest_.size() && !is_space(rest_[end])) ++end;
  const OutputWord word{rest_.substr(start, end - start), line_, rest_.substr(0, start)};
  rest_.remove_prefix(end);
  return word;
}

std::string_view stripped(std::string_view text, std::string_view white_space) {
  const size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

bool same_word(std::string_view a, std::string_view b, bool ignore_case) {
  if (!ignore_case) return a == b;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace grpo
