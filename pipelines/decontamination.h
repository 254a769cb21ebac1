#pragma once
// Training texts that hold parts of an evaluation set: any n words in a row, 10 by default, that a text of the evaluation
// set (a question or a reference solution) has, too. DeepSeekMath (arXiv 2402.03300) and DeepSeek-R1 (2501.12948, on its
// evaluation) filter their data so.
//
// Words are letters and digits in lower case, without punctuation: white space, signs and markup separate, apostrophes
// vanish (don't is dont), every letter of a script without spaces (Chinese, Japanese, Thai) is a word, so 10 of those are
// a shorter piece than 10 English words: use a larger n there. The sign of a number is no part of it, nor is an operator.
// An evaluation text of fewer than n words is found only where a training text has exactly its words and no others, since
// short questions stand in other texts by chance. One without words is never found.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace grpo {

struct Contamination {
  std::string evaluation_set;
  int64_t evaluation_row = 0;  // the first that has the n-gram, of the set that was added first
  std::string ngram;           // the words, between single spaces
};

// The n-grams of evaluation sets. Finding is safe from several threads at once, while nothing is added.
class EvaluationNgrams {
 public:
  // Throws Error unless n >= 1.
  explicit EvaluationNgrams(int64_t n = 10);

  // Adds a set by name; its rows are numbered from 0 on. Memory: its words and 16 to 64 bytes for each.
  void add(const std::string& set, std::span<const std::string> texts);

  // The first place at which a training text matches. N-grams are compared word by word; a hash only finds them. Linear
  // in the text.
  std::optional<Contamination> find(std::string_view text) const;

  int64_t num_ngrams() const { return static_cast<int64_t>(num_used_); }

 private:
  struct Words {
    std::string letters;         // all words, without anything between them
    std::vector<uint32_t> ends;  // of each word in letters
    std::vector<uint64_t> hashes;
    std::string_view word(size_t i) const;
  };
  struct Source {
    size_t set = 0;
    int64_t row = 0;
    Words words;
  };
  struct Slot {
    uint64_t hash = 0;
    uint32_t source = 0;
    uint32_t first_plus_1 = 0;  // 0: free
  };

  static void read_words(std::string_view text, Words& words);
  std::string joined(const Words& words, size_t first, size_t count) const;
  Contamination matched(const Source& source, std::string ngram) const;
  // The n-gram of `words` at `first`; null if it was not added.
  const Slot* look_up(uint64_t hash, const Words& words, size_t first) const;
  void insert(uint64_t hash, uint32_t source, uint32_t first);
  void grow();
  // Calls use(hash, first) for every n-gram until it returns false.
  template <typename Use>
  void each_ngram(const Words& words, Use use) const;

  size_t n_;
  uint64_t highest_power_ = 1;  // of the rolling hash's base
  std::vector<std::string> sets_;
  std::vector<Source> sources_;
  std::vector<Slot> slots_;
  std::vector<uint64_t> filter_;  // bits of hashes: most n-grams of training texts are told apart without a look-up
  size_t num_used_ = 0;
  std::unordered_map<std::string, uint32_t> short_texts_;  // whole, to the source
};

struct ContaminatedRow {
  int64_t row = 0;
  Contamination match;
};

// The contaminated texts, in ascending order of rows. `threads` of them are searched at the same time (0: as many as
// there are cores); their number changes nothing else.
std::vector<ContaminatedRow> find_contaminated(std::span<const std::string> texts, const EvaluationNgrams& evaluation,
                                               int64_t threads = 0);

}  // namespace grpo
