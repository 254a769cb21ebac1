#pragma once
// The "normalizer" of a tokenizer.json: what is done to text before it is split. Supported: null, NFC,
// Prepend, Replace (of a literal string) and Sequence of these.

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace grpo {

class Normalizer {
 public:
  // Throws Error with `file` and JSON path for anything else.
  static Normalizer from_json(const Json& json, const std::string& file,
                              const std::string& path = "normalizer");

  // Valid UTF-8 in and out. Empty text stays empty: Prepend adds nothing to nothing.
  std::string apply(std::string_view text) const;

 private:
  enum class Kind { kNfc, kPrepend, kReplace };
  struct Step {
    Kind kind;
    std::string from;  // Replace
    std::string to;    // Replace: the replacement; Prepend: the prefix
  };
  void add(const Json& json, const std::string& file, const std::string& path);

  std::vector<Step> steps_;
};

// Every occurrence of `from` in `text` replaced, left to right; an empty `from` occurs nowhere.
std::string replace_all(std::string_view text, const std::string& from, const std::string& to);

}  // namespace grpo
