#include "pipelines/decontamination.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "core/error.h"
#include "core/seed.h"
#include "rewards/language/unicode.h"
#include "rewards/language/words.h"

namespace grpo {
namespace {

constexpr uint64_t kBase = 0x9e3779b97f4a7c15u;  // odd
constexpr int kFilterBits = 24;                  // 2 MiB

// Signs of ASCII words in lower case; 0: no such sign.
constexpr std::array<uint8_t, 256> kPlain = [] {
  std::array<uint8_t, 256> plain = {};
  for (int c = 'a'; c <= 'z'; ++c) plain[c] = plain[c - 'a' + 'A'] = static_cast<uint8_t>(c);
  for (int c = '0'; c <= '9'; ++c) plain[c] = static_cast<uint8_t>(c);
  plain['_'] = '_';
  return plain;
}();

uint64_t filter_bit(uint64_t hash) { return mix(hash) >> (64 - kFilterBits); }

}  // namespace

std::string_view EvaluationNgrams::Words::word(size_t i) const {
  const size_t begin = i == 0 ? 0 : ends[i - 1];
  return std::string_view(letters).substr(begin, ends[i] - begin);
}

EvaluationNgrams::EvaluationNgrams(int64_t n)
    : n_(static_cast<size_t>(std::max<int64_t>(n, 1))), slots_(1024), filter_((size_t{1} << kFilterBits) / 64, 0) {
  if (n < 1) throw Error(fmt::format("n-grams of {} words", n), "decontamination", "use 1 or more");
  for (size_t i = 1; i < n_; ++i) highest_power_ *= kBase;
}

void EvaluationNgrams::read_words(std::string_view text, Words& words) {
  words.letters.clear();
  words.ends.clear();
  words.hashes.clear();
  const auto add = [&](std::string_view word) {
    const size_t begin = words.letters.size();
    uint64_t hash = 0;
    for (size_t at = 0; at < word.size();) {
      const CodePoint code = code_point_at(word, at);
      at += code.bytes;
      if (!is_word_sign(code.value)) continue;
      const int32_t lower = lower_of(code.value);
      append_utf8(words.letters, lower);
      hash = (hash ^ static_cast<uint64_t>(lower)) * 1099511628211u;
    }
    if (words.letters.size() == begin) return;
    words.ends.push_back(static_cast<uint32_t>(words.letters.size()));
    words.hashes.push_back(mix(hash));
  };
  for (size_t at = 0; at < text.size();) {
    // Words and gaps of plain ASCII, which is most of them; anything else is read by the rules for all scripts.
    const size_t begin = at;
    uint64_t hash = 0;
    for (; at < text.size() && kPlain[static_cast<unsigned char>(text[at])] > 0; ++at)
      hash = (hash ^ kPlain[static_cast<unsigned char>(text[at])]) * 1099511628211u;
    const bool ends_plainly = at == text.size() || (static_cast<unsigned char>(text[at]) < 0x80 && text[at] != '\'');
    if (at > begin && ends_plainly) {
      for (size_t i = begin; i < at; ++i)
        words.letters.push_back(static_cast<char>(kPlain[static_cast<unsigned char>(text[i])]));
      words.ends.push_back(static_cast<uint32_t>(words.letters.size()));
      words.hashes.push_back(mix(hash));
    } else if (at == begin && ends_plainly) {
      ++at;
    } else {
      WordReader reader(text.substr(begin));
      const std::optional<Word> word = reader.next();
      if (!word) return;
      add(word->text);
      at = static_cast<size_t>(word->text.data() + word->text.size() - text.data());
    }
  }
}

template <typename Use>
void EvaluationNgrams::each_ngram(const Words& words, Use use) const {
  uint64_t hash = 0;
  for (size_t i = 0; i < words.hashes.size(); ++i) {
    if (i >= n_) hash -= words.hashes[i - n_] * highest_power_;
    hash = hash * kBase + words.hashes[i];
    if (i + 1 >= n_ && !use(hash, i + 1 - n_)) return;
  }
}

std::string EvaluationNgrams::joined(const Words& words, size_t first, size_t count) const {
  std::string text;
  for (size_t i = first; i < first + count; ++i) {
    if (i > first) text.push_back(' ');
    text += words.word(i);
  }
  return text;
}

Contamination EvaluationNgrams::matched(const Source& source, std::string ngram) const {
  return {.evaluation_set = sets_[source.set], .evaluation_row = source.row, .ngram = std::move(ngram)};
}

const EvaluationNgrams::Slot* EvaluationNgrams::look_up(uint64_t hash, const Words& words, size_t first) const {
  for (size_t at = mix(hash) & (slots_.size() - 1); slots_[at].first_plus_1 != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.hash != hash) continue;
    const Words& stored = sources_[slot.source].words;
    bool same = true;
    for (size_t i = 0; i < n_ && same; ++i) same = stored.word(slot.first_plus_1 - 1 + i) == words.word(first + i);
    if (same) return &slot;
  }
  return nullptr;
}

