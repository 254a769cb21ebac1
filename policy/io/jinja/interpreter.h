#pragma once
// Runs a parsed template once. Scopes are lexical, as Jinja's are: loops, macros, with, block set and the
// like open one; `if` does not; macros see the scope they were defined in as it is when they run.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "policy/io/jinja/runtime.h"
#include "policy/io/jinja/syntax.h"

namespace grpo::jinja {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<int, Value>> values;  // by symbol
  bool captured = false;  // a macro was defined in it or below: it lives as long as the render
};

class Interpreter {
 public:
  Interpreter(const Syntax& syntax, Runtime& runtime);

  // `generated` (optional) receives the byte ranges that {% generation %} blocks write.
  std::string run(const std::map<std::string, Json>& variables,
                  std::vector<std::pair<size_t, size_t>>* generated = nullptr);

 private:
  enum class Flow { kNext, kBreak, kContinue };

  // A scope below the one at hand, for as long as it stands; captured ones are kept by the interpreter.
  class Inner {
   public:
    // `hidden`: the variables that are undefined in it until they are assigned.
    Inner(Interpreter& interpreter, Scope* parent, const std::vector<int>* hidden = nullptr);
    ~Inner();
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    Interpreter& interpreter_;
    Scope* outer_;
    std::unique_ptr<Scope> scope_;
  };

  Flow run(const Body& body);
  Flow run(const Statement& statement);
  Flow run(const If& node);
  Flow run(const For& node);
  Flow run(const Generation& node);
  void run(const Data& node);
  void run(const Print& node);
  void run(const Set& node);
  void run(const SetBlock& node);
  void run(const With& node);
  void run(const MacroDefinition& node);
  void run(const CallBlock& node);
  void run(const FilterBlock& node);

  Value eval(const Expr& expr);
  Value eval(const Constant& node) { return node.value; }
  Value eval(const Variable& node);
  Value eval(const ListLiteral& node);
  Value eval(const DictLiteral& node);
  Value eval(const Unary& node);
  Value eval(const Binary& node);
  Value eval(const Logical& node);
  Value eval(const Comparisons& node);
  Value eval(const Concatenation& node);
  Value eval(const Conditional& node);
  Value eval(const AttributeOf& node);
  Value eval(const ItemOf& node);
  Value eval(const SliceOf& node);
  Value eval(const CallOf& node);
  Value eval(const FilterOf& node);
  Value eval(const TestOf& node);
  Value eval(const BlockText& node);

  Arguments evaluated(const CallArguments& arguments);
  Value call(const Value& callee, Arguments arguments);
  Value call_macro(const Macro& macro, Arguments arguments);
  void bind_arguments(const Signature& signature, Arguments& arguments);
  Value macro(const Signature& signature);

  const std::vector<int>* hidden(const ScopedBody& body) const {
    return &syntax_.hidden[static_cast<size_t>(body.scope)];
  }
  // The text that a body writes.
  Value written(const ScopedBody& body);
  // `value` with `text` as the text of the block it filters.
  Value filtered(const Expr& value, const Value& text);

  void write(std::string_view text);
  void assign(const Target& target, const Value& value);
  void set(Scope& scope, int symbol, Value value);
  const Value* find(int symbol) const;
  int symbol_of(const std::string& name) const;  // -1 if the template never names it
  Value from_json(const Json& json);

  const Syntax& syntax_;
  Runtime& runtime_;
  const int loop_, caller_, varargs_, kwargs_;
  Scope root_;
  Scope* scope_ = &root_;
  std::string* out_ = nullptr;
  const std::string* whole_ = nullptr;  // the text of the render; out_ may be that of a block
  std::vector<std::pair<size_t, size_t>>* generated_ = nullptr;  // null: nobody asks
  const Value* block_text_ = nullptr;
  std::vector<Value> undefined_;  // by symbol, as far as it was needed
  std::vector<std::unique_ptr<Scope>> kept_scopes_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Macro>> macros_;
};

}  // namespace grpo::jinja
