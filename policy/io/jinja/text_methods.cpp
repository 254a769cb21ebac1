// The methods of str.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "policy/io/jinja/methods.h"
#include "policy/io/jinja/operators.h"
#include "policy/io/jinja/printing.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

using Bound = std::vector<const Value*>;

// One call: what it is called on, with what. Arguments by position, as str's methods take them.
struct Call {
  Runtime& runtime;
  const std::string& text;
  const bool ascii;
  const std::string& name;
  const Arguments& arguments;

  std::string callee() const { return "str." + name; }
  Bound bind(const std::vector<const char*>& names, size_t required) const {
    return jinja::bind(runtime, callee(), arguments, names, required);
  }
  const std::string& wanted(const Value* value) const {
    if (const Text* given = value->text()) return given->utf8;
    if (const auto* missing = value->get<std::shared_ptr<const Missing>>()) runtime.fail((*missing)->message);
    runtime.fail(fmt::format("{} wants a str, got {}", callee(), type_name(*value)));
  }
  int64_t integer(const Value* value, int64_t fallback) const {
    return integer_argument(runtime, callee(), value, fallback);
  }
  Value list(const std::vector<std::string_view>& parts, Sequence::Kind kind = Sequence::Kind::kList) const {
    std::vector<Value> items;
    for (const std::string_view part : parts) {
      runtime.step();
      items.push_back(runtime.text(part));
    }
    return runtime.sequence(std::move(items), kind);
  }
};

Value strip(const Call& call, Side side) {
  const Bound bound = call.bind({"chars"}, 0);
  if (bound[0] == nullptr || bound[0]->is<None>()) return call.runtime.text(strip_space(call.text, side));
  return call.runtime.text(strip_characters(call.text, call.wanted(bound[0]), side));
}

std::vector<std::string_view> cut_at(std::string_view text, std::string_view mark, int64_t limit) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  for (;;) {
    const bool more = limit < 0 || static_cast<int64_t>(parts.size()) < limit;
    const size_t at = more ? find_first(text, mark, begin) : std::string_view::npos;
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(begin, at - begin));
    begin = at + mark.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

Value split(const Call& call, bool from_right) {
  const Bound bound = call.bind({"sep", "maxsplit"}, 0);
  const int64_t limit = call.integer(bound[1], -1);
  call.runtime.step(static_cast<int64_t>(call.text.size() / 16));
  if (bound[0] == nullptr || bound[0]->is<None>())
    return call.list(split_words(call.text, limit, from_right));
  const std::string& mark = call.wanted(bound[0]);
  if (mark.empty()) call.runtime.fail("empty separator");
  if (!from_right || limit < 0) return call.list(cut_at(call.text, mark, from_right ? -1 : limit));
  const std::string backwards(call.text.rbegin(), call.text.rend()), reversed(mark.rbegin(), mark.rend());
  std::vector<std::string_view> parts = cut_at(backwards, reversed, limit);
  std::reverse(parts.begin(), parts.end());
  const std::string_view text = call.text;
  for (std::string_view& part : parts) {
    const auto offset = static_cast<size_t>(part.data() - backwards.data());
    part = text.substr(text.size() - offset - part.size(), part.size());
  }
  return call.list(parts);
}

Value partition(const Call& call, bool last) {
  const std::string& mark = call.wanted(call.bind({"sep"}, 1)[0]);
  if (mark.empty()) call.runtime.fail("empty separator");
  const std::string_view text = call.text;
  const size_t at = last ? find_last(text, mark) : find_first(text, mark);
  if (at == std::string_view::npos) {
    return last ? call.list({"", "", text}, Sequence::Kind::kTuple)
                : call.list({text, "", ""}, Sequence::Kind::kTuple);
  }
  return call.list({text.substr(0, at), mark, text.substr(at + mark.size())}, Sequence::Kind::kTuple);
}

