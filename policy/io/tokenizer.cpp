#include "policy/io/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "policy/io/tokenizer_impl.h"
#include "policy/io/tokenizer_word_cache.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr std::string_view kMark = "\u2581";

std::string_view cut(std::string_view text, const TextSpan& span) {
  return text.substr(span.begin, span.end - span.begin);
}

// Encodes the stretches of a text between added tokens.
class TextEncoder {
 public:
  TextEncoder(const PreTokenizer& pre_tokenizer, const Bpe& bpe, WordCache* cache)
      : pre_tokenizer_(pre_tokenizer), bpe_(bpe), cache_(cache) {}

  // at_start: nothing of the text stands before `normalized`.
  void encode(std::string normalized, bool at_start, std::vector<int64_t>& ids) {
    const Words words = pre_tokenizer_.split(std::move(normalized), at_start);
    const bool cut_at_marks = !pre_tokenizer_.byte_level() && bpe_.marks_start_words();
    for (const TextSpan& span : words.spans) {
      const std::string_view word = cut(words.text, span);
      if (cut_at_marks) {
        encode_at_marks(word, ids);
      } else {
        encode_word(word, ids);
      }
    }
  }

 private:
  // A whole text may be one word; its pieces in front of marks are encoded alone, to the same ids.
  void encode_at_marks(std::string_view word, std::vector<int64_t>& ids) {
    for (size_t begin = 0; begin < word.size();) {
      size_t end = begin;
      while (word.substr(end).starts_with(kMark)) end += kMark.size();
      end = std::min(word.find(kMark, end), word.size());
      encode_word(word.substr(begin, end - begin), ids);
      begin = end;
    }
  }

  void encode_word(std::string_view word, std::vector<int64_t>& ids) {
    // A single byte is quicker looked up than remembered.
    const bool remember = cache_ != nullptr && word.size() > 1;
    if (remember && cache_->find(word, ids)) return;
    const size_t begin = ids.size();
    const auto refused =
        pre_tokenizer_.byte_level() ? bpe_.encode_bytes(word, ids) : bpe_.encode_word(word, ids);
    if (refused) refuse(word, *refused);
    if (remember) cache_->put(word, ids.data() + begin, ids.size() - begin);
  }

  [[noreturn]] static void refuse(std::string_view word, size_t offset) {
    size_t end = offset + 1;
    previous_character(word, end);  // the offset may be that of any byte of the character
    const size_t begin = end;
    const char32_t c = next_character(word, end);
    throw Error(
        fmt::format("the character '{}' (U+{:04X}) is not in the tokenizer's vocabulary, which has no "
                    "unknown token to stand for it",
                    word.substr(begin, end - begin), static_cast<uint32_t>(c)),
        "text to encode", "remove the character, or use a tokenizer that knows it");
  }

  const PreTokenizer& pre_tokenizer_;
  const Bpe& bpe_;
  WordCache* cache_;
};

void refuse_unless_null(ObjectReader& r, const std::string& key) {
  if (r.has(key)) r.fail(key, fmt::format("{} by the tokenizer is not supported", key), "set it to null");
  r.raw(key);
}

// An added token is either a token of the model or has an id of its own.
void check_added_tokens(const AddedTokens& added, const Bpe& bpe, const std::string& where) {
  const int64_t limit = Bpe::id_limit(bpe.tokens().size() + added.tokens().size());
  for (const AddedToken& token : added.tokens()) {
    if (token.id >= limit) {
      throw Error(fmt::format("the token {} has the id {}, where ids below {} are expected", token.content,
                              token.id, limit),
                  where + ": added_tokens");
    }
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
  const std::filesystem::path folder(directory);
  const std::string file = (folder / "tokenizer.json").string();
  const std::string config = (folder / "tokenizer_config.json").string();
  const bool configured = std::filesystem::exists(config);
  return from_files(read_json_file(file), file, configured ? read_json_file(config) : Json(), config);
}

Tokenizer Tokenizer::from_json(const Json& json, const std::string& where) {
  return from_files(json, where, Json(), "");
}

// `config`: tokenizer_config.json, or null.
Tokenizer Tokenizer::from_files(const Json& json, const std::string& where, const Json& config,
                                const std::string& config_where) {
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
  Tokenizer tokenizer(impl, std::make_shared<WordCache>());
  if (!config.is_null()) {
    const auto id_of = [&](const std::string& token) { return tokenizer.token_to_id(token); };
    auto configured = PostProcessor::from_config(config, config_where, id_of);
    if (configured) impl->post_processor = *std::move(configured);
  }
  return tokenizer;
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::string mended;
  if (!is_valid_utf8(text)) {
    mended = replace_invalid_utf8(text);
    text = mended;
  }
  std::vector<int64_t> ids;
  TextEncoder encoder(impl_->pre_tokenizer, impl_->bpe, words_.get());
  for (const TextSegment& segment : impl_->added.split_raw(text)) {
    if (segment.token != nullptr) {
      ids.push_back(segment.token->id);
      continue;
    }
    const bool first = segment.span.begin == 0;
    std::string normalized = impl_->normalizer.apply(cut(text, segment.span));
    if (!impl_->added.any_normalized()) {
      encoder.encode(std::move(normalized), first, ids);
      continue;
    }
    for (const TextSegment& part : impl_->added.split_normalized(normalized)) {
      if (part.token != nullptr) {
        ids.push_back(part.token->id);
      } else {
        encoder.encode(std::string(cut(normalized, part.span)), first && part.span.begin == 0, ids);
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

Tokenizer Tokenizer::without_cache() const {
  return Tokenizer(impl_, nullptr);
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
