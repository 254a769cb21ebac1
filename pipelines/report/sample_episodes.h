#pragma once
// A few episodes of a stage to look at, out of an episodes.jsonl of any size: of its first, its middle and its last
// step that has any, one group with its best and its worst sample. The file is read in pieces, never whole.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// What one reward said of the sample.
struct SampleScore {
  std::string reward;
  std::optional<double> value;  // none: did not apply, or no verdict
  std::string status;           // "ok", "skip", "error", or what the file says
  std::string reason;
};

struct SampleEpisode {
  std::string prompt, answer, completion;
  std::string finish_reason;
  std::optional<double> reward, advantage;
  std::vector<SampleScore> scores;
  int64_t num_tokens = -1;  // -1: the file does not say
};

// One group of a step.
struct SampleGroup {
  bool kept = false;       // a row that a reject stage kept
  int64_t line = 0;        // the "step" that counts over the run; of a row, its number, from 0
  int64_t num_samples = 0;
  double reward_mean = 0;  // of those that have a reward
  SampleEpisode best;
  std::optional<SampleEpisode> worst;  // none where all samples of the group have the same reward
};

struct EpisodeSamples {
  std::map<std::string, std::vector<SampleGroup>> of_stage;  // at most three groups each, in order of steps
  int64_t lines = 0;
  int64_t unreadable = 0;
  bool torn = false;
};

// Of the groups of a step it is the one whose rewards differ most, the first of several.
EpisodeSamples sample_episodes(const std::string& path);

// The first, the middle and the last row that a reject stage kept (its kept.jsonl), as groups of one.
EpisodeSamples sample_kept(const std::string& path, const std::string& stage);

}  // namespace grpo
