#pragma once
// The numerals 0 to 9 in two languages that no script shares, so that a text's language can be told word by word
// (rewards/language/language.h) and a policy has two ways to think the same.

#include <array>
#include <string_view>

namespace grpo {

struct Numerals {
  const char* language;  // a code of rewards/language/language.h
  std::array<std::string_view, 10> digits;
};

inline constexpr std::array<Numerals, 2> kNumerals = {{
    {"zh", {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}},
    {"ko", {"영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"}},
}};

}  // namespace grpo