void EvaluationNgrams::insert(uint64_t hash, uint32_t source, uint32_t first) {
  size_t at = mix(hash) & (slots_.size() - 1);
  while (slots_[at].first_plus_1 != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {.hash = hash, .source = source, .first_plus_1 = first + 1};
}

void EvaluationNgrams::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.first_plus_1 != 0) insert(slot.hash, slot.source, slot.first_plus_1 - 1);
  }
}

void EvaluationNgrams::add(const std::string& set, std::span<const std::string> texts) {
  sets_.push_back(set);
  for (size_t row = 0; row < texts.size(); ++row) {
    const auto source = static_cast<uint32_t>(sources_.size());
    sources_.push_back({.set = sets_.size() - 1, .row = static_cast<int64_t>(row), .words = {}});
    read_words(texts[row], sources_.back().words);
    const Words& words = sources_.back().words;
    const size_t count = words.hashes.size();
    if (count < n_) {
      if (count > 0) short_texts_.emplace(joined(words, 0, count), source);
      continue;
    }
    each_ngram(words, [&](uint64_t hash, size_t first) {
      if (look_up(hash, words, first) != nullptr) return true;
      if (2 * (num_used_ + 1) > slots_.size()) grow();
      insert(hash, source, static_cast<uint32_t>(first));
      filter_[filter_bit(hash) / 64] |= uint64_t{1} << (filter_bit(hash) % 64);
      ++num_used_;
      return true;
    });
  }
}

std::optional<Contamination> EvaluationNgrams::find(std::string_view text) const {
  Words words;
  read_words(text, words);
  if (words.hashes.size() < n_) {
    const auto same = short_texts_.find(joined(words, 0, words.hashes.size()));
    if (same == short_texts_.end()) return std::nullopt;
    return matched(sources_[same->second], same->first);
  }
  std::optional<Contamination> found;
  each_ngram(words, [&](uint64_t hash, size_t first) {
    if ((filter_[filter_bit(hash) / 64] >> (filter_bit(hash) % 64) & 1) == 0) return true;
    const Slot* slot = look_up(hash, words, first);
    if (slot != nullptr) found = matched(sources_[slot->source], joined(words, first, n_));
    return !found;
  });
  return found;
}

std::vector<ContaminatedRow> find_contaminated(std::span<const std::string> texts, const EvaluationNgrams& evaluation,
                                               int64_t threads) {
  std::vector<std::optional<Contamination>> matches(texts.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    constexpr size_t kRows = 64;
    for (size_t first = next.fetch_add(kRows); first < texts.size(); first = next.fetch_add(kRows)) {
      const size_t end = std::min(first + kRows, texts.size());
      for (size_t row = first; row < end; ++row) matches[row] = evaluation.find(texts[row]);
    }
  };
  if (threads <= 0) threads = std::max<int64_t>(1, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> others;
    for (int64_t i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  std::vector<ContaminatedRow> rows;
  for (size_t row = 0; row < matches.size(); ++row) {
    if (matches[row]) rows.push_back({.row = static_cast<int64_t>(row), .match = std::move(*matches[row])});
  }
  return rows;
}

}  // namespace grpo
