#pragma once
// Jinja decides when it compiles a template, not when it runs it, which variables a scope holds. A variable
// that a scope assigns outside of any `if`, and does not read before, is undefined in all of it until then,
// even where the caller gave a variable of that name and an inner loop reads it first. This finds those
// variables while the template is parsed.

#include <cstddef>
#include <deque>
#include <set>
#include <vector>

namespace grpo::jinja {

class ScopeTracker {
 public:
  // Opens a scope within the one at hand, or again one that was closed; returns its number.
  int open();
  void reopen(int scope);
  void close();

  void parameter(int symbol);  // a loop variable or an argument: there from the start
  void load(int symbol);
  void store(int symbol);

  // Branches of an `if`: what is assigned only there may still be the caller's.
  void enter_branch() { ++scopes_[static_cast<size_t>(at_)].branches; }
  void leave_branch() { --scopes_[static_cast<size_t>(at_)].branches; }

  // By scope number: the variables that are undefined until they are assigned.
  std::vector<std::vector<int>> hidden() const;

 private:
  struct Scope {
    int parent = -1;
    int branches = 0;
    std::set<int> known;
    std::vector<int> assigned_first;
  };
  std::deque<Scope> scopes_;
  int at_ = -1;
};

}  // namespace grpo::jinja
