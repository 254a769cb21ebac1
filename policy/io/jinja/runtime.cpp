#include "policy/io/jinja/runtime.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

constexpr int kDeepestValue = 600;     // levels of lists in lists: bounds every recursion over a value
constexpr size_t kLinearDictSize = 8;  // keys above which a dict is indexed

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

const char* sequence_type(Sequence::Kind kind) {
  switch (kind) {
    case Sequence::Kind::kList:
      return "list";
    case Sequence::Kind::kTuple:
      return "tuple";
    case Sequence::Kind::kRange:
      return "range";
    case Sequence::Kind::kKeys:
      return "dict_keys";
    case Sequence::Kind::kValues:
      return "dict_values";
    case Sequence::Kind::kItems:
      return "dict_items";
    case Sequence::Kind::kIterator:
      return "generator";
  }
  return "";
}

bool hashable(const Value& value) {
  if (value.dict() != nullptr) return false;
  const Sequence* sequence = value.sequence();
  if (sequence == nullptr) return true;
  if (sequence->kind != Sequence::Kind::kTuple) return sequence->kind == Sequence::Kind::kRange;
  return std::all_of(sequence->items.begin(), sequence->items.end(), hashable);
}

}  // namespace

bool Value::integral(int64_t* out) const {
  if (const int64_t* whole = get<int64_t>()) {
    *out = *whole;
  } else if (const bool* flag = get<bool>()) {
    *out = *flag ? 1 : 0;
  } else {
    return false;
  }
  return true;
}

bool Value::number(double* out) const {
  int64_t whole = 0;
  if (const double* real = get<double>()) {
    *out = *real;
  } else if (integral(&whole)) {
    *out = static_cast<double>(whole);
  } else {
    return false;
  }
  return true;
}

std::string type_name(const Value& value) {
  return std::visit(
      Overloaded{[](const None&) { return "NoneType"; },
                 [](const std::shared_ptr<const Missing>&) { return "Undefined"; },
                 [](bool) { return "bool"; }, [](int64_t) { return "int"; }, [](double) { return "float"; },
                 [](const TextPtr& text) { return text->safe ? "Markup" : "str"; },
                 [](const SequencePtr& sequence) { return sequence_type(sequence->kind); },
                 [](const DictPtr&) { return "dict"; }, [](Namespace*) { return "Namespace"; },
                 [](Loop*) { return "LoopContext"; }, [](const Macro*) { return "Macro"; },
                 [](const std::shared_ptr<const Method>&) { return "builtin_function_or_method"; },
                 [](const Function*) { return "function"; }},
      value.held());
}

std::string owner_name(const Value& value) {
  return value.is<None>() ? "None" : type_name(value) + " object";
}

bool truth(const Value& value) {
  if (const bool* flag = value.get<bool>()) return *flag;
  if (const int64_t* whole = value.get<int64_t>()) return *whole != 0;
  if (const double* real = value.get<double>()) return *real != 0.0;
  if (const Text* text = value.text()) return !text->utf8.empty();
  if (const Dict* dict = value.dict()) return !dict->items.empty();
  if (const Sequence* sequence = value.sequence()) {
    return sequence->kind == Sequence::Kind::kIterator || !sequence->items.empty();
  }
  return !value.is<None>() && !value.missing();
}

int depth_of(const Value& value) {
  if (const Sequence* sequence = value.sequence()) return sequence->depth;
  if (const Dict* dict = value.dict()) return dict->depth;
  if (const auto* method = value.get<std::shared_ptr<const Method>>())
    return 1 + depth_of((*method)->receiver);
  return 0;
}

Runtime::Runtime(const Limits& limits, std::string where, std::function<std::tm()> now)
    : limits_(limits), where_(std::move(where)), now_(std::move(now)) {}

Runtime::~Runtime() = default;

void Runtime::fail(const std::string& what, const std::string& fix) const {
  throw Error(what, fmt::format("{}: line {}", where_, line), fix);
}

void Runtime::too_much(const char* what, int64_t limit) const {
  fail(fmt::format("the template needs more than {} {}", limit, what),
       "a chat template needs far less: look for a loop or a macro that does not end");
}

