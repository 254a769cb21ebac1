#pragma once
// The regular expressions of a tokenizer.json. Those of the common tokenizers have hand-written scanners; all
// others are written for Oniguruma and run here on PCRE2 (JIT), so the pattern is translated first: what both
// engines read alike passes, what they read differently is either rewritten (\s is Unicode's White_Space; ^
// and $ match at every line) or refused.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/io/split_pattern_scanner.h"

namespace grpo {

// Byte offsets [begin, end) of one piece of a text.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextSpan&) const = default;
};

// Immutable; may be used from several threads.
class SplitPattern {
 public:
  // Throws Error, with `where`, for a pattern that does not compile or that the engines read differently.
  static SplitPattern regex(const std::string& pattern, const std::string& where);
  // The same by PCRE2 even where there is a scanner, to compare them.
  static SplitPattern pcre2(const std::string& pattern, const std::string& where);
  // Matches `text` literally; an empty one never matches.
  static SplitPattern literal(const std::string& text);

 private:
  friend class SplitSearch;
  struct Code;
  std::string literal_;
  SplitScanner scanner_ = nullptr;
  std::shared_ptr<const Code> code_;  // null: a scanner, or literal
};

// The working memory of one pattern, for searching many texts one after another. For one thread; the pattern
// must outlive it.
class SplitSearch {
 public:
  explicit SplitSearch(const SplitPattern& pattern);
  ~SplitSearch();
  SplitSearch(const SplitSearch&) = delete;
  SplitSearch& operator=(const SplitSearch&) = delete;

  // Sets `matches` to all matches in `text` (valid UTF-8), left to right, not overlapping, empty ones
  // included. Throws Error if the pattern needs more than 64 MiB of memory on this text.
  void find_all(std::string_view text, std::vector<TextSpan>& matches);

 private:
  bool next(std::string_view text, size_t from, TextSpan& match);

  struct Memory;
  const SplitPattern& pattern_;
  std::unique_ptr<Memory> memory_;  // null: a scanner, or literal
};

// The pattern in PCRE2's spelling; what SplitPattern::regex compiles.
std::string translate_oniguruma(const std::string& pattern, const std::string& where);

}  // namespace grpo
