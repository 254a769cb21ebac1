#include "policy/io/jinja/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/jinja/sequence_filters.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

// What a text filter works on: str(input), unless the input is safe text, whose filters are not supported.
Text soft_text(Runtime& runtime, const Value& input, const char* filter) {
  if (const Text* text = input.text(); text != nullptr && text->safe) {
    runtime.fail(
        fmt::format("filter '{}' of text that went through `safe` or `escape` is not supported", filter),
        "apply it before that filter");
  }
  Text text;
  text.utf8 = to_text(runtime, input);
  text.ascii = is_ascii(text.utf8);
  return text;
}

template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&name)[N]) { std::copy_n(name, N, text); }  // NOLINT: a template argument
};

// A filter that is the str method of the same name.
template <Name name>
Value by_method(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return call_text_method(runtime, soft_text(runtime, input, name.text), name.text, arguments);
}

Value filter_trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return call_text_method(runtime, soft_text(runtime, input, "trim"), "strip", arguments);
}

Value filter_replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'replace'", arguments, {"old", "new", "count"}, 2);
  Arguments call;
  for (int i = 0; i < 2; ++i) call.positional.push_back(runtime.text(to_text(runtime, *bound[i])));
  call.positional.push_back(integer_argument(runtime, "filter 'replace'", bound[2], -1));
  const Value text = runtime.text(to_text(runtime, input));
  return call_text_method(runtime, *text.text(), "replace", call);
}

Value filter_title(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'title'", arguments, {}, 0);
  const Text text = soft_text(runtime, input, "title");
  constexpr std::string_view breaks = "-({[<";
  std::string out;
  bool start = true;
  for (size_t i = 0; i < text.utf8.size();) {
    const size_t begin = i;
    const char32_t c = next_character(text.utf8, i);
    const std::string letter = text.utf8.substr(begin, i - begin);
    const std::optional<std::string> upper = start ? to_upper(letter) : to_lower(letter);
    if (!upper)
      runtime.fail("the upper case of one of the letters is several letters, which is not supported");
    out += *upper;
    start = is_space(c) || (c < 0x80 && breaks.find(static_cast<char>(c)) != std::string_view::npos);
  }
  return runtime.text(std::move(out));
}

Value filter_indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'indent'", arguments, {"width", "first", "blank"}, 0);
  if (input.text() == nullptr) {
    if (input.missing()) calculate(runtime, Arithmetic::kAdd, input, runtime.text("\n"));
    runtime.fail(fmt::format("filter 'indent' wants a str, got {}", type_name(input)));
  }
  const bool by_text = bound[0] != nullptr && bound[0]->text() != nullptr;
  const int64_t width = by_text ? 1 : integer_argument(runtime, "filter 'indent'", bound[0], 4);
  const std::string unit = by_text ? bound[0]->text()->utf8 : " ";
  const bool first = bound[1] != nullptr && truth(*bound[1]), blank = bound[2] != nullptr && truth(*bound[2]);
  const std::string text = soft_text(runtime, input, "indent").utf8 + "\n";
  TextBuilder out(runtime);
  bool at_start = true;
  for (const std::string_view line : split_lines(text)) {
    runtime.step();
    if (!at_start) out.add("\n");
    if (at_start ? first : blank || !line.empty()) out.repeat(unit, width);
    at_start = false;
    out.add(line);
  }
  return std::move(out).value();
}

Value filter_wordcount(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'wordcount'", arguments, {}, 0);
  const Text text = soft_text(runtime, input, "wordcount");
  int64_t words = 0;
  bool within = false;
  for (size_t i = 0; i < text.utf8.size();) {
    const char32_t c = next_character(text.utf8, i);
    const bool word = is_letter(c) || is_numeric(c) || c == '_';
    words += word && !within ? 1 : 0;
    within = word;
  }
  return words;
}

