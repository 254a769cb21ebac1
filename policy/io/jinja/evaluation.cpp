// Expressions and calls of the interpreter.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "policy/io/jinja/interpreter.h"
#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/printing.h"

namespace grpo::jinja {

Value Interpreter::eval(const Expr& expr) {
  const Runtime::Level level(runtime_);
  runtime_.step();
  const int outer = std::exchange(runtime_.line, expr.line);
  Value value = std::visit([&](const auto& node) { return eval(node); }, expr.node);
  runtime_.line = outer;
  return value;
}

Value Interpreter::eval(const Variable& node) {
  if (const Value* value = find(node.symbol)) return *value;
  const std::string& name = syntax_.symbols[static_cast<size_t>(node.symbol)];
  if (const Function* function = find_function(name)) return function;
  if (name == "cycler" || name == "joiner" || name == "lipsum" || name == "self") {
    runtime_.fail(fmt::format("function '{}' is not supported", name));
  }
  return runtime_.missing_variable(name);
}

Value Interpreter::eval(const ListLiteral& node) {
  std::vector<Value> items;
  for (const ExprPtr& item : node.items) items.push_back(eval(*item));
  return runtime_.sequence(std::move(items), node.kind);
}

Value Interpreter::eval(const DictLiteral& node) {
  std::vector<std::pair<Value, Value>> items;
  for (const auto& [key, value] : node.items) {
    Value made = eval(*key);
    items.emplace_back(std::move(made), eval(*value));
  }
  return runtime_.dict(std::move(items));
}

Value Interpreter::eval(const Unary& node) {
  const Value operand = eval(*node.operand);
  switch (node.op) {
    case Unary::Op::kNot:
      return !truth(operand);
    case Unary::Op::kNegative:
      return negative(runtime_, operand);
    case Unary::Op::kPositive:
      return positive(runtime_, operand);
  }
  return {};
}

Value Interpreter::eval(const Binary& node) {
  const Value left = eval(*node.left);
  return calculate(runtime_, node.op, left, eval(*node.right));
}

Value Interpreter::eval(const Logical& node) {
  Value left = eval(*node.left);
  return truth(left) == node.conjunction ? eval(*node.right) : left;
}

Value Interpreter::eval(const Comparisons& node) {
  Value left = eval(*node.first);
  for (const auto& [op, expr] : node.rest) {
    Value right = eval(*expr);
    if (!compare(runtime_, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::eval(const Concatenation& node) {
  TextBuilder out(runtime_);
  for (const ExprPtr& part : node.parts) {
    const Value value = eval(*part);
    const Text* text = value.text();
    out.add(text != nullptr ? text->utf8 : to_text(runtime_, value));
  }
  return std::move(out).value();
}

Value Interpreter::eval(const Conditional& node) {
  if (truth(eval(*node.test))) return eval(*node.then);
  if (node.otherwise != nullptr) return eval(*node.otherwise);
  return runtime_.missing("the inline if-expression evaluated to false and no else section was defined.");
}

Value Interpreter::eval(const AttributeOf& node) {
  return get_attribute(runtime_, eval(*node.object), node.name);
}

Value Interpreter::eval(const ItemOf& node) {
  const Value object = eval(*node.object);
  return get_item(runtime_, object, eval(*node.key));
}

Value Interpreter::eval(const SliceOf& node) {
  const Value object = eval(*node.object);
  const auto bound = [&](const ExprPtr& expr) { return expr == nullptr ? Value() : eval(*expr); };
  const Value start = bound(node.start), stop = bound(node.stop), step = bound(node.step);
  return get_slice(runtime_, object, start, stop, step);
}

Value Interpreter::eval(const CallOf& node) {
  const Value callee = eval(*node.callee);
  return call(callee, evaluated(node.arguments));
}

Value Interpreter::eval(const FilterOf& node) {
  const Value input = eval(*node.input);
  return node.filter(runtime_, input, evaluated(node.arguments));
}

Value Interpreter::eval(const TestOf& node) {
  const Value input = eval(*node.input);
  return node.test(runtime_, input, evaluated(node.arguments));
}

Value Interpreter::eval(const BlockText&) {
  return *block_text_;
}

Arguments Interpreter::evaluated(const CallArguments& arguments) {
  Arguments out;
  for (const ExprPtr& item : arguments.positional) out.positional.push_back(eval(*item));
  for (const auto& [name, item] : arguments.keywords) out.keywords.emplace_back(name, eval(*item));
  if (arguments.star != nullptr) {
    const std::vector<Value> more = items_of(runtime_, eval(*arguments.star));
    out.positional.insert(out.positional.end(), more.begin(), more.end());
  }
  if (arguments.star_star != nullptr) {
    const Value more = eval(*arguments.star_star);
    if (more.dict() == nullptr)
      runtime_.fail(fmt::format("argument after ** must be a mapping, not {}", type_name(more)));
    for (const auto& [key, value] : more.dict()->items) {
      if (key.text() == nullptr) runtime_.fail("keywords must be strings");
      out.keywords.emplace_back(key.text()->utf8, value);
    }
  }
  return out;
}

Value Interpreter::call(const Value& callee, Arguments arguments) {
  if (const auto* macro = callee.get<const Macro*>()) return call_macro(**macro, std::move(arguments));
  if (const auto* function = callee.get<const Function*>()) return (*function)->call(runtime_, arguments);
  if (const auto* method = callee.get<std::shared_ptr<const Method>>()) {
    return call_method(runtime_, **method, arguments);
  }
  if (const auto* missing = callee.get<std::shared_ptr<const Missing>>()) runtime_.fail((*missing)->message);
  runtime_.fail(fmt::format("'{}' object is not callable", type_name(callee)));
}

void Interpreter::bind_arguments(const Signature& signature, Arguments& arguments) {
  const size_t count = signature.arguments.size();
  const size_t first_default = count - signature.defaults.size();
  bool explicit_caller = false;
  const auto take = [&](const std::string& name) -> std::optional<Value> {
    const auto it = std::find_if(arguments.keywords.begin(), arguments.keywords.end(),
                                 [&](const auto& keyword) { return keyword.first == name; });
    if (it == arguments.keywords.end()) return std::nullopt;
    Value value = it->second;
    arguments.keywords.erase(it);
    return value;
  };
  std::vector<size_t> left_out;
  for (size_t i = 0; i < count; ++i) {
    const std::string& name = signature.argument_names[i];
    explicit_caller = explicit_caller || name == "caller";
    std::optional<Value> value;
    if (i < arguments.positional.size()) {
      value = arguments.positional[i];
    } else {
      value = take(name);
    }
    if (value) {
      set(*scope_, signature.arguments[i], *value);
    } else {
      left_out.push_back(i);
      set(*scope_, signature.arguments[i],
          runtime_.missing(fmt::format("parameter '{}' was not provided", name)));
    }
  }
  for (const size_t i : left_out) {
    if (i >= first_default)
      set(*scope_, signature.arguments[i], eval(*signature.defaults[i - first_default]));
  }
  if (signature.uses_caller && !explicit_caller) {
    const std::optional<Value> value = take("caller");
    set(*scope_, caller_, value ? *value : runtime_.missing("No caller defined"));
  }
  if (signature.uses_kwargs) {
    std::vector<std::pair<Value, Value>> named;
    for (auto& [name, value] : arguments.keywords) named.emplace_back(runtime_.text(name), std::move(value));
    set(*scope_, kwargs_, runtime_.dict(std::move(named)));
  } else if (!arguments.keywords.empty()) {
    runtime_.fail(fmt::format("macro '{}' takes no keyword argument '{}'", signature.name,
                              arguments.keywords[0].first));
  }
  const size_t given = arguments.positional.size();
  if (signature.uses_varargs) {
    set(*scope_, varargs_,
        runtime_.sequence({arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, given)),
                           arguments.positional.end()},
                          Sequence::Kind::kTuple));
  } else if (given > count) {
    runtime_.fail(fmt::format("macro '{}' takes not more than {} argument(s)", signature.name, count));
  }
}

Value Interpreter::call_macro(const Macro& macro, Arguments arguments) {
  std::string text;
  std::string* const outer = std::exchange(out_, &text);
  const Inner inner(*this, macro.scope, hidden(macro.signature->body));
  bind_arguments(*macro.signature, arguments);
  run(macro.signature->body.body);
  out_ = outer;
  return runtime_.text(std::move(text));
}

}  // namespace grpo::jinja
