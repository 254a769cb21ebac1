#include "pipelines/decontaminated_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "pipelines/decontamination.h"

namespace grpo {
namespace {

// A text of a row, and whether it is a question: only as such can it be a short text of an evaluation set.
struct Piece {
  std::string text;
  bool question = false;
};

// The text of a message's content: a string, or the texts of its parts.
std::string content_text(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const Json& part : content) {
    if (part.is_object() && part.contains("text") && part["text"].is_string()) text += part["text"].get<std::string>() + "\n";
  }
  return text;
}

// The texts of a cell; of messages those that the user writes are questions.
void add_pieces(const Json& cell, bool question, std::vector<Piece>& pieces) {
  if (cell.is_null()) return;
  if (!cell.is_array()) {
    pieces.push_back({cell.is_string() ? cell.get<std::string>() : cell.dump(), question});
    return;
  }
  for (const Json& message : cell) {
    if (!message.is_object()) {
      pieces.push_back({message.is_string() ? message.get<std::string>() : message.dump(), question});
    } else if (message.contains("content")) {
      pieces.push_back({content_text(message["content"]), message.value("role", Json()) == "user"});
    }
  }
}

// What data.columns names, under the names that stand for it otherwise.
std::vector<std::string> named_columns(const Json& data) {
  std::vector<std::string> columns;
  const Json named = data.value("columns", Json());
  const auto add = [&](const char* role, const char* otherwise) {
    const Json given = named.is_object() ? named.value(role, Json()) : Json();
    const std::string name = given.is_string() ? given.get<std::string>() : otherwise;
    if (!name.empty()) columns.push_back(name);
  };
  add("prompt", "prompt");
  add("answer", "answer");
  add("completion", "");
  add("messages", "");
  return columns;
}

DecontaminationOptions::Set read_set(const Json& given, const std::vector<std::string>& columns, const std::string& file,
                                     const std::string& path) {
  if (given.is_string()) return {.path = given.get<std::string>(), .columns = columns};
  ObjectReader r(given, file, path);
  DecontaminationOptions::Set set{.path = r.string("path"), .columns = r.strings("columns", columns), .all_columns = r.has("columns")};
  if (set.columns.empty()) r.fail("columns", "there is none", "name the columns to compare with, or remove it");
  r.finish();
  return set;
}

// The texts of a set, without empty ones.
std::vector<std::string> texts_of(const DecontaminationOptions::Set& set) {
  std::vector<std::string> texts;
  for (const DataRow& row : read_data_file(set.path)) {
    std::vector<Piece> pieces;
    std::vector<std::string> missing;
    for (const std::string& column : set.columns) {
      const auto cell = row.columns.find(column);
      if (cell == row.columns.end()) {
        missing.push_back(column);
      } else {
        add_pieces(*cell, true, pieces);
      }
    }
    if (missing.size() == set.columns.size() || (set.all_columns && !missing.empty())) {
      std::vector<std::string> names;
      for (const auto& [key, value] : row.columns.items()) names.push_back(key);
      throw Error(fmt::format("the row has no column \"{}\"; it has: {}", fmt::join(missing, "\", \""), fmt::join(names, ", ")), row.where,
                  fmt::format("name the columns to compare with: {{\"path\": \"{}\", \"columns\": [...]}}", set.path));
    }
    for (Piece& piece : pieces) texts.push_back(std::move(piece.text));
  }
  return texts;
}

int64_t num_words(const std::string& ngram) { return 1 + std::count(ngram.begin(), ngram.end(), ' '); }

}  // namespace

std::optional<DecontaminationOptions> read_decontamination(const Json& data, const std::string& file, const std::string& path) {
  if (!data.is_object() || data.value("decontaminate", Json()).is_null()) return std::nullopt;
  ObjectReader r(data["decontaminate"], file, path + ".decontaminate");
  const std::vector<std::string> columns = named_columns(data);
  DecontaminationOptions options;
  options.ngram_size = r.integer("ngram_size", options.ngram_size, {.min = 1, .max = 1000});
  const Json& against = r.raw("against");
  if (!against.is_null() && !against.is_array()) r.fail("against", "expected a list of files");
  for (size_t i = 0; i < against.size(); ++i) {
    options.against.push_back(read_set(against[i], columns, file, fmt::format("{}.decontaminate.against[{}]", path, i)));
  }
  const Json eval = data.value("eval", Json());
  if (r.boolean("eval", true)) {
    const bool is_named = std::any_of(options.against.begin(), options.against.end(), [&](const auto& set) { return eval == set.path; });
    if (eval.is_string() && !is_named) options.against.push_back({.path = eval.get<std::string>(), .columns = columns});
    if (r.has("eval") && !eval.is_string()) r.fail("eval", "data.eval is no file", "remove it");
  }
  r.finish();
  if (options.against.empty()) {
    r.fail("against", "there is no evaluation set to compare with", "name files, or let data.eval be one");
  }
  return options;
}

ContaminatedRows contaminated_rows(const std::vector<DataRow>& rows, const std::string& question, const std::string& completion,
                                   const DecontaminationOptions& options) {
  EvaluationNgrams evaluation(options.ngram_size);
  for (const auto& set : options.against) evaluation.add(set.path, texts_of(set));
  std::vector<Piece> pieces;
  std::vector<size_t> row_of;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const std::string* column : {&question, &completion}) {
      if (column->empty() || !rows[i].columns.contains(*column)) continue;
      add_pieces(rows[i].columns[*column], column == &question, pieces);
    }
    row_of.resize(pieces.size(), i);
  }
  std::vector<std::string> texts;
  for (Piece& piece : pieces) texts.push_back(std::move(piece.text));
  ContaminatedRows found;
  found.rows.assign(rows.size(), false);
  for (const ContaminatedRow& match : find_contaminated(texts, evaluation)) {
    const auto piece = static_cast<size_t>(match.row);
    const bool whole = num_words(match.match.ngram) < options.ngram_size;
    if ((whole && !pieces[piece].question) || found.rows[row_of[piece]]) continue;
    found.rows[row_of[piece]] = true;
    ++found.sets[match.match.evaluation_set];
    ++found.count;
  }
  if (!rows.empty() && found.count == static_cast<int64_t>(rows.size())) {
    std::vector<std::string> sets;
    for (const auto& [set, count] : found.sets) sets.push_back(fmt::format("{} of {}", count, set));
    throw Error(fmt::format("every one of {} rows holds {} words in a row, or a whole question, of an evaluation set ({})", rows.size(),
                            options.ngram_size, fmt::join(sets, ", ")),
                rows.front().where, "is it the evaluation set itself? Train on other rows, or raise decontaminate.ngram_size");
  }
  return found;
}

std::map<std::string, int64_t> remove_contaminated(std::vector<DataRow>& rows, const std::string& question,
                                                   const std::string& completion, const DecontaminationOptions& options) {
  ContaminatedRows found = contaminated_rows(rows, question, completion, options);
  size_t kept = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (found.rows[i]) continue;
    if (kept != i) rows[kept] = std::move(rows[i]);
    ++kept;
  }
  rows.resize(kept);
  return std::move(found.sets);
}

}  // namespace grpo
