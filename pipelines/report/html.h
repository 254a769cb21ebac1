#pragma once
// HTML that cannot be injected into: markup comes from the program's own text alone, which the compiler checks; all else
// is escaped on its way in.
//
//   Html html;
//   html << "<td title=\"" << Text{reason} << "\">" << Text{value} << "</td>";

#include <string>
#include <string_view>

namespace grpo {

// Text that anybody may have written, for element content and for attributes in double quotes. < > & " ' become
// references; bytes that are not UTF-8 U+FFFD; control characters, but for line feed and tab, their visible pictures
// (U+2400 on); characters that turn the direction of writing a visible [U+202E].
struct Text {
  std::string_view text;
};

// Markup that stands in the source of the program: no other string converts to it.
class Markup {
 public:
  template <size_t N>
  consteval Markup(const char (&literal)[N]) : text_(literal, N - 1) {}  // NOLINT: it is meant to convert
  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  Html& operator<<(Markup markup) {
    out_ += markup.text();
    return *this;
  }
  Html& operator<<(Text text);
  Html& operator<<(const Html& part) {
    out_ += part.out_;
    return *this;
  }
  // With as many digits as it takes to read the same number back.
  Html& operator<<(double number);
  Html& operator<<(int64_t number);

  bool empty() const { return out_.empty(); }
  const std::string& str() const { return out_; }

 private:
  std::string out_;
};

std::string escape_html(std::string_view text);

}  // namespace grpo
