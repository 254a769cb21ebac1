#pragma once
// Where in a completion the answer stands. Plain forward and backward searches for fixed strings, so any text is
// read in linear time; tags are matched byte for byte (<answer >, <ANSWER> and look-alike letters are text).

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace grpo {

enum class Extract {
  kAnswerTag,  // "answer_tag": inside the last <answer>..</answer>
  kLastLine,   // "last_line": the last line that is not blank
  kAll,        // "all" or "completion": the whole text
};

// Reads the option `extract`, one of `choices` (names as above); `fallback` if it is absent.
Extract read_extract(ObjectReader& options, const std::vector<std::string>& choices, const std::string& fallback);

// What `extract` selects, trimmed of whitespace; none where the text has no such place (no answer tag, no line).
// The view points into `text`.
std::optional<std::string_view> extract_answer(std::string_view text, Extract extract);

// Inside the last <answer> that is closed by a later </answer>. What is thought is not answered: text up to the
// last </think> is not searched, nor is text after a <think> that is never closed.
std::optional<std::string_view> last_answer_tag(std::string_view text);

// Without ASCII whitespace (space, \t \n \v \f \r) at both ends.
std::string_view trim(std::string_view text);

// True if nothing in the text is visible: only Unicode spaces, separators, controls and format characters
// (zero-width space, byte order mark, ...). Bytes that are not UTF-8 count as visible.
bool is_blank(std::string_view text);

// The text for a person to read: cut to its first 120 bytes, bytes that are not UTF-8 replaced, so that it can
// be stored as JSON.
std::string excerpt(std::string_view text);

}  // namespace grpo
