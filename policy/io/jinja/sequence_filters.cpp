#include "policy/io/jinja/sequence_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"

namespace grpo::jinja {
namespace {

using Kind = Sequence::Kind;

// The value that "a.b.0" names within an item; the item itself without a path.
class Getter {
 public:
  Getter(Runtime& runtime, const Value* path) {
    if (path == nullptr || path->is<None>()) return;
    const Text* text = path->text();
    if (text == nullptr) {
      keys_.push_back(*path);
      return;
    }
    for (size_t begin = 0; begin <= text->utf8.size();) {
      const size_t end = std::min(text->utf8.find('.', begin), text->utf8.size());
      const std::string part = text->utf8.substr(begin, end - begin);
      const bool number =
          !part.empty() && part.size() < 18 && part.find_first_not_of("0123456789") == std::string::npos;
      keys_.push_back(number ? Value(int64_t{std::stoll(part)}) : runtime.text(part));
      begin = end + 1;
    }
  }
  Value of(Runtime& runtime, Value item, const Value* fallback = nullptr) const {
    for (const Value& key : keys_) {
      item = get_item(runtime, item, key);
      if (fallback != nullptr && !fallback->is<None>() && item.missing()) item = *fallback;
    }
    return item;
  }

 private:
  std::vector<Value> keys_;
};

Value folded(Runtime& runtime, const Value& value, bool case_sensitive) {
  const Text* text = value.text();
  return case_sensitive || text == nullptr ? value : runtime.text(to_lower(text->utf8));
}

bool flag(const Value* value) {
  return value != nullptr && truth(*value);
}

// Sorts by key, keeping the order of equals, as sorted(..., reverse) does.
std::vector<Value> sorted(Runtime& runtime, std::vector<std::pair<Value, Value>> keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(runtime, b.first, a.first) : less(runtime, a.first, b.first);
  });
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return items;
}

Value filter_first(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'first'", arguments, {}, 0);
  if (Sequence* sequence = input.sequence(); sequence != nullptr && sequence->kind == Kind::kIterator) {
    if (sequence->taken < sequence->items.size()) return sequence->items[sequence->taken++];
    return runtime.missing("No first item, sequence was empty.");
  }
  const std::vector<Value> items = items_of(runtime, input);
  return items.empty() ? runtime.missing("No first item, sequence was empty.") : items.front();
}

Value filter_last(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'last'", arguments, {}, 0);
  const Sequence* sequence = input.sequence();
  if (!is_iterable(input) || (sequence != nullptr && sequence->kind == Kind::kIterator)) {
    runtime.fail(fmt::format("'{}' object is not reversible", type_name(input)));
  }
  const std::vector<Value> items = items_of(runtime, input);
  return items.empty() ? runtime.missing("No last item, sequence was empty.") : items.back();
}

Value filter_length(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'length'", arguments, {}, 0);
  return length_of(runtime, input);
}

Value filter_list(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'list'", arguments, {}, 0);
  return runtime.sequence(items_of(runtime, input));
}

Value filter_items(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'items'", arguments, {}, 0);
  std::vector<Value> pairs;
  if (const Dict* dict = input.dict()) {
    for (const auto& [key, value] : dict->items)
      pairs.push_back(runtime.sequence({key, value}, Kind::kTuple));
  } else if (!input.missing()) {
    runtime.fail("Can only get item pairs from a mapping.");
  }
  return runtime.sequence(std::move(pairs), Kind::kIterator);
}

Value filter_join(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'join'", arguments, {"d", "attribute"}, 0);
  const std::string between = bound[0] != nullptr ? to_text(runtime, *bound[0]) : "";
  const Getter getter(runtime, bound[1]);
  TextBuilder out(runtime);
  bool first = true;
  for (const Value& item : items_of(runtime, input)) {
    if (!first) out.add(between);
    first = false;
    out.add(to_text(runtime, getter.of(runtime, item)));
  }
  return std::move(out).value();
}

Value filter_reverse(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'reverse'", arguments, {}, 0);
  if (input.text() != nullptr) return get_slice(runtime, input, Value(), Value(), int64_t{-1});
  const Sequence* sequence = input.sequence();
  const bool iterator = sequence != nullptr && sequence->kind == Kind::kIterator;
  if (!is_iterable(input)) runtime.fail("argument must be iterable");
  std::vector<Value> items = items_of(runtime, input);
  std::reverse(items.begin(), items.end());
  return runtime.sequence(std::move(items), iterator ? Kind::kList : Kind::kIterator);
}

Value filter_sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'sort'", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  std::vector<Getter> getters;
  if (bound[2] != nullptr && bound[2]->text() != nullptr) {
    const std::string paths = bound[2]->text()->utf8;
    for (size_t begin = 0; begin <= paths.size();) {
      const size_t end = std::min(paths.find(',', begin), paths.size());
      const Value path = runtime.text(paths.substr(begin, end - begin));
      getters.emplace_back(runtime, &path);
      begin = end + 1;
    }
  } else {
    getters.emplace_back(runtime, bound[2]);
  }
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items_of(runtime, input)) {
    std::vector<Value> keys;
    for (const Getter& getter : getters)
      keys.push_back(folded(runtime, getter.of(runtime, item), flag(bound[1])));
    keyed.emplace_back(runtime.sequence(std::move(keys)), item);
  }
  return runtime.sequence(sorted(runtime, std::move(keyed), flag(bound[0])));
}

