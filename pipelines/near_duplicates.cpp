#include "pipelines/near_duplicates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/error.h"
#include "core/seed.h"
#include "rewards/language/unicode.h"

namespace grpo {
namespace {

std::string with_single_spaces(std::string_view text) {
  std::string out;
  bool space = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    if (is_space(code.value)) {
      space = !out.empty();
    } else {
      if (space) out.push_back(' ');
      space = false;
      out.append(text.substr(at, code.bytes));
    }
    at += code.bytes;
  }
  return out;
}

// The words of a text as hashes.
std::vector<uint64_t> hash_words(std::string_view text) {
  constexpr uint64_t kStart = 0x9e3779b97f4a7c15u;
  std::vector<uint64_t> words;
  uint64_t word = kStart;
  bool begun = false;
  const auto finish = [&] {
    if (begun) words.push_back(word);
    word = kStart;
    begun = false;
  };
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = code_point_at(text, at);
    const auto stray = static_cast<int32_t>(0x110000 + static_cast<unsigned char>(text[at]));
    at += code.bytes;
    if (is_space(code.value)) {
      finish();
      continue;
    }
    const bool alone = is_letter(code.value) && is_spaceless(script_of(code.value));
    if (alone) finish();
    word = mix(word ^ static_cast<uint64_t>(code.value < 0 ? stray : lower_of(code.value)));
    begun = true;
    if (alone) finish();
  }
  finish();
  return words;
}

// The set of a text's n-grams, ascending.
std::vector<uint64_t> ngram_set(std::string_view text, int64_t ngram_size) {
  const std::vector<uint64_t> words = hash_words(text);
  std::vector<uint64_t> grams;
  const size_t n = std::min(static_cast<size_t>(ngram_size), words.size());
  for (size_t first = 0; n > 0 && first + n <= words.size(); ++first) {
    uint64_t gram = n;
    for (size_t i = first; i < first + n; ++i) gram = mix(gram ^ words[i]);
    grams.push_back(gram);
  }
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

double jaccard(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  size_t common = 0;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++common, ++i, ++j;
    } else if (a[i] < b[j]) {
      ++i;
    } else {
      ++j;
    }
  }
  const size_t either = a.size() + b.size() - common;
  return either == 0 ? 0.0 : static_cast<double>(common) / static_cast<double>(either);
}

// The kept texts by some of their n-grams. Of two sets with similarity t or more, of which the first has s members, at
// least ceil(t * s) are common; so if both are put in one order, their first s - ceil(t * s) + 1 members have one in
// common. The order is by how often an n-gram occurs (about: counts of hashes), rare ones first, so that lists stay short.
class KeptTexts {
 public:
  KeptTexts(const std::vector<std::vector<uint64_t>>& sets, double threshold)
      : sets_(sets), threshold_(threshold), seen_(sets.size(), -1), counts_(size_t{1} << kCountBits, 0) {
    for (const auto& set : sets)
      for (const uint64_t gram : set) ++counts_[gram >> (64 - kCountBits)];
  }

  void keep(int64_t row) {
    for (const uint64_t gram : prefix_of(row)) rows_[gram].push_back(row);
  }

  // The first kept text that is near this one.
  std::optional<Duplicate> find(int64_t row) {
    std::vector<int64_t> candidates;
    for (const uint64_t gram : prefix_of(row)) {
      const auto found = rows_.find(gram);
      if (found == rows_.end()) continue;
      for (const int64_t other : found->second) {
        if (seen_[static_cast<size_t>(other)] == row || !sizes_allow(row, other)) continue;
        seen_[static_cast<size_t>(other)] = row;
        candidates.push_back(other);
      }
    }
    std::sort(candidates.begin(), candidates.end());
    for (const int64_t other : candidates) {
      const double similarity = jaccard(set_of(row), set_of(other));
      if (similarity >= threshold_) return Duplicate{.row = row, .of = other, .similarity = similarity};
    }
    return std::nullopt;
  }

 private:
  static constexpr int kCountBits = 22;

  const std::vector<uint64_t>& set_of(int64_t row) const { return sets_[static_cast<size_t>(row)]; }

  bool sizes_allow(int64_t a, int64_t b) const {
    // A list gives values; two arguments give references to temporaries.
    const auto [small, large] = std::minmax({set_of(a).size(), set_of(b).size()});
    return static_cast<double>(small) >= threshold_ * static_cast<double>(large) - 1e-6;
  }

  std::vector<uint64_t> prefix_of(int64_t row) const {
    std::vector<uint64_t> set = set_of(row);
    const double common = std::ceil(threshold_ * static_cast<double>(set.size()) - 1e-6);
    const size_t length = std::min(set.size(), set.size() + 1 - static_cast<size_t>(std::max(common, 1.0)));
    const auto rank = [&](uint64_t gram) { return std::pair(counts_[gram >> (64 - kCountBits)], gram); };
    const auto end = set.begin() + static_cast<std::ptrdiff_t>(length);
    if (end != set.end())
      std::nth_element(set.begin(), end, set.end(), [&](uint64_t a, uint64_t b) { return rank(a) < rank(b); });
    set.resize(length);
    return set;
  }

  const std::vector<std::vector<uint64_t>>& sets_;
  const double threshold_;
  std::vector<int64_t> seen_;  // by row: the last row that met it
  std::vector<uint32_t> counts_;
  std::unordered_map<uint64_t, std::vector<int64_t>> rows_;
};

void check(const NearDuplicateOptions& options) {
  if (options.ngram_size < 1)
    throw Error(fmt::format("ngram_size is {}", options.ngram_size), "near duplicates", "use 1 or more");
  if (options.threshold && !(*options.threshold > 0.0 && *options.threshold <= 1.0)) {
    throw Error(fmt::format("the threshold is {}", *options.threshold), "near duplicates",
                "use a number above 0, up to 1");
  }
}

}  // namespace

std::vector<Duplicate> find_duplicates(std::span<const std::string> texts, const NearDuplicateOptions& options) {
  check(options);
  std::vector<std::vector<uint64_t>> sets(texts.size());
  if (options.threshold) {
    for (size_t i = 0; i < texts.size(); ++i) sets[i] = ngram_set(texts[i], options.ngram_size);
  }
  KeptTexts kept(sets, options.threshold.value_or(1.0));
  std::unordered_map<std::string, int64_t> exact;
  std::vector<Duplicate> duplicates;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    std::string plain = with_single_spaces(texts[i]);
    if (const auto same = exact.find(plain); same != exact.end()) {
      duplicates.push_back({.row = row, .of = same->second, .exact = true});
      continue;
    }
    if (const std::optional<Duplicate> near = kept.find(row)) {
      duplicates.push_back(*near);
      continue;
    }
    exact.emplace(std::move(plain), row);
    kept.keep(row);
  }
  return duplicates;
}

}  // namespace grpo
