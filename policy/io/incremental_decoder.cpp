#include "policy/io/incremental_decoder.h"

#include <utility>

#include "policy/io/tokenizer_impl.h"
#include "policy/io/unicode.h"

namespace grpo {

IncrementalDecoder::IncrementalDecoder(Tokenizer tokenizer, bool skip_special_tokens)
    : tokenizer_(std::move(tokenizer)),
      skip_special_tokens_(skip_special_tokens),
      strip_left_(tokenizer_.impl_->decoder.strip_count()) {}

std::string IncrementalDecoder::push(int64_t id) {
  const TokenText* token = tokenizer_.impl_->text_of(id, skip_special_tokens_);
  if (token == nullptr) return "";
  const Decoder& decoder = tokenizer_.impl_->decoder;
  const bool joined = decoder.byte_level() || token->raw;
  std::string text;
  if (!joined && !pending_.empty()) {
    for (size_t i = 0; i < pending_.size(); ++i) text += "\xEF\xBF\xBD";
    pending_.clear();
  }
  if (decoder.joins_with_space() && !first_) text += ' ';
  const bool first = std::exchange(first_, false);
  if (!joined) {
    decoder.append(*token, first, text);
    return strip(std::move(text));
  }

  pending_ += token->bytes;
  const size_t complete = complete_utf8_prefix(pending_);
  text += replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return strip(std::move(text));
}

std::string IncrementalDecoder::flush() {
  std::string text;
  if (tokenizer_.impl_->decoder.byte_level()) {
    text = replace_invalid_utf8(pending_);
  } else {
    for (size_t i = 0; i < pending_.size(); ++i) text += "\xEF\xBF\xBD";
  }
  text = strip(std::move(text));
  pending_.clear();
  first_ = true;
  strip_left_ = tokenizer_.impl_->decoder.strip_count();
  return text;
}

// Drops the leading characters that the decoder strips from the front of a whole text.
std::string IncrementalDecoder::strip(std::string text) {
  const std::string& character = tokenizer_.impl_->decoder.strip_character();
  size_t begin = 0;
  while (strip_left_ > 0 && begin < text.size()) {
    if (!std::string_view(text).substr(begin).starts_with(character)) {
      strip_left_ = 0;
      break;
    }
    begin += character.size();
    --strip_left_;
  }
  return text.substr(begin);
}

}  // namespace grpo
