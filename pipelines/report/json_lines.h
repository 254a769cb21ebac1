#pragma once
// Reading files of JSON objects that nobody vouches for: line by line, with bounded memory however long the file or a
// line is, while another process may be appending. What is not UTF-8 becomes U+FFFD; NaN and infinities become null.

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace grpo {

// One line of a file, without its newline. Valid until the next call of JsonLines::next.
struct TextLine {
  std::string_view text;
  int64_t offset = 0;     // of its first byte in the file
  bool too_long = false;  // longer than what is kept; text is its beginning
  bool torn = false;      // the file's last line, without a newline: it may be half written
};

class JsonLines {
 public:
  // Opens `path`. A file that is missing or unreadable has no lines: opened() says so.
  explicit JsonLines(const std::string& path, size_t line_bytes_max = size_t{16} << 20);
  ~JsonLines();
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;

  bool opened() const { return file_ != nullptr; }
  // The next line, blank ones included; none at the end of the file.
  std::optional<TextLine> next();
  // Goes on from the line that begins at `offset`.
  void seek(int64_t offset);

 private:
  bool refill();

  std::FILE* file_;
  size_t line_bytes_max_;
  std::string buffer_;   // read and not given out yet, from begin_ on
  size_t begin_ = 0;
  int64_t offset_ = 0;   // of buffer_[begin_] in the file
};

// The object that a line holds; none if it holds no object, or one that is nested too deep or names a key twice.
std::optional<Json> parse_object(std::string_view line);

// The same of a whole file of at most `bytes_max` bytes; none where it is missing or longer.
std::optional<Json> read_object(const std::string& path, size_t bytes_max = size_t{64} << 20);

// The value of a key if the object has it with this type; none otherwise, whatever `object` is. A number is finite.
std::optional<double> number_in(const Json& object, const std::string& key);
// A number that an int64_t and a double both hold: at most 2^53 either way. Fractions are cut off.
std::optional<int64_t> integer_in(const Json& object, const std::string& key);
std::optional<std::string> string_in(const Json& object, const std::string& key);
// The value of a key; null where there is none.
const Json& value_in(const Json& object, const std::string& key);

}  // namespace grpo
