#pragma once
// `grpo report`: a run directory as one HTML page that needs nothing else. It opens from disk, asks the network for
// nothing (its own policy forbids that), and may be mailed. Whatever stands in the files is untrusted: it is escaped
// text on the page, and the page's script is allowed by its hash alone.

#include <cstdint>
#include <string>

#include "pipelines/report/run_record.h"

namespace grpo {

// The page of a run. `now` (seconds since 1970) is when it was made.
std::string report_page(const RunRecord& run, int64_t now);

// Reads the run in `directory` and writes its page to `output`, in one step. Throws Error if the directory holds
// nothing of a run, or if the page cannot be written. Memory does not grow with the length of metrics.jsonl and
// episodes.jsonl; time does, at the speed of reading them.
void write_report(const std::string& directory, const std::string& output);

}  // namespace grpo
