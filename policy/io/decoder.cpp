#include "policy/io/decoder.h"

#include <fmt/format.h>

#include "policy/io/byte_alphabet.h"
#include "policy/io/normalizer.h"
#include "policy/io/pre_tokenizer.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// <0xHH>
bool is_byte_token(std::string_view token) {
  return token.size() == 6 && token.starts_with("<0x") && token[5] == '>' && hex_value(token[3]) >= 0 &&
         hex_value(token[4]) >= 0;
}

}  // namespace

Decoder Decoder::from_json(const Json& json, const std::string& file, const std::string& path) {
  Decoder decoder;
  if (!json.is_null()) decoder.add(json, file, path);
  return decoder;
}

void Decoder::add(const Json& json, const std::string& file, const std::string& path) {
  enum Stage { kReplaceStage = 1, kByteStage, kFuseStage, kStripStage, kAloneStage };
  ObjectReader r(json, file, path);
  const std::string type = r.string("type");
  const auto enter = [&](int stage, bool repeats) {
    if (stage_ > stage || (stage_ == stage && !repeats) || (stage == kAloneStage && stage_ != 0)) {
      r.fail("type", fmt::format("{} at this place of the sequence is not supported", type),
             "supported is the order Replace, ByteFallback, Fuse, Strip, or ByteLevel or Metaspace alone");
    }
    stage_ = stage;
    kind_ = Kind::kPieces;
  };
  if (type == "Sequence") {
    const Json& items = r.raw("decoders");
    if (!items.is_array()) r.fail("decoders", "expected a list of decoders");
    kind_ = Kind::kPieces;  // an empty sequence joins without spaces
    for (size_t i = 0; i < items.size(); ++i) add(items[i], file, fmt::format("{}.decoders[{}]", path, i));
  } else if (type == "ByteLevel") {
    enter(kAloneStage, false);
    kind_ = Kind::kByteLevel;
    r.boolean("add_prefix_space", true);
    r.boolean("trim_offsets", true);
    r.boolean("use_regex", true);
  } else if (type == "Metaspace") {
    enter(kAloneStage, false);
    const Metaspace metaspace = Metaspace::from_json(r);
    mark_ = metaspace.mark;
    drops_first_mark_ = metaspace.prepend != Metaspace::Prepend::kNever;
  } else if (type == "Replace") {
    enter(kReplaceStage, true);
    ObjectReader pattern = r.object("pattern");
    if (pattern.has("Regex")) pattern.fail("Regex", "replacing a regular expression is not supported");
    replacements_.emplace_back(pattern.string("String"), r.string("content"));
    pattern.finish();
    if (replacements_.back().first.empty()) pattern.fail("String", "the string to replace is empty");
  } else if (type == "ByteFallback") {
    enter(kByteStage, false);
    byte_fallback_ = true;
  } else if (type == "Fuse") {
    enter(kFuseStage, false);
    fuse_ = true;
  } else if (type == "Strip") {
    enter(kStripStage, false);
    add_strip(r);
  } else {
    r.fail("type", fmt::format("a decoder of type {} is not supported", type),
           "supported are ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip and Sequence");
  }
  r.finish();
}

void Decoder::add_strip(ObjectReader& r) {
  if (!fuse_) r.fail("type", "Strip without a Fuse before it is not supported");
  strip_character_ = r.string("content");
  strip_count_ = r.integer("start", {.min = 0});
  size_t end = 0;
  if (!strip_character_.empty()) next_character(strip_character_, end);
  if (strip_character_.empty() || end != strip_character_.size()) r.fail("content", "expected one character");
  if (r.integer("stop", {.min = 0}) != 0) r.fail("stop", "stripping the end of a text is not supported");
}

TokenText Decoder::token_text(std::string_view token) const {
  if (kind_ == Kind::kByteLevel) {
    auto bytes = from_byte_alphabet(token);
    return {bytes ? std::move(*bytes) : std::string(token), false};
  }
  std::string text(token);
  for (const auto& [from, to] : replacements_) text = replace_all(text, from, to);
  if (byte_fallback_ && is_byte_token(text)) {
    return {std::string(1, static_cast<char>(hex_value(text[3]) * 16 + hex_value(text[4]))), true};
  }
  return {std::move(text), false};
}

void Decoder::append(const TokenText& token, bool first, std::string& text) const {
  if (mark_.empty()) {
    text += token.bytes;
  } else {
    text += replace_all(token.bytes, mark_, first && drops_first_mark_ ? "" : " ");
  }
}

std::string Decoder::decode(const std::vector<const TokenText*>& tokens) const {
  std::string text;
  if (kind_ == Kind::kByteLevel) {
    for (const TokenText* token : tokens) text += token->bytes;
    return replace_invalid_utf8(text);
  }
  for (size_t i = 0; i < tokens.size();) {
    if (kind_ == Kind::kJoin && i > 0) text += ' ';
    if (!tokens[i]->raw) {
      append(*tokens[i], i == 0, text);
      ++i;
      continue;
    }
    std::string run;
    for (; i < tokens.size() && tokens[i]->raw; ++i) run += tokens[i]->bytes;
    if (is_valid_utf8(run)) {
      text += run;
    } else {
      for (size_t k = 0; k < run.size(); ++k) text += kReplacement;
    }
  }
  size_t begin = 0;
  for (int64_t k = 0; k < strip_count_ && std::string_view(text).substr(begin).starts_with(strip_character_);
       ++k) {
    begin += strip_character_.size();
  }
  return text.substr(begin);
}

}  // namespace grpo