// int(text, base) of Python: none where it would raise ValueError.
std::optional<int64_t> parse_integer(Runtime& runtime, std::string_view text, int64_t base) {
  std::string digits;
  text = strip_space(text);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  const auto prefix = [&](char letter, int64_t of) {
    return (base == of || base == 0) && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter;
  };
  for (const auto& [letter, of] : {std::pair{'x', 16}, {'o', 8}, {'b', 2}}) {
    if (!prefix(letter, of)) continue;
    text.remove_prefix(text[2] == '_' ? 3 : 2);
    base = of;
    break;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && i + 1 < text.size() && text[i - 1] != '_') continue;
    digits += text[i];
  }
  if (base == 0) {
    base = 10;
    if (digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos)
      return std::nullopt;
  }
  uint64_t number = 0;
  const auto [end, code] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, static_cast<int>(base));
  if (digits.empty() || digits[0] == '-' || end != digits.data() + digits.size()) return std::nullopt;
  if (code != std::errc() || number > static_cast<uint64_t>(INT64_MAX))
    runtime.fail("a whole number beyond 64 bits");
  return minus ? -static_cast<int64_t>(number) : static_cast<int64_t>(number);
}

// float(text) of Python.
std::optional<double> parse_float(std::string_view text) {
  std::string digits;
  text = strip_space(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    if (text[i] == '_' && i > 0 && digit(i - 1) && digit(i + 1)) continue;
    digits += text[i];
  }
  if (digits.empty() || digits.find('(') != std::string::npos)
    return std::nullopt;  // nan(...) is C's, not Python's
  double number = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end != digits.data() + digits.size()) return std::nullopt;
  if (code == std::errc::result_out_of_range) number = std::strtod(digits.c_str(), nullptr);
  return number;
}

std::optional<int64_t> truncated(Runtime& runtime, double real) {
  if (!std::isfinite(real)) return std::nullopt;
  if (std::abs(real) >= 9.2e18) runtime.fail("a whole number beyond 64 bits");
  return static_cast<int64_t>(real);
}

Value filter_int(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'int'", arguments, {"default", "base"}, 0);
  const Value fallback = bound[0] != nullptr ? *bound[0] : Value(int64_t{0});
  int64_t whole = 0;
  if (input.integral(&whole)) return whole;
  if (input.missing()) runtime.fail((*input.get<std::shared_ptr<const Missing>>())->message);
  std::optional<double> real;
  if (const double* number = input.get<double>()) real = *number;
  if (const Text* text = input.text()) {
    const int64_t base = integer_argument(runtime, "filter 'int'", bound[1], 10);
    if (base != 0 && (base < 2 || base > 36)) runtime.fail("int() base must be >= 2 and <= 36, or 0");
    if (const auto number = parse_integer(runtime, text->utf8, base)) return *number;
    real = parse_float(text->utf8);
  }
  const std::optional<int64_t> number = real ? truncated(runtime, *real) : std::nullopt;
  return number ? Value(*number) : fallback;
}

Value filter_float(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'float'", arguments, {"default"}, 0);
  double real = 0;
  if (input.number(&real)) return real;
  if (input.missing()) runtime.fail((*input.get<std::shared_ptr<const Missing>>())->message);
  if (const Text* text = input.text()) {
    if (const auto number = parse_float(text->utf8)) return *number;
  }
  return bound[0] != nullptr ? *bound[0] : Value(0.0);
}

Value filter_abs(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'abs'", arguments, {}, 0);
  double real = 0;
  if (!input.number(&real)) {
    if (input.missing()) negative(runtime, input);
    runtime.fail(fmt::format("bad operand type for abs(): '{}'", type_name(input)));
  }
  return real < 0 || (real == 0 && std::signbit(real)) ? negative(runtime, input) : positive(runtime, input);
}

Value filter_round(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'round'", arguments, {"precision", "method"}, 0);
  const int64_t precision = integer_argument(runtime, "filter 'round'", bound[0], 0);
  const std::string method = text_argument(runtime, "filter 'round'", bound[1], "common");
  double real = 0;
  int64_t whole = 0;
  if (!input.number(&real))
    runtime.fail(fmt::format("filter 'round' wants a number, got {}", type_name(input)));
  if (precision < 0 || precision > 300)
    runtime.fail("filter 'round' with such a precision is not supported", "use 0 to 300");
  if (method == "common") {
    if (input.integral(&whole)) return whole;
    if (!std::isfinite(real)) return real;
    // Rounds the exact decimal expansion, half to even, as Python does.
    return std::strtod(fmt::format("{:.{}f}", real, precision).c_str(), nullptr);
  }
  if (method != "ceil" && method != "floor") runtime.fail("method must be common, ceil or floor");
  if (!std::isfinite(real)) runtime.fail("cannot convert float infinity or NaN to integer");
  const double scale = std::pow(10.0, static_cast<double>(precision)), scaled = real * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value filter_default(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'default'", arguments, {"default_value", "boolean"}, 0);
  const bool by_truth = bound[1] != nullptr && truth(*bound[1]);
  if (!input.missing() && !(by_truth && !truth(input))) return input;
  return bound[0] != nullptr ? *bound[0] : runtime.text("");
}

Value filter_string(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'string'", arguments, {}, 0);
  return input.text() != nullptr ? input : runtime.text(to_text(runtime, input));
}

Value filter_safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'safe'", arguments, {}, 0);
  return runtime.text(to_text(runtime, input), true);
}

