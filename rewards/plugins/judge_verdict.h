#pragma once
// What a judging model replied, read leniently but never in doubt: a reply that says two things is unreadable.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace grpo {

// What stands behind the last </think>; nothing of a reply whose <think> is never closed.
std::string_view behind_thought(std::string_view reply);

// True for "correct", false for "incorrect" under the key "correctness", in any case of letters. Read is a JSON object
// that is the whole reply (fenced with ``` or not); failing that, every `"correctness": "..."` in the text around it, all
// of which must say the same. None if there is no such word, or there are different ones. Quotation marks behind a
// backslash begin no key, so a completion that is quoted within a JSON string says nothing. Linear in the reply.
std::optional<bool> read_correctness(std::string_view reply);

// A grade in a text, found by a regular expression (PCRE2).
class GradePattern {
 public:
  // `expression` has one group, which matches a number. Throws Error with `where` if it does not compile or has none.
  GradePattern(const std::string& expression, double min, double max, const std::string& where);

  // The number of the last match; none without one, if it is no number or lies outside min and max, or if matching takes
  // more steps than PCRE2 allows. Safe from several threads at once.
  std::optional<double> read(std::string_view reply) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
  double min_;
  double max_;
};

}  // namespace grpo
