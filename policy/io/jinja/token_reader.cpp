#include "policy/io/jinja/token_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace grpo::jinja {
namespace {

constexpr int kDeepestNesting =
    100;  // parentheses and blocks within each other: bounds the parser's recursion

}  // namespace

TokenReader::Level::Level(TokenReader& reader) : reader_(reader) {
  if (++reader_.nesting_ <= kDeepestNesting) return;
  --reader_.nesting_;
  reader_.fail(fmt::format("more than {} levels of nesting", kDeepestNesting));
}

TokenReader::TokenReader(std::vector<Token> tokens, const std::string& where)
    : tokens_(std::move(tokens)), where_(where) {}

void TokenReader::fail(const std::string& what, const std::string& fix) const {
  throw Error(what, fmt::format("{}: line {}", where_, token().line), fix);
}

const Token& TokenReader::token(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool TokenReader::at_operator(std::string_view op, size_t ahead) const {
  return token(ahead).kind == Token::Kind::kOperator && token(ahead).text == op;
}

bool TokenReader::at_name(std::string_view name, size_t ahead) const {
  return token(ahead).kind == Token::Kind::kName && token(ahead).text == name;
}

void TokenReader::next() {
  if (at_ + 1 < tokens_.size()) ++at_;
}

bool TokenReader::take_operator(std::string_view op) {
  if (!at_operator(op)) return false;
  next();
  return true;
}

bool TokenReader::take_name(std::string_view name) {
  if (!at_name(name)) return false;
  next();
  return true;
}

std::string TokenReader::describe() const {
  switch (token().kind) {
    case Token::Kind::kData:
      return "text";
    case Token::Kind::kPrintBegin:
      return "{{";
    case Token::Kind::kPrintEnd:
      return "}}";
    case Token::Kind::kBlockBegin:
      return "{%";
    case Token::Kind::kBlockEnd:
      return "%}";
    case Token::Kind::kString:
      return "a string";
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
      return "a number";
    case Token::Kind::kName:
    case Token::Kind::kOperator:
      return "'" + token().text.substr(0, 60) + "'";
    case Token::Kind::kEnd:
      return "the end of the template";
  }
  return "";
}

void TokenReader::expect_operator(std::string_view op) {
  if (!take_operator(op)) fail(fmt::format("expected '{}', found {}", op, describe()));
}

std::string TokenReader::expect_name() {
  if (token().kind != Token::Kind::kName) fail(fmt::format("expected a name, found {}", describe()));
  std::string name = token().text;
  next();
  return name;
}

void TokenReader::expect(Token::Kind kind, const char* what) {
  if (token().kind != kind) fail(fmt::format("expected {}, found {}", what, describe()));
  next();
}

}  // namespace grpo::jinja
