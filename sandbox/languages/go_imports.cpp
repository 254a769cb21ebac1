#include "sandbox/languages/go_imports.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "sandbox/languages/signature.h"

namespace grpo {
namespace {

struct Import {
  std::string alias;  // "_", ".", a name, or nothing
  std::string path;
  bool given = false;

  std::string name() const { return alias.empty() ? path.substr(path.rfind('/') + 1) : alias; }
  bool operator==(const Import& other) const { return alias == other.alias && path == other.path; }
};

// What HumanEval-X imports for solutions that do not.
const char* const kKnown[] = {"bytes",   "crypto/md5", "fmt",     "math",    "math/rand",
                              "regexp",  "sort",       "strconv", "strings", "time"};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Reads the head of a file (package clauses and imports), and stops at the first other word.
class Head {
 public:
  explicit Head(const std::string& text) : text_(text) {}

  std::vector<Import> imports;

  // Where the head ends.
  size_t read() {
    for (;;) {
      const size_t start = at_ = behind_blanks(at_);
      if (takes("package")) {
        word();
      } else if (!takes("import") || !(takes("(") ? list() : one())) {
        return start;
      }
    }
  }

 private:
  // And behind comments.
  size_t behind_blanks(size_t at) const {
    while (at < text_.size()) {
      if (text_.compare(at, 2, "//") == 0) {
        at = std::min(text_.find('\n', at), text_.size());
      } else if (text_.compare(at, 2, "/*") == 0) {
        const size_t end = text_.find("*/", at + 2);
        at = end == std::string::npos ? text_.size() : end + 2;
      } else if (std::isspace(static_cast<unsigned char>(text_[at])) != 0 || text_[at] == ';') {
        ++at;
      } else {
        break;
      }
    }
    return at;
  }
  bool takes(const std::string& what) {
    const size_t from = behind_blanks(at_);
    const size_t end = from + what.size();
    if (text_.compare(from, what.size(), what) != 0) return false;
    if (is_word(what[0]) && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }
  std::string word() {
    const size_t from = at_ = behind_blanks(at_);
    while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '.')) ++at_;
    return text_.substr(from, at_ - from);
  }
  bool one() {
    Import import;
    import.alias = word();
    const char quote = at_ < text_.size() ? text_[at_ = behind_blanks(at_)] : '\0';
    const size_t end = quote == '"' || quote == '`' ? text_.find(quote, at_ + 1) : std::string::npos;
    if (end == std::string::npos) return false;
    import.path = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    imports.push_back(import);
    return true;
  }
  bool list() {
    while (!takes(")")) {
      if (!one()) return false;
    }
    return true;
  }

  const std::string& text_;
  size_t at_ = 0;
};

// True where "name." stands in the text, and is no field of something else.
bool uses(const std::string& code, const std::string& name) {
  const std::string key = name + ".";
  for (size_t at = code.find(key); at != std::string::npos; at = code.find(key, at + 1)) {
    if (at == 0 || (!is_word(code[at - 1]) && code[at - 1] != '.')) return true;
  }
  return false;
}

struct Text {
  std::vector<Import> imports;
  std::string body;
};

Text read_text(const std::string& text, bool given) {
  Head head(text);
  const size_t end = head.read();
  for (Import& import : head.imports) import.given = given;
  return {head.imports, text.substr(end)};
}

}  // namespace

std::string go_file(const std::string& given, const std::string& own) {
  const Text before = read_text(given, true);
  const Text behind = read_text(own, false);
  const std::string body = before.body + behind.body;
  const std::string code = without_comments(body);
  std::vector<Import> imports;
  for (const std::vector<Import>* list : {&behind.imports, &before.imports}) {
    for (const Import& import : *list) {
      const bool is_bound = import.alias == "_" || import.alias == "." || uses(code, import.name());
      if (import.given && !is_bound) continue;
      if (std::find(imports.begin(), imports.end(), import) == imports.end()) imports.push_back(import);
    }
  }
  for (const char* path : kKnown) {
    const Import known{"", path, true};
    const bool is_there = std::any_of(imports.begin(), imports.end(),
                                      [&](const Import& import) { return import.name() == known.name(); });
    if (!is_there && uses(code, known.name())) imports.push_back(known);
  }
  std::string file = "package main\n\n";
  for (const Import& import : imports) {
    file += "import " + import.alias + (import.alias.empty() ? "" : " ") + "\"" + import.path + "\"\n";
  }
  return file + "\n" + body;
}

}  // namespace grpo
