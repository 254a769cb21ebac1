#include "policy/io/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace grpo::jinja {
namespace {

// Levels of the tree that operators in a row build: bounds every recursion over it.
constexpr int kDeepestTree = 400;

int depth(const ExprPtr& expr) {
  return expr == nullptr ? 0 : expr->depth;
}

int depth(const CallArguments& arguments) {
  int deepest = std::max(depth(arguments.star), depth(arguments.star_star));
  for (const ExprPtr& item : arguments.positional) deepest = std::max(deepest, depth(item));
  for (const auto& [name, item] : arguments.keywords) deepest = std::max(deepest, depth(item));
  return deepest;
}

template <typename T>
Value constant_text(const T& text) {
  auto made = std::make_shared<Text>();
  made->ascii = is_ascii(text);
  made->utf8 = text;
  return TextPtr(std::move(made));
}

}  // namespace

ExpressionParser::ExpressionParser(std::vector<Token> tokens, const std::string& where)
    : TokenReader(std::move(tokens), where) {}

void ExpressionParser::check_depth(int depth) const {
  if (depth > kDeepestTree)
    fail(fmt::format("an expression with more than {} operators in a row", kDeepestTree));
}

int ExpressionParser::symbol(const std::string& name) {
  const auto [it, added] = numbers_.emplace(name, static_cast<int>(symbols.size()));
  if (added) symbols.push_back(name);
  return it->second;
}

void ExpressionParser::note_use(const std::string& name) {
  loop_uses += name == "loop" ? 1 : 0;
  for (Signature* signature : open_signatures) {
    signature->uses_caller = signature->uses_caller || name == "caller";
    signature->uses_varargs = signature->uses_varargs || name == "varargs";
    signature->uses_kwargs = signature->uses_kwargs || name == "kwargs";
  }
}

ExprPtr ExpressionParser::tuple(bool conditional, const char* ends_at, bool parenthesized) {
  const int line = token().line;
  std::vector<ExprPtr> items;
  bool several = false;
  int deepest = 0;
  for (;;) {
    const bool ends = token().kind == Token::Kind::kPrintEnd || token().kind == Token::Kind::kBlockEnd ||
                      at_operator(")") || (ends_at != nullptr && at_name(ends_at));
    if (ends) break;
    items.push_back(expression(conditional));
    deepest = std::max(deepest, depth(items.back()));
    if (!take_operator(",")) break;
    several = true;
  }
  if (!several && !items.empty()) return std::move(items[0]);
  if (!several && !parenthesized) fail(fmt::format("expected an expression, found {}", describe()));
  return make(line, ListLiteral{Sequence::Kind::kTuple, std::move(items)}, deepest);
}

ExprPtr ExpressionParser::expression(bool conditional) {
  const Level level(*this);
  const int line = token().line;
  ExprPtr value = disjunction();
  while (conditional && take_name("if")) {
    ExprPtr test = disjunction();
    ExprPtr otherwise = take_name("else") ? expression() : nullptr;
    const int deepest = std::max({depth(value), depth(test), depth(otherwise)});
    value = make(line, Conditional{std::move(test), std::move(value), std::move(otherwise)}, deepest);
  }
  return value;
}

ExprPtr ExpressionParser::disjunction() {
  const int line = token().line;
  ExprPtr left = conjunction();
  while (take_name("or")) {
    ExprPtr right = conjunction();
    const int deepest = std::max(depth(left), depth(right));
    left = make(line, Logical{false, std::move(left), std::move(right)}, deepest);
  }
  return left;
}

ExprPtr ExpressionParser::conjunction() {
  const int line = token().line;
  ExprPtr left = negation();
  while (take_name("and")) {
    ExprPtr right = negation();
    const int deepest = std::max(depth(left), depth(right));
    left = make(line, Logical{true, std::move(left), std::move(right)}, deepest);
  }
  return left;
}

ExprPtr ExpressionParser::negation() {
  const int line = token().line;
  if (!take_name("not")) return comparison();
  const Level level(*this);
  ExprPtr operand = negation();
  const int deepest = depth(operand);
  return make(line, Unary{Unary::Op::kNot, std::move(operand)}, deepest);
}

ExprPtr ExpressionParser::comparison() {
  static const std::pair<const char*, Comparison> kOperators[] = {
      {"==", Comparison::kEqual},        {"!=", Comparison::kNotEqual}, {"<=", Comparison::kLessEqual},
      {">=", Comparison::kGreaterEqual}, {"<", Comparison::kLess},      {">", Comparison::kGreater}};
  const int line = token().line;
  ExprPtr first = sum();
  std::vector<std::pair<Comparison, ExprPtr>> rest;
  int deepest = depth(first);
  for (;;) {
    const auto op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                 [&](const auto& candidate) { return at_operator(candidate.first); });
    Comparison kind = Comparison::kIn;
    if (op != std::end(kOperators)) {
      kind = op->second;
      next();
    } else if (at_name("not") && at_name("in", 1)) {
      kind = Comparison::kNotIn;
      next();
      next();
    } else if (!take_name("in")) {
      break;
    }
    rest.emplace_back(kind, sum());
    deepest = std::max(deepest, depth(rest.back().second));
  }
  if (rest.empty()) return first;
  return make(line, Comparisons{std::move(first), std::move(rest)}, deepest);
}

