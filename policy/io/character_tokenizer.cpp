// The tokenizer of policies trained from scratch; see tokenizer.h.

#include <fmt/format.h>

#include <set>

#include "policy/io/tokenizer.h"
#include "policy/io/unicode.h"

namespace grpo {

Json character_tokenizer_json(const std::string& characters, const std::vector<std::string>& tags,
                              const std::vector<std::string>& specials) {
  const char* const where = "character tokenizer";
  if (!is_valid_utf8(characters)) throw Error("the characters are not UTF-8", where);
  if (characters.empty())
    throw Error("there are no characters", where, "list every character the texts may hold");
  std::set<std::string> seen;
  int64_t next_id = 0;
  const auto claim = [&](const std::string& token) {
    if (token.empty()) throw Error("a token is empty", where);
    if (!seen.insert(token).second) throw Error(fmt::format("the token '{}' is given twice", token), where);
    return next_id++;
  };

  // With no merges a word stays its characters, so the text needs no splitting and no byte alphabet.
  auto vocab = Json::object();
  for (size_t i = 0; i < characters.size();) {
    const size_t begin = i;
    next_character(characters, i);
    const std::string character = characters.substr(begin, i - begin);
    vocab[character] = claim(character);
  }
  auto added = Json::array();
  const auto add = [&](const std::string& token, bool special) {
    if (!is_valid_utf8(token)) throw Error("a token is not UTF-8", where);
    added.push_back({{"id", claim(token)},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  };
  for (const auto& tag : tags) add(tag, false);
  for (const auto& special : specials) add(special, true);

  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor", nullptr},
          {"decoder", {{"type", "Fuse"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", Json::array()}}}};
}

}  // namespace grpo