Value replace(const Call& call) {
  const Bound bound = call.bind({"old", "new", "count"}, 2);
  const std::string &old = call.wanted(bound[0]), &with = call.wanted(bound[1]);
  int64_t left = call.integer(bound[2], -1);
  TextBuilder out(call.runtime);
  size_t begin = 0;
  if (old.empty()) {  // between all characters
    for (size_t i = 0; left != 0; --left) {
      out.add(with);
      call.runtime.step();
      if (i >= call.text.size()) return std::move(out).value();
      next_character(call.text, i);
      out.add(std::string_view(call.text).substr(begin, i - begin));
      begin = i;
    }
  }
  for (; left != 0 && !old.empty(); --left) {
    const size_t at = find_first(call.text, old, begin);
    if (at == std::string_view::npos) break;
    call.runtime.step();
    out.add(std::string_view(call.text).substr(begin, at - begin));
    out.add(with);
    begin = at + old.size();
  }
  out.add(std::string_view(call.text).substr(begin));
  return std::move(out).value();
}

// The part of the text that [start:end] names, and the byte where it starts.
std::pair<std::string_view, size_t> window(const Call& call, const Value* start, const Value* end,
                                           bool* outside) {
  const int64_t length = call.ascii ? static_cast<int64_t>(call.text.size()) : count_characters(call.text);
  const auto bounded = [&](const Value* value, int64_t fallback) {
    const int64_t at = call.integer(value, fallback);
    return at < 0 ? std::max<int64_t>(0, at < -length ? 0 : at + length) : at;
  };
  const int64_t first = bounded(start, 0), last = std::min(bounded(end, length), length);
  *outside = first > length || first > last;
  if (*outside) return {"", 0};
  const size_t from = byte_offset(call.text, first), to = byte_offset(call.text, last);
  return {std::string_view(call.text).substr(from, to - from), from};
}

Value find(const Call& call, bool last, bool must) {
  const Bound bound = call.bind({"sub", "start", "end"}, 1);
  const std::string& part = call.wanted(bound[0]);
  bool outside = false;
  const auto [text, from] = window(call, bound[1], bound[2], &outside);
  const size_t at = outside ? std::string_view::npos : last ? find_last(text, part) : find_first(text, part);
  if (at != std::string_view::npos) return count_characters(std::string_view(call.text).substr(0, from + at));
  if (must) call.runtime.fail("substring not found");
  return int64_t{-1};
}

Value count(const Call& call) {
  const Bound bound = call.bind({"sub", "start", "end"}, 1);
  const std::string& part = call.wanted(bound[0]);
  bool outside = false;
  const std::string_view text = window(call, bound[1], bound[2], &outside).first;
  if (outside) return int64_t{0};
  if (part.empty()) return count_characters(text) + 1;
  int64_t found = 0;
  for (size_t at = 0; (at = find_first(text, part, at)) != std::string_view::npos; at += part.size()) ++found;
  return found;
}

Value starts_or_ends(const Call& call, bool ends) {
  const Bound bound = call.bind({"part", "start", "end"}, 1);
  bool outside = false;
  const std::string_view text = window(call, bound[1], bound[2], &outside).first;
  const auto matches = [&](const Value& part) {
    const std::string& wanted = call.wanted(&part);
    return !outside && (ends ? text.ends_with(wanted) : text.starts_with(wanted));
  };
  const Sequence* many = bound[0]->sequence();
  if (many == nullptr || many->kind != Sequence::Kind::kTuple) return matches(*bound[0]);
  return std::any_of(many->items.begin(), many->items.end(), matches);
}

Value join(const Call& call) {
  const Bound bound = call.bind({"iterable"}, 1);
  TextBuilder out(call.runtime);
  bool first = true;
  for (const Value& item : items_of(call.runtime, *bound[0])) {
    if (!first) out.add(call.text);
    first = false;
    out.add(call.wanted(&item));
  }
  return std::move(out).value();
}

Value pad(const Call& call) {
  const Bound bound = call.bind({"width", "fillchar"}, 1);
  const int64_t length = count_characters(call.text);
  const int64_t missing = std::max<int64_t>(0, call.integer(bound[0], 0) - length);
  const std::string fill = bound[1] == nullptr ? " " : call.wanted(bound[1]);
  if (count_characters(fill) != 1) call.runtime.fail("The fill character must be exactly one character long");
  int64_t left = call.name == "rjust" ? missing : 0;
  if (call.name == "center") left = missing / 2 + (missing & (missing + length) & 1);
  TextBuilder out(call.runtime);
  out.repeat(fill, left);
  out.add(call.text);
  out.repeat(fill, missing - left);
  return std::move(out).value();
}

