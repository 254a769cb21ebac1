#pragma once
// Output cut into words and lines, without copies.

#include <cstdint>
#include <string_view>
#include <vector>

namespace grpo {

// Which bytes are white space.
inline constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";

struct OutputWord {
  std::string_view text;   // empty: there is no further word
  int64_t line = 1;        // on which it stands, or, without one, the last line
  std::string_view space;  // the white space before it
};

// Reads word after word.
class OutputWordReader {
 public:
  explicit OutputWordReader(std::string_view text, std::string_view white_space = kWhiteSpace);
  OutputWord next();

 private:
  bool is_space(char c) const { return space_[static_cast<unsigned char>(c)]; }

  std::string_view rest_;
  int64_t line_ = 1;
  bool space_[256] = {};
};

std::string_view stripped(std::string_view text, std::string_view white_space = kWhiteSpace);

// What lies between the \n of `text`: one more than there are of them.
std::vector<std::string_view> split_lines(std::string_view text);

// A to Z as a to z; all other bytes stay.
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool same_word(std::string_view a, std::string_view b, bool ignore_case);

}  // namespace grpo