Value filter_dictsort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'dictsort'", arguments, {"case_sensitive", "by", "reverse"}, 0);
  const std::string by = text_argument(runtime, "filter 'dictsort'", bound[1], "key");
  if (by != "key" && by != "value") runtime.fail("You can only sort by either \"key\" or \"value\"");
  if (input.dict() == nullptr)
    runtime.fail(fmt::format("filter 'dictsort' wants a dict, got {}", type_name(input)));
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : input.dict()->items) {
    keyed.emplace_back(folded(runtime, by == "key" ? key : value, flag(bound[0])),
                       runtime.sequence({key, value}, Kind::kTuple));
  }
  return runtime.sequence(sorted(runtime, std::move(keyed), flag(bound[2])));
}

Value filter_unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'unique'", arguments, {"case_sensitive", "attribute"}, 0);
  const Getter getter(runtime, bound[1]);
  std::vector<Value> seen, kept;
  for (const Value& item : items_of(runtime, input)) {
    const Value key = folded(runtime, getter.of(runtime, item), flag(bound[0]));
    if (key.dict() != nullptr || (key.sequence() != nullptr && key.sequence()->kind == Kind::kList)) {
      runtime.fail(fmt::format("unhashable type: '{}'", type_name(key)));
    }
    if (std::any_of(seen.begin(), seen.end(), [&](const Value& other) { return equal(runtime, key, other); }))
      continue;
    seen.push_back(key);
    kept.push_back(item);
  }
  return runtime.sequence(std::move(kept), Kind::kIterator);
}

Value extreme(Runtime& runtime, const Value& input, const Arguments& arguments, bool largest) {
  const auto bound =
      bind(runtime, largest ? "filter 'max'" : "filter 'min'", arguments, {"case_sensitive", "attribute"}, 0);
  const Getter getter(runtime, bound[1]);
  const std::vector<Value> items = items_of(runtime, input);
  if (items.empty()) return runtime.missing("No aggregated item, sequence was empty.");
  size_t best = 0;
  Value best_key;
  for (size_t i = 0; i < items.size(); ++i) {
    Value key = folded(runtime, getter.of(runtime, items[i]), flag(bound[0]));
    if (i > 0 && !(largest ? less(runtime, best_key, key, ">") : less(runtime, key, best_key))) continue;
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Value filter_sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'sum'", arguments, {"attribute", "start"}, 0);
  const Getter getter(runtime, bound[0]);
  Value total = bound[1] != nullptr ? *bound[1] : Value(int64_t{0});
  if (total.text() != nullptr) runtime.fail("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items_of(runtime, input)) {
    total = calculate(runtime, Arithmetic::kAdd, total, getter.of(runtime, item));
  }
  return total;
}

Value filter_map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  std::vector<Value> mapped;
  if (!truth(input)) return runtime.sequence({}, Kind::kIterator);
  if (arguments.positional.empty()) {
    const auto bound = bind(runtime, "filter 'map'", arguments, {"attribute", "default"}, 1);
    const Getter getter(runtime, bound[0]);
    for (const Value& item : items_of(runtime, input)) mapped.push_back(getter.of(runtime, item, bound[1]));
    return runtime.sequence(std::move(mapped), Kind::kIterator);
  }
  const std::string name = text_argument(runtime, "filter 'map'", &arguments.positional[0], "");
  const Filter filter = find_filter(name);
  if (filter == nullptr) {
    runtime.fail(fmt::format("filter '{}' is not known", name), "known filters: " + filter_names());
  }
  const Runtime::Level level(runtime);
  const Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.keywords};
  for (const Value& item : items_of(runtime, input)) mapped.push_back(filter(runtime, item, rest));
  return runtime.sequence(std::move(mapped), Kind::kIterator);
}

// select, reject, selectattr, rejectattr: items whose value (or attribute) passes a test, by default that it
// is true.
template <bool kByAttribute, bool kKeep>
Value filter_select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const size_t offset = kByAttribute ? 1 : 0;
  std::vector<Value> kept;
  if (!truth(input)) return runtime.sequence({}, Kind::kIterator);
  if (kByAttribute && arguments.positional.empty()) runtime.fail("Missing parameter for attribute name");
  const Getter getter(runtime, kByAttribute ? &arguments.positional[0] : nullptr);
  Test test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > offset) {
    const std::string name = text_argument(runtime, "filter 'select'", &arguments.positional[offset], "");
    test = find_test(name);
    if (test == nullptr)
      runtime.fail(fmt::format("test '{}' is not known", name), "known tests: " + test_names());
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(offset) + 1,
                           arguments.positional.end());
    rest.keywords = arguments.keywords;
  }
  for (const Value& item : items_of(runtime, input)) {
    const Value value = getter.of(runtime, item);
    if ((test != nullptr ? test(runtime, value, rest) : truth(value)) == kKeep) kept.push_back(item);
  }
  return runtime.sequence(std::move(kept), Kind::kIterator);
}

}  // namespace

const std::vector<std::pair<std::string, Filter>>& sequence_filters() {
  static const std::vector<std::pair<std::string, Filter>> all = {
      {"count", filter_length},
      {"dictsort", filter_dictsort},
      {"first", filter_first},
      {"items", filter_items},
      {"join", filter_join},
      {"last", filter_last},
      {"length", filter_length},
      {"list", filter_list},
      {"map", filter_map},
      {"max", [](Runtime& r, const Value& input, const Arguments& a) { return extreme(r, input, a, true); }},
      {"min", [](Runtime& r, const Value& input, const Arguments& a) { return extreme(r, input, a, false); }},
      {"reject", filter_select<false, false>},
      {"rejectattr", filter_select<true, false>},
      {"reverse", filter_reverse},
      {"select", filter_select<false, true>},
      {"selectattr", filter_select<true, true>},
      {"sort", filter_sort},
      {"sum", filter_sum},
      {"unique", filter_unique},
  };
  return all;
}

}  // namespace grpo::jinja
