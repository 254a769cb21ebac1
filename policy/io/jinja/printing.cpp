#include "policy/io/jinja/printing.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "policy/io/jinja/operators.h"
#include "policy/io/unicode.h"

namespace grpo::jinja {
namespace {

void write_repr(Runtime& runtime, const Value& value, TextBuilder& out);

void write_items(Runtime& runtime, const std::vector<Value>& items, TextBuilder& out) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) out.add(", ");
    first = false;
    write_repr(runtime, item, out);
  }
}

void write_sequence(Runtime& runtime, const Value& value, TextBuilder& out) {
  const Sequence& sequence = *value.sequence();
  const auto between = [&](const char* before, const char* after) {
    out.add(before);
    write_items(runtime, sequence.items, out);
    out.add(after);
  };
  switch (sequence.kind) {
    case Sequence::Kind::kList:
      return between("[", "]");
    case Sequence::Kind::kTuple:
      return between("(", sequence.items.size() == 1 ? ",)" : ")");
    case Sequence::Kind::kKeys:
      return between("dict_keys([", "])");
    case Sequence::Kind::kValues:
      return between("dict_values([", "])");
    case Sequence::Kind::kItems:
      return between("dict_items([", "])");
    case Sequence::Kind::kRange: {
      const auto& [start, stop, step] = sequence.range;
      return out.add(step == 1 ? fmt::format("range({}, {})", start, stop)
                               : fmt::format("range({}, {}, {})", start, stop, step));
    }
    case Sequence::Kind::kIterator:
      runtime.fail("an iterator is printed, which shows where it lies in memory",
                   "make it a list: ... | list");
  }
}

void write_pairs(Runtime& runtime, const auto& pairs, TextBuilder& out) {
  out.add("{");
  bool first = true;
  for (const auto& [key, value] : pairs) {
    if (!first) out.add(", ");
    first = false;
    if constexpr (std::is_same_v<std::decay_t<decltype(key)>, std::string>) {
      out.add(quoted(key));
    } else {
      write_repr(runtime, key, out);
    }
    out.add(": ");
    write_repr(runtime, value, out);
  }
  out.add("}");
}

