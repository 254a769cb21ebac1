#include "policy/io/post_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace grpo {

namespace {

// The classes of transformers that build a template from add_bos_token and add_eos_token when they load.
constexpr std::array<std::string_view, 6> kClassesWithOwnTemplate = {
    "LlamaTokenizer",         "LlamaTokenizerFast", "CodeLlamaTokenizer",
    "CodeLlamaTokenizerFast", "GemmaTokenizer",     "GemmaTokenizerFast"};

// A token of tokenizer_config.json: its text, or an object that holds it.
std::string token_text(ObjectReader& r, const std::string& key) {
  const Json& token = r.raw(key);
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object()) return r.object(key).string("content");
  r.fail(key, fmt::format("expected a token to add, found {}", json_type_name(token)),
         "name the token, or set add_" + key + " to false");
}

}  // namespace

std::optional<PostProcessor> PostProcessor::from_config(
    const Json& config, const std::string& file, const std::function<int64_t(const std::string&)>& id_of) {
  ObjectReader r(config, file);
  r.allow_unknown();
  const std::string name = r.string("tokenizer_class", "");
  if (std::find(kClassesWithOwnTemplate.begin(), kClassesWithOwnTemplate.end(), name) ==
      kClassesWithOwnTemplate.end()) {
    return std::nullopt;
  }
  PostProcessor post_processor;
  const auto add = [&](const std::string& key, bool otherwise, std::vector<int64_t>& ids) {
    if (!r.boolean("add_" + key, otherwise)) return;
    const std::string token = token_text(r, key);
    const int64_t id = id_of(token);
    if (id < 0) r.fail(key, fmt::format("{} is no token of tokenizer.json", token));
    ids.push_back(id);
  };
  add("bos_token", true, post_processor.prefix_);
  add("eos_token", false, post_processor.suffix_);
  return post_processor;
}

PostProcessor PostProcessor::from_json(const Json& json, const std::string& file, const std::string& path) {
  PostProcessor post_processor;
  if (!json.is_null()) post_processor.add(json, file, path);
  return post_processor;
}

void PostProcessor::add(const Json& json, const std::string& file, const std::string& path) {
  ObjectReader r(json, file, path);
  const std::string type = r.string("type");
  if (type == "Sequence") {
    const Json& items = r.raw("processors");
    if (!items.is_array()) r.fail("processors", "expected a list of post-processors");
    for (size_t i = 0; i < items.size(); ++i) add(items[i], file, fmt::format("{}.processors[{}]", path, i));
  } else if (type == "ByteLevel") {
    r.boolean("add_prefix_space", true);
    r.boolean("trim_offsets", true);
    r.boolean("use_regex", true);
  } else if (type == "TemplateProcessing") {
    add_template(r, file, path);
  } else {
    r.fail("type", fmt::format("a post-processor of type {} is not supported", type),
           "supported are ByteLevel, TemplateProcessing and Sequence");
  }
  r.finish();
}

void PostProcessor::add_template(ObjectReader& r, const std::string& file, const std::string& path) {
  r.raw("pair");  // for two texts, which are never encoded together here
  ObjectReader special = r.object("special_tokens");
  special.allow_unknown();
  const Json& pieces = r.raw("single");
  if (!pieces.is_array()) r.fail("single", "expected a list of template pieces");
  std::vector<int64_t> before, behind;
  int sequences = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    ObjectReader piece(pieces[i], file, fmt::format("{}.single[{}]", path, i));
    if (piece.has("Sequence")) {
      if (piece.object("Sequence").choice("id", {"A"}) == "A") ++sequences;
    } else {
      ObjectReader token = special.object(piece.object("SpecialToken").string("id"));
      auto& ids = sequences == 0 ? before : behind;
      for (const int64_t id : token.integers("ids", {})) ids.push_back(id);
    }
    piece.finish();
  }
  if (sequences != 1) r.fail("single", fmt::format("holds the text {} times, expected once", sequences));
  prefix_.insert(prefix_.begin(), before.begin(), before.end());
  suffix_.insert(suffix_.end(), behind.begin(), behind.end());
}

std::vector<int64_t> PostProcessor::apply(std::vector<int64_t> ids) const {
  const bool begun = ids.size() >= prefix_.size() && std::equal(prefix_.begin(), prefix_.end(), ids.begin());
  const bool ended =
      ids.size() >= suffix_.size() && std::equal(suffix_.rbegin(), suffix_.rend(), ids.rbegin());
  if (!begun) ids.insert(ids.begin(), prefix_.begin(), prefix_.end());
  if (!ended) ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

}  // namespace grpo
