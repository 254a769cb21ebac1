#pragma once
// The expressions of the grammar, over a list of tokens. The parser of statements builds on it.

#include <map>
#include <string>
#include <vector>

#include "policy/io/jinja/scope_tracker.h"
#include "policy/io/jinja/syntax.h"
#include "policy/io/jinja/token_reader.h"

namespace grpo::jinja {

class ExpressionParser : public TokenReader {
 public:
  ExpressionParser(std::vector<Token> tokens, const std::string& where);

  // a, b, c is a tuple. `conditional`: whether "x if y else z" is taken whole. `ends_at`: a name that ends
  // it.
  ExprPtr tuple(bool conditional = true, const char* ends_at = nullptr, bool parenthesized = false);
  ExprPtr expression(bool conditional = true);
  CallArguments call_arguments();
  // Filters behind "|", or one without it where `bare`; `input` is what the first works on.
  ExprPtr filters(ExprPtr input, bool bare);

  int symbol(const std::string& name);
  std::vector<std::string> symbols;
  // Signatures being parsed, innermost last: a name used in one may be caller, varargs or kwargs.
  std::vector<Signature*> open_signatures;
  int loop_uses = 0;  // how often `loop` was named so far
  ScopeTracker scopes;

  template <typename Node>
  ExprPtr make(int line, Node node, int depth_below) {
    auto made = std::make_unique<Expr>();
    made->line = line;
    made->depth = depth_below + 1;
    check_depth(made->depth);
    made->node = std::move(node);
    return made;
  }

 private:
  void check_depth(int depth) const;
  ExprPtr disjunction();
  ExprPtr conjunction();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filters = true);
  ExprPtr primary();
  ExprPtr postfix(ExprPtr value);
  ExprPtr filters_and_tests(ExprPtr value);
  ExprPtr subscript(ExprPtr object);
  ExprPtr test(ExprPtr input);
  ExprPtr list();
  ExprPtr dict();
  void note_use(const std::string& name);

  std::map<std::string, int> numbers_;
};

}  // namespace grpo::jinja
