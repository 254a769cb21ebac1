#pragma once
// A tiny model over the letters a to z, and files of preferences for it.

#include <string>
#include <vector>

#include "core/file.h"
#include "core/seed.h"
#include "policy/io/checkpoint.h"
#include "tests/policy/tiny_models.h"
#include "tests/temporary_folder.h"

namespace grpo::testing {

// Ids: the 26 letters, space, ":" and "?", "!", <think>, </think>, <eos>, <pad>.
inline CheckpointFiles letter_files() {
  const Json tokenizer = character_tokenizer_json("abcdefghijklmnopqrstuvwxyz :?!", {"<think>", "</think>"}, {"<eos>", "<pad>"});
  CheckpointFiles files;
  files.tokenizer = Tokenizer::from_json(tokenizer, "test");
  Json config = deepseek_json();
  config["vocab_size"] = files.tokenizer->vocab_size();
  config["eos_token_id"] = files.tokenizer->token_to_id("<eos>");
  config["pad_token_id"] = files.tokenizer->token_to_id("<pad>");
  files.config = read_model_config(config, "test");
  files.eos_token_ids = files.config.eos_token_ids;
  files.extras["tokenizer.json"] = tokenizer.dump();
  return files;
}

inline std::string jsonl(const std::vector<Json>& rows) {
  std::string lines;
  for (const Json& row : rows) lines += row.dump() + "\n";
  return lines;
}

inline std::string random_word(Stream& stream, int64_t longest) {
  std::string word;
  for (int64_t i = 1 + stream.below(longest); i > 0; --i) word += static_cast<char>('a' + stream.below(26));
  return word;
}

// Pairs of which the polite answer, one that ends in "!", is chosen; it is the shorter one in 60 of 100.
inline std::vector<Json> polite_pairs(int64_t count, uint64_t seed) {
  Stream stream(seed);
  std::vector<Json> rows;
  for (int64_t i = 0; i < count; ++i) {
    std::string shorter = random_word(stream, 6), longer = shorter + random_word(stream, 6);
    if (stream.below(10) < 4) std::swap(shorter, longer);
    rows.push_back({{"prompt", random_word(stream, 5) + "?"}, {"chosen", shorter + "!"}, {"rejected", longer + "?"}});
  }
  return rows;
}

}  // namespace grpo::testing
