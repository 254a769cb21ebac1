#include "policy/io/jinja/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {

Interpreter::Interpreter(const Syntax& syntax, Runtime& runtime)
    : syntax_(syntax),
      runtime_(runtime),
      loop_(symbol_of("loop")),
      caller_(symbol_of("caller")),
      varargs_(symbol_of("varargs")),
      kwargs_(symbol_of("kwargs")),
      undefined_(syntax.symbols.size()) {}

int Interpreter::symbol_of(const std::string& name) const {
  const auto it = std::find(syntax_.symbols.begin(), syntax_.symbols.end(), name);
  return it == syntax_.symbols.end() ? -1 : static_cast<int>(it - syntax_.symbols.begin());
}

std::string Interpreter::run(const std::map<std::string, Json>& variables,
                             std::vector<std::pair<size_t, size_t>>* generated) {
  for (const auto& [name, json] : variables) {
    const int symbol = symbol_of(name);
    if (symbol >= 0) set(root_, symbol, from_json(json));
  }
  std::string out;
  out_ = &out;
  whole_ = &out;
  generated_ = generated;
  const Inner inner(*this, &root_, hidden(syntax_.body));
  run(syntax_.body.body);
  return out;
}

Interpreter::Inner::Inner(Interpreter& interpreter, Scope* parent, const std::vector<int>* hidden)
    : interpreter_(interpreter), outer_(interpreter.scope_), scope_(std::make_unique<Scope>()) {
  scope_->parent = parent;
  interpreter.scope_ = scope_.get();
  if (hidden == nullptr) return;
  for (const int symbol : *hidden) {
    Value& undefined = interpreter.undefined_[static_cast<size_t>(symbol)];
    if (undefined.is<None>()) {
      undefined =
          interpreter.runtime_.missing_variable(interpreter.syntax_.symbols[static_cast<size_t>(symbol)]);
    }
    interpreter.set(*scope_, symbol, undefined);
  }
}

Interpreter::Inner::~Inner() {
  interpreter_.scope_ = outer_;
  if (scope_->captured) interpreter_.kept_scopes_.push_back(std::move(scope_));
}

void Interpreter::write(std::string_view text) {
  runtime_.made(text.size());
  if (static_cast<int64_t>(out_->size() + text.size()) > runtime_.limits().output_bytes) {
    runtime_.fail(fmt::format("the template writes more than {} bytes", runtime_.limits().output_bytes));
  }
  out_->append(text);
}

void Interpreter::set(Scope& scope, int symbol, Value value) {
  for (auto& [known, held] : scope.values) {
    if (known != symbol) continue;
    held = std::move(value);
    return;
  }
  runtime_.made(sizeof(Value));
  scope.values.emplace_back(symbol, std::move(value));
}

const Value* Interpreter::find(int symbol) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    runtime_.step(1 + static_cast<int64_t>(scope->values.size()) / 16);
    for (const auto& [known, value] : scope->values) {
      if (known == symbol) return &value;
    }
  }
  return nullptr;
}

void Interpreter::assign(const Target& target, const Value& value) {
  if (target.several) {
    const std::vector<Value> items = items_of(runtime_, value);
    if (items.size() != target.items.size()) {
      runtime_.fail(fmt::format("{} values to unpack, expected {}", items.size(), target.items.size()));
    }
    for (size_t i = 0; i < items.size(); ++i) assign(target.items[i], items[i]);
  } else if (!target.attribute) {
    set(*scope_, target.symbol, value);
  } else {
    const Value* owner = find(target.symbol);
    const auto* space = owner == nullptr ? nullptr : owner->get<Namespace*>();
    if (space == nullptr) runtime_.fail("cannot assign attribute on non-namespace object");
    if (target.attribute->starts_with('_'))
      runtime_.fail("an attribute of a namespace may not start with an underscore");
    (*space)->attributes[*target.attribute] = value;
  }
}

