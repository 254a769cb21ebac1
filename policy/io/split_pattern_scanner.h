#pragma once
// Hand-written searches for the split patterns of the common tokenizers, many times faster than a regular
// expression engine. A pattern is known by its exact text; the matches are those of the engine, which the
// tests compare on random texts. Two engines may know different versions of Unicode: see unicode_classes.h
// for the one used here.

#include <string_view>
#include <vector>

namespace grpo {

struct TextSpan;

// GPT-2's pattern, which ByteLevel applies when use_regex is set.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Qwen2, 2.5 and 3: every digit alone.
inline constexpr std::string_view kQwenPattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// Llama 3 and cl100k: up to three digits together.
inline constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// DeepSeek-V3 and R1 split three times: numbers, then Chinese and kana, then the rest.
inline constexpr std::string_view kDeepSeekNumbers = R"(\p{N}{1,3})";
inline constexpr std::string_view kDeepSeekCjk = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
inline constexpr std::string_view kDeepSeekPattern =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Appends all matches in `text` (valid UTF-8), left to right, none empty and none overlapping.
using SplitScanner = void (*)(std::string_view text, std::vector<TextSpan>& matches);

// The scanner of a pattern above, where a CR or LF may stand itself or as \r or \n; null for any other.
SplitScanner split_scanner(std::string_view pattern);

}  // namespace grpo
