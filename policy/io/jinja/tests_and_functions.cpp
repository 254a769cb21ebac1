// Tests ("x is defined") and global functions (range, namespace, raise_exception, ...).

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "policy/io/jinja/filters.h"
#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

constexpr int64_t kLongestRange = 100'000;  // of Jinja's sandbox

const Value& only(Runtime& runtime, const Arguments& arguments) {
  return *bind(runtime, "the test", arguments, {"other"}, 1)[0];
}

template <Comparison op>
bool compares(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return compare(runtime, op, input, only(runtime, arguments));
}

// A test without argument that looks at the value only.
template <bool (*check)(const Value&)>
bool plain(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "the test", arguments, {}, 0);
  return check(input);
}

bool is_true(const Value& value) {
  return value.get<bool>() != nullptr && *value.get<bool>();
}
bool is_false(const Value& value) {
  return value.get<bool>() != nullptr && !*value.get<bool>();
}
bool is_boolean(const Value& v) {
  return v.is<bool>();
}
bool is_defined(const Value& v) {
  return !v.missing();
}
bool is_escaped(const Value& v) {
  return v.text() != nullptr && v.text()->safe;
}
bool is_float(const Value& v) {
  return v.is<double>();
}
bool is_integer(const Value& v) {
  return v.is<int64_t>();
}
bool is_mapping(const Value& v) {
  return v.dict() != nullptr;
}
bool is_none(const Value& v) {
  return v.is<None>();
}
bool is_string(const Value& v) {
  return v.text() != nullptr;
}
bool is_undefined(const Value& v) {
  return v.missing();
}
bool is_number(const Value& value) {
  return value.is<bool>() || value.is<int64_t>() || value.is<double>();
}
bool is_callable(const Value& value) {
  return value.is<const Macro*>() || value.is<const Function*>() ||
         value.is<std::shared_ptr<const Method>>() || value.missing();
}
bool is_sequence(const Value& value) {
  const Sequence* sequence = value.sequence();
  const bool indexed = sequence != nullptr && sequence->kind != Sequence::Kind::kIterator &&
                       sequence->kind != Sequence::Kind::kKeys && sequence->kind != Sequence::Kind::kValues &&
                       sequence->kind != Sequence::Kind::kItems;
  return indexed || value.text() != nullptr || value.dict() != nullptr || value.missing();
}

template <int64_t remainder>
bool is_parity(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "the test", arguments, {}, 0);
  return equal(runtime, calculate(runtime, Arithmetic::kRemainder, input, int64_t{2}), remainder);
}

bool is_cased(Runtime& runtime, const Value& input, const Arguments& arguments, bool upper) {
  bind(runtime, "the test", arguments, {}, 0);
  const std::string text = to_text(runtime, input);
  bool any = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_character(text, i);
    if (upper ? is_lower(c) : is_upper(c)) return false;
    any = any || (upper ? is_upper(c) : is_lower(c));
  }
  return any;
}

bool is_same(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Value& other = only(runtime, arguments);
  const bool simple = (input.is<None>() || input.is<bool>()) && input.held().index() == other.held().index();
  if (simple) return equal(runtime, input, other);
  if (input.held().index() != other.held().index()) return false;
  runtime.fail("test 'sameas' is supported for true, false and none only", "compare with ==");
}

const std::map<std::string, Test, std::less<>>& tests() {
  static const std::map<std::string, Test, std::less<>> table = {
      {"!=", compares<Comparison::kNotEqual>},
      {"<", compares<Comparison::kLess>},
      {"<=", compares<Comparison::kLessEqual>},
      {"==", compares<Comparison::kEqual>},
      {">", compares<Comparison::kGreater>},
      {">=", compares<Comparison::kGreaterEqual>},
      {"boolean", plain<is_boolean>},
      {"callable", plain<is_callable>},
      {"defined", plain<is_defined>},
      {"divisibleby",
       [](Runtime& runtime, const Value& input, const Arguments& arguments) {
         return equal(runtime, calculate(runtime, Arithmetic::kRemainder, input, only(runtime, arguments)),
                      int64_t{0});
       }},
      {"eq", compares<Comparison::kEqual>},
      {"equalto", compares<Comparison::kEqual>},
      {"escaped", plain<is_escaped>},
      {"even", is_parity<0>},
      {"false", plain<is_false>},
      {"filter",
       [](Runtime& runtime, const Value& input, const Arguments& arguments) {
         bind(runtime, "the test", arguments, {}, 0);
         return input.text() != nullptr && find_filter(input.text()->utf8) != nullptr;
       }},
      {"float", plain<is_float>},
      {"ge", compares<Comparison::kGreaterEqual>},
      {"greaterthan", compares<Comparison::kGreater>},
      {"gt", compares<Comparison::kGreater>},
      {"in", compares<Comparison::kIn>},
      {"integer", plain<is_integer>},
      {"iterable", plain<is_iterable>},
      {"le", compares<Comparison::kLessEqual>},
      {"lessthan", compares<Comparison::kLess>},
      {"lower",
       [](Runtime& runtime, const Value& v, const Arguments& a) { return is_cased(runtime, v, a, false); }},
      {"lt", compares<Comparison::kLess>},
      {"mapping", plain<is_mapping>},
      {"ne", compares<Comparison::kNotEqual>},
      {"none", plain<is_none>},
      {"number", plain<is_number>},
      {"odd", is_parity<1>},
      {"sameas", is_same},
      {"sequence", plain<is_sequence>},
      {"string", plain<is_string>},
      {"test",
       [](Runtime& runtime, const Value& input, const Arguments& arguments) {
         bind(runtime, "the test", arguments, {}, 0);
         return input.text() != nullptr && find_test(input.text()->utf8) != nullptr;
       }},
      {"true", plain<is_true>},
      {"undefined", plain<is_undefined>},
      {"upper",
       [](Runtime& runtime, const Value& v, const Arguments& a) { return is_cased(runtime, v, a, true); }},
  };
  return table;
}

