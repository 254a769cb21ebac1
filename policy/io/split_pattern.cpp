#include "policy/io/split_pattern.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/error.h"

namespace grpo {
namespace {

constexpr uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
constexpr size_t kJitStackBytes = size_t{64} << 20;
constexpr uint32_t kHeapKilobytes = 64 << 10;

struct CodeDeleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
struct DataDeleter {
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
struct ContextDeleter {
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
};
struct StackDeleter {
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};

std::string pcre_message(int code) {
  unsigned char text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

size_t character_length(char first) {
  const auto byte = static_cast<uint8_t>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

struct SplitPattern::Code {
  std::unique_ptr<pcre2_code, CodeDeleter> code;
};

SplitPattern SplitPattern::regex(const std::string& pattern, const std::string& where) {
  SplitPattern split;
  split.scanner_ = split_scanner(pattern);
  return split.scanner_ != nullptr ? split : pcre2(pattern, where);
}

SplitPattern SplitPattern::pcre2(const std::string& pattern, const std::string& where) {
  const std::string translated = translate_oniguruma(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                   kOptions, &error, &offset, nullptr);
  if (code == nullptr) {
    throw Error(fmt::format("the regular expression {} does not compile: {}", pattern, pcre_message(error)),
                where);
  }
  SplitPattern split;
  split.code_ = std::make_shared<const Code>(Code{std::unique_ptr<pcre2_code, CodeDeleter>(code)});
  // Where the JIT is not to be had the interpreter runs instead, slower with the same matches.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return split;
}

SplitPattern SplitPattern::literal(const std::string& text) {
  SplitPattern split;
  split.literal_ = text;
  return split;
}

struct SplitSearch::Memory {
  std::unique_ptr<pcre2_match_data, DataDeleter> data;
  std::unique_ptr<pcre2_match_context, ContextDeleter> context;
  std::unique_ptr<pcre2_jit_stack, StackDeleter> stack;
};

SplitSearch::SplitSearch(const SplitPattern& pattern) : pattern_(pattern) {
  if (pattern.code_ == nullptr) return;
  memory_ = std::make_unique<Memory>();
  memory_->data.reset(pcre2_match_data_create_from_pattern(pattern.code_->code.get(), nullptr));
  memory_->context.reset(pcre2_match_context_create(nullptr));
  memory_->stack.reset(pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr));
  GRPO_CHECK(memory_->data != nullptr && memory_->context != nullptr && memory_->stack != nullptr);
  pcre2_jit_stack_assign(memory_->context.get(), nullptr, memory_->stack.get());
  pcre2_set_heap_limit(memory_->context.get(), kHeapKilobytes);
}

SplitSearch::~SplitSearch() = default;

void SplitSearch::find_all(std::string_view text, std::vector<TextSpan>& matches) {
  matches.clear();
  if (pattern_.scanner_ != nullptr) return pattern_.scanner_(text, matches);
  if (memory_ == nullptr) {
    const std::string& literal = pattern_.literal_;
    if (literal.empty()) return;
    for (size_t at = text.find(literal); at != text.npos; at = text.find(literal, at + literal.size())) {
      matches.push_back({at, at + literal.size()});
    }
    return;
  }
  TextSpan match;
  for (size_t from = 0; from <= text.size() && next(text, from, match);) {
    const bool empty = match.begin == match.end;
    // An empty match right behind a match is that match's end, not one of its own.
    if (!empty || matches.empty() || matches.back().end != match.begin) matches.push_back(match);
    from = match.end;
    if (empty) from += from < text.size() ? character_length(text[from]) : 1;
  }
}

// The first match that starts at or behind `from`; false if there is none.
bool SplitSearch::next(std::string_view text, size_t from, TextSpan& match) {
  const auto run = [&](uint32_t options) {
    return pcre2_match(pattern_.code_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                       from, options | PCRE2_NO_UTF_CHECK, memory_->data.get(), memory_->context.get());
  };
  int rc = run(0);
  // The interpreter keeps its backtracking on the heap and may get by where the JIT's stack does not.
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) rc = run(PCRE2_NO_JIT);
  if (rc == PCRE2_ERROR_NOMATCH) return false;
  if (rc < 0) {
    throw Error(fmt::format("the tokenizer's split pattern failed on a text of {} bytes: {}", text.size(),
                            pcre_message(rc)),
                fmt::format("byte {} of the text", from), "cut the text into shorter documents");
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(memory_->data.get());
  match = {ends[0], ends[1]};
  return true;
}

}  // namespace grpo
