#pragma once
// Problems of a recipe: from a data file or a generator, with columns mapped, the gold answer extracted, the
// prompt template applied and the prompt tokenised. A source is random access, so data order is a function of
// seed and position and a resumed run needs only a counter.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"
#include "pipelines/decontaminated_rows.h"
#include "policy/io/chat_template.h"
#include "policy/io/tokenizer.h"

namespace grpo {

// What the recipe's "data" object says of one split.
//   "train": "file.jsonl.gz"  or  {"generator": "chain", "operators": 6}
//   "columns": {"prompt": "question", "answer": "answer", "completion": "solution"}, or of supervised data {"messages":
//   "messages"}: whole conversations (pipelines/conversation_messages.h), of which the assistant's turns are learned
//   (pipelines/conversation.h); a column "tools" ("tools": another name) goes to the template. With "messages" also:
//     "turns": "all" | "last", which of the assistant's turns are learned
//     "answer": "": rows have no gold answer; rewards judge by other columns (tests of a program), or by none (a model)
//   "answer_extractor": "####" (text after the last ####) | "boxed" (inside the last \boxed{}) | "none"
//   "template": "r1_zero", "none", a text with {prompt}, or "chat": the checkpoint's chat template, over a
//   prompt column that holds text (one user message) or a list of messages. With "chat" also:
//     "system": text of a system message, where a row brings none
//     "answer_prefix": text every answer starts with ("<think>\n"), part of the prompt; graders see it, or
//     the <think>
//       with which the template itself opens the answer, before the completion (Problem::completion_prefix),
//       and supervised completions may begin with it, for it is not learned twice
//     "chat_template_kwargs": {"enable_thinking": false}, further variables of the template
//     "template_date": "2025-07-26", the day it is to write; needed if it writes one
//   "max_prompt_length": tokens; "prompt_overflow": "error" | "drop"
//   "decontaminate": {...}: rows of files that hold parts of evaluation sets are left out (pipelines/decontaminated_rows.h)
//   "worked_fraction": of generated supervised samples, the share with a worked solution (sft only)
struct DataOptions {
  Json source;  // a path or a generator object
  std::string prompt_column = "prompt";
  std::string answer_column = "answer";
  std::string completion_column;  // sft from files
  std::string messages_column;    // sft from files, in place of prompt and completion
  std::string tools_column = "tools";
  bool last_turn_only = false;  // of conversations
  std::string answer_extractor = "none";
  std::string prompt_template = "none";
  std::string system, answer_prefix, template_date;  // with prompt_template "chat"
  Json chat_template_kwargs;
  int64_t max_prompt_length = 0;  // tokens; 0: as the context allows
  bool drop_overflow = false;
  std::optional<DecontaminationOptions> decontaminate = std::nullopt;  // of training parts (pipelines/training_parts.h)
  double worked_fraction = 1.0;
  bool answers = true;  // false: rows need no answer
  std::vector<int64_t> end_token_ids;  // at which the model stops, its own first; conversations are checked against them
  std::string where;  // for messages: "recipe.json: data"
  std::string file;
  std::string path;
};

enum class DataUse { kTrainRl, kTrainSft, kEval };

// Reads the "data" object for one use; key `train` or `eval` gives the source. Throws Error.
DataOptions read_data_options(const Json& data, const std::string& file, const std::string& path,
                              DataUse use);

// R1-Zero's prompt (arXiv 2501.12948, Table 1), reworded nowhere: published runs are compared by it.
const std::string& r1_zero_template();

// Token ids of which some are learned.
struct LearnedText {
  std::vector<int64_t> ids;
  std::vector<uint8_t> learned;  // one per id: 1 = learned
};

struct SftSample {
  Problem problem;
  std::string completion;  // text, without the end token
  std::optional<LearnedText> conversation = std::nullopt;  // in place of prompt and completion: all of it
};

class ProblemSource {
 public:
  // Reads, checks and tokenises (on all cores) every row of a file, or makes the generator. `chat_template`:
  // the checkpoint's, for the template "chat". Throws Error, naming the row, for a missing column, an answer
  // the extractor cannot find, an empty set, a prompt longer than the limit or, with a completion column, a
  // sample longer than the context (both unless dropped). `context`: the model's context length; `reserved`:
  // completion tokens that must still fit. Conversations count by the sequences that they become.
  ProblemSource(const DataOptions& options, const Tokenizer& tokenizer, int64_t context, int64_t reserved,
                uint64_t seed, const std::optional<ChatTemplate>& chat_template = std::nullopt);
  ~ProblemSource();
  ProblemSource(ProblemSource&&) noexcept;

  int64_t size() const;     // problems in the set; 0: endless
  int64_t dropped() const;  // rows left out because they were too long
  // Rows left out because they hold parts of evaluation sets: how many, by set. None where they are not looked for.
  const std::optional<std::map<std::string, int64_t>>& contaminated() const;
  // The n-th problem of the endless stream of shuffled epochs, with prompt_ids; id is unique within a set. Of a conversation
  // what the model is given at the first turn that is learned.
  Problem draw(int64_t n) const;
  SftSample draw_sft(int64_t n) const;
  // The first `count` problems in file order (0: all), or of the generator.
  std::vector<Problem> head(int64_t count) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace grpo
