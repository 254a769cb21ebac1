#pragma once
// Where the gold answer stands in a data row's answer column, for published sets that keep it inside a
// solution.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace grpo {

// "none": the whole column, trimmed. "####": what follows the last ####, trimmed (GSM8K). "boxed": inside the
// last \boxed{...} with balanced braces (MATH).
std::vector<std::string> answer_extractor_names();

// `extractor` is one of the names above. None if the text has no such place, or nothing in it.
std::optional<std::string> extract_gold(const std::string& extractor, std::string_view text);

}  // namespace grpo
