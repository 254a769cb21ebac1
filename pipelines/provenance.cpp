#include "pipelines/provenance.h"

#include <filesystem>
#include <set>

#include "core/file.h"
#include "pipelines/training_parts.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class Collector {
 public:
  explicit Collector(const Recipe& recipe) : recipe_(recipe) {}

  // Files below the keys that name them, at any depth of a "data" object, a mixture or a list of sets.
  void add_data(const Json& value) {
    if (value.is_array()) {
      for (const Json& item : value) add_data(item);
    }
    if (!value.is_object()) return;
    for (const auto& [key, item] : value.items()) {
      const bool names_files = key == "train" || key == "eval" || key == "against" || key == "path";
      if (names_files && item.is_string()) add_file(item.get<std::string>());
      if (names_files && item.is_array()) {
        for (const Json& entry : item) {
          if (entry.is_string()) add_file(entry.get<std::string>());
        }
      }
      if (key == "stage" && item.is_string()) add_kept(item.get<std::string>());
      add_data(item);
    }
  }

  // An earlier stage, the base of a policy, or a checkpoint directory.
  void add_stage(const std::string& name) {
    if (const auto index = recipe_.index_of(name)) {
      add(parents_, stage_directory(recipe_.out, *index, name) + "/model", "/manifest.json");
    } else {
      add(parents_, name, "/config.json");
    }
  }
  void add_start(const std::string& policy, const std::string& from) {
    if (from != "base") return add_stage(from);
    const Json& base = recipe_.policies.at(policy);
    for (const char* key : {"model", "adapter"}) {
      if (!base.contains(key) || !base[key].is_string()) continue;
      add(parents_, base[key].get<std::string>(), key == std::string("model") ? "/config.json" : "/adapter_config.json");
    }
  }

  Json data() const { return data_; }
  Json parents() const { return parents_; }

 private:
  void add_file(const std::string& path) { add(data_, path, ""); }
  void add_kept(const std::string& name) {
    if (const auto index = recipe_.index_of(name)) add_file(stage_directory(recipe_.out, *index, name) + kKeptFile);
  }
  void add(Json& list, const std::string& path, const std::string& file) {
    if (!fs::is_regular_file(path + file) || !seen_.insert(path).second) return;
    list.push_back({{"path", path}, {"sha256", sha256_of_file(path + file)}});
  }

  const Recipe& recipe_;
  Json data_ = Json::array();
  Json parents_ = Json::array();
  std::set<std::string> seen_;
};

}  // namespace

Json provenance(const Recipe& recipe, const StageSpec& spec) {
  Collector found(recipe);
  const auto option = [&](const char* key) { return spec.options.value(key, Json()); };
  found.add_data(option("data"));
  found.add_data(option("sets"));
  if (spec.models.empty() && option("endpoint").is_null()) found.add_start(spec.policy, spec.from);
  for (const EvaluatedModel& model : spec.models) found.add_start(model.policy, model.from);
  for (const char* key : {"teacher", "ref_model"}) {
    if (const Json value = option(key); value.is_string()) found.add_stage(value.get<std::string>());
  }
  Json rewards = option("rewards");
  for (const Json& set : option("sets")) {
    for (const Json& reward : set.value("rewards", Json::array())) rewards.push_back(reward);
  }
  for (const Json& reward : rewards) {
    if (reward.is_object() && reward.value("model", Json()).is_string() && reward.value("name", Json()) == "model") {
      found.add_stage(reward["model"].get<std::string>());
    }
  }
  Json out = {{"parents", found.parents()}, {"data", found.data()}};
  if (const std::string file = recipe.out + "/recipe.json"; fs::is_regular_file(file)) out["recipe_sha256"] = sha256_of_file(file);
  return out;
}

}  // namespace grpo
