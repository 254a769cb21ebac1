#include "policy/io/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <queue>

#include "core/seed.h"
#include "policy/io/byte_alphabet.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr std::string_view kMark = "\u2581";
constexpr size_t kFew = 40;  // symbols up to which searching all pairs again is quicker than a heap

}  // namespace

void Bpe::MergeTable::reserve(size_t count) {
  size_t size = 16;
  while (size < 2 * count) size *= 2;
  slots_.assign(size, Slot{});
}

// Where the pair is, or the free slot where it would go.
size_t Bpe::MergeTable::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t i = mix(pair) & mask;
  while (slots_[i].pair != pair && slots_[i].pair != kFree) i = (i + 1) & mask;
  return i;
}

void Bpe::MergeTable::put(int32_t left, int32_t right, Merge merge) {
  const uint64_t pair = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  slots_[slot_of(pair)] = {pair, merge};
}

const Bpe::Merge* Bpe::MergeTable::find(int32_t left, int32_t right) const {
  const uint64_t pair = static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
  const Slot& slot = slots_[slot_of(pair)];
  return slot.pair == kFree ? nullptr : &slot.merge;
}

Bpe Bpe::from_json(const Json& json, const std::string& file, const std::string& path) {
  Bpe bpe;
  ObjectReader r(json, file, path);
  const std::string type = r.string("type", "BPE");
  if (type != "BPE")
    r.fail("type", fmt::format("a model of type {} is not supported", type), "supported is BPE");
  bpe.read_vocabulary(r);
  bpe.read_options(r);
  bpe.read_merges(r);
  r.finish();
  bpe.read_bytes();
  bpe.read_marks();
  return bpe;
}

int64_t Bpe::id_limit(size_t count) {
  return std::max<int64_t>(1 << 20, 4 * static_cast<int64_t>(count));
}

void Bpe::read_vocabulary(ObjectReader& r) {
  const Json& vocab = r.raw("vocab");
  if (!vocab.is_object()) r.fail("vocab", "expected an object of token and id");
  const auto& entries = vocab.get_ref<const Json::object_t&>();
  int64_t largest = -1;
  const int64_t limit = id_limit(entries.size());
  for (const auto& [token, id] : entries) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= limit) {
      r.fail("vocab",
             fmt::format("the id of {} is not a whole number from 0 to {}", Json(token).dump(), limit - 1));
    }
    largest = std::max(largest, id.get<int64_t>());
  }
  tokens_.resize(static_cast<size_t>(largest + 1));
  known_.resize(tokens_.size());
  ids_.reserve(entries.size());
  for (const auto& [token, id] : entries) {
    const auto index = id.get<size_t>();
    if (known_[index]) {
      r.fail("vocab", fmt::format("the tokens {} and {} have the same id {}", tokens_[index], token, index));
    }
    known_[index] = true;
    tokens_[index] = token;
    ids_.emplace(tokens_[index], static_cast<int32_t>(index));
  }
}

void Bpe::read_options(ObjectReader& r) {
  if (r.has("dropout") && r.number("dropout") != 0) {
    r.fail("dropout", "merges dropped at random are not supported", "set it to null");
  }
  r.raw("dropout");
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!r.string(affix, "").empty()) r.fail(affix, "subword affixes are not supported");
  }
  fuse_unknown_ = r.boolean("fuse_unk", false);
  ignore_merges_ = r.boolean("ignore_merges", false);
  if (r.has("unk_token")) {
    unknown_id_ = static_cast<int32_t>(token_to_id(r.string("unk_token")));
    if (unknown_id_ < 0)
      r.fail("unk_token", fmt::format("{} is not in the vocabulary", r.string("unk_token")));
  }
  r.raw("unk_token");
  if (r.boolean("byte_fallback", false)) {
    for (int byte = 0; byte < 256; ++byte) {
      byte_ids_.push_back(static_cast<int32_t>(token_to_id(fmt::format("<0x{:02X}>", byte))));
    }
  }
}

