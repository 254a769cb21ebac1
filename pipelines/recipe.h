#pragma once
// A recipe: everything a run needs to know, as strict JSON (comments allowed). A recipe with "stages" lists
// them in order; one without is a single stage, and its top level holds the stage's keys. Top-level keys
// beside name, seed, policy, policies, sandbox and stages are defaults of every stage; a stage's own value replaces them,
// objects key by key.
//
//   {"seed": 1, "policy": {"model": "path"}, "policies": {"student": {"model": "other/path"}},
//    "data": {...}, "rewards": [...], "sandbox": {...},
//    "stages": [{"name": "warm", "stage": "sft", ...}, {"name": "rl", "stage": "rl", ...},
//               {"name": "distilled", "stage": "sft", "policy": "student", "from": "base", ...}]}
//
// "policy" is what stages train unless they name another one of "policies". A stage starts from the last stage before
// it that left a model of its policy, or from where "from" says: "base", an earlier stage, whose policy it then has, or
// a checkpoint directory. A stage of type "eval" starts from nothing and looks at "models" (pipelines/eval_stage.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

// A policy that a stage of type "eval" looks at.
struct EvaluatedModel {
  std::string name;    // for people: "base", "student base", a stage, a path
  std::string policy;  // key of Recipe::policies
  std::string from;    // "base" (of its policy), or the name of an earlier stage
};

struct StageSpec {
  std::string name;  // unique; names the folder stages/NN-NAME
  std::string type;  // "sft", "rl", "reject", "reward_model", "distill" or "eval"
  std::string policy;  // key of Recipe::policies; of "eval", that of the first model
  std::string from;    // "base" (of its policy), or the name of an earlier stage; of "eval", as policy
  std::vector<EvaluatedModel> models = {};  // of "eval": at least one, all different
  Json options;      // the stage's keys with defaults merged in, without name, stage, policy, from, models
  std::string path;  // JSON path of the stage in the file, for messages
};

// Whether stages of this type leave a policy that others can start from.
bool leaves_policy(const std::string& type);

// `over` on top of `base`: its values replace those of `base`, objects key by key, one level deep and no further, so that a
// nested list or generator is never half of one and half of the other.
Json merged_options(const Json& base, const Json& over);

struct Recipe {
  std::string file;
  std::string name;
  uint64_t seed = 0;
  // "policy" under "", those of "policies" by name, and checkpoints that stages start from, as {"model": path}, by path.
  std::map<std::string, Json> policies;
  Json sandbox;  // of rewards that run code (sandbox/sandbox.h: read_sandbox_options); null: as it comes
  std::vector<StageSpec> stages;
  Json resolved;  // the whole recipe after overrides: what OUT/recipe.json holds
  std::string out;  // the run's directory, where stages find what earlier ones left; empty: there is none yet

  // Of the stage called `name`; none: no stage is called so.
  std::optional<size_t> index_of(const std::string& name) const;
};

// Where an earlier stage leaves what it makes: OUT/stages/NN-NAME.
std::string stage_directory(const std::string& out, size_t index, const std::string& name);

// Reads a recipe and applies overrides "key.path=value" in order; the value is JSON where it parses as JSON,
// else a string. A path whose first part is a stage's name addresses that stage. Relative file names in the
// recipe are taken from the working directory. Throws Error for anything malformed at this level; keys inside
// policy and stages are checked by who reads them (check_recipe in pipelines/run.h reads all of them).
Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides);

// Sets what "key.path=value" says in a recipe, or in any other object of options, as above.
void apply_override(Json& recipe, const std::string& override);

}  // namespace grpo
