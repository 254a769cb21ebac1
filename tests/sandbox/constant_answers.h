#pragma once
// Programs that ignore what they are given: nothing at all, or a function that always answers the same. Judges that accept
// them teach a policy to guess. Where the published tests of a problem expect one and the same answer of every call, such a
// program is right as far as anybody can tell; those problems are listed, with the reason, and no others are let pass.

#include <array>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "sandbox/judge/verdict.h"

namespace grpo {

// The constant that stands for the program with nothing in it.
inline constexpr const char* kNothing = "nothing";

// A problem whose tests take constants for right.
struct WeakProblem {
  std::string id;
  std::set<std::string> constants;  // as the language writes them; kNothing among them where it passes too
  std::string why;
};

inline std::set<std::string> ids_of(const std::vector<WeakProblem>& problems) {
  std::set<std::string> ids;
  for (const WeakProblem& problem : problems) ids.insert(problem.id);
  return ids;
}

// What came of such programs.
class ConstantAnswers {
 public:
  // Safe to call from many threads.
  void add(const std::string& id, const std::string& constant, Verdict verdict) {
    const std::lock_guard hold(mutex_);
    tried_[id].insert(constant);
    ++verdicts_[verdict_name(verdict)];
    if (verdict == Verdict::kAccepted) accepted_[id].insert(constant);
  }

  // A line for every problem of which other constants were accepted than those that are listed; empty: there is none.
  // Problems of which nothing was tried do not count.
  std::string other_than(const std::vector<WeakProblem>& listed) const {
    std::map<std::string, std::set<std::string>> expected;
    for (const WeakProblem& problem : listed) {
      if (tried_.contains(problem.id)) expected[problem.id] = problem.constants;
    }
    std::string lines;
    for (const auto& [id, constants] : accepted_) {
      if (constants != expected[id]) lines += id + ": accepted " + joined(constants) + ", listed " + joined(expected[id]) + "\n";
    }
    for (const auto& [id, constants] : expected) {
      if (!accepted_.contains(id)) lines += id + ": none accepted, listed " + joined(constants) + "\n";
    }
    return lines;
  }

  // "164 problems, 1804 programs: AC 3, CE 0, WA 1801".
  std::string summary() const {
    size_t programs = 0;
    for (const auto& [id, constants] : tried_) programs += constants.size();
    std::string text = std::to_string(tried_.size()) + " problems, " + std::to_string(programs) + " programs:";
    for (const auto& [name, count] : verdicts_) text += " " + name + " " + std::to_string(count);
    return text;
  }

  // How many ended with this verdict.
  size_t count(Verdict verdict) const {
    const auto found = verdicts_.find(verdict_name(verdict));
    return found == verdicts_.end() ? 0 : found->second;
  }
  size_t count() const {
    size_t programs = 0;
    for (const auto& [name, count] : verdicts_) programs += count;
    return programs;
  }

 private:
  static std::string joined(const std::set<std::string>& constants) {
    std::string text;
    for (const std::string& constant : constants) text += (text.empty() ? "{" : ", ") + constant;
    return text.empty() ? "{}" : text + "}";
  }

  std::mutex mutex_;
  std::map<std::string, std::set<std::string>> tried_, accepted_;
  std::map<std::string, size_t> verdicts_;
};

}  // namespace grpo
