#include "policy/io/unicode_classes.h"

#include <utf8proc.h>

#include <map>

#include "policy/io/unicode.h"

namespace grpo {
namespace {

uint8_t category_class(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return kSymbol;
    default:
      return 0;
  }
}

uint8_t classes_of(char32_t c) {
  if (c == '\r' || c == '\n') return kSpace | kLineEnd;
  return static_cast<uint8_t>(category_class(c) | (is_white_space(c) ? kSpace : 0));
}

}  // namespace

CharacterClasses::CharacterClasses() {
  std::map<std::array<uint8_t, kBlock>, uint16_t> blocks;
  for (size_t block = 0; block < index_.size(); ++block) {
    std::array<uint8_t, kBlock> classes;
    for (size_t i = 0; i < kBlock; ++i) classes[i] = classes_of(static_cast<char32_t>(block << kBits | i));
    const auto [it, fresh] = blocks.emplace(classes, static_cast<uint16_t>(blocks.size()));
    if (fresh) classes_.insert(classes_.end(), classes.begin(), classes.end());
    index_[block] = it->second;
  }
}

const CharacterClasses& CharacterClasses::table() {
  static const CharacterClasses classes;
  return classes;
}

}  // namespace grpo