Value filter_escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  bind(runtime, "filter 'escape'", arguments, {}, 0);
  if (const Text* text = input.text(); text != nullptr && text->safe) return input;
  return runtime.text(escape_html(to_text(runtime, input)), true);
}

Value filter_format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  if (!arguments.keywords.empty() && !arguments.positional.empty()) {
    runtime.fail("can't handle positional and keyword arguments at the same time");
  }
  std::vector<std::pair<Value, Value>> named;
  for (const auto& [name, value] : arguments.keywords) named.emplace_back(runtime.text(name), value);
  const Value given = named.empty() ? runtime.sequence(arguments.positional, Sequence::Kind::kTuple)
                                    : runtime.dict(std::move(named));
  return format_percent(runtime, soft_text(runtime, input, "format"), given);
}

Value filter_attr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound = bind(runtime, "filter 'attr'", arguments, {"name"}, 1);
  const std::string name = text_argument(runtime, "filter 'attr'", bound[0], "");
  return input.missing() ? get_attribute(runtime, input, name) : attribute_of(runtime, input, name);
}

Value filter_tojson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const auto bound =
      bind(runtime, "filter 'tojson'", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  JsonStyle style;
  style.ensure_ascii = bound[0] != nullptr && truth(*bound[0]);
  style.sort_keys = bound[3] != nullptr && truth(*bound[3]);
  if (bound[1] != nullptr && !bound[1]->is<None>()) {
    if (const Text* text = bound[1]->text()) {
      style.indent = text->utf8;
    } else {
      const int64_t width = integer_argument(runtime, "filter 'tojson'", bound[1], 0);
      if (width > 1000) runtime.fail("filter 'tojson' with an indent above 1000 is not supported");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
    style.item_separator = std::string(",");  // an assignment of "," is misread by GCC 12
  }
  if (bound[2] != nullptr && !bound[2]->is<None>()) {
    const std::vector<Value> both = items_of(runtime, *bound[2]);
    if (both.size() != 2) runtime.fail("separators are two texts: between items, and after keys");
    style.item_separator = text_argument(runtime, "filter 'tojson'", &both[0], ", ");
    style.key_separator = text_argument(runtime, "filter 'tojson'", &both[1], ": ");
  }
  return to_json(runtime, input, style);
}

const std::map<std::string, Filter, std::less<>>& filters() {
  static const auto table = [] {
    std::map<std::string, Filter, std::less<>> all = {
        {"abs", filter_abs},
        {"attr", filter_attr},
        {"capitalize", by_method<"capitalize">},
        {"center",
         [](Runtime& runtime, const Value& input, const Arguments& arguments) {
           const auto bound = bind(runtime, "filter 'center'", arguments, {"width"}, 0);
           const int64_t width = integer_argument(runtime, "filter 'center'", bound[0], 80);
           return by_method<"center">(runtime, input, {.positional = {width}, .keywords = {}});
         }},
        {"d", filter_default},
        {"default", filter_default},
        {"e", filter_escape},
        {"escape", filter_escape},
        {"float", filter_float},
        {"format", filter_format},
        {"indent", filter_indent},
        {"int", filter_int},
        {"lower", by_method<"lower">},
        {"replace", filter_replace},
        {"round", filter_round},
        {"safe", filter_safe},
        {"string", filter_string},
        {"title", filter_title},
        {"tojson", filter_tojson},
        {"trim", filter_trim},
        {"upper", by_method<"upper">},
        {"wordcount", filter_wordcount},
    };
    for (const auto& [name, filter] : sequence_filters()) all.emplace(name, filter);
    return all;
  }();
  return table;
}

}  // namespace

Filter find_filter(std::string_view name) {
  const auto it = filters().find(name);
  return it == filters().end() ? nullptr : it->second;
}

std::string filter_names() {
  std::string names;
  for (const auto& [name, unused] : filters()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace grpo::jinja