void Bpe::read_merges(ObjectReader& r) {
  const Json& merges = r.raw("merges");
  if (!merges.is_array()) r.fail("merges", "expected a list of merges");
  merges_.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const Json& merge = merges[rank];
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      add_merge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), rank, r);
      continue;
    }
    const std::string_view text =
        merge.is_string() ? merge.get_ref<const std::string&>() : std::string_view();
    const size_t space = text.find(' ');
    if (space == text.npos || text.find(' ', space + 1) != text.npos) {
      r.fail(fmt::format("merges[{}]", rank), "expected two tokens, as \"a b\" or [\"a\", \"b\"]");
    }
    add_merge(text.substr(0, space), text.substr(space + 1), rank, r);
  }
}

void Bpe::add_merge(std::string_view left, std::string_view right, size_t rank, const ObjectReader& r) {
  const auto id_of = [&](const std::string& token) {
    const int64_t id = token_to_id(token);
    if (id < 0)
      r.fail(fmt::format("merges[{}]", rank), fmt::format("{} is not in the vocabulary", Json(token).dump()));
    return static_cast<int32_t>(id);
  };
  const std::string a(left), b(right);
  merges_.put(id_of(a), id_of(b), {static_cast<int32_t>(rank), id_of(a + b)});
}

int64_t Bpe::token_to_id(std::string_view token) const {
  const auto it = ids_.find(token);
  return it == ids_.end() ? -1 : it->second;
}

bool Bpe::has(int64_t id) const {
  return id >= 0 && id < static_cast<int64_t>(known_.size()) && known_[static_cast<size_t>(id)];
}

// Symbols of the byte-level alphabet are looked up by byte.
void Bpe::read_bytes() {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    alphabet_ids_[byte] = static_cast<int32_t>(token_to_id(to_byte_alphabet({&c, 1})));
  }
}

// A token that is made by a merge spells both its parts, so it is enough to look at all tokens.
void Bpe::read_marks() {
  marks_start_words_ = !ignore_merges_ && token_to_id(kMark) >= 0;
  for (size_t id = 0; id < tokens_.size() && marks_start_words_; ++id) {
    const std::string& token = tokens_[id];
    for (size_t at = token.find(kMark, 1); at != token.npos; at = token.find(kMark, at + 1)) {
      if (!std::string_view(token).substr(0, at).ends_with(kMark)) marks_start_words_ = false;
    }
  }
}

std::optional<size_t> Bpe::encode_word(std::string_view word, std::vector<int64_t>& ids) const {
  if (ignore_merges_) {
    const int64_t whole = token_to_id(word);
    if (whole >= 0) {
      ids.push_back(whole);
      return std::nullopt;
    }
  }
  std::vector<int32_t> symbols;
  symbols.reserve(word.size());
  bool unknown = false;  // an unk_token is due that the next unknown character may yet share
  for (size_t i = 0; i < word.size();) {
    const size_t begin = i;
    next_character(word, i);
    if (!add_character(word.substr(begin, i - begin), symbols, unknown)) return begin;
  }
  if (unknown) symbols.push_back(unknown_id_);
  if (symbols.size() <= kFew) {
    merge_few(symbols.data(), symbols.size(), ids);
  } else {
    merge_many(symbols, ids);
  }
  return std::nullopt;
}

std::optional<size_t> Bpe::encode_bytes(std::string_view bytes, std::vector<int64_t>& ids) const {
  if (bytes.size() == 1 && alphabet_ids_[static_cast<uint8_t>(bytes[0])] >= 0) {
    ids.push_back(alphabet_ids_[static_cast<uint8_t>(bytes[0])]);
    return std::nullopt;
  }
  std::array<int32_t, kFew> symbols;
  bool quick = bytes.size() <= kFew && !ignore_merges_;
  for (size_t i = 0; i < bytes.size() && quick; ++i) {
    symbols[i] = alphabet_ids_[static_cast<uint8_t>(bytes[i])];
    quick = symbols[i] >= 0;  // else it is for encode_word to say what stands for it
  }
  if (quick) {
    merge_few(symbols.data(), bytes.size(), ids);
    return std::nullopt;
  }
  const std::string word = to_byte_alphabet(bytes);
  const auto refused = encode_word(word, ids);
  if (!refused) return std::nullopt;
  size_t byte = 0;
  for (size_t i = 0; i < *refused; ++byte) next_character(word, i);
  return byte;
}