Value Runtime::text(std::string utf8, bool safe) {
  made(utf8.size() + sizeof(Text));
  auto text = std::make_shared<Text>();
  text->ascii = is_ascii(utf8);
  text->utf8 = std::move(utf8);
  text->safe = safe;
  return TextPtr(std::move(text));
}

Value Runtime::missing(std::string message) {
  made(message.size() + sizeof(Missing));
  return std::shared_ptr<const Missing>(std::make_shared<Missing>(Missing{std::move(message)}));
}

Value Runtime::missing_variable(const std::string& name) {
  return missing(fmt::format("'{}' is undefined", name));
}

Value Runtime::missing_attribute(const Value& owner, const std::string& name) {
  return missing(fmt::format("'{}' has no attribute '{}'", owner_name(owner), name));
}

Value Runtime::sequence(std::vector<Value> items, Sequence::Kind kind) {
  made(items.size() * sizeof(Value) + sizeof(Sequence));
  auto sequence = std::make_shared<Sequence>();
  sequence->kind = kind;
  for (const Value& item : items) sequence->depth = std::max(sequence->depth, 1 + depth_of(item));
  if (sequence->depth > kDeepestValue) too_much("levels of lists", kDeepestValue);
  sequence->items = std::move(items);
  return SequencePtr(std::move(sequence));
}

Value Runtime::dict(std::vector<std::pair<Value, Value>> items) {
  made(items.size() * (2 * sizeof(Value) + 64) + sizeof(Dict));
  auto dict = std::make_shared<Dict>();
  for (auto& [key, value] : items) {
    if (!hashable(key)) fail(fmt::format("unhashable type: '{}'", type_name(key)));
    const Value* old = find_key(*this, *dict, key);
    if (old != nullptr) {
      const_cast<Value&>(*old) = std::move(value);  // the dict is ours until it is returned
      continue;
    }
    dict->items.emplace_back(std::move(key), std::move(value));
    const size_t count = dict->items.size();
    for (size_t i = count == kLinearDictSize + 1 ? 0 : count - 1; count > kLinearDictSize && i < count; ++i) {
      if (const Text* text = dict->items[i].first.text()) dict->by_text.emplace(text->utf8, i);
    }
  }
  for (const auto& [key, value] : dict->items) {
    dict->depth = std::max({dict->depth, 1 + depth_of(key), 1 + depth_of(value)});
  }
  if (dict->depth > kDeepestValue) too_much("levels of lists", kDeepestValue);
  return DictPtr(std::move(dict));
}

Value Runtime::make_namespace() {
  made(sizeof(Namespace));
  namespaces_.push_back(std::make_unique<Namespace>());
  return namespaces_.back().get();
}

Value Runtime::method(const Value& receiver, const std::string& name) {
  made(name.size() + sizeof(Method));
  if (depth_of(receiver) >= kDeepestValue) too_much("levels of lists", kDeepestValue);
  return std::shared_ptr<const Method>(std::make_shared<Method>(Method{receiver, name}));
}

void TextBuilder::repeat(std::string_view piece, int64_t count) {
  if (count <= 0 || piece.empty()) return;
  if (count > runtime_.limits().value_bytes) count = runtime_.limits().value_bytes + 1;
  runtime_.made(piece.size() > 1024 ? piece.size() : 0);  // no product below overflows
  runtime_.made(piece.size() * static_cast<size_t>(count));
  text_.reserve(text_.size() + piece.size() * static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) text_.append(piece);
}

Value TextBuilder::value(bool safe) && {
  return runtime_.text(std::move(text_), safe);
}

std::vector<Value> items_of(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  if (Sequence* sequence = value.sequence()) {
    runtime.step(static_cast<int64_t>(sequence->items.size() - sequence->taken));
    items.assign(sequence->items.begin() + static_cast<std::ptrdiff_t>(sequence->taken),
                 sequence->items.end());
    if (sequence->kind == Sequence::Kind::kIterator) sequence->taken = sequence->items.size();
  } else if (const Dict* dict = value.dict()) {
    runtime.step(static_cast<int64_t>(dict->items.size()));
    for (const auto& [key, unused] : dict->items) items.push_back(key);
  } else if (const Text* text = value.text()) {
    runtime.step(static_cast<int64_t>(text->utf8.size()));
    for (size_t i = 0; i < text->utf8.size();) {
      const size_t begin = i;
      next_character(text->utf8, i);
      items.push_back(runtime.text(text->utf8.substr(begin, i - begin)));
    }
  } else if (const auto* loop = value.get<Loop*>()) {
    runtime.fail(fmt::format("walking over '{}' is not supported", type_name(value)),
                 "walk over the list itself");
    static_cast<void>(loop);
  } else if (!value.missing()) {
    runtime.fail(fmt::format("'{}' object is not iterable", type_name(value)));
  }
  runtime.made(items.size() * sizeof(Value));
  return items;
}

