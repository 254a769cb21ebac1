#pragma once
// Rows that say which answer is better, as published data sets spell them, read into one form. The shape of a row is
// told by its columns:
//
//   pairs     {"prompt", "chosen", "rejected"} as text, as messages, or answers alone as messages (TRL); the prompt may be
//             missing where both answers are conversations that begin alike. Optional: "margin", and "score_chosen"
//             with "score_rejected"
//   hh_rlhf   {"chosen", "rejected"}: whole dialogues "\n\nHuman: ...\n\nAssistant: ...", split at the last
//             "\n\nAssistant:" (Anthropic)
//   two       {"instruction", "input", "response1", "response2", "annotator1", ...}, each annotator 1, 2 or 0 for a tie
//             (PandaLM); {"input", "output_1", "output_2", "label"}, label 1 or 2 (LLMBar)
//   sharegpt  {"conversations": [{"from", "value"}], "chosen", "rejected"}
//   points    {"prompt", "completion", "label"} or {"messages", "label"} (TRL's unpaired preferences); a label is true or
//             false, a number from 0 to 1, or "safe" / "unsafe"

#include <optional>
#include <string>
#include <vector>

#include "core/data_file.h"
#include "core/json.h"

namespace grpo {

// The columns that a row of other names has in their place.
struct PreferenceColumns {
  std::string prompt = "prompt";
  std::string chosen = "chosen";
  std::string rejected = "rejected";
  std::string completion = "completion";
  std::string label = "label";
  std::string margin = "margin";
  std::string score_chosen = "score_chosen";
  std::string score_rejected = "score_rejected";
};

// Reads an object of the names above. Throws Error naming the key.
PreferenceColumns read_preference_columns(ObjectReader& reader);

// One row. A pair has `rejected`, a single answer has `label`.
struct PreferenceRow {
  Json prompt;           // text, or a list of messages
  std::string chosen;    // the answer preferred; of a single answer, the answer
  std::optional<std::string> rejected;
  std::optional<double> label;  // 1 good (safe), 0 bad
  double margin = 0.0;
  std::optional<double> score_difference;  // score_chosen - score_rejected
  std::string where;
};

// What of a file takes no part, by why.
struct PreferenceCounts {
  int64_t rows = 0;       // of the file
  int64_t ties = 0;       // annotators who agree on neither
  int64_t two_prompts = 0;  // pairs whose answers answer two different prompts
};

// The rows of a file that say something, in order. `as_messages`: dialogues written as text become messages, for a chat
// template. Throws Error, naming row and column, for a row that has none of the shapes and one that mixes pairs with
// single answers.
std::vector<PreferenceRow> read_preference_rows(const std::string& path, const PreferenceColumns& columns,
                                                bool as_messages, PreferenceCounts& counts);

// "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant:" as messages; the last, empty turn is left out. Throws Error
// naming `where` for text that does not begin with a turn.
Json dialogue_messages(const std::string& text, const std::string& where);

}  // namespace grpo