ExprPtr ExpressionParser::sum() {
  const int line = token().line;
  ExprPtr left = concatenation();
  while (at_operator("+") || at_operator("-")) {
    const Arithmetic op = at_operator("+") ? Arithmetic::kAdd : Arithmetic::kSubtract;
    next();
    ExprPtr right = concatenation();
    const int deepest = std::max(depth(left), depth(right));
    left = make(line, Binary{op, std::move(left), std::move(right)}, deepest);
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  const int line = token().line;
  std::vector<ExprPtr> parts;
  parts.push_back(product());
  int deepest = depth(parts[0]);
  while (take_operator("~")) {
    parts.push_back(product());
    deepest = std::max(deepest, depth(parts.back()));
  }
  return parts.size() == 1 ? std::move(parts[0]) : make(line, Concatenation{std::move(parts)}, deepest);
}

ExprPtr ExpressionParser::product() {
  static const std::pair<const char*, Arithmetic> kOperators[] = {{"*", Arithmetic::kMultiply},
                                                                  {"/", Arithmetic::kDivide},
                                                                  {"//", Arithmetic::kFloorDivide},
                                                                  {"%", Arithmetic::kRemainder}};
  const int line = token().line;
  ExprPtr left = power();
  for (;;) {
    const auto op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                 [&](const auto& candidate) { return at_operator(candidate.first); });
    if (op == std::end(kOperators)) return left;
    next();
    ExprPtr right = power();
    const int deepest = std::max(depth(left), depth(right));
    left = make(line, Binary{op->second, std::move(left), std::move(right)}, deepest);
  }
}