Value zfill(const Call& call) {
  const int64_t width = call.integer(call.bind({"width"}, 1)[0], 0);
  const bool sign = call.text.starts_with('+') || call.text.starts_with('-');
  TextBuilder out(call.runtime);
  out.add(call.text.substr(0, sign ? 1 : 0));
  out.repeat("0", width - count_characters(call.text));
  out.add(std::string_view(call.text).substr(sign ? 1 : 0));
  return std::move(out).value();
}

std::string upper_case(const Call& call, std::string_view text) {
  if (std::optional<std::string> upper = to_upper(text)) return *std::move(upper);
  call.runtime.fail("the upper case of one of the letters is several letters, which is not supported");
}

Value recase(const Call& call) {
  call.bind({}, 0);
  call.runtime.step(static_cast<int64_t>(call.text.size() / 16));
  if (call.name == "lower") return call.runtime.text(to_lower(call.text));
  if (call.name == "upper") return call.runtime.text(upper_case(call, call.text));
  const std::string lowered = to_lower(call.text);
  std::string out;
  bool within = false;
  size_t low = 0;
  for (size_t i = 0; i < call.text.size();) {
    const size_t begin = i;
    const char32_t c = next_character(call.text, i);
    const size_t low_begin = low;
    next_character(lowered, low);
    if (c == 0x130) low += 2;  // its lower case is i and a combining dot
    const std::string letter = call.text.substr(begin, i - begin);
    const std::string small = lowered.substr(low_begin, low - low_begin);
    bool raise = !within;
    if (call.name == "capitalize") raise = begin == 0;
    if (call.name == "swapcase") raise = is_lower(c);
    std::string big = raise ? upper_case(call, letter) : small;
    if (call.name != "swapcase" && raise && big.size() > 1 && is_ascii(big)) {  // title case: Ss, Ffi
      std::transform(big.begin() + 1, big.end(), big.begin() + 1,
                     [](char x) { return static_cast<char>(x | 0x20); });
    }
    out += raise ? big : small;
    within = is_lower(c) || is_upper(c);
  }
  return call.runtime.text(std::move(out));
}

Value is_all(const Call& call) {
  call.bind({}, 0);
  call.runtime.step(static_cast<int64_t>(call.text.size() / 16));
  if (call.name == "isascii") return call.ascii;
  bool cased = false, all = !call.text.empty(), titled = true, within = false;
  for (size_t i = 0; i < call.text.size();) {
    const char32_t c = next_character(call.text, i);
    const bool lower = is_lower(c), upper = is_upper(c);
    cased = cased || lower || upper;
    titled = titled && !(upper && within) && !(lower && !within);
    within = lower || upper;
    if (call.name == "isalpha") all = all && is_letter(c);
    if (call.name == "isdigit") all = all && is_digit(c);
    if (call.name == "isdecimal") all = all && is_decimal_digit(c);
    if (call.name == "isalnum") all = all && (is_letter(c) || is_numeric(c));
    if (call.name == "isspace") all = all && is_space(c);
    if (call.name == "islower") all = all && !upper;
    if (call.name == "isupper") all = all && !lower;
  }
  if (call.name == "islower" || call.name == "isupper") return all && cased;
  return call.name == "istitle" ? titled && cased : all;
}

Value remove_affix(const Call& call) {
  const std::string& part = call.wanted(call.bind({"part"}, 1)[0]);
  const std::string_view text = call.text;
  if (call.name == "removeprefix")
    return call.runtime.text(text.starts_with(part) ? text.substr(part.size()) : text);
  const bool ends = text.ends_with(part);
  return call.runtime.text(ends ? text.substr(0, text.size() - part.size()) : text);
}

