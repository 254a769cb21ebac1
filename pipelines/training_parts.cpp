#include "pipelines/training_parts.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "core/error.h"

namespace grpo {
namespace {

// The stage that a source names; "" for any other source.
std::string stage_of(const Json& source) {
  if (!source.is_object() || !source.contains("stage") || !source["stage"].is_string()) return "";
  return source["stage"].get<std::string>();
}

std::string kept_file(const Recipe& recipe, size_t stage) {
  return stage_directory(recipe.out, stage, recipe.stages[stage].name) + kKeptFile;
}

// Keys of "data" that say how to read what a stage kept, as it writes it (pipelines/reject_stage.h).
void read_as_kept(Json& data, DataUse use) {
  data["answer_extractor"] = "none";
  Json columns = {{"prompt", "question"}, {"answer", "answer"}};
  if (use == DataUse::kTrainSft) columns["completion"] = "completion";
  data["columns"] = columns;
}

// The part's own "data" object: what it says itself, else what stands around it.
Json whole_part(const Json& data, const Json& part) {
  Json whole = data;
  for (const auto& [key, value] : part.items()) {
    if (key != "name" && key != "weight" && key != "from_step") whole[key] = value;
  }
  return whole;
}

std::string path_of(const StageSpec& spec) { return spec.path.empty() ? "data" : spec.path + ".data"; }

DataOptions read_part(const Recipe& recipe, const StageSpec& spec, Json data, const std::string& path, DataUse use) {
  // By the columns that the data has, whatever a stage calls those that it kept.
  const auto decontaminate = read_decontamination(data, recipe.file, path);
  const std::string name = stage_of(data.value("train", Json()));
  if (!name.empty()) {
    const auto stage = recipe.index_of(name);
    const std::string where = recipe.file + ": " + path + ".train.stage";
    if (!stage || *stage >= recipe.index_of(spec.name).value()) {
      throw Error(fmt::format("\"{}\" is no earlier stage", name), where, "name a stage of type \"reject\" before this one");
    }
    if (recipe.stages[*stage].type != "reject") {
      throw Error(fmt::format("stage \"{}\" is of type \"{}\" and keeps no data", name, recipe.stages[*stage].type), where,
                  "name a stage of type \"reject\"");
    }
    data["train"] = kept_file(recipe, *stage);
    read_as_kept(data, use);
  }
  DataOptions options = read_data_options(data, recipe.file, path, use);
  if (options.source.is_string()) options.decontaminate = decontaminate;
  return options;
}

// A key that does nothing is a mistake.
void check_decontamination(const Json& data, const std::vector<TrainingPart>& parts, const std::string& where) {
  if (!data.is_object() || data.value("decontaminate", Json()).is_null()) return;
  for (const TrainingPart& part : parts) {
    if (part.data.decontaminate) return;
  }
  throw Error("without effect: no training data comes from a file", where + ".decontaminate",
              "remove it; generators have splits of their own");
}

}  // namespace

std::vector<TrainingPart> read_training_parts(const Recipe& recipe, const StageSpec& spec, DataUse use) {
  const Json data = spec.options.value("data", Json());
  const std::string path = path_of(spec);
  if (data.is_null()) {
    throw Error("the stage has no data", recipe.file + ": " + spec.path, "add \"data\": {\"train\": ...}");
  }
  const Json train = data.is_object() ? data.value("train", Json()) : Json();
  std::vector<TrainingPart> parts;
  if (!train.is_array()) {
    parts.push_back({.name = "", .data = read_part(recipe, spec, data, path, use)});
    check_decontamination(data, parts, recipe.file + ": " + path);
    return parts;
  }
  std::set<std::string> names;
  bool from_start = false;
  for (size_t i = 0; i < train.size(); ++i) {
    const std::string part_path = fmt::format("{}.train[{}]", path, i);
    ObjectReader r(train[i], recipe.file, part_path);
    r.allow_unknown();
    TrainingPart part;
    part.name = r.string("name");
    part.weight = r.number("weight", 1.0, {.min = 0.0, .min_exclusive = true});
    part.from_step = r.integer("from_step", 0, {.min = 0});
    if (!names.insert(part.name).second) r.fail("name", "two parts are called \"" + part.name + "\"");
    if (!r.has("train")) r.fail("train", "the part has no source", "give a file, a generator or {\"stage\": NAME}");
    from_start = from_start || part.from_step == 0;
    part.data = read_part(recipe, spec, whole_part(data, train[i]), part_path, use);
    parts.push_back(std::move(part));
  }
  if (!from_start) {
    throw Error("no part of the mixture is there from the first step on", recipe.file + ": " + path + ".train",
                "leave \"from_step\" out of at least one");
  }
  check_decontamination(data, parts, recipe.file + ": " + path);
  return parts;
}

std::vector<std::string> awaited_stages(const Recipe& recipe, const StageSpec& spec) {
  const Json data = spec.options.value("data", Json());
  const Json train = data.is_object() ? data.value("train", Json()) : Json();
  std::vector<std::string> awaited;
  const auto ask = [&](const Json& source) {
    const std::string name = stage_of(source);
    const auto stage = recipe.index_of(name);
    if (stage && (recipe.out.empty() || !std::filesystem::exists(kept_file(recipe, *stage)))) awaited.push_back(name);
  };
  if (!train.is_array()) {
    ask(train);
  } else {
    for (const Json& part : train) ask(part.is_object() ? part.value("train", Json()) : Json());
  }
  return awaited;
}

}  // namespace grpo