ExprPtr ExpressionParser::power() {
  const int line = token().line;
  ExprPtr left = unary();
  while (take_operator("**")) {
    ExprPtr right = unary();
    const int deepest = std::max(depth(left), depth(right));
    left = make(line, Binary{Arithmetic::kPower, std::move(left), std::move(right)}, deepest);
  }
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filters) {
  const int line = token().line;
  ExprPtr value;
  if (at_operator("-") || at_operator("+")) {
    const Level level(*this);
    const Unary::Op op = at_operator("-") ? Unary::Op::kNegative : Unary::Op::kPositive;
    next();
    ExprPtr operand = unary(false);
    const int deepest = depth(operand);
    value = make(line, Unary{op, std::move(operand)}, deepest);
  } else {
    value = primary();
  }
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExprPtr ExpressionParser::primary() {
  const Token& now = token();
  const int line = now.line;
  if (now.kind == Token::Kind::kName) {
    const std::string name = expect_name();
    if (name == "true" || name == "True") return make(line, Constant{true}, 0);
    if (name == "false" || name == "False") return make(line, Constant{false}, 0);
    if (name == "none" || name == "None") return make(line, Constant{}, 0);
    note_use(name);
    scopes.load(symbol(name));
    return make(line, Variable{symbol(name)}, 0);
  }
  if (now.kind == Token::Kind::kString) {
    std::string text;
    for (; token().kind == Token::Kind::kString; next()) text += token().text;
    return make(line, Constant{constant_text(text)}, 0);
  }
  if (now.kind == Token::Kind::kInteger || now.kind == Token::Kind::kFloat) {
    Value value = now.kind == Token::Kind::kInteger ? Value(now.integer) : Value(now.real);
    next();
    return make(line, Constant{std::move(value)}, 0);
  }
  if (take_operator("(")) {
    ExprPtr inner = tuple(true, nullptr, true);
    expect_operator(")");
    return inner;
  }
  if (take_operator("[")) return list();
  if (take_operator("{")) return dict();
  fail(fmt::format("unexpected {}", describe()));
}

ExprPtr ExpressionParser::list() {
  const int line = token().line;
  std::vector<ExprPtr> items;
  int deepest = 0;
  while (!at_operator("]")) {
    items.push_back(expression());
    deepest = std::max(deepest, depth(items.back()));
    if (!at_operator("]")) expect_operator(",");
  }
  next();
  return make(line, ListLiteral{Sequence::Kind::kList, std::move(items)}, deepest);
}

ExprPtr ExpressionParser::dict() {
  const int line = token().line;
  std::vector<std::pair<ExprPtr, ExprPtr>> items;
  int deepest = 0;
  while (!at_operator("}")) {
    ExprPtr key = expression();
    expect_operator(":");
    ExprPtr value = expression();
    deepest = std::max({deepest, depth(key), depth(value)});
    items.emplace_back(std::move(key), std::move(value));
    if (!at_operator("}")) expect_operator(",");
  }
  next();
  return make(line, DictLiteral{std::move(items)}, deepest);
}

ExprPtr ExpressionParser::postfix(ExprPtr value) {
  for (;;) {
    const int line = token().line;
    if (at_operator(".") || at_operator("[")) {
      value = subscript(std::move(value));
    } else if (at_operator("(")) {
      CallArguments arguments = call_arguments();
      const int deepest = std::max(depth(value), depth(arguments));
      value = make(line, CallOf{std::move(value), std::move(arguments)}, deepest);
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::filters_and_tests(ExprPtr value) {
  for (;;) {
    const int line = token().line;
    if (at_operator("|")) {
      value = filters(std::move(value), false);
    } else if (at_name("is")) {
      value = test(std::move(value));
    } else if (at_operator("(")) {
      CallArguments arguments = call_arguments();
      const int deepest = std::max(depth(value), depth(arguments));
      value = make(line, CallOf{std::move(value), std::move(arguments)}, deepest);
    } else {
      return value;
    }
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr object) {
  const int line = token().line;
  const int below = depth(object);
  if (take_operator(".")) {
    if (token().kind == Token::Kind::kInteger) {
      ExprPtr key = make(line, Constant{token().integer}, 0);
      next();
      return make(line, ItemOf{std::move(object), std::move(key)}, below);
    }
    return make(line, AttributeOf{std::move(object), expect_name()}, below);
  }
  expect_operator("[");
  const auto bound = [&]() -> ExprPtr {
    return at_operator(":") || at_operator("]") || at_operator(",") ? nullptr : expression();
  };
  ExprPtr first = bound();
  if (!at_operator(":")) {
    if (first == nullptr) fail("an empty subscript");
    if (at_operator(",")) fail("several subscripts in one are not supported");
    expect_operator("]");
    const int deepest = std::max(below, depth(first));
    return make(line, ItemOf{std::move(object), std::move(first)}, deepest);
  }
  next();
  ExprPtr stop = bound();
  ExprPtr step = take_operator(":") ? bound() : nullptr;
  if (at_operator(",")) fail("several subscripts in one are not supported");
  expect_operator("]");
  const int deepest = std::max({below, depth(first), depth(stop), depth(step)});
  return make(line, SliceOf{std::move(object), std::move(first), std::move(stop), std::move(step)}, deepest);
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments arguments;
  expect_operator("(");
  const auto ensure = [&](bool holds) {
    if (!holds) fail("invalid syntax for function call expression");
  };
  while (!at_operator(")")) {
    if (take_operator("*")) {
      ensure(arguments.star == nullptr && arguments.star_star == nullptr);
      arguments.star = expression();
    } else if (take_operator("**")) {
      ensure(arguments.star_star == nullptr);
      arguments.star_star = expression();
    } else if (token().kind == Token::Kind::kName && at_operator("=", 1)) {
      ensure(arguments.star_star == nullptr);
      std::string name = expect_name();
      next();
      for (const auto& [other, unused] : arguments.keywords) {
        if (other == name) fail(fmt::format("the argument '{}' is given twice", name));
      }
      arguments.keywords.emplace_back(std::move(name), expression());
    } else {
      ensure(arguments.star == nullptr && arguments.star_star == nullptr && arguments.keywords.empty());
      arguments.positional.push_back(expression());
    }
    if (!at_operator(")")) expect_operator(",");
  }
  next();
  return arguments;
}

ExprPtr ExpressionParser::filters(ExprPtr input, bool bare) {
  while (bare || take_operator("|")) {
    bare = false;
    const int line = token().line;
    std::string name = expect_name();
    while (take_operator(".")) name += "." + expect_name();
    const Filter filter = find_filter(name);
    if (filter == nullptr)
      fail(fmt::format("filter '{}' is not known", name), "known filters: " + filter_names());
    CallArguments arguments;
    if (at_operator("(")) arguments = call_arguments();
    const int deepest = std::max(depth(input), depth(arguments));
    input = make(line, FilterOf{std::move(input), filter, std::move(arguments)}, deepest);
  }
  return input;
}

ExprPtr ExpressionParser::test(ExprPtr input) {
  const int line = token().line;
  next();
  const bool negated = take_name("not");
  std::string name = expect_name();
  while (take_operator(".")) name += "." + expect_name();
  const Test test = find_test(name);
  if (test == nullptr) fail(fmt::format("test '{}' is not known", name), "known tests: " + test_names());
  CallArguments arguments;
  const Token::Kind kind = token().kind;
  const bool operand = kind == Token::Kind::kName || kind == Token::Kind::kString ||
                       kind == Token::Kind::kInteger || kind == Token::Kind::kFloat || at_operator("[") ||
                       at_operator("{");
  if (at_operator("(")) {
    arguments = call_arguments();
  } else if (operand && !at_name("else") && !at_name("or") && !at_name("and")) {
    if (at_name("is")) fail("You cannot chain multiple tests with is");
    arguments.positional.push_back(postfix(primary()));
  }
  const int deepest = std::max(depth(input), depth(arguments));
  ExprPtr made = make(line, TestOf{std::move(input), test, std::move(arguments)}, deepest);
  if (!negated) return made;
  const int below = made->depth;
  return make(line, Unary{Unary::Op::kNot, std::move(made)}, below);
}

}  // namespace grpo::jinja
