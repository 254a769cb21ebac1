#include "pipelines/report/json_lines.h"

#include <algorithm>
#include <cmath>

#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr size_t kChunk = size_t{1} << 18;

// Replaces what Python and others write for numbers that JSON has not, outside of strings.
std::string without_bare_numbers(std::string_view text) {
  static constexpr std::string_view kBare[] = {"-Infinity", "Infinity", "-inf", "inf", "NaN", "nan", "-nan"};
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      out += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      const auto* found = std::find_if(std::begin(kBare), std::end(kBare),
                                       [&](std::string_view bare) { return text.substr(i).starts_with(bare); });
      if (found != std::end(kBare)) {
        out += "null";
        i += found->size() - 1;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::optional<Json> object_of(std::string_view text) {
  try {
    Json value = parse_json(text, "");
    if (value.is_object()) return value;
  } catch (const std::exception&) {
    // Whoever asked counts it.
  }
  return std::nullopt;
}

}  // namespace

JsonLines::JsonLines(const std::string& path, size_t line_bytes_max)
    : file_(std::fopen(path.c_str(), "rbe")), line_bytes_max_(line_bytes_max) {}

JsonLines::~JsonLines() {
  if (file_ != nullptr) std::fclose(file_);
}

void JsonLines::seek(int64_t offset) {
  buffer_.clear();
  begin_ = 0;
  offset_ = offset;
  if (file_ != nullptr) fseeko(file_, static_cast<off_t>(offset), SEEK_SET);
}

// Reads on behind what is there. False at the end of the file.
bool JsonLines::refill() {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  const size_t had = buffer_.size();
  buffer_.resize(had + kChunk);
  const size_t got = std::fread(buffer_.data() + had, 1, kChunk, file_);
  buffer_.resize(had + got);
  return got > 0;
}

std::optional<TextLine> JsonLines::next() {
  if (file_ == nullptr) return std::nullopt;
  TextLine line;
  size_t searched = 0;  // of what lies behind begin_
  int64_t dropped = 0;  // bytes of a line too long to keep
  for (;;) {
    const size_t newline = buffer_.find('\n', begin_ + searched);
    if (newline != std::string::npos) {
      line.offset = offset_;
      const size_t size = newline - begin_;
      line.too_long = dropped > 0 || size > line_bytes_max_;
      line.text = std::string_view(buffer_).substr(begin_, std::min(size, line_bytes_max_));
      begin_ = newline + 1;
      offset_ += dropped + static_cast<int64_t>(size) + 1;
      return line;
    }
    searched = buffer_.size() - begin_;
    if (searched > line_bytes_max_) {
      // Its beginning is kept, the rest of the line is read over.
      const size_t surplus = searched - line_bytes_max_;
      buffer_.resize(buffer_.size() - surplus);
      dropped += static_cast<int64_t>(surplus);
      searched = line_bytes_max_;
    }
    if (refill()) continue;
    if (searched == 0 && dropped == 0) return std::nullopt;
    line.offset = offset_;
    line.too_long = dropped > 0;
    line.torn = true;
    line.text = std::string_view(buffer_).substr(begin_);
    offset_ += dropped + static_cast<int64_t>(searched);
    begin_ = buffer_.size();
    return line;
  }
}

std::optional<Json> parse_object(std::string_view line) {
  if (auto object = object_of(line)) return object;
  return object_of(without_bare_numbers(replace_invalid_utf8(line)));
}

std::optional<Json> read_object(const std::string& path, size_t bytes_max) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return std::nullopt;
  std::string text(std::min(bytes_max + 1, kChunk), '\0');
  size_t size = 0, got = 0;
  while ((got = std::fread(text.data() + size, 1, text.size() - size, file)) > 0) {
    size += got;
    if (size > bytes_max) break;
    if (size == text.size()) text.resize(std::min(bytes_max + 1, 2 * size));
  }
  std::fclose(file);
  if (size > bytes_max) return std::nullopt;
  return parse_object(std::string_view(text).substr(0, size));
}

const Json& value_in(const Json& object, const std::string& key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::optional<double> number_in(const Json& object, const std::string& key) {
  const Json& value = value_in(object, key);
  if (!value.is_number()) return std::nullopt;
  const double number = value.get<double>();
  return std::isfinite(number) ? std::optional<double>(number) : std::nullopt;
}

std::optional<int64_t> integer_in(const Json& object, const std::string& key) {
  const auto number = number_in(object, key);
  if (!number || std::abs(*number) > 0x1p53) return std::nullopt;
  return static_cast<int64_t>(*number);
}

std::optional<std::string> string_in(const Json& object, const std::string& key) {
  const Json& value = value_in(object, key);
  return value.is_string() ? std::optional<std::string>(value.get<std::string>()) : std::nullopt;
}

}  // namespace grpo