bool is_iterable(const Value& value) {
  return value.sequence() != nullptr || value.dict() != nullptr || value.text() != nullptr ||
         value.missing() || value.is<Loop*>();
}

int64_t length_of(Runtime& runtime, const Value& value) {
  if (const Text* text = value.text()) {
    if (text->ascii) return static_cast<int64_t>(text->utf8.size());
    runtime.scan(text->utf8.size());
    return count_characters(text->utf8);
  }
  if (const Dict* dict = value.dict()) return static_cast<int64_t>(dict->items.size());
  const Sequence* sequence = value.sequence();
  if (sequence != nullptr && sequence->kind != Sequence::Kind::kIterator) {
    return static_cast<int64_t>(sequence->items.size());
  }
  if (const auto* loop = value.get<Loop*>()) return static_cast<int64_t>((*loop)->items.size());
  if (value.missing()) return 0;
  runtime.fail(fmt::format("object of type '{}' has no len()", type_name(value)));
}

const Value* find_key(Runtime& runtime, const Dict& dict, const Value& key) {
  if (!hashable(key)) runtime.fail(fmt::format("unhashable type: '{}'", type_name(key)));
  if (const Text* text = key.text()) return find_text_key(runtime, dict, text->utf8);
  for (const auto& [candidate, value] : dict.items) {
    runtime.step();
    if (equal(runtime, candidate, key)) return &value;
  }
  return nullptr;
}

const Value* find_text_key(Runtime& runtime, const Dict& dict, std::string_view key) {
  runtime.step();
  if (dict.items.size() > kLinearDictSize) {
    const auto it = dict.by_text.find(key);
    return it == dict.by_text.end() ? nullptr : &dict.items[it->second].second;
  }
  for (const auto& [candidate, value] : dict.items) {
    const Text* text = candidate.text();
    if (text != nullptr && text->utf8 == key) return &value;
  }
  return nullptr;
}

std::vector<const Value*> bind(Runtime& runtime, const std::string& callee, const Arguments& arguments,
                               const std::vector<const char*>& names, size_t required) {
  if (arguments.positional.size() > names.size()) {
    runtime.fail(fmt::format("{} takes at most {} arguments, got {}", callee, names.size(),
                             arguments.positional.size()));
  }
  std::vector<const Value*> bound(names.size(), nullptr);
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.keywords) {
    size_t at = 0;
    while (at < names.size() && name != names[at]) ++at;
    if (at == names.size()) runtime.fail(fmt::format("{} has no argument '{}'", callee, name));
    if (bound[at] != nullptr) runtime.fail(fmt::format("{} got two values for '{}'", callee, name));
    bound[at] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (bound[i] == nullptr) runtime.fail(fmt::format("{} needs the argument '{}'", callee, names[i]));
  }
  return bound;
}

int64_t integer_argument(Runtime& runtime, const std::string& callee, const Value* value, int64_t fallback) {
  if (value == nullptr || value->is<None>()) return fallback;
  int64_t whole = 0;
  if (value->integral(&whole)) return whole;
  if (value->missing()) runtime.fail((*value->get<std::shared_ptr<const Missing>>())->message);
  runtime.fail(fmt::format("{}: '{}' object cannot be interpreted as an integer", callee, type_name(*value)));
}

std::string text_argument(Runtime& runtime, const std::string& callee, const Value* value,
                          const std::string& fallback) {
  if (value == nullptr || value->is<None>()) return fallback;
  if (const Text* text = value->text()) return text->utf8;
  if (value->missing()) runtime.fail((*value->get<std::shared_ptr<const Missing>>())->message);
  runtime.fail(fmt::format("{} wants a str, got {}", callee, type_name(*value)));
}

}  // namespace grpo::jinja
