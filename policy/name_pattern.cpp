#include "policy/name_pattern.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/error.h"

namespace grpo {
namespace {

std::string pcre_message(int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct NamePattern::Code {
  explicit Code(pcre2_code* compiled)
      : code(compiled), data(pcre2_match_data_create_from_pattern(compiled, nullptr)) {}
  ~Code() {
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;

  pcre2_code* code;
  pcre2_match_data* data;
};

NamePattern::NamePattern(const std::string& expression, const std::string& where) : where_(where) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                   PCRE2_UTF, &error, &offset, nullptr);
  if (code == nullptr) {
    throw Error(fmt::format("the regular expression {} does not compile: {} at character {}", expression,
                            pcre_message(error), offset),
                where, "write \\. for a dot and .* for anything");
  }
  code_ = std::make_shared<const Code>(code);
}

bool NamePattern::match(const std::string& name, uint32_t options) const {
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0,
                                options, code_->data, nullptr);
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  throw Error(fmt::format("the regular expression cannot be matched with {}: {}", name, pcre_message(found)),
              where_, "write a simpler one");
}

bool NamePattern::matches_whole(const std::string& name) const {
  return match(name, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

}  // namespace grpo
