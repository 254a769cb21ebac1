#include "pipelines/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/error.h"

namespace grpo {
namespace {

const std::vector<std::string> kTopLevel = {"name", "description", "seed", "policy", "policies", "sandbox", "stages"};

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts = {""};
  for (const char c : path) {
    if (c == '.') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Sets object[a][b]... = value, creating objects on the way.
void set_path(Json& object, const std::vector<std::string>& parts, size_t first, const Json& value,
              const std::string& override) {
  Json* at = &object;
  for (size_t i = first; i < parts.size(); ++i) {
    if (parts[i].empty()) throw Error("empty part in the key", "--set " + override, "write key.path=value");
    if (at->is_array()) {
      const bool index = parts[i].size() <= 9 && std::all_of(parts[i].begin(), parts[i].end(),
                                                             [](char c) { return c >= '0' && c <= '9'; });
      if (!index || std::stoul(parts[i]) >= at->size()) {
        throw Error(fmt::format("no element {} in the list", parts[i]), "--set " + override,
                    "use an index of the list");
      }
      at = &(*at)[std::stoul(parts[i])];
      continue;
    }
    if (!at->is_object()) {
      if (!at->is_null()) {
        throw Error(fmt::format("{} is not an object", parts[i - 1]), "--set " + override, "check the key");
      }
      *at = Json::object();
    }
    at = &(*at)[parts[i]];
  }
  *at = value;
}

Json override_value(const std::string& text) {
  const Json parsed = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return parsed.is_discarded() ? Json(text) : parsed;
}

// The name a stage goes by, "" if it is malformed: its type where it has no name of its own.
std::string stage_name(const Json& stage) {
  if (!stage.is_object()) return "";
  const Json& name = stage.contains("name")    ? stage["name"]
                     : stage.contains("stage") ? stage["stage"]
                                               : Json();
  return name.is_string() ? name.get<std::string>() : "";
}

// What of the top level a stage of this type takes over. One that trains takes all; of it others can use this.
Json inherited(const Json& defaults, const std::string& type) {
  if (leaves_policy(type)) return defaults;
  Json taken = Json::object();
  if (type == "reward_model") return taken;  // its data are pairs, and it knows no rewards
  for (const char* key : {"data", "rewards", "max_completion_length", "reward_workers", "reward_error_rate_max", "max_running",
                          "cache_tokens", "metric_names"}) {
    if (defaults.contains(key)) taken[key] = defaults[key];
  }
  return taken;
}

StageSpec read_stage(const Json& defaults, const Json& json, const std::string& file, const std::string& path,
                     const std::string& default_name) {
  ObjectReader r(json, file, path);
  r.allow_unknown();
  StageSpec stage;
  stage.path = path;
  stage.type = r.choice("stage", {"sft", "rl", "reject", "reward_model", "distill", "eval"});
  stage.name = r.string("name", default_name.empty() ? stage.type : default_name);
  const bool plain = !stage.name.empty() && std::all_of(stage.name.begin(), stage.name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  if (!plain) r.fail("name", "a stage's name is letters, digits, _ and -");
  stage.from = r.string("from", "");
  if (!path.empty()) stage.policy = r.string("policy", "");
  if (stage.type == "eval") {
    if (!stage.from.empty()) r.fail("from", "an evaluation starts from nothing", "say \"models\": [\"" + stage.from + "\"]");
    if (!stage.policy.empty()) r.fail("policy", "an evaluation says what it looks at by \"models\"", "say \"models\"");
    for (const std::string& model : r.strings("models", {})) stage.models.push_back({model, "", ""});
  }
  stage.options = merged_options(inherited(defaults, stage.type), json);
  // Rewards for all stages are for those that score; one that says so itself and does not is a mistake.
  const bool scores = (stage.type != "sft" && stage.type != "distill") || !stage.options.value("eval", Json()).is_null();
  if (!scores && !json.contains("rewards")) stage.options.erase("rewards");
  for (const char* key : {"name", "stage", "policy", "from"}) stage.options.erase(key);
  if (stage.type == "eval") stage.options.erase("models");
  return stage;
}

// "policy" and "policies". Which of them are needed, stages say.
std::map<std::string, Json> read_policies(ObjectReader& r) {
  std::map<std::string, Json> policies;
  if (const Json& policy = r.raw("policy"); !policy.is_null()) {
    if (!policy.is_object()) r.fail("policy", "expected an object, found " + json_type_name(policy));
    policies[""] = policy;
  }
  const Json& named = r.raw("policies");
  if (!named.is_null() && !named.is_object()) r.fail("policies", "expected an object of policies by name");
  for (const auto& [name, policy] : named.items()) {
    if (name.empty() || name == "base") r.fail("policies", "a policy cannot be called \"" + name + "\"");
    if (!policy.is_object()) r.fail("policies." + name, "expected an object, found " + json_type_name(policy));
    policies[name] = policy;
  }
  return policies;
}

// The last stage before the `index`-th that left a policy of this name; "base" where there is none.
std::string default_start(const Recipe& recipe, size_t index, bool any_policy, const std::string& policy) {
  for (size_t i = index; i-- > 0;) {
    const StageSpec& earlier = recipe.stages[i];
    if (leaves_policy(earlier.type) && (any_policy || earlier.policy == policy)) return earlier.name;
  }
  return "base";
}

// Throws Error where the recipe has no such policy.
void require_policy(const Recipe& recipe, const StageSpec& stage, const std::string& policy) {
  if (recipe.policies.contains(policy)) return;
  if (policy.empty()) {
    throw Error("the policy is missing", recipe.file + ": policy", "add \"policy\": {\"model\": \"path\"}");
  }
  throw Error(fmt::format("stage \"{}\" is of policy \"{}\", and there is none of that name", stage.name, policy),
              recipe.file + ": " + stage.path, fmt::format("add it to \"policies\": {{\"{}\": {{\"model\": \"path\"}}}}", policy));
}

// Finds out what `model.name` is, for a stage of type "eval": an earlier stage, the base of a policy, or a checkpoint.
void resolve_model(Recipe& recipe, size_t index, EvaluatedModel& model) {
  const StageSpec& stage = recipe.stages[index];
  const auto earlier = recipe.index_of(model.name);
  model.from = "base";
  if (earlier && *earlier < index && leaves_policy(recipe.stages[*earlier].type)) {
    model.from = model.name;
    model.policy = recipe.stages[*earlier].policy;
  } else if (!earlier && model.name == "base") {
    model.policy = "";
  } else if (!earlier && recipe.policies.contains(model.name)) {
    model.policy = model.name;
    if (recipe.policies[model.name] != Json{{"model", model.name}}) model.name += " base";
  } else if (!earlier && std::filesystem::is_directory(model.name)) {
    model.policy = model.name;
    recipe.policies[model.name] = {{"model", model.name}};
  } else {
    throw Error(fmt::format("\"{}\" is no earlier stage that leaves a policy, no policy and no checkpoint directory", model.name),
                recipe.file + ": " + stage.path + (stage.path.empty() ? "" : ".") + "models",
                "use \"base\", the name of a stage before it, one of \"policies\", or a directory");
  }
}

void resolve_models(Recipe& recipe, size_t index) {
  StageSpec& stage = recipe.stages[index];
  if (stage.models.empty()) stage.models.push_back({default_start(recipe, index, /*any_policy=*/true, ""), "", ""});
  std::set<std::string> names;
  for (EvaluatedModel& model : stage.models) {
    resolve_model(recipe, index, model);
    if (!names.insert(model.name).second) {
      throw Error(fmt::format("\"{}\" is there twice", model.name), recipe.file + ": " + stage.path + ".models", "remove one of them");
    }
    require_policy(recipe, stage, model.policy);
  }
  stage.policy = stage.models.front().policy;
  stage.from = stage.models.front().from;
}

// Finds out what the `index`-th stage starts from, and with it whose policy it has.
void resolve_start(Recipe& recipe, size_t index) {
  StageSpec& stage = recipe.stages[index];
  const std::string where = recipe.file + ": " + stage.path;
  if (stage.from.empty()) stage.from = default_start(recipe, index, stage.policy.empty(), stage.policy);
  const auto start = recipe.index_of(stage.from);
  if (start && *start < index) {
    const StageSpec& earlier = recipe.stages[*start];
    if (!leaves_policy(earlier.type)) {
      throw Error(fmt::format("stage \"{}\" starts from \"{}\", and a stage of type \"{}\" leaves no policy", stage.name,
                              stage.from, earlier.type),
                  where, "start from a stage that trains one, or from \"base\"");
    }
    if (!stage.policy.empty() && stage.policy != earlier.policy) {
      throw Error(fmt::format("stage \"{}\" is of policy \"{}\" and starts from \"{}\", which is not", stage.name,
                              stage.policy, stage.from),
                  where, "leave out \"policy\", or start from \"base\"");
    }
    stage.policy = earlier.policy;
  } else if (stage.from != "base") {
    // A checkpoint directory is a policy of its own, and its base.
    if (start || !std::filesystem::is_directory(stage.from)) {
      throw Error(fmt::format("stage \"{}\" starts from \"{}\", which is no earlier stage and no directory", stage.name,
                              stage.from),
                  where, "use \"base\", the name of a stage before it, or a checkpoint directory");
    }
    if (!stage.policy.empty()) {
      throw Error("\"policy\" and a checkpoint directory in \"from\" are two policies", where, "leave out one of them");
    }
    stage.policy = stage.from;
    recipe.policies[stage.from] = {{"model", stage.from}};
    stage.from = "base";
  }
  require_policy(recipe, stage, stage.policy);
}

}  // namespace

Json merged_options(const Json& base, const Json& over) {
  Json out = base;
  for (const auto& [key, value] : over.items()) {
    if (value.is_object() && out.contains(key) && out[key].is_object()) {
      for (const auto& [inner, inner_value] : value.items()) out[key][inner] = inner_value;
    } else {
      out[key] = value;
    }
  }
  return out;
}

bool leaves_policy(const std::string& type) { return type == "sft" || type == "rl" || type == "distill"; }

std::optional<size_t> Recipe::index_of(const std::string& stage_name) const {
  for (size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].name == stage_name) return i;
  }
  return std::nullopt;
}

std::string stage_directory(const std::string& out, size_t index, const std::string& name) {
  return fmt::format("{}/stages/{:02}-{}", out, index + 1, name);
}

void apply_override(Json& recipe, const std::string& override) {
  const size_t equals = override.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error("an override needs the form key=value", "--set " + override, "for example --set max_steps=3");
  }
  const std::vector<std::string> parts = split_path(override.substr(0, equals));
  const Json value = override_value(override.substr(equals + 1));
  if (parts.size() > 1 && recipe.contains("stages") && recipe["stages"].is_array()) {
    for (Json& stage : recipe["stages"]) {
      if (stage_name(stage) == parts[0]) {
        set_path(stage, parts, 1, value, override);
        return;
      }
    }
  }
  set_path(recipe, parts, 0, value, override);
}

Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  Json json = read_json_file(path);
  if (!json.is_object()) throw Error("a recipe is a JSON object", path, "write { ... }");
  for (const std::string& override : overrides) apply_override(json, override);
  Recipe recipe;
  recipe.file = path;
  recipe.resolved = json;
  ObjectReader r(json, path);
  r.allow_unknown();
  recipe.name = r.string("name", "run");
  r.string("description", "");
  recipe.seed = static_cast<uint64_t>(r.integer("seed", 0, {.min = 0}));
  recipe.policies = read_policies(r);
  recipe.sandbox = r.raw("sandbox");
  Json defaults = json;
  for (const std::string& key : kTopLevel) defaults.erase(key);
  if (json.contains("stages")) {
    const Json& stages = json["stages"];
    if (!stages.is_array() || stages.empty()) r.fail("stages", "expected a list of at least one stage");
    for (size_t i = 0; i < stages.size(); ++i) {
      recipe.stages.push_back(read_stage(defaults, stages[i], path, fmt::format("stages[{}]", i), ""));
    }
  } else {
    Json stage = defaults;
    recipe.stages.push_back(read_stage(Json::object(), stage, path, "", ""));
  }
  std::set<std::string> names;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const std::string& name = recipe.stages[i].name;
    if (name == "base" || !names.insert(name).second) {
      throw Error(fmt::format("the stage name \"{}\" is taken", name), path + ": " + recipe.stages[i].path,
                  "give every stage a name of its own");
    }
  }
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].type == "eval") resolve_models(recipe, i);
    else resolve_start(recipe, i);
  }
  return recipe;
}

}  // namespace grpo
