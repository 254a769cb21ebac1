#include "sandbox/judge/yaml.h"

#include <fmt/format.h>

#include <cmath>

#include "core/error.h"
#include "sandbox/judge/decimal.h"
#include "sandbox/judge/printable.h"
#include "sandbox/judge/words.h"

namespace grpo {

// Reads line by line; a mapping is the lines of one indentation, with what is indented deeper as their values.
class YamlReader {
 public:
  YamlReader(std::string_view text, const std::string& file)
      : file_(std::make_shared<const std::string>(file)) {
    int number = 0;
    for (std::string_view line : split_lines(text)) {
      ++number;
      if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
      const size_t indent = std::min(line.find_first_not_of(' '), line.size());
      const std::string_view content = without_comment(line.substr(indent), number);
      if (content.empty() || (lines_.empty() && content == "---")) continue;
      if (content.front() == '\t') fail(number, "a tab stands in the indentation", "use spaces");
      lines_.push_back({indent, content, number});
    }
  }

  Yaml read() {
    Yaml root = lines_.empty() ? node(1) : block(lines_.front().indent);
    if (next_ < lines_.size()) fail(lines_[next_].number, "the indentation fits no mapping that is open");
    return root;
  }

 private:
  struct Line {
    size_t indent = 0;
    std::string_view content;  // never empty
    int number = 1;
  };

  [[noreturn]] void fail(int line, const std::string& what, const std::string& fix = "") const {
    throw Error(what, fmt::format("{}: line {}", *file_, line), fix);
  }

  Yaml node(int line) const {
    Yaml yaml;
    yaml.file_ = file_;
    yaml.line_ = line;
    return yaml;
  }

  // A # that starts a comment stands at the start or after white space, and outside quotes.
  std::string_view without_comment(std::string_view line, int number) const {
    char quote = 0;
    for (size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      const bool after_space = i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t';
      if (quote != 0) {
        if (quote == '"' && c == '\\') {
          ++i;
        } else if (c == quote) {
          quote = 0;
        }
      } else if ((c == '"' || c == '\'') && opens_scalar(line, i)) {
        quote = c;
      } else if (c == '#' && after_space) {
        return stripped(line.substr(0, i), " \t\r");
      }
    }
    if (quote != 0) fail(number, "a quote is not closed on its line");
    const size_t end = line.find_last_not_of(" \t\r");
    return end == std::string_view::npos ? std::string_view() : line.substr(0, end + 1);
  }

  // Quotes only quote at the start of a scalar: after the indentation, ": ", "- ", "[" or ",".
  static bool opens_scalar(std::string_view line, size_t at) {
    const std::string_view before = stripped(line.substr(0, at), " \t");
    return before.empty() || before == "-" ||
           std::string_view(":[,").find(before.back()) != std::string_view::npos;
  }

  Yaml block(size_t indent) {
    Yaml yaml = node(lines_[next_].number);
    yaml.kind_ = is_element(lines_[next_].content) ? Yaml::Kind::kList : Yaml::Kind::kMapping;
    while (next_ < lines_.size() && lines_[next_].indent == indent) {
      const Line line = lines_[next_];
      if (yaml.kind_ == Yaml::Kind::kList) {
        if (!is_element(line.content)) break;  // the next key, where the list is not indented
        ++next_;
        yaml.elements_.push_back(scalar(stripped(line.content.substr(1)), line.number));
      } else {
        member(yaml, line);
      }
    }
    return yaml;
  }

  static bool is_element(std::string_view content) { return content == "-" || content.starts_with("- "); }

  void member(Yaml& mapping, const Line& line) {
    const size_t colon = key_end(line.content);
    if (colon == std::string_view::npos) {
      fail(line.number, fmt::format("\"{}\" is no \"key: value\"", printable(line.content)));
    }
    const std::string key = scalar(line.content.substr(0, colon), line.number);
    const std::string_view rest = stripped(line.content.substr(colon + 1));
    ++next_;
    Yaml value = node(line.number);
    const bool has_block =
        next_ < lines_.size() && (lines_[next_].indent > line.indent ||
                                  (lines_[next_].indent == line.indent && is_element(lines_[next_].content)));
    if (rest.empty() && has_block) {
      value = block(lines_[next_].indent);
    } else if (rest.starts_with('[')) {
      value.kind_ = Yaml::Kind::kList;
      value.elements_ = flow_list(rest, line.number);
    } else if (!rest.empty()) {
      value.kind_ = Yaml::Kind::kScalar;
      value.scalar_ = scalar(rest, line.number);
    }
    mapping.members_.emplace_back(key, std::move(value));
  }

