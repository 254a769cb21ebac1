#include "pipelines/recipe.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/error.h"

namespace grpo {
namespace {

const std::vector<std::string> kTopLevel = {"name", "description", "seed", "policy", "sandbox", "stages"};

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

// Values of `over` replace those of `base`; objects merge key by key, one level deep and no further, so that
// a nested list or generator is never half of one and half of the other.
Json merged(const Json& base, const Json& over) {
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

StageSpec read_stage(const Json& defaults, const Json& json, const std::string& file, const std::string& path,
                     const std::string& default_name) {
  ObjectReader r(json, file, path);
  r.allow_unknown();
  StageSpec stage;
  stage.path = path;
  stage.type = r.choice("stage", {"sft", "rl"});
  stage.name = r.string("name", default_name.empty() ? stage.type : default_name);
  const bool plain = !stage.name.empty() && std::all_of(stage.name.begin(), stage.name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
  });
  if (!plain) r.fail("name", "a stage's name is letters, digits, _ and -");
  stage.from = r.string("from", "");
  stage.options = merged(defaults, json);
  for (const char* key : {"name", "stage", "from"}) stage.options.erase(key);
  return stage;
}

}  // namespace

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
  recipe.policy = r.raw("policy");
  if (!recipe.policy.is_object())
    r.fail("policy", "the policy is missing", "add \"policy\": {\"model\": \"path\"}");
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
    StageSpec& stage = recipe.stages[i];
    const std::string where = path + ": " + stage.path;
    if (stage.from.empty()) stage.from = i == 0 ? "base" : recipe.stages[i - 1].name;
    if (stage.from != "base" && !names.contains(stage.from)) {
      throw Error(
          fmt::format("stage \"{}\" starts from \"{}\", which is no earlier stage", stage.name, stage.from),
          where, "use \"base\" or the name of a stage before it");
    }
    if (stage.name == "base" || !names.insert(stage.name).second) {
      throw Error(fmt::format("the stage name \"{}\" is taken", stage.name), where,
                  "give every stage a name of its own");
    }
  }
  return recipe;
}

}  // namespace grpo
