#pragma once
// Text as Python's str sees it: characters counted one by one, its notion of white space, line ends and
// letters. Everything here takes valid UTF-8; positions are in characters unless they say bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grpo::jinja {

bool is_ascii(std::string_view text);
int64_t count_characters(std::string_view text);
// Byte offset of character `index`; the size of the text where it has no more than `index` characters.
size_t byte_offset(std::string_view text, int64_t index);

// str.isspace(): what strip() without argument, split() without argument and `-%}` remove.
bool is_space(char32_t c);
bool is_letter(char32_t c);         // str.isalpha()
bool is_decimal_digit(char32_t c);  // str.isdecimal()
bool is_digit(char32_t c);          // str.isdigit(): superscripts and circled digits as well
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_printable(char32_t c);  // what repr() writes as it is

// Which ends strip_characters works on.
enum class Side { kBoth, kLeft, kRight };
// Without white space at the ends.
std::string_view strip_space(std::string_view text, Side side = Side::kBoth);
// Without characters of `set` at the ends.
std::string_view strip_characters(std::string_view text, std::string_view set, Side side = Side::kBoth);

// Case mappings. to_upper: none where a letter's upper case is several letters outside plain Latin (Greek
// with iota subscript and such), which is not supported.
std::string to_lower(std::string_view text);
std::optional<std::string> to_upper(std::string_view text);

// Byte offset of the first or last `part` in `text`, npos if there is none. Linear in text and part.
size_t find_first(std::string_view text, std::string_view part, size_t from = 0);
size_t find_last(std::string_view text, std::string_view part);

// str.splitlines(): the lines, with their ends if `keep_ends`.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);
// str.split() without separator: the words between white space; no more than `limit` cuts where limit >= 0.
std::vector<std::string_view> split_words(std::string_view text, int64_t limit, bool from_right);

}  // namespace grpo::jinja
