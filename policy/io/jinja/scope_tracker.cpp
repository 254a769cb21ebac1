#include "policy/io/jinja/scope_tracker.h"

namespace grpo::jinja {

int ScopeTracker::open() {
  scopes_.push_back({.parent = at_, .branches = 0, .known = {}, .assigned_first = {}});
  return at_ = static_cast<int>(scopes_.size()) - 1;
}

void ScopeTracker::reopen(int scope) {
  at_ = scope;
}

void ScopeTracker::close() {
  at_ = scopes_[static_cast<size_t>(at_)].parent;
}

void ScopeTracker::parameter(int symbol) {
  scopes_[static_cast<size_t>(at_)].known.insert(symbol);
}

void ScopeTracker::load(int symbol) {
  for (int scope = at_; scope >= 0; scope = scopes_[static_cast<size_t>(scope)].parent) {
    if (scopes_[static_cast<size_t>(scope)].known.contains(symbol)) return;
  }
  scopes_[static_cast<size_t>(at_)].known.insert(symbol);
}

void ScopeTracker::store(int symbol) {
  Scope& scope = scopes_[static_cast<size_t>(at_)];
  if (scope.known.insert(symbol).second && scope.branches == 0) scope.assigned_first.push_back(symbol);
}

std::vector<std::vector<int>> ScopeTracker::hidden() const {
  std::vector<std::vector<int>> all;
  for (const Scope& scope : scopes_) {
    std::vector<int>& hidden = all.emplace_back();
    for (const int symbol : scope.assigned_first) {
      // A variable of a scope around is seen, or hidden, there.
      bool outside = false;
      for (int outer = scope.parent; outer >= 0; outer = scopes_[static_cast<size_t>(outer)].parent) {
        outside = outside || scopes_[static_cast<size_t>(outer)].known.contains(symbol);
      }
      if (!outside) hidden.push_back(symbol);
    }
  }
  return all;
}

}  // namespace grpo::jinja