Value call_range(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind(runtime, "range", arguments, {"start", "stop", "step"}, 1);
  if (!arguments.keywords.empty()) runtime.fail("range() takes no keyword arguments");
  const bool one = bound[1] == nullptr;
  for (const Value* value : bound) {
    if (value != nullptr && value->is<None>())
      runtime.fail("'NoneType' object cannot be interpreted as an integer");
  }
  const int64_t start = one ? 0 : integer_argument(runtime, "range", bound[0], 0);
  const int64_t stop = integer_argument(runtime, "range", one ? bound[0] : bound[1], 0);
  const int64_t step = integer_argument(runtime, "range", bound[2], 1);
  if (step == 0) runtime.fail("range() arg 3 must not be zero");
  const __int128 span = step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
  const __int128 pace = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  const __int128 count = span <= 0 ? 0 : (span - 1) / pace + 1;
  if (count > kLongestRange) {
    runtime.fail(fmt::format("Range too big. The sandbox blocks ranges larger than {}.", kLongestRange));
  }
  std::vector<Value> items;
  runtime.step(static_cast<int64_t>(count));
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i) items.push_back(start + i * step);
  const Value range = runtime.sequence(std::move(items), Sequence::Kind::kRange);
  range.sequence()->range = {start, stop, step};
  return range;
}

// The pairs of dict(mapping or pairs, **named).
std::vector<std::pair<Value, Value>> named_pairs(Runtime& runtime, const char* callee,
                                                 const Arguments& arguments) {
  if (arguments.positional.size() > 1) runtime.fail(fmt::format("{} takes at most one argument", callee));
  std::vector<std::pair<Value, Value>> pairs;
  for (const Value& given : arguments.positional) {
    if (const Dict* dict = given.dict()) {
      pairs = dict->items;
      continue;
    }
    for (const Value& item : items_of(runtime, given)) {
      const std::vector<Value> pair = items_of(runtime, item);
      if (pair.size() != 2) runtime.fail(fmt::format("{} wants pairs", callee));
      pairs.emplace_back(pair[0], pair[1]);
    }
  }
  for (const auto& [name, value] : arguments.keywords) pairs.emplace_back(runtime.text(name), value);
  return pairs;
}

Value call_namespace(Runtime& runtime, const Arguments& arguments) {
  const Value made = runtime.make_namespace();
  for (const auto& [key, value] : named_pairs(runtime, "namespace", arguments)) {
    const Text* name = key.text();
    if (name == nullptr) runtime.fail("attributes of a namespace are named by text");
    if (name->utf8.starts_with('_'))
      runtime.fail("an attribute of a namespace may not start with an underscore");
    runtime.made(sizeof(Value) + 64 + name->utf8.size());
    (*made.get<Namespace*>())->attributes[name->utf8] = value;
  }
  return made;
}

Value call_raise(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind(runtime, "raise_exception", arguments, {"message"}, 1);
  runtime.fail(to_text(runtime, *bound[0]), "the chat template refuses these messages: change them");
}

Value call_strftime(Runtime& runtime, const Arguments& arguments) {
  const auto bound = bind(runtime, "strftime_now", arguments, {"format"}, 1);
  return format_time(runtime, text_argument(runtime, "strftime_now", bound[0], ""), runtime.now());
}

constexpr Function kFunctions[] = {
    {"dict",
     [](Runtime& runtime, const Arguments& a) { return runtime.dict(named_pairs(runtime, "dict", a)); }},
    {"namespace", call_namespace},
    {"raise_exception", call_raise},
    {"range", call_range},
    {"strftime_now", call_strftime},
};

}  // namespace

Test find_test(std::string_view name) {
  const auto it = tests().find(name);
  return it == tests().end() ? nullptr : it->second;
}

std::string test_names() {
  std::string names;
  for (const auto& [name, unused] : tests()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

const Function* find_function(std::string_view name) {
  for (const Function& function : kFunctions) {
    if (name == function.name) return &function;
  }
  return nullptr;
}

Value format_time(Runtime& runtime, const std::string& format, const std::tm& time) {
  if (format.size() > 4096) runtime.fail("a time format of more than 4096 bytes");
  // What the C library leaves to its taste, or does not know, Python settles: no zone, no microseconds.
  std::string plain;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      plain += format[i] == '\0' ? "" : std::string(1, format[i]);
      continue;
    }
    const char letter = format[++i];
    if (letter == 'z' || letter == 'Z') continue;
    plain += letter == 'f' ? "000000" : std::string{'%', letter};
  }
  if (plain.empty()) return runtime.text("");
  std::string out(plain.size() * 64 + 256, '\0');
  const size_t written = std::strftime(out.data(), out.size(), plain.c_str(), &time);
  if (written == 0 && plain != "%p") runtime.fail("the time format gives no text, or too much");
  out.resize(written);
  if (!is_valid_utf8(out)) runtime.fail("the time format gives text that is not UTF-8");
  return runtime.text(std::move(out));
}

}  // namespace grpo::jinja
