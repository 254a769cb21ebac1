#pragma once
// Regular expressions over the names of modules and tensors, as recipes and adapter files hold them. Syntax
// is PCRE2's, which for names is Python's.

#include <memory>
#include <string>

namespace grpo {

class NamePattern {
 public:
  // Throws Error, naming `where`, for an expression that does not compile.
  NamePattern(const std::string& expression, const std::string& where);

  // Whether the expression matches somewhere in the name, or the name as a whole. Throws Error where matching
  // takes more steps than PCRE2 allows.
  bool found_in(const std::string& name) const { return match(name, 0); }
  bool matches_whole(const std::string& name) const;

 private:
  struct Code;
  bool match(const std::string& name, uint32_t options) const;

  std::shared_ptr<const Code> code_;
  std::string where_;
};

}  // namespace grpo