Interpreter::Flow Interpreter::run(const Body& body) {
  for (const auto& statement : body) {
    const Flow flow = run(*statement);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  const Runtime::Level level(runtime_);
  runtime_.step();
  runtime_.line = statement.line;
  return std::visit(
      [&](const auto& node) {
        using Node = std::decay_t<decltype(node)>;
        if constexpr (std::is_same_v<Node, Break>) {
          return Flow::kBreak;
        } else if constexpr (std::is_same_v<Node, Continue>) {
          return Flow::kContinue;
        } else if constexpr (std::is_same_v<Node, If> || std::is_same_v<Node, For> ||
                             std::is_same_v<Node, Generation>) {
          return run(node);
        } else {
          run(node);
          return Flow::kNext;
        }
      },
      statement.node);
}

Interpreter::Flow Interpreter::run(const If& node) {
  for (const auto& [test, body] : node.branches) {
    if (truth(eval(*test))) return run(body);
  }
  return run(node.otherwise);
}

Interpreter::Flow Interpreter::run(const For& node) {
  std::vector<Value> items = items_of(runtime_, eval(*node.iterable));
  const auto passes = [&](const Value& item) {
    if (node.condition == nullptr) return true;
    const Inner inner(*this, scope_);
    assign(node.target, item);
    return truth(eval(*node.condition));
  };
  Loop* loop = nullptr;
  if (node.uses_loop) {  // the loop knows its length, so items are chosen before it starts
    runtime_.made(sizeof(Loop) + items.size() * sizeof(Value));
    loops_.push_back(std::make_unique<Loop>());
    loop = loops_.back().get();
    for (const Value& item : items) {
      if (passes(item)) loop->items.push_back(item);
    }
    items = loop->items;
  }
  bool whole =
      false;  // whether a round came to its end: one left by break or continue does not keep `else` away
  for (size_t i = 0; i < items.size(); ++i) {
    runtime_.step();
    if (loop == nullptr && !passes(items[i])) continue;
    const Inner inner(*this, scope_, hidden(node.body));
    if (loop != nullptr) {
      loop->index = i;
      set(*scope_, loop_, loop);
    }
    assign(node.target, items[i]);
    const Flow flow = run(node.body.body);
    if (flow == Flow::kBreak) break;
    whole = whole || flow == Flow::kNext;
  }
  if (whole) return Flow::kNext;
  const Inner inner(*this, scope_, hidden(node.otherwise));
  return run(node.otherwise.body);
}

Interpreter::Flow Interpreter::run(const Generation& node) {
  if (generated_ != nullptr && out_ != whole_) {
    runtime_.fail("{% generation %} stands inside a block whose text is put somewhere else",
                  "move it out of the macro, call, set or filter block");
  }
  const size_t begin = out_->size();
  const Inner inner(*this, scope_, hidden(node.body));
  const Flow flow = run(node.body.body);
  if (generated_ != nullptr) generated_->emplace_back(begin, out_->size());
  return flow;
}

void Interpreter::run(const Data& node) {
  write(node.text.text()->utf8);
}

void Interpreter::run(const Print& node) {
  const Value value = eval(*node.value);
  if (const Text* text = value.text()) return write(text->utf8);
  write(to_text(runtime_, value));
}

void Interpreter::run(const Set& node) {
  assign(node.target, eval(*node.value));
}

void Interpreter::run(const SetBlock& node) {
  assign(node.target, filtered(*node.value, written(node.body)));
}

void Interpreter::run(const FilterBlock& node) {
  const Value value = filtered(*node.value, written(node.body));
  if (value.text() == nullptr)
    runtime_.fail(fmt::format("a filter block gives a {}, not text", type_name(value)));
  write(value.text()->utf8);
}

void Interpreter::run(const With& node) {
  std::vector<Value> values;
  for (const auto& [target, value] : node.values) values.push_back(eval(*value));
  const Inner inner(*this, scope_, hidden(node.body));
  for (size_t i = 0; i < values.size(); ++i) assign(node.values[i].first, values[i]);
  run(node.body.body);
}

void Interpreter::run(const MacroDefinition& node) {
  set(*scope_, node.symbol, macro(node.signature));
}

void Interpreter::run(const CallBlock& node) {
  const auto& call_node = std::get<CallOf>(node.call->node);
  const Value callee = eval(*call_node.callee);
  Arguments arguments = evaluated(call_node.arguments);
  arguments.keywords.emplace_back("caller", macro(node.signature));
  write(to_text(runtime_, call(callee, std::move(arguments))));
}

Value Interpreter::macro(const Signature& signature) {
  runtime_.made(sizeof(Macro) + sizeof(Scope));
  for (Scope* scope = scope_; scope != nullptr && !scope->captured; scope = scope->parent)
    scope->captured = true;
  macros_.push_back(std::make_unique<Macro>(Macro{&signature, scope_}));
  return static_cast<const Macro*>(macros_.back().get());
}

Value Interpreter::written(const ScopedBody& body) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  const Inner inner(*this, scope_, hidden(body));
  run(body.body);
  out_ = outer;
  return runtime_.text(std::move(text));
}

Value Interpreter::filtered(const Expr& value, const Value& text) {
  const Value* const outer = std::exchange(block_text_, &text);
  Value result = eval(value);
  block_text_ = outer;
  return result;
}

Value Interpreter::from_json(const Json& json) {
  const Runtime::Level level(runtime_);
  runtime_.step();
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<int64_t>();
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        runtime_.fail("a whole number beyond 64 bits in the data");
      return json.get<int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      return runtime_.text(is_valid_utf8(text) ? text : replace_invalid_utf8(text));
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      for (const Json& item : json) items.push_back(from_json(item));
      return runtime_.sequence(std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      for (const auto& [key, value] : json.items()) {
        items.emplace_back(runtime_.text(is_valid_utf8(key) ? key : replace_invalid_utf8(key)),
                           from_json(value));
      }
      return runtime_.dict(std::move(items));
    }
    default:
      return {};
  }
}

}  // namespace grpo::jinja
