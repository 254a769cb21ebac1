#pragma once
// Tokens read one after the other, with a look ahead: what the parsers of expressions and statements share.

#include <string>
#include <string_view>
#include <vector>

#include "policy/io/jinja/lexer.h"

namespace grpo::jinja {

class TokenReader {
 public:
  // `where` names the template in messages and must outlive the reader.
  TokenReader(std::vector<Token> tokens, const std::string& where);

  const Token& token(size_t ahead = 0) const;
  bool at_operator(std::string_view op, size_t ahead = 0) const;
  bool at_name(std::string_view name, size_t ahead = 0) const;
  // Move past the token at hand: always, if it is this, or failing if it is not.
  void next();
  bool take_operator(std::string_view op);
  bool take_name(std::string_view name);
  void expect_operator(std::string_view op);
  std::string expect_name();
  void expect(Token::Kind kind, const char* what);

  [[noreturn]] void fail(const std::string& what, const std::string& fix = "") const;
  std::string describe() const;  // the token at hand, for messages

  // A level of nesting of what is being read; fails beyond the limit.
  class Level {
   public:
    explicit Level(TokenReader& reader);
    ~Level() { --reader_.nesting_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    TokenReader& reader_;
  };

 private:
  const std::vector<Token> tokens_;
  const std::string& where_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace grpo::jinja
