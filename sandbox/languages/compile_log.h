#pragma once
// What a compiler said, made fit to be shown: to people, in a log, in a record.

#include <string>
#include <string_view>

namespace grpo {

// Without terminal escape sequences and other control characters (tabs and line ends stay), without carriage returns, at
// most `bytes_max` bytes: a longer text keeps its beginning, cut at a line end where there is one, and says how much is
// missing. Bytes that are not UTF-8 stay as they are. "/box/main.cpp" becomes "main.cpp", whatever
// the tier calls /box, and the names of temporary files, which are new every time, become "(temporary)": equal programs have equal logs.
std::string clean_log(std::string_view text, size_t bytes_max = 8 << 10);

}  // namespace grpo
