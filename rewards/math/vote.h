#pragma once
// What a majority vote counts as one answer.

#include <string>
#include <string_view>

namespace grpo::math {

// The answer that a completion gives (find/extract.h: the last <answer>, else the last box, ...), in its structural form where
// it is mathematics (read/canonical.h: 0.50, \frac12 and 1/2 are three forms of two, 2.5 and 2.50 one), else as it stands
// without white space around it; the whole completion, likewise, where it gives none. A form and a text are never equal.
std::string answer_vote(std::string_view completion);

}  // namespace grpo::math
