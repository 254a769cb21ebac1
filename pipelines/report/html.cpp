#include "pipelines/report/html.h"

#include <fmt/format.h>

#include "pipelines/report/json_lines.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

// The code point of three or two bytes of valid UTF-8 (those that matter here have no more).
unsigned code_point(std::string_view text, size_t at, size_t bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  if (bytes == 2) return (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
  return (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
}

bool turns_direction(unsigned c) {
  return c == 0x200E || c == 0x200F || c == 0x061C || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '<': out += "&lt;"; return;
    case '>': out += "&gt;"; return;
    case '&': out += "&amp;"; return;
    case '"': out += "&quot;"; return;
    case '\'': out += "&#39;"; return;
    case '\n':
    case '\t': out += c; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte == 0x7F) {
    out += "\xE2\x90\xA1";
  } else if (byte < 0x20) {
    out += "\xE2\x90";
    out += static_cast<char>(0x80 + byte);
  } else {
    out += c;
  }
}

}  // namespace

std::string escape_html(std::string_view untrusted) {
  const std::string text = replace_invalid_utf8(untrusted);
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (bytes == 1) {
      append_ascii(out, text[at]);
    } else if (const unsigned c = bytes < 4 ? code_point(text, at, bytes) : 0; bytes < 4 && turns_direction(c)) {
      out += fmt::format("[U+{:04X}]", c);
    } else if (bytes == 2 && c < 0xA0) {
      out += "\xEF\xBF\xBD";  // a control character of Latin-1
    } else if (bytes == 3 && (c == 0xFFFE || c == 0xFFFF || (c >= 0xFDD0 && c <= 0xFDEF))) {
      out += "\xEF\xBF\xBD";  // no character at all
    } else {
      out.append(text, at, bytes);
    }
    at += bytes;
  }
  return out;
}

Html& Html::operator<<(Text text) {
  out_ += escape_html(text.text);
  return *this;
}

Html& Html::operator<<(double number) {
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}

Html& Html::operator<<(int64_t number) {
  fmt::format_to(std::back_inserter(out_), "{}", number);
  return *this;
}

}  // namespace grpo
