#pragma once
// A run directory as one record: its recipe, its stages with what each has left, and how far it has come. Reads whatever
// is there, of a run that is finished, stopped or still going on; nothing in the files is trusted.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "pipelines/report/sample_episodes.h"
#include "pipelines/report/stage_metrics.h"

namespace grpo {

enum class RunState { kFinished, kRunning, kStopped, kWaiting };
const char* run_state_name(RunState state);  // "finished", "running", "stopped", "waiting"

// What a stage needs of an earlier one beside the weights it starts from.
struct StageNeed {
  std::string stage;  // name of the earlier stage
  std::string key;    // under which key the recipe says so: "teacher", "data", "model"
};

struct StageRecord {
  std::string name, type;
  std::string from;  // "base" ("student base" of the policy "student"), an earlier stage or a path; of "eval" its first model
  std::vector<StageNeed> needs;
  RunState state = RunState::kWaiting;
  Json recipe;     // the stage's own keys, {} where the recipe does not have it
  Json manifest;   // what it left when it was finished; {} before
  Json results;    // of an eval stage: its results.json; null where there is none
  StageMetrics metrics;
  std::vector<SampleGroup> samples;
  int64_t steps = 0;
  std::optional<int64_t> steps_planned;
  double seconds = 0;  // of all processes that worked on it, as far as the files tell
  double tokens = 0;
};

struct RunRecord {
  std::string directory;
  std::string name, description, device, version;
  Json recipe;  // resolved; null where it cannot be read
  RunState state = RunState::kWaiting;
  bool debugging = false;
  std::optional<int64_t> started;       // seconds since 1970
  std::optional<int64_t> last_written;  // likewise
  std::vector<StageRecord> stages;
  std::vector<std::string> notices;  // what could not be read
  double seconds = 0, tokens = 0;

  const StageRecord* find(const std::string& stage) const;
};

// `now`, in seconds since 1970, tells a run that goes on from one that stopped: the former has written something in the
// last two minutes, or within five of its longest steps. Throws Error if `directory` holds nothing of a run.
RunRecord read_run(const std::string& directory, int64_t now);

// A key of a stage's options as the stage sees it: its own value, over the recipe's, objects key by key. Null: neither.
Json stage_option(const RunRecord& run, const StageRecord& stage, const std::string& key);

}  // namespace grpo
