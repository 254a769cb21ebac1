#pragma once
// A parsed template: statements and expressions as a tree. Variables are numbered, so that a scope is a short
// list of numbers and values. Immutable once parsed; renders share it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "policy/io/jinja/filters.h"
#include "policy/io/jinja/operators.h"

namespace grpo::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Constant {
  Value value;
};
struct Variable {
  int symbol;
};
struct ListLiteral {
  Sequence::Kind kind;  // list or tuple
  std::vector<ExprPtr> items;
};
struct DictLiteral {
  std::vector<std::pair<ExprPtr, ExprPtr>> items;
};
struct Unary {
  enum class Op { kNot, kNegative, kPositive } op;
  ExprPtr operand;
};
struct Binary {
  Arithmetic op;
  ExprPtr left, right;
};
struct Logical {
  bool conjunction;  // and; else or
  ExprPtr left, right;
};
struct Comparisons {  // a < b < c
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};
struct Concatenation {  // a ~ b ~ c
  std::vector<ExprPtr> parts;
};
struct Conditional {
  ExprPtr test, then, otherwise;  // otherwise: null if left out
};
struct AttributeOf {
  ExprPtr object;
  std::string name;
};
struct ItemOf {
  ExprPtr object, key;
};
struct SliceOf {
  ExprPtr object, start, stop, step;  // bounds: null if left out
};
struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> keywords;
  ExprPtr star, star_star;  // *list, **dict; null if there is none
};
struct CallOf {
  ExprPtr callee;
  CallArguments arguments;
};
struct FilterOf {
  ExprPtr input;
  Filter filter;
  CallArguments arguments;
};
struct TestOf {
  ExprPtr input;
  Test test;
  CallArguments arguments;
};
struct BlockText {};  // what a filter block or a block set has written

struct Expr {
  int line = 1;
  int depth = 1;  // of the tree below, bounded by the parser
  std::variant<Constant, Variable, ListLiteral, DictLiteral, Unary, Binary, Logical, Comparisons,
               Concatenation, Conditional, AttributeOf, ItemOf, SliceOf, CallOf, FilterOf, TestOf, BlockText>
      node;
};

// What an assignment fills: a variable, an attribute of a namespace, or several of these.
struct Target {
  int symbol = -1;
  std::optional<std::string> attribute;
  std::vector<Target> items;
  bool several = false;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

// A body with a scope of its own.
struct ScopedBody {
  int scope = 0;  // its number, into Syntax::hidden
  Body body;
};

struct Signature {
  std::string name;
  std::vector<int> arguments;
  std::vector<std::string> argument_names;
  std::vector<ExprPtr> defaults;  // of the last arguments
  ScopedBody body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct Data {
  Value text;
};
struct Print {
  ExprPtr value;
};
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExprPtr iterable;
  ExprPtr condition;  // null if there is none
  ScopedBody body, otherwise;
  bool uses_loop = false;  // whether the body names `loop`
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {
  Target target;
  ExprPtr value;  // the block's text, through filters
  ScopedBody body;
};
struct With {
  std::vector<std::pair<Target, ExprPtr>> values;
  ScopedBody body;
};
struct MacroDefinition {
  int symbol;
  Signature signature;
};
struct CallBlock {
  Signature signature;  // of `caller`
  ExprPtr call;
};
struct FilterBlock {
  ExprPtr value;
  ScopedBody body;
};
struct Generation {  // {% generation %}: a scope of its own, and a mark of the text that it writes
  ScopedBody body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line = 1;
  std::variant<Data, Print, If, For, Set, SetBlock, With, MacroDefinition, CallBlock, FilterBlock, Generation,
               Break, Continue>
      node;
};

struct Syntax {
  ScopedBody body;
  std::vector<std::string> symbols;  // names of variables, by number
  bool marks_generation = false;     // whether {% generation %} stands anywhere
  std::vector<std::vector<int>>
      hidden;  // by scope: what is undefined in it until it is assigned (scope_tracker.h)
};

}  // namespace grpo::jinja
