#pragma once
// metrics.jsonl and its like: one JSON object per line, appended while a run goes on, each beginning with its
// step. A line is one write to the system, so a killed process leaves whole lines and at most one cut tail.
// On resume the lines of steps that will be taken again are dropped, so that no step appears twice.

#include <cstdint>
#include <string>

#include "core/json.h"

namespace grpo {

class MetricsWriter {
 public:
  // Opens `path` (its folder must exist) and keeps the lines with step <= last_step; -1 keeps none. A last
  // line without its newline is dropped. Throws Error if the file cannot be opened or written, or if a line
  // before its end is not an object with an integer "step": then it is not ours to cut.
  MetricsWriter(std::string path, int64_t last_step);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  // Appends {"step": step, ...metrics}; there may be several lines of one step, but steps never go back.
  // Numbers that are not finite become null. `metrics` is an object without the key "step". Throws Error on a
  // full disk; the file then ends with the line before.
  void write(int64_t step, const Json& metrics);

  // Returns when all lines are on the disk: before a checkpoint that counts on them.
  void sync();

 private:
  int file_ = -1;
  std::string path_;
  int64_t last_step_;
};

}  // namespace grpo
