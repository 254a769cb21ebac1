#include "pipelines/eval_sets.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "grpo/trainer_options.h"
#include "pipelines/interruption.h"
#include "pipelines/stage_data.h"

namespace grpo {
namespace {

// What the set is called where the recipe gives it no name: after its file or generator.
std::string data_name(const Json& source) {
  if (source.is_string()) {
    const std::string file = std::filesystem::path(source.get<std::string>()).filename().string();
    return file.substr(0, file.find('.'));
  }
  return source.is_object() && source.contains("generator") && source["generator"].is_string()
             ? source["generator"].get<std::string>()
             : "eval";
}

// `keys`: the set's own over the stage's.
EvaluationSet read_set(const Recipe& recipe, const Json& keys, const std::string& path) {
  constexpr int64_t samples_per_step = 512;
  Json options = {{"temperature", 0.6}, {"top_p", 0.95}};
  options.update(keys);
  ObjectReader r(options, recipe.file, path);
  EvaluationSet set;
  set.path = path;
  set.data = read_data_options(r.raw("data"), recipe.file, path.empty() ? "data" : path + ".data", DataUse::kEval);
  set.name = r.string("name", data_name(set.data.source));
  set.rewards = r.raw("rewards");
  if (!r.has("rewards")) r.fail("rewards", "evaluation needs a reward to judge by", "add \"rewards\": [{\"name\": ...}]");
  set.num_problems = r.integer("num_problems", 0, {.min = 0});
  set.options.num_samples = r.integer("num_samples", 1, {.min = 1});
  set.problems_per_step = r.integer("problems_per_step", std::max<int64_t>(1, samples_per_step / set.options.num_samples), {.min = 1});
  TrainerOptions sampled;
  sampled.num_generations = set.options.num_samples;
  read_sampling_options(r, sampled);
  r.finish();
  set.options.sampling = sampled.sampling;
  set.options.reward_workers = sampled.reward_workers;
  set.options.engine = sampled.engine;
  set.options.seed = eval_seed(recipe);
  set.options.stop_request = [] { return Interruption::signal() != 0; };
  return set;
}

}  // namespace

std::vector<Problem> EvaluationSet::problems(const CheckpointFiles& policy) const {
  const ProblemSource source(data, *policy.tokenizer, policy.config.max_position_embeddings, options.sampling.max_tokens,
                             options.seed, policy.chat_template);
  if (source.size() == 0 && num_problems == 0) {
    throw Error("a generated evaluation set needs a size", data.where, "set \"num_problems\" to at least 200");
  }
  std::vector<Problem> problems = source.head(num_problems);
  for (Problem& problem : problems) problem.source = name;
  return problems;
}

std::vector<EvaluationSet> read_evaluation_sets(const Recipe& recipe, const StageSpec& spec) {
  Json shared = spec.options;
  for (const char* key : {"sets", "metric_names", "log_completions"}) shared.erase(key);
  // What other stages have at the top level, and no evaluation asks for.
  shared.erase("reward_error_rate_max");
  ObjectReader r(spec.options, recipe.file, spec.path);
  const Json& sets = r.raw("sets");
  std::vector<EvaluationSet> out;
  if (sets.is_null()) return {read_set(recipe, shared, spec.path)};
  if (!sets.is_array() || sets.empty()) r.fail("sets", "expected a list of at least one set");
  std::set<std::string> names;
  for (size_t i = 0; i < sets.size(); ++i) {
    const std::string path = (spec.path.empty() ? "" : spec.path + ".") + "sets[" + std::to_string(i) + "]";
    if (!sets[i].is_object()) throw Error("expected an object", recipe.file + ": " + path, "write {\"name\": ..., \"data\": ...}");
    out.push_back(read_set(recipe, merged_options(shared, sets[i]), path));
    if (!sets[i].contains("rewards")) out.back().path = spec.path;
    if (!names.insert(out.back().name).second) {
      throw Error("the set's name \"" + out.back().name + "\" is taken", recipe.file + ": " + path, "give every set a \"name\" of its own");
    }
  }
  return out;
}

}  // namespace grpo
