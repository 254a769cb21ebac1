#include "policy/io/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/io/unicode.h"

namespace grpo {
namespace {

bool word_before(std::string_view text, size_t at) {
  return at > 0 && is_word(previous_character(text, at));
}
bool word_behind(std::string_view text, size_t at) {
  return at < text.size() && is_word(next_character(text, at));
}

// Where the white space that ends at `at` begins, not before `limit`.
size_t space_start(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    size_t before = at;
    if (!is_white_space(previous_character(text, before))) break;
    at = before;
  }
  return at;
}

size_t space_end(std::string_view text, size_t at) {
  while (at < text.size()) {
    size_t behind = at;
    if (!is_white_space(next_character(text, behind))) break;
    at = behind;
  }
  return at;
}

AddedToken read_token(const Json& json, const std::string& file, const std::string& path) {
  ObjectReader r(json, file, path);
  AddedToken token;
  token.id = r.integer("id", {.min = 0, .max = (1 << 24) - 1});
  token.content = r.string("content");
  token.special = r.boolean("special", false);
  token.single_word = r.boolean("single_word", false);
  token.lstrip = r.boolean("lstrip", false);
  token.rstrip = r.boolean("rstrip", false);
  token.normalized = r.boolean("normalized", !token.special);
  r.finish();
  return token;
}

}  // namespace

TokenTrie::TokenTrie() : nodes_(1), starts_(256, 0) {}

uint32_t TokenTrie::child(uint32_t node, uint8_t byte) const {
  const auto& children = nodes_[node].children;
  const auto it = std::lower_bound(children.begin(), children.end(), std::pair<uint8_t, uint32_t>{byte, 0});
  return it != children.end() && it->first == byte ? it->second : 0;
}

void TokenTrie::add(std::string_view content, size_t value) {
  if (content.empty()) return;
  starts_[static_cast<uint8_t>(content[0])] = 1;
  uint32_t node = 0;
  for (const char c : content) {
    const auto byte = static_cast<uint8_t>(c);
    uint32_t next = child(node, byte);
    if (next == 0) {
      next = static_cast<uint32_t>(nodes_.size());
      nodes_.emplace_back();
      auto& children = nodes_[node].children;
      children.insert(
          std::lower_bound(children.begin(), children.end(), std::pair<uint8_t, uint32_t>{byte, 0}),
          {byte, next});
    }
    node = next;
  }
  nodes_[node].value = value;
}

std::optional<size_t> TokenTrie::longest_at(std::string_view text, size_t at, size_t& end) const {
  std::optional<size_t> found;
  if (starts_[static_cast<uint8_t>(text[at])] == 0) return found;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    node = child(node, static_cast<uint8_t>(text[i]));
    if (node == 0) break;
    if (nodes_[node].value) {
      found = nodes_[node].value;
      end = i + 1;
    }
  }
  return found;
}

AddedTokens AddedTokens::from_json(const Json& json, const Normalizer& normalizer, const std::string& file,
                                   const std::string& path) {
  AddedTokens added;
  if (json.is_null()) return added;
  if (!json.is_array())
    throw Error(fmt::format("expected a list, found {}", json_type_name(json)), file + ": " + path);
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string here = fmt::format("{}[{}]", path, i);
    AddedToken token = read_token(json[i], file, here);
    if (token.content.empty()) throw Error("an added token is empty", file + ": " + here + ".content");
    if (!added.by_id_.emplace(token.id, i).second) {
      throw Error(fmt::format("two added tokens have the id {}", token.id), file + ": " + here + ".id");
    }
    if (!added.by_content_.emplace(token.content, i).second) {
      throw Error(fmt::format("the token {} is added twice", token.content), file + ": " + here + ".content");
    }
    TokenTrie& trie = token.normalized ? added.normalized_ : added.raw_;
    trie.add(token.normalized ? normalizer.apply(token.content) : token.content, i);
    added.tokens_.push_back(std::move(token));
  }
  return added;
}

const AddedToken* AddedTokens::find(const std::string& content) const {
  const auto it = by_content_.find(content);
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find(int64_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

std::vector<TextSegment> AddedTokens::split(std::string_view text, const TokenTrie& trie) const {
  std::vector<TextSegment> segments;
  size_t done = 0;  // everything before it lies in a segment
  for (size_t at = 0; at < text.size() && !trie.empty();) {
    size_t match_end = 0;
    const auto index = trie.longest_at(text, at, match_end);
    if (!index) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[*index];
    size_t begin = at, end = match_end;
    at = match_end;
    if (token.single_word && (word_before(text, begin) || word_behind(text, end))) continue;
    if (token.lstrip) begin = space_start(text, begin, std::min(begin, done));
    if (token.rstrip) end = space_end(text, end);
    if (done < begin) segments.push_back({{done, begin}, nullptr});
    segments.push_back({{begin, end}, &token});
    done = end;
  }
  if (done < text.size()) segments.push_back({{done, text.size()}, nullptr});
  return segments;
}

}  // namespace grpo
