#pragma once
// A template's text cut into tokens, as Jinja cuts it with trim_blocks and lstrip_blocks on, which is how
// Hugging Face sets them: the line end after a block goes, and so does white space before a block at the
// start of a line.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace grpo::jinja {

struct Token {
  enum class Kind : uint8_t {
    kData,        // text outside of tags
    kPrintBegin,  // {{
    kPrintEnd,    // }}
    kBlockBegin,  // {%
    kBlockEnd,    // %}
    kName,
    kString,  // text: unescaped
    kInteger,
    kFloat,
    kOperator,  // text: the operator
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text;
  int line = 1;
  int64_t integer = 0;
  double real = 0;
};

// Throws Error, naming `where` and the line, for what is no token. The last token is kEnd. `text` is valid
// UTF-8.
std::vector<Token> tokenize(std::string_view text, const std::string& where);

}  // namespace grpo::jinja
