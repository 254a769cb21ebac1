#include "policy/io/tokenizer.h"

#include <fmt/format.h>

#include <filesystem>

#include "policy/io/byte_alphabet.h"
#include "policy/io/tokenizer_impl.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr size_t kCachedWordBytes = 64;  // longer words hardly ever come twice

// Encodes the pieces of one text. Words repeat, so their ids are remembered as long as the text lasts.
class TextEncoder {
 public:
  TextEncoder(const PreTokenizer& pre_tokenizer, const Bpe& bpe) : pre_tokenizer_(pre_tokenizer), bpe_(bpe) {}

  void encode(std::string normalized, std::vector<int64_t>& ids) {
    const Words words = pre_tokenizer_.split(std::move(normalized));
    for (const TextSpan& span : words.spans) {
      encode_word(std::string_view(words.text).substr(span.begin, span.end - span.begin), ids);
    }
  }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>()(word); }
  };

  void encode_word(std::string_view word, std::vector<int64_t>& ids) {
    if (word.size() > kCachedWordBytes) return encode_uncached(word, ids);
    auto it = cache_.find(word);
    if (it == cache_.end()) {
      const size_t begin = cached_ids_.size();
      encode_uncached(word, cached_ids_);
      it = cache_.emplace(word, TextSpan{begin, cached_ids_.size()}).first;
    }
    ids.insert(ids.end(), cached_ids_.begin() + static_cast<std::ptrdiff_t>(it->second.begin),
               cached_ids_.begin() + static_cast<std::ptrdiff_t>(it->second.end));
  }

  void encode_uncached(std::string_view word, std::vector<int64_t>& ids) const {
    if (const auto offset = bpe_.encode_word(word, ids)) refuse(word, *offset);
  }

  [[noreturn]] void refuse(std::string_view word, size_t offset) const {
    std::string text(word);
    if (pre_tokenizer_.byte_level()) {
      // One character of the alphabet is one byte of the text: name the character that the byte belongs to.
      size_t byte = 0;
      for (size_t i = 0; i < offset; ++byte) next_character(word, i);
      text = from_byte_alphabet(word).value();
      offset = byte + 1;
      previous_character(text, offset);
    }
    size_t end = offset;
    const char32_t c = next_character(text, end);
    throw Error(
        fmt::format("the character '{}' (U+{:04X}) is not in the tokenizer's vocabulary, which has no "
                    "unknown token to stand for it",
                    text.substr(offset, end - offset), static_cast<uint32_t>(c)),
        "text to encode", "remove the character, or use a tokenizer that knows it");
  }

  const PreTokenizer& pre_tokenizer_;
  const Bpe& bpe_;
  std::unordered_map<std::string, TextSpan, Hash, std::equal_to<>> cache_;  // into cached_ids_
  std::vector<int64_t> cached_ids_;
};

void refuse_unless_null(ObjectReader& r, const std::string& key) {
  if (r.has(key)) r.fail(key, fmt::format("{} by the tokenizer is not supported", key), "set it to null");
  r.raw(key);
}

// An added token is either a token of the model or has an id of its own.
void check_added_tokens(const AddedTokens& added, const Bpe& bpe, const std::string& where) {
  for (const AddedToken& token : added.tokens()) {
    const int64_t id = bpe.token_to_id(token.content);
    if (id >= 0 && id != token.id) {
      throw Error(fmt::format("the token {} has the id {} in the vocabulary and {} in added_tokens",
                              token.content, id, token.id),
                  where + ": added_tokens");
    }
    if (id < 0 && bpe.has(token.id)) {
      throw Error(fmt::format("the id {} is {} in the vocabulary and {} in added_tokens", token.id,
                              bpe.tokens()[static_cast<size_t>(token.id)], token.content),
                  where + ": added_tokens");
    }
  }
}

}  // namespace

Tokenizer Tokenizer::load(const std::string& directory) {
  const std::string file = (std::filesystem::path(directory) / "tokenizer.json").string();
  return from_json(read_json_file(file), file);
}

