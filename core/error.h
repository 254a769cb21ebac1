#pragma once
// What the program says when the world is wrong: a broken file, a bad recipe, a missing device. An Error
// always carries three parts, what happened with its numbers, where, and how to mend it; the command line
// prints them and exits 1. Our own bugs are not Errors: they are GRPO_CHECKs, and abort.

#include <stdexcept>
#include <string>

namespace grpo {

class Error : public std::runtime_error {
 public:
  // what: one sentence with the offending numbers. where: a file, a JSON path ("recipe.json: stages[0].beta")
  // or a tensor name. fix: what the user can do; may be empty where there is nothing to advise.
  Error(std::string what, std::string where, std::string fix = "");

  const std::string& summary() const { return summary_; }
  const std::string& where() const { return where_; }
  const std::string& fix() const { return fix_; }

 private:
  std::string summary_;
  std::string where_;
  std::string fix_;
};

// Prints "file:line: condition" to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace grpo

// For invariants of our own code, in every build. Never for user input.
#define GRPO_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::grpo::check_failed(#condition, __FILE__, __LINE__))
