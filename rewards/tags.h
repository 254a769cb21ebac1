#pragma once
// Where the tags of a think/answer template stand. Plain searches for fixed strings: linear in the text,
// whatever it repeats. Tags are matched byte for byte: <Think>, <think > and look-alike letters are text.

#include <optional>
#include <string_view>

namespace grpo {

constexpr std::string_view kThinkOpen = "<think>";
constexpr std::string_view kThinkClose = "</think>";
constexpr std::string_view kAnswerOpen = "<answer>";
constexpr std::string_view kAnswerClose = "</answer>";

// Where `tag` stands, if it stands in the text exactly once.
inline std::optional<size_t> only_position(std::string_view text, std::string_view tag) {
  const size_t first = text.find(tag);
  if (first == std::string_view::npos || text.find(tag, first + tag.size()) != std::string_view::npos) {
    return std::nullopt;
  }
  return first;
}

}  // namespace grpo