  // The first ':' that ends the line or stands before white space; npos: none.
  static size_t key_end(std::string_view content) {
    for (size_t i = 0; i < content.size(); ++i) {
      if (content[i] == ':' && (i + 1 == content.size() || content[i + 1] == ' ' || content[i + 1] == '\t'))
        return i;
    }
    return std::string_view::npos;
  }

  std::vector<std::string> flow_list(std::string_view text, int line) const {
    if (!text.ends_with(']')) fail(line, "a list in brackets does not end on its line");
    text = text.substr(1, text.size() - 2);
    if (text.find_first_of("[]{}\"'") != std::string_view::npos) {
      fail(line, "a list in brackets holds more than plain words");
    }
    std::vector<std::string> elements;
    while (!stripped(text).empty()) {
      const size_t comma = text.find(',');
      elements.push_back(scalar(stripped(text.substr(0, comma)), line));
      text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    }
    return elements;
  }

  std::string scalar(std::string_view text, int line) const {
    if (text.empty()) return "";
    const char first = text.front();
    if (first == '"' || first == '\'') {
      if (text.size() < 2 || text.back() != first) fail(line, "text follows a closing quote");
      const std::string_view inner = text.substr(1, text.size() - 2);
      if (inner.find(first) != std::string_view::npos || inner.find('\\') != std::string_view::npos) {
        fail(line, "a quoted text holds a quote or a backslash", "write it without");
      }
      return std::string(inner);
    }
    if (std::string_view("&*!|>{}[]%@`").find(first) != std::string_view::npos) {
      fail(line, fmt::format("YAML that starts with '{}' is not read here", first),
           "use plain or quoted values, nested mappings and lists of words");
    }
    return std::string(text);
  }

  std::shared_ptr<const std::string> file_;
  std::vector<Line> lines_;
  size_t next_ = 0;
};

Yaml Yaml::parse(std::string_view text, const std::string& file) {
  return YamlReader(text, file).read();
}

const Yaml* Yaml::find(const std::string& key) const {
  if (kind_ != Kind::kMapping && kind_ != Kind::kEmpty) fail("expected a mapping");
  const Yaml* found = nullptr;
  for (const auto& [name, value] : members_) {
    if (name != key) continue;
    if (found != nullptr) value.fail(fmt::format("\"{}\" is given twice", key));
    found = &value;
  }
  return found;
}

std::string Yaml::text(const std::string& key, const std::string& fallback) const {
  const Yaml* value = find(key);
  if (value == nullptr || value->kind_ == Kind::kEmpty) return fallback;
  if (value->kind_ != Kind::kScalar) value->fail(fmt::format("\"{}\" is not one value", key));
  return value->scalar_;
}

double Yaml::number(const std::string& key, double fallback) const {
  const std::string word = text(key, "");
  if (word.empty()) return fallback;
  if (!parse_decimal(word))
    find(key)->fail(fmt::format("\"{}\" is \"{}\", not a number", key, printable(word)));
  return nearest_double(word);
}

std::vector<std::string> Yaml::words(const std::string& key) const {
  const Yaml* value = find(key);
  if (value != nullptr && value->kind_ == Kind::kList) return value->elements_;
  const std::string all = text(key, "");
  std::vector<std::string> found;
  OutputWordReader reader(all);
  for (OutputWord word = reader.next(); !word.text.empty(); word = reader.next()) found.emplace_back(word.text);
  return found;
}

std::string Yaml::where() const {
  return fmt::format("{}: line {}", file_ ? *file_ : "", line_);
}

void Yaml::fail(const std::string& what, const std::string& fix) const {
  throw Error(what, where(), fix);
}

}  // namespace grpo