// The order of symbols where unknown characters and byte fallback meet is that of the `tokenizers` library.
bool Bpe::add_character(std::string_view character, std::vector<int32_t>& symbols, bool& unknown) const {
  const int64_t id = token_to_id(character);
  if (id >= 0) {
    if (unknown) symbols.push_back(unknown_id_);
    unknown = false;
    symbols.push_back(static_cast<int32_t>(id));
    return true;
  }
  if (!byte_ids_.empty()) {
    bool complete = true;
    for (const char c : character) complete = complete && byte_ids_[static_cast<uint8_t>(c)] >= 0;
    if (complete) {
      for (const char c : character) symbols.push_back(byte_ids_[static_cast<uint8_t>(c)]);
      return true;
    }
  }
  if (unknown_id_ < 0) return false;
  if (unknown && !fuse_unknown_) symbols.push_back(unknown_id_);
  unknown = true;
  return true;
}

void Bpe::merge_few(int32_t* symbols, size_t count, std::vector<int64_t>& ids) const {
  constexpr Merge kNone{std::numeric_limits<int32_t>::max(), -1};
  std::array<Merge, kFew> merges;  // of each symbol with the next
  const auto look = [&](size_t i) {
    const Merge* merge = merges_.find(symbols[i], symbols[i + 1]);
    merges[i] = merge != nullptr ? *merge : kNone;
  };
  for (size_t i = 0; i + 1 < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].id < 0) break;
    symbols[best] = merges[best].id;
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      merges[i - 1] = merges[i];
    }
    if (best > 0) look(best - 1);
    if (best + 1 < count) look(best);
  }
  ids.insert(ids.end(), symbols, symbols + count);
}

void Bpe::merge_many(const std::vector<int32_t>& symbols, std::vector<int64_t>& ids) const {
  struct Symbol {
    int32_t id;        // -1: merged into the one before
    int32_t previous;  // -1: none
    int32_t next;      // -1: none
  };
  struct Candidate {
    int32_t rank;
    int32_t at;
    int32_t id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto count = static_cast<int32_t>(symbols.size());
  std::vector<Symbol> chain(symbols.size());
  std::vector<Candidate> candidates;
  const auto consider = [&](int32_t at, int32_t next, auto&& push) {
    if (at < 0 || next < 0) return;
    if (const Merge* merge = merges_.find(chain[at].id, chain[next].id))
      push(Candidate{merge->rank, at, merge->id});
  };
  for (int32_t i = 0; i < count; ++i) chain[i] = {symbols[i], i - 1, i + 1 < count ? i + 1 : -1};
  for (int32_t i = 0; i + 1 < count; ++i) consider(i, i + 1, [&](Candidate c) { candidates.push_back(c); });

  std::priority_queue queue(std::greater<Candidate>(), std::move(candidates));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = chain[best.at];
    if (left.id < 0 || left.next < 0) continue;
    const Merge* merge = merges_.find(left.id, chain[left.next].id);
    if (merge == nullptr || merge->id != best.id) continue;  // a neighbour has been merged away since
    Symbol& right = chain[left.next];
    left.id = best.id;
    left.next = right.next;
    right.id = -1;
    if (left.next >= 0) chain[left.next].previous = best.at;
    const auto push = [&](Candidate c) { queue.push(c); };
    consider(left.previous, best.at, push);
    consider(best.at, left.next, push);
  }
  for (int32_t i = 0; i >= 0 && i < count; i = chain[i].next) ids.push_back(chain[i].id);
}

}  // namespace grpo
