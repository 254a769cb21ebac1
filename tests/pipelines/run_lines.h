#pragma once
// The lines that a run leaves, without what differs from one machine to the next.

#include <sstream>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace grpo {

// The lines of a .jsonl file.
inline std::vector<Json> lines_in(const std::string& path) {
  std::istringstream text(read_file(path));
  std::vector<Json> rows;
  for (std::string line; std::getline(text, line);) rows.push_back(Json::parse(line));
  return rows;
}

inline bool tells_time(const std::string& key) {
  return key == "step_time" || key.starts_with("time/") || key.starts_with("memory/") ||
         key == "rollout/tokens_per_second" || key == "teacher/tokens_per_second" || key == "rollout/score_busy_seconds";
}

inline std::vector<Json> without_times(std::vector<Json> rows) {
  for (Json& row : rows) {
    Json kept = Json::object();
    for (const auto& [key, value] : row.items()) {
      if (!tells_time(key)) kept[key] = value;
    }
    row = kept;
  }
  return rows;
}

}  // namespace grpo
