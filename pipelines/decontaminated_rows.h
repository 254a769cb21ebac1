#pragma once
// Rows of training data that hold parts of evaluation sets are left out (pipelines/decontamination.h says what counts as a
// part). The key "decontaminate" of a stage's "data":
//
//   "decontaminate": {"against": ["math500.jsonl", {"path": "aime.jsonl", "columns": ["problem", "solution"]}],
//                     "eval": true, "ngram_size": 10}
//
//   against     data files; a path alone stands for the columns that data.columns names (the question, the answer, the
//               completion), as far as a row has them
//   eval        true (default): data.eval is one of them where it is a file. false: it is not
//   ngram_size  words, default 10
//
// {} is enough where data.eval is a file. Of a training row its question and its completion are looked at, of messages each
// by itself; the answer that judges it is not, nobody learns it. A text of an evaluation set with fewer than ngram_size words
// is found where a question is that text, never in a completion: answers are short, and equal by chance. Generators are not
// looked at; they have splits of their own.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/data_file.h"
#include "core/json.h"

namespace grpo {

struct DecontaminationOptions {
  struct Set {
    std::string path;
    std::vector<std::string> columns;
    bool all_columns = false;  // every row must have all of them; else at least one
  };
  std::vector<Set> against;
  int64_t ngram_size = 10;
};

// What a "data" object says; none: it has no "decontaminate". Throws Error naming the key, also where there is nothing to
// compare with.
std::optional<DecontaminationOptions> read_decontamination(const Json& data, const std::string& file, const std::string& path);

struct ContaminatedRows {
  std::vector<bool> rows;              // one per row: true where it is to be left out
  std::map<std::string, int64_t> sets;  // how many, by the path of the first set that they were found in
  int64_t count = 0;
};

// `question` and `completion` are the columns to look at, each a text or a list of messages; "" for none. Reads the files
// of the sets. Throws Error for a file or a column that is not there, and where no row is left.
ContaminatedRows contaminated_rows(const std::vector<DataRow>& rows, const std::string& question, const std::string& completion,
                                   const DecontaminationOptions& options);
// Takes them out; returns how many, by set.
std::map<std::string, int64_t> remove_contaminated(std::vector<DataRow>& rows, const std::string& question,
                                                   const std::string& completion, const DecontaminationOptions& options);

}  // namespace grpo
