#pragma once
// Data sets as files: the rows of .json and .jsonl files, plain or gzipped. Rows are JSON objects and come back
// as they are; what a column means is for whoever asked.
//
//   rows.jsonl, rows.jsonl.gz   one object per line; blank lines are skipped
//   rows.json, rows.json.gz     an array of objects, or one object in which exactly one key holds such an array
//
// Text is UTF-8, with or without a byte order mark; LF and CRLF both end a line. JSON is read by parse_json, so a
// key given twice in a row is an Error too.

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// One object of a data file, and where it stands, so that a later complaint about a column can name the place.
struct DataRow {
  Json columns;      // always an object
  std::string where;  // "file.jsonl: line 12" or "file.json: row 3", both counted from 1
};

// Every row of a file, in order. Throws Error, naming the file and the line, if the file is missing, unreadable,
// a truncated or corrupt gzip stream, of another extension, not JSON, holds something other than objects, or
// holds no row at all. The whole file is in memory while it is read.
std::vector<DataRow> read_data_file(const std::string& path);

}  // namespace grpo
