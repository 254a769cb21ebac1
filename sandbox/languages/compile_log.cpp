#include "sandbox/languages/compile_log.h"

namespace grpo {
namespace {

// The length of the escape sequence at the start of `text`, which begins with ESC.
size_t escape_length(std::string_view text) {
  if (text.size() < 2) return 1;
  size_t i = 2;
  if (text[1] == '[') {  // parameters and intermediates, then one final byte
    while (i < text.size() && text[i] >= 0x20 && text[i] < 0x40) ++i;
    return i < text.size() && text[i] >= 0x40 && text[i] < 0x7f ? i + 1 : i;
  }
  if (text[1] == ']') {  // up to BEL or ESC backslash, on one line
    while (i < text.size() && text[i] != '\n') {
      if (text[i] == '\a') return i + 1;
      if (text[i] == '\x1b') return text.substr(i, 2) == "\x1b\\" ? i + 2 : i;
      ++i;
    }
    return i;
  }
  return text[1] == '\n' ? 1 : 2;
}

constexpr std::string_view kBox = "/box/";

bool starts_path(char before) {
  return std::string_view(" \t\n'\"`([:<").find(before) != std::string_view::npos;
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The length of "/tmp/grpo-boxes-12-AbCdEf/slot-0/box-0-14/", the place of /box and /tmp where boxes have no root of their
// own (sandbox/runner/boxes_folder.h), at the start of `text`; else 0.
size_t box_length(std::string_view text) {
  size_t i = 0;
  for (const std::string_view prefix : {"/tmp/grpo-boxes-", "slot-", "box-"}) {
    if (text.substr(i, prefix.size()) != prefix) return 0;
    i += prefix.size();
    while (i < text.size() && (is_letter_or_digit(text[i]) || text[i] == '-')) ++i;
    if (i == text.size() || text[i++] != '/') return 0;
  }
  return i;
}

// The length of "/tmp/ccXXXXXX" or "/tmp/rustcXXXXXX" at the start of `text`, names that are new in every run; else 0.
size_t temporary_length(std::string_view text) {
  const std::string_view tmp = "/tmp/";
  size_t folder = box_length(text);
  if (folder == 0 && text.substr(0, tmp.size()) == tmp) folder = tmp.size();
  if (folder == 0) return 0;
  for (const std::string_view name : {"cc", "rustc"}) {
    if (text.substr(folder, name.size()) != name) continue;
    const size_t random = folder + name.size();
    size_t i = random;
    while (i < text.size() && i < random + 6 && is_letter_or_digit(text[i])) ++i;
    if (i == random + 6) return i;
  }
  return 0;
}

}  // namespace

std::string clean_log(std::string_view text, size_t bytes_max) {
  std::string clean;
  size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == '\x1b') {
      i += escape_length(text.substr(i));
    } else if (text.substr(i, kBox.size()) == kBox && (clean.empty() || starts_path(clean.back()))) {
      i += kBox.size();
    } else if (const size_t length = c == '/' ? temporary_length(text.substr(i)) : 0; length > 0) {
      clean += "(temporary)";
      i += length;
    } else if (const size_t folder = c == '/' ? box_length(text.substr(i)) : 0; folder > 0) {
      i += folder;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n' || c == '\t' || (byte >= 0x20 && byte != 0x7f)) clean += c;
      ++i;
    }
  }
  if (clean.size() <= bytes_max) return clean;
  const size_t line = clean.rfind('\n', bytes_max);
  const size_t kept = line == std::string::npos || line == 0 ? bytes_max : line + 1;
  const size_t missing = clean.size() - kept;
  clean.resize(kept);
  if (clean.back() != '\n') clean += '\n';
  return clean + "[" + std::to_string(missing) + " more bytes]\n";
}

}  // namespace grpo
