#pragma once
// A recipe: everything a run needs to know, as strict JSON (comments allowed). A recipe with "stages" lists
// them in order; one without is a single stage, and its top level holds the stage's keys. Top-level keys
// beside name, seed, policy, sandbox and stages are defaults of every stage; a stage's own value replaces them,
// objects key by key.
//
//   {"seed": 1, "policy": {"model": "path"}, "data": {...}, "rewards": [...], "sandbox": {...},
//    "stages": [{"name": "warm", "stage": "sft", ...}, {"name": "rl", "stage": "rl", ...}]}

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

struct StageSpec {
  std::string name;  // unique; names the folder stages/NN-NAME
  std::string type;  // "sft", "rl"
  std::string from;  // "base", or the name of an earlier stage; default: the stage before, else base
  Json options;      // the stage's keys with defaults merged in, without name, stage, from
  std::string path;  // JSON path of the stage in the file, for messages
};

struct Recipe {
  std::string file;
  std::string name;
  uint64_t seed = 0;
  Json policy;
  Json sandbox;  // of rewards that run code (sandbox/sandbox.h: read_sandbox_options); null: as it comes
  std::vector<StageSpec> stages;
  Json resolved;  // the whole recipe after overrides: what OUT/recipe.json holds
};

// Reads a recipe and applies overrides "key.path=value" in order; the value is JSON where it parses as JSON,
// else a string. A path whose first part is a stage's name addresses that stage. Relative file names in the
// recipe are taken from the working directory. Throws Error for anything malformed at this level; keys inside
// policy and stages are checked by who reads them (check_recipe in pipelines/run.h reads all of them).
Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides);

// Sets what "key.path=value" says in a recipe, or in any other object of options, as above.
void apply_override(Json& recipe, const std::string& override);

}  // namespace grpo
