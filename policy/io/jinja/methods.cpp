#include "policy/io/jinja/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/io/jinja/operators.h"

namespace grpo::jinja {
namespace {

using Names = std::set<std::string, std::less<>>;

// What the sandbox refuses, because it changes the value.
const Names kDictChanges = {"clear", "pop", "popitem", "setdefault", "update"};
const Names kListChanges = {"append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"};
// What Python has and is not implemented here.
const Names kDictOthers = {"fromkeys"};
const Names kNumberOthers = {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
                             "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
                             "numerator",        "real",      "to_bytes"};
const Names kTextOthers = {"encode",    "expandtabs",  "format_map", "isidentifier",
                           "isnumeric", "isprintable", "maketrans",  "translate"};
const Names kDictMethods = {"copy", "get", "items", "keys", "values"};
const Names kListMethods = {"copy", "count", "index"};
const Names kTupleMethods = {"count", "index"};
const Names kLoopNames = {"changed", "cycle",  "depth",    "depth0",   "first",    "index",    "index0",
                          "last",    "length", "nextitem", "previtem", "revindex", "revindex0"};

struct Attributes {
  const Names* methods = nullptr;
  const Names* changes = nullptr;
  const Names* others = nullptr;
};

Attributes attributes_of(const Value& value) {
  if (value.dict() != nullptr) return {&kDictMethods, &kDictChanges, &kDictOthers};
  if (value.text() != nullptr) return {nullptr, nullptr, &kTextOthers};
  if (value.is<int64_t>() || value.is<double>() || value.is<bool>())
    return {nullptr, nullptr, &kNumberOthers};
  if (const Sequence* sequence = value.sequence()) {
    if (sequence->kind == Sequence::Kind::kList) return {&kListMethods, &kListChanges, nullptr};
    if (sequence->kind == Sequence::Kind::kTuple || sequence->kind == Sequence::Kind::kRange) {
      return {&kTupleMethods, nullptr, nullptr};
    }
  }
  return {};
}

Value loop_attribute(Runtime& runtime, const Value& value, Loop& loop, const std::string& name) {
  const auto index = static_cast<int64_t>(loop.index), length = static_cast<int64_t>(loop.items.size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return length - index;
  if (name == "revindex0") return length - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == length;
  if (name == "length") return length;
  if (name == "depth") return int64_t{1};
  if (name == "depth0") return int64_t{0};
  if (name == "previtem")
    return index > 0 ? loop.items[loop.index - 1] : runtime.missing("there is no previous item");
  if (name == "nextitem") {
    return index + 1 < length ? loop.items[loop.index + 1] : runtime.missing("there is no next item");
  }
  return runtime.method(value, name);
}

Value call_loop_method(Runtime& runtime, Loop& loop, const std::string& name, const Arguments& arguments) {
  if (!arguments.keywords.empty()) runtime.fail(fmt::format("loop.{} takes no named arguments", name));
  if (name == "cycle") {
    if (arguments.positional.empty()) runtime.fail("no items for cycling given");
    return arguments.positional[loop.index % arguments.positional.size()];
  }
  const std::vector<Value>& values = arguments.positional;
  bool same = loop.changed_before && values.size() == loop.last_changed.size();
  for (size_t i = 0; same && i < values.size(); ++i) same = equal(runtime, values[i], loop.last_changed[i]);
  loop.changed_before = true;
  if (!same) loop.last_changed = values;
  return !same;
}

Value call_dict_method(Runtime& runtime, const Value& receiver, const std::string& name,
                       const Arguments& arguments) {
  const Dict& dict = *receiver.dict();
  const std::string callee = "dict." + name;
  if (name == "get") {
    if (!arguments.keywords.empty()) runtime.fail("dict.get() takes no keyword arguments");
    const auto bound = bind(runtime, callee, arguments, {"key", "default"}, 1);
    if (const Value* found = find_key(runtime, dict, *bound[0])) return *found;
    return bound[1] != nullptr ? *bound[1] : Value();
  }
  bind(runtime, callee, arguments, {}, 0);
  if (name == "copy") return receiver;
  runtime.step(static_cast<int64_t>(dict.items.size()));
  std::vector<Value> items;
  for (const auto& [key, value] : dict.items) {
    items.push_back(name == "keys"     ? key
                    : name == "values" ? value
                                       : runtime.sequence({key, value}, Sequence::Kind::kTuple));
  }
  return runtime.sequence(std::move(items), name == "keys"     ? Sequence::Kind::kKeys
                                            : name == "values" ? Sequence::Kind::kValues
                                                               : Sequence::Kind::kItems);
}

Value call_list_method(Runtime& runtime, const Value& receiver, const std::string& name,
                       const Arguments& arguments) {
  const Sequence& list = *receiver.sequence();
  if (name == "copy") {
    bind(runtime, "list.copy", arguments, {}, 0);
    return receiver;
  }
  const auto bound = bind(runtime, "list." + name, arguments, {"value", "start", "stop"}, 1);
  const auto length = static_cast<int64_t>(list.items.size());
  const auto edge = [&](const Value* value, int64_t fallback) {
    const int64_t at = integer_argument(runtime, "list.index", value, fallback);
    return std::clamp<int64_t>(at < 0 ? at + length : at, 0, length);
  };
  if (name == "count") {
    if (bound[1] != nullptr) runtime.fail("list.count takes one argument");
    return static_cast<int64_t>(std::count_if(list.items.begin(), list.items.end(), [&](const Value& item) {
      return equal(runtime, item, *bound[0]);
    }));
  }
  for (int64_t i = edge(bound[1], 0); i < edge(bound[2], length); ++i) {
    if (equal(runtime, list.items[static_cast<size_t>(i)], *bound[0])) return i;
  }
  runtime.fail("the list has no such item");
}

}  // namespace

bool has_attribute(const Value& value, const std::string& name) {
  if (value.text() != nullptr && is_text_method(name)) return true;
  const auto [methods, changes, others] = attributes_of(value);
  return (methods != nullptr && methods->contains(name)) || (changes != nullptr && changes->contains(name)) ||
         (others != nullptr && others->contains(name));
}

Value attribute_of(Runtime& runtime, const Value& value, const std::string& name) {
  if (const auto* space = value.get<Namespace*>()) {
    const auto it = (*space)->attributes.find(name);
    return it == (*space)->attributes.end() ? runtime.missing_attribute(value, name) : it->second;
  }
  if (const auto* loop = value.get<Loop*>()) {
    return kLoopNames.contains(name) ? loop_attribute(runtime, value, **loop, name)
                                     : runtime.missing_attribute(value, name);
  }
  const auto [methods, changes, others] = attributes_of(value);
  if (changes != nullptr && changes->contains(name)) {
    return runtime.missing(
        fmt::format("access to attribute '{}' of '{}' object is unsafe: it would change the value", name,
                    type_name(value)));
  }
  if (others != nullptr && others->contains(name)) {
    runtime.fail(fmt::format("attribute '{}' of {} is not supported", name, type_name(value)));
  }
  const bool known =
      value.text() != nullptr ? is_text_method(name) : methods != nullptr && methods->contains(name);
  return known ? runtime.method(value, name) : runtime.missing_attribute(value, name);
}

Value call_method(Runtime& runtime, const Method& method, const Arguments& arguments) {
  runtime.step();
  if (const Text* text = method.receiver.text()) {
    return call_text_method(runtime, *text, method.name, arguments);
  }
  if (method.receiver.dict() != nullptr)
    return call_dict_method(runtime, method.receiver, method.name, arguments);
  if (const auto* loop = method.receiver.get<Loop*>()) {
    return call_loop_method(runtime, **loop, method.name, arguments);
  }
  return call_list_method(runtime, method.receiver, method.name, arguments);
}

}  // namespace grpo::jinja
