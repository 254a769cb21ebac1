#pragma once
// A rollout as files: groups with everything that is known of their problems and episodes, text, numbers, scores and
// records alike. What checkpoints in the middle of a rollout, dumps of a batch that gave NaN, and `grpo replay` write
// and read. Every field comes back bit for bit, NaN and its payload included, and text that is not UTF-8 too.
//
//   rollout.json         format version, number of groups and episodes, and the caller's `about`
//   rollout.jsonl        text, one line for each problem, followed by one for each of its episodes
//   rollout.safetensors  numbers, the lists of all episodes end to end; NAME_begin[i] is where list i begins
//   manifest.json        sizes and SHA-256 of the three (core/atomic_directory.h)
//
// JSON can hold neither every string nor every number. Where it cannot, a value is written as an object with one key:
// {"$bytes": hex digits} for text that is not UTF-8, {"$double": 16 hex digits} for NaN and infinities,
// {"$object": [[key, value], ...]} for an object that has such a key itself, {"$json": text} for what is nested
// deeper than 200 levels.

#include <string>
#include <vector>

#include "core/json.h"
#include "core/types.h"

namespace grpo {

struct Rollout {
  std::vector<Group> groups;
  Json about = Json::object();
};

// Writes `directory`, whole or not at all; one that exists is replaced. It may lie in a directory that is itself being
// filled (a checkpoint). `about` is an object: step, stage, options, whatever a reader will want to know. Needs about
// as much memory again as the episodes' numbers take. Throws Error when the disk refuses, for binary JSON values,
// and for an episode whose lists do not fit each other, which read_rollout would refuse.
void write_rollout(const std::string& directory, const std::vector<Group>& groups, const Json& about);

enum class Checksums {
  kVerify,  // compare every byte with manifest.json
  kSkip,    // for files that the manifest of a checkpoint around them has vouched for
};

// Reads it back. Throws Error naming the file, and the tensor or line, for a directory that is unfinished, damaged,
// of another version, or hostile: sizes are compared with the files before anything is allocated, every list of an
// episode fits its completion (core/types.h), ids and expert numbers are not negative (-1 in routes aside). What it
// cannot know is the model: that ids are within its vocabulary and routes of its shape is for whoever uses them.
Rollout read_rollout(const std::string& directory, Checksums checksums = Checksums::kVerify);

}  // namespace grpo
