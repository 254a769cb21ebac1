#include "core/data_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace grpo {
namespace {

constexpr unsigned kReadBytes = 1u << 18;

// The whole file, inflated if it is gzipped.
std::string read_text(const std::string& path) {
  errno = 0;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) {
    throw Error(fmt::format("cannot open data file: {}", std::strerror(errno == 0 ? ENOMEM : errno)), path,
                "check that the path exists and is readable");
  }
  gzbuffer(file.get(), kReadBytes);
  std::string text;
  std::string chunk(kReadBytes, '\0');
  int count = 0;
  while ((count = gzread(file.get(), chunk.data(), kReadBytes)) > 0) text.append(chunk, 0, static_cast<size_t>(count));
  int code = Z_OK;
  const std::string message = gzerror(file.get(), &code);
  if (count < 0 || code != Z_OK) {
    throw Error(fmt::format("cannot read data file after {} bytes: {}", text.size(),
                            code == Z_ERRNO ? std::strerror(errno) : message),
                path, "check that the file is complete; fetch or write it again");
  }
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

// One line's value; where it is not JSON, the Error names the line's place in the file.
Json parse_line(std::string_view line, const std::string& where) {
  try {
    return parse_json(line, "");
  } catch (const Error& e) {
    const size_t column = e.where().rfind(", column ");
    throw Error(e.summary(), where + (column == std::string::npos ? "" : e.where().substr(column)),
                "mend the line, or delete it");
  }
}

Json expect_object(Json value, const std::string& where) {
  if (!value.is_object()) {
    throw Error(fmt::format("expected an object, found {}", json_type_name(value)), where,
                "every row is an object of columns, such as {\"question\": \"...\", \"answer\": \"...\"}");
  }
  return value;
}

std::vector<DataRow> read_lines(std::string_view text, const std::string& path) {
  std::vector<DataRow> rows;
  int64_t number = 0;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text = newline == std::string_view::npos ? std::string_view() : text.substr(newline + 1);
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}: line {}", path, number);
    rows.push_back({expect_object(parse_line(line, where), where), where});
  }
  return rows;
}

// The array of rows in a .json document: the document, or the one list that it holds.
Json rows_of_document(Json document, const std::string& path) {
  if (document.is_array()) return document;
  const char* fix = "write an array of objects, or one object with exactly one list of objects";
  if (!document.is_object()) {
    throw Error(fmt::format("expected a list of rows, found {}", json_type_name(document)), path, fix);
  }
  std::vector<std::string> lists;
  for (const auto& [key, value] : document.items()) {
    if (value.is_array()) lists.push_back(key);
  }
  if (lists.size() != 1) {
    throw Error(lists.empty() ? "the object holds no list of rows"
                              : fmt::format("the object holds {} lists ({}): which are the rows is not clear",
                                            lists.size(), fmt::join(lists, ", ")),
                path, fix);
  }
  return std::move(document[lists.front()]);
}

std::vector<DataRow> read_document(const std::string& text, const std::string& path) {
  Json document;
  try {
    document = parse_json(text, path);
  } catch (const Error& e) {
    throw Error(e.summary(), e.where(), "mend the file there; a file with one object per line is named .jsonl");
  }
  Json list = rows_of_document(std::move(document), path);
  std::vector<DataRow> rows;
  rows.reserve(list.size());
  for (Json& item : list) {
    const std::string where = fmt::format("{}: row {}", path, rows.size() + 1);
    rows.push_back({expect_object(std::move(item), where), where});
  }
  return rows;
}

}  // namespace

std::vector<DataRow> read_data_file(const std::string& path) {
  std::string_view stem = path;
  if (stem.ends_with(".gz")) stem.remove_suffix(3);
  const bool lines = stem.ends_with(".jsonl");
  if (!lines && !stem.ends_with(".json")) {
    throw Error("unknown kind of data file", path, "use .json, .jsonl, .json.gz or .jsonl.gz");
  }
  const std::string text = read_text(path);
  std::vector<DataRow> rows = lines ? read_lines(text, path) : read_document(text, path);
  if (rows.empty()) throw Error("the data file holds no rows", path, "check the path, or what wrote the file");
  return rows;
}

}  // namespace grpo