void write_repr(Runtime& runtime, const Value& value, TextBuilder& out) {
  const Runtime::Level level(runtime);
  runtime.step();
  if (const Text* text = value.text()) {
    out.add(text->safe ? fmt::format("Markup({})", quoted(text->utf8)) : quoted(text->utf8));
  } else if (value.sequence() != nullptr) {
    write_sequence(runtime, value, out);
  } else if (const Dict* dict = value.dict()) {
    write_pairs(runtime, dict->items, out);
  } else if (const auto* space = value.get<Namespace*>()) {
    out.add("<Namespace ");
    write_pairs(runtime, (*space)->attributes, out);
    out.add(">");
  } else if (value.missing()) {
    out.add("Undefined");
  } else {
    out.add(to_text(runtime, value));
  }
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style), out_(runtime) {}

  void write(const Value& value) {
    const Runtime::Level level(runtime_);
    runtime_.step();
    if (value.is<None>()) {
      out_.add("null");
    } else if (const bool* flag = value.get<bool>()) {
      out_.add(*flag ? "true" : "false");
    } else if (const int64_t* whole = value.get<int64_t>()) {
      out_.add(std::to_string(*whole));
    } else if (const double* real = value.get<double>()) {
      out_.add(json_float(*real));
    } else if (const Text* text = value.text()) {
      write_text(text->utf8);
    } else if (const Sequence* list = value.sequence();
               list != nullptr &&
               (list->kind == Sequence::Kind::kList || list->kind == Sequence::Kind::kTuple)) {
      write_between('[', ']', list->items.size(), [&](size_t i) { write(list->items[i]); });
    } else if (const Dict* dict = value.dict()) {
      write_dict(*dict);
    } else {
      runtime_.fail(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
    }
  }
  Value value() && { return std::move(out_).value(); }

 private:
  static std::string json_float(double real) {
    if (std::isnan(real)) return "NaN";
    if (std::isinf(real)) return real > 0 ? "Infinity" : "-Infinity";
    return float_text(real);
  }

  void write_dict(const Dict& dict) {
    std::vector<size_t> order(dict.items.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return less(runtime_, dict.items[a].first, dict.items[b].first);
      });
    }
    write_between('{', '}', order.size(), [&](size_t i) {
      const auto& [key, item] = dict.items[order[i]];
      write_text(key_text(key));
      out_.add(style_.key_separator);
      write(item);
    });
  }

  std::string key_text(const Value& key) {
    if (const Text* text = key.text()) return text->utf8;
    if (key.is<None>()) return "null";
    if (const bool* flag = key.get<bool>()) return *flag ? "true" : "false";
    if (const int64_t* whole = key.get<int64_t>()) return std::to_string(*whole);
    if (const double* real = key.get<double>()) return json_float(*real);
    runtime_.fail(fmt::format("keys must be str, int, float, bool or None, not {}", type_name(key)));
  }

  template <typename WriteItem>
  void write_between(char open, char close, size_t count, WriteItem write_item) {
    out_.add(std::string_view(&open, 1));
    ++depth_;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out_.add(style_.item_separator);
      new_line();
      write_item(i);
    }
    --depth_;
    if (count > 0) new_line();
    out_.add(std::string_view(&close, 1));
  }

  void new_line() {
    if (!style_.indent) return;
    out_.add("\n");
    out_.repeat(*style_.indent, depth_);
  }

  void write_text(std::string_view text) {
    std::string escaped = "\"";
    for (size_t i = 0; i < text.size();) {
      const size_t begin = i;
      const char32_t c = next_character(text, i);
      switch (c) {
        case '"':
          escaped += "\\\"";
          continue;
        case '\\':
          escaped += "\\\\";
          continue;
        case '\n':
          escaped += "\\n";
          continue;
        case '\r':
          escaped += "\\r";
          continue;
        case '\t':
          escaped += "\\t";
          continue;
        case '\f':
          escaped += "\\f";
          continue;
        case '\b':
          escaped += "\\b";
          continue;
        default:
          break;
      }
      if (c < 0x20 || (style_.ensure_ascii && c >= 0x7f && c < 0x10000)) {
        escaped += fmt::format("\\u{:04x}", uint32_t{c});
      } else if (style_.ensure_ascii && c >= 0x10000) {
        const uint32_t rest = uint32_t{c} - 0x10000;
        escaped += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
      } else {
        escaped += text.substr(begin, i - begin);
      }
    }
    out_.add(escaped + "\"");
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder out_;
  int depth_ = 0;
};

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view written(buffer, static_cast<size_t>(end - buffer));
  const size_t mark = written.find('e');
  const int exponent = std::stoi(std::string(written.substr(mark + 1)));
  const bool minus = written[0] == '-';
  std::string digits;
  for (const char c : written.substr(minus ? 1 : 0, mark - (minus ? 1 : 0))) {
    if (c != '.') digits += c;
  }
  std::string out = minus ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1) + (count > 1 ? "." + digits.substr(1) : "");
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1)
    return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return out + digits.substr(0, static_cast<size_t>(exponent) + 1) + "." +
         digits.substr(static_cast<size_t>(exponent) + 1);
}

std::string quoted(std::string_view text) {
  const bool doubled = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char mark = doubled ? '"' : '\'';
  std::string out(1, mark);
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const char32_t c = next_character(text, i);
    if (c == static_cast<char32_t>(mark) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += text.substr(begin, i - begin);
    } else {
      const uint32_t code{c};
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    }
  }
  return out + mark;
}

std::string to_text(Runtime& runtime, const Value& value) {
  if (const Text* text = value.text()) return text->utf8;
  if (value.missing()) return "";
  if (value.is<None>()) return "None";
  if (const bool* flag = value.get<bool>()) return *flag ? "True" : "False";
  if (const int64_t* whole = value.get<int64_t>()) return std::to_string(*whole);
  if (const double* real = value.get<double>()) return float_text(*real);
  if (value.sequence() == nullptr && value.dict() == nullptr && !value.is<Namespace*>()) {
    runtime.fail(fmt::format("a {} is printed, which shows where it lies in memory", type_name(value)),
                 "call it, or print one of its attributes");
  }
  return to_repr(runtime, value);
}

std::string to_repr(Runtime& runtime, const Value& value) {
  TextBuilder out(runtime);
  write_repr(runtime, value, out);
  return std::move(out).take();
}

Value to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.write(value);
  return std::move(writer).value();
}

}  // namespace grpo::jinja