// "{} {0} {name}".format(...): fields without format specification, conversion or attribute.
Value format(const Call& call) {
  TextBuilder out(call.runtime);
  size_t next = 0;
  const std::string_view text = call.text;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      out.add(text.substr(i++, 1));
    } else if (c == '}') {
      call.runtime.fail("Single '}' encountered in format string");
    } else if (c != '{') {
      out.add(text.substr(i, 1));
    } else {
      const size_t end = text.find('}', i);
      if (end == std::string_view::npos) call.runtime.fail("Single '{' encountered in format string");
      const std::string field(text.substr(i + 1, end - i - 1));
      const Value* value = nullptr;
      if (field.find_first_not_of("0123456789") == std::string::npos) {
        const size_t at = field.empty() ? next++ : field.size() > 6 ? SIZE_MAX : std::stoul(field);
        if (at < call.arguments.positional.size()) value = &call.arguments.positional[at];
      }
      for (const auto& [name, given] : call.arguments.keywords) {
        if (name == field) value = &given;
      }
      if (value == nullptr) {
        call.runtime.fail(
            fmt::format("the format field {{{}}} has no argument, or more to it than a name", field),
            "only {}, {0} and {name} are supported");
      }
      out.add(to_text(call.runtime, *value));
      i = end;
    }
  }
  return std::move(out).value();
}

Value lines(const Call& call) {
  const Bound bound = call.bind({"keepends"}, 0);
  call.runtime.step(static_cast<int64_t>(call.text.size() / 16));
  return call.list(split_lines(call.text, bound[0] != nullptr && truth(*bound[0])));
}

using Implementation = Value (*)(const Call&);

const std::map<std::string, Implementation, std::less<>>& methods() {
  static const std::map<std::string, Implementation, std::less<>> table = {
      {"capitalize", recase},
      {"casefold",
       [](const Call& call) -> Value {
         if (!call.ascii)
           call.runtime.fail("casefold of text that is not ASCII is not supported", "use lower()");
         return call.runtime.text(to_lower(call.text));
       }},
      {"center", pad},
      {"count", count},
      {"endswith", [](const Call& call) { return starts_or_ends(call, true); }},
      {"find", [](const Call& call) { return find(call, false, false); }},
      {"format", format},
      {"index", [](const Call& call) { return find(call, false, true); }},
      {"isalnum", is_all},
      {"isalpha", is_all},
      {"isascii", is_all},
      {"isdecimal", is_all},
      {"isdigit", is_all},
      {"islower", is_all},
      {"isspace", is_all},
      {"istitle", is_all},
      {"isupper", is_all},
      {"join", join},
      {"ljust", pad},
      {"lower", recase},
      {"lstrip", [](const Call& call) { return strip(call, Side::kLeft); }},
      {"partition", [](const Call& call) { return partition(call, false); }},
      {"removeprefix", remove_affix},
      {"removesuffix", remove_affix},
      {"replace", replace},
      {"rfind", [](const Call& call) { return find(call, true, false); }},
      {"rindex", [](const Call& call) { return find(call, true, true); }},
      {"rjust", pad},
      {"rpartition", [](const Call& call) { return partition(call, true); }},
      {"rsplit", [](const Call& call) { return split(call, true); }},
      {"rstrip", [](const Call& call) { return strip(call, Side::kRight); }},
      {"split", [](const Call& call) { return split(call, false); }},
      {"splitlines", lines},
      {"startswith", [](const Call& call) { return starts_or_ends(call, false); }},
      {"strip", [](const Call& call) { return strip(call, Side::kBoth); }},
      {"swapcase", recase},
      {"title", recase},
      {"upper", recase},
      {"zfill", zfill},
  };
  return table;
}

}  // namespace

bool is_text_method(const std::string& name) {
  return methods().contains(name);
}

Value call_text_method(Runtime& runtime, const Text& text, const std::string& name,
                       const Arguments& arguments) {
  if (text.safe) {
    runtime.fail(
        fmt::format("methods of text that went through `safe` or `escape` are not supported ({})", name),
        "call the method before the filter");
  }
  const bool by_name = name == "split" || name == "rsplit" || name == "splitlines" || name == "format";
  if (!arguments.keywords.empty() && !by_name)
    runtime.fail(fmt::format("str.{}() takes no keyword arguments", name));
  runtime.scan(text.utf8.size());
  return methods().at(name)({runtime, text.utf8, text.ascii, name, arguments});
}

}  // namespace grpo::jinja