Tokenizer Tokenizer::from_json(const Json& json, const std::string& where) {
  auto impl = std::make_shared<Impl>();
  ObjectReader r(json, where);
  r.string("version", "1.0");
  refuse_unless_null(r, "truncation");
  refuse_unless_null(r, "padding");
  impl->normalizer = Normalizer::from_json(r.raw("normalizer"), where);
  impl->pre_tokenizer = PreTokenizer::from_json(r.raw("pre_tokenizer"), where);
  impl->added = AddedTokens::from_json(r.raw("added_tokens"), impl->normalizer, where);
  impl->post_processor = PostProcessor::from_json(r.raw("post_processor"), where);
  impl->decoder = Decoder::from_json(r.raw("decoder"), where);
  impl->bpe = Bpe::from_json(r.raw("model"), where);
  r.finish();
  check_added_tokens(impl->added, impl->bpe, where);

  size_t size = impl->bpe.tokens().size();
  for (const AddedToken& token : impl->added.tokens())
    size = std::max(size, static_cast<size_t>(token.id) + 1);
  impl->texts.resize(size);
  impl->known.resize(size);
  const auto put = [&](int64_t id, const std::string& token) {
    impl->texts[static_cast<size_t>(id)] = impl->decoder.token_text(token);
    impl->known[static_cast<size_t>(id)] = true;
  };
  for (size_t id = 0; id < impl->bpe.tokens().size(); ++id) {
    if (impl->bpe.has(static_cast<int64_t>(id))) put(static_cast<int64_t>(id), impl->bpe.tokens()[id]);
  }
  for (const AddedToken& token : impl->added.tokens()) put(token.id, token.content);
  for (const auto* ids : {&impl->post_processor.prefix(), &impl->post_processor.suffix()}) {
    for (const int64_t id : *ids) {
      if (id < 0 || id >= static_cast<int64_t>(size) || !impl->known[static_cast<size_t>(id)]) {
        throw Error(fmt::format("the template adds the id {}, which is no token", id),
                    where + ": post_processor");
      }
    }
  }
  impl->source = json;
  return Tokenizer(std::move(impl));
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::string mended;
  if (!is_valid_utf8(text)) {
    mended = replace_invalid_utf8(text);
    text = mended;
  }
  std::vector<int64_t> ids;
  TextEncoder encoder(impl_->pre_tokenizer, impl_->bpe);
  const auto cut = [](std::string_view whole, const TextSpan& span) {
    return whole.substr(span.begin, span.end - span.begin);
  };
  for (const TextSegment& segment : impl_->added.split_raw(text)) {
    if (segment.token != nullptr) {
      ids.push_back(segment.token->id);
      continue;
    }
    std::string normalized = impl_->normalizer.apply(cut(text, segment.span));
    if (!impl_->added.any_normalized()) {
      encoder.encode(std::move(normalized), ids);
      continue;
    }
    for (const TextSegment& part : impl_->added.split_normalized(normalized)) {
      if (part.token != nullptr) {
        ids.push_back(part.token->id);
      } else {
        encoder.encode(std::string(cut(normalized, part.span)), ids);
      }
    }
  }
  return add_special_tokens ? impl_->post_processor.apply(std::move(ids)) : ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids, bool skip_special_tokens) const {
  std::vector<const TokenText*> texts;
  texts.reserve(ids.size());
  for (const int64_t id : ids) {
    if (const TokenText* text = impl_->text_of(id, skip_special_tokens)) texts.push_back(text);
  }
  return impl_->decoder.decode(texts);
}

int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(impl_->texts.size());
}

int64_t Tokenizer::token_to_id(const std::string& token) const {
  const AddedToken* added = impl_->added.find(token);
  return added != nullptr ? added->id : impl_->bpe.token_to_id(token);
}

std::string Tokenizer::id_to_token(int64_t id) const {
  if (const AddedToken* added = impl_->added.find(id)) return added->content;
  return impl_->bpe.has(id) ? impl_->bpe.tokens()[static_cast<size_t>(id)] : "";
}

bool Tokenizer::is_special(int64_t id) const {
  return impl_->is_special(id);
}

const Json& Tokenizer::source() const {
  return impl_->source;
}

bool Tokenizer::Impl::is_special(int64_t id) const {
  const AddedToken* token = added.find(id);
  return token != nullptr && token->special;
}

const TokenText* Tokenizer::Impl::text_of(int64_t id, bool skip_special_tokens) const {
  if (id < 0 || id >= static_cast<int64_t>(texts.size()) || !known[static_cast<size_t>(id)]) {
    throw Error(
        fmt::format("the id {} is no token of this tokenizer, whose vocabulary has {} ids", id, texts.size()),
        "ids to decode", "check that model and tokenizer belong together");
  }
  return skip_special_tokens && is_special(id) ? nullptr : &texts[static_cast<size_t>(id)];
}

}  // namespace grpo
