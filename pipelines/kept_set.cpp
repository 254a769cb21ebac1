#include "pipelines/kept_set.h"

#include <fstream>
#include <unordered_set>

#include "core/data_file.h"
#include "core/error.h"
#include "pipelines/near_duplicates.h"

namespace grpo {
namespace {

// A row as the text that is compared with others.
std::string text_of_row(const Json& row) {
  const Json& question = row.at("question");
  const std::string asked = question.is_string() ? question.get<std::string>() : question.dump();
  return asked + "\n" + row.at("completion").get<std::string>();
}

// The rows, counted over all files, that nearly repeat an earlier one.
std::unordered_set<int64_t> near_duplicates(const std::vector<std::string>& step_files, const NearDuplicateOptions& options) {
  std::vector<std::string> texts;
  for (const std::string& file : step_files) {
    for (const DataRow& line : read_data_file(file)) {
      for (const Json& row : line.columns.at("rows")) texts.push_back(text_of_row(row));
    }
  }
  std::unordered_set<int64_t> rows;
  for (const Duplicate& duplicate : find_duplicates(texts, options)) rows.insert(duplicate.row);
  return rows;
}

}  // namespace

KeptCounts write_kept_set(const std::vector<std::string>& step_files, const KeepRules& rules, const std::string& directory) {
  std::unordered_set<int64_t> near;
  if (rules.near_duplicates) near = near_duplicates(step_files, *rules.near_duplicates);
  KeptCounts counts;
  std::ofstream kept(directory + "/kept.jsonl", std::ios::binary), problems(directory + "/problems.jsonl", std::ios::binary);
  std::unordered_set<std::string> seen;
  int64_t number = 0;
  for (const std::string& file : step_files) {
    for (const DataRow& line : read_data_file(file)) {
      int64_t written = 0;
      for (const Json& row : line.columns.at("rows")) {
        const bool repeats = near.contains(number++);
        if (rules.max_samples > 0 && counts.kept == rules.max_samples) {
          ++counts.dropped["max_samples"];
        } else if (rules.deduplicate && !seen.insert(deduplication_key(row)).second) {
          ++counts.dropped["duplicate"];
        } else if (repeats) {
          ++counts.dropped["near duplicate"];
        } else {
          kept << row.dump() << "\n";
          ++counts.kept;
          ++written;
        }
      }
      counts.add(line.columns);
      problems << problem_line(line.columns, written).dump() << "\n";
    }
  }
  kept.close();
  problems.close();
  if (!kept || !problems) throw Error("cannot write what was kept", directory, "is the disk full?");
  return counts;
}

}  // namespace grpo
