#include "pipelines/report/run_record.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "core/error.h"
#include "pipelines/report/json_lines.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kStagesMax = 200;

std::optional<int64_t> modified(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return static_cast<int64_t>(info.st_mtim.tv_sec);
}

// When the first file of events was begun: its name says so, and survives copying.
std::optional<int64_t> first_events(const std::string& folder) {
  constexpr std::string_view head = "events.out.tfevents.";
  std::optional<int64_t> first;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(head)) continue;
    int64_t when = 0;
    const auto read = std::from_chars(name.data() + head.size(), name.data() + name.size(), when);
    if (read.ec == std::errc() && when > 0 && when < int64_t{1} << 40 && (!first || when < *first)) first = when;
  }
  return first;
}

// A directory's manifest, or what a directory was committed with.
std::optional<Json> manifest_at(const std::string& path) {
  auto manifest = read_object(path);
  if (manifest && value_in(*manifest, "info").is_object()) return Json(value_in(*manifest, "info"));
  return manifest;
}

// "stages/01-sft" of the stage's name, wherever it stands.
std::string stage_folder(const std::string& directory, const std::string& stage) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory + "/stages", ignored)) {
    const std::string name = entry.path().filename().string();
    const size_t dash = name.find('-');
    if (dash != std::string::npos && name.substr(dash + 1) == stage && entry.is_directory(ignored)) {
      return entry.path().string();
    }
  }
  return "";
}

StageRecord& stage_of(RunRecord& run, const std::string& name) {
  for (StageRecord& stage : run.stages) {
    if (stage.name == name) return stage;
  }
  run.stages.push_back({});
  run.stages.back().name = name;
  run.stages.back().recipe = Json::object();
  run.stages.back().manifest = Json::object();
  return run.stages.back();
}

// Every earlier stage that is named under one of these keys, at any depth.
void find_needs(const RunRecord& run, const Json& value, const std::string& under, StageRecord& stage, int depth) {
  if (depth > 8) return;
  if (value.is_array()) {
    for (const Json& item : value) find_needs(run, item, under, stage, depth + 1);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [key, item] : value.items()) {
    // At the top "stage" is the stage's type and "from" its start.
    const bool names = key == "teacher" || key == "model" || key == "reward_model" || key == "checkpoint" ||
                       (key == "stage" && depth > 0);
    if (!item.is_string() || !names) {
      find_needs(run, item, under.empty() ? key : under, stage, depth + 1);
      continue;
    }
    const auto earlier = item.get<std::string>();
    const std::string why = key == "stage" ? under : key;
    const bool known = std::any_of(stage.needs.begin(), stage.needs.end(),
                                   [&](const StageNeed& need) { return need.stage == earlier && need.key == why; });
    if (!known && earlier != stage.name && run.find(earlier) != nullptr) stage.needs.push_back({earlier, why});
  }
}

void read_recipe_stages(RunRecord& run) {
  const Json& stages = value_in(run.recipe, "stages");
  Json one = Json::array();
  if (!stages.is_array()) {
    if (!value_in(run.recipe, "stage").is_string()) return;
    one.push_back(run.recipe);
  }
  for (const Json& spec : stages.is_array() ? stages : one) {
    if (!spec.is_object() || run.stages.size() >= kStagesMax) continue;
    const std::string type = string_in(spec, "stage").value_or("");
    const std::string name = stages.is_array() ? string_in(spec, "name").value_or(type) : type;
    StageRecord& stage = stage_of(run, name);
    stage.type = type;
    stage.recipe = spec;
    stage.from = string_in(spec, "from").value_or("");
    if (const auto teacher = string_in(value_in(spec, "endpoint"), "model")) stage.from = *teacher;
    if (const Json& models = value_in(spec, "models"); models.is_array()) {
      for (const Json& model : models) {
        if (!model.is_string()) continue;
        if (stage.from.empty()) stage.from = model.get<std::string>();
        else if (run.find(model.get<std::string>()) != nullptr) stage.needs.push_back({model.get<std::string>(), "models"});
      }
    }
    if (stage.from.empty()) {
      stage.from = "base";
      const auto policy = string_in(spec, "policy");
      for (const StageRecord& earlier : run.stages) {
        if (&earlier == &stage) break;
        const bool trains = earlier.type != "eval" && earlier.type != "reject" && earlier.type != "reward_model";
        if (trains && (!policy || string_in(earlier.recipe, "policy") == policy)) stage.from = earlier.name;
      }
    }
  }
}

void read_manifests(RunRecord& run, const Json& summary) {
  for (StageRecord& stage : run.stages) {
    const std::string folder = stage_folder(run.directory, stage.name);
    std::optional<Json> manifest;
    for (const char* left : {"/manifest.json", "/model/manifest.json", "/data/manifest.json", "/finished/manifest.json"}) {
      if (!manifest && !folder.empty()) manifest = manifest_at(folder + left);
    }
    for (const Json& entry : value_in(summary, "stages")) {
      if (!manifest && string_in(entry, "name") == stage.name) manifest = entry;
    }
    if (!folder.empty()) {
      if (auto results = read_object(folder + "/data/results.json")) stage.results = std::move(*results);
      if (const EpisodeSamples kept = sample_kept(folder + "/data/kept.jsonl", stage.name); !kept.of_stage.empty()) {
        stage.samples = kept.of_stage.begin()->second;
      }
    }
    if (!manifest) continue;
    stage.manifest = std::move(*manifest);
    stage.state = RunState::kFinished;
    if (!string_in(stage.recipe, "from")) stage.from = string_in(stage.manifest, "from").value_or(stage.from);
    if (stage.type.empty()) stage.type = string_in(stage.manifest, "stage").value_or("");
    if (run.version.empty()) run.version = string_in(stage.manifest, "version").value_or("");
    if (run.device.empty()) run.device = string_in(stage.manifest, "device").value_or("");
  }
}

void count_up(RunRecord& run) {
  for (StageRecord& stage : run.stages) {
    // Policies that have a name have a base each.
    if (const auto policy = string_in(stage.recipe, "policy"); policy && stage.from == "base") stage.from = *policy + " base";
    stage.steps = std::max(stage.metrics.last_step, integer_in(stage.manifest, "steps").value_or(0));
    stage.steps_planned = integer_in(stage.recipe, "max_steps");
    // A manifest's seconds are of the process that finished the stage.
    stage.seconds = std::max(stage.metrics.seconds, number_in(stage.manifest, "seconds").value_or(0));
    stage.tokens = std::max(stage.metrics.tokens, number_in(value_in(stage.manifest, "counts"), "tokens").value_or(0));
    run.seconds += stage.seconds;
    run.tokens += stage.tokens;
  }
}

void read_lines(RunRecord& run) {
  RunMetrics metrics = read_metrics(run.directory + "/metrics.jsonl");
  for (StageMetrics& stage : metrics.stages) {
    if (run.stages.size() >= kStagesMax && run.find(stage.stage) == nullptr) continue;
    stage_of(run, stage.stage).metrics = std::move(stage);
  }
  EpisodeSamples episodes = sample_episodes(run.directory + "/episodes.jsonl");
  for (auto& [stage, samples] : episodes.of_stage) {
    if (run.stages.size() >= kStagesMax && run.find(stage) == nullptr) continue;
    stage_of(run, stage).samples = std::move(samples);
  }
  const auto count = [&](int64_t lines, const char* file) {
    if (lines > 0) run.notices.push_back(fmt::format("{} of {}'s lines cannot be read and are left out", lines, file));
  };
  count(metrics.unreadable, "metrics.jsonl");
  count(episodes.unreadable, "episodes.jsonl");
  for (const auto& [torn, file] : {std::pair{metrics.torn, "metrics.jsonl"}, {episodes.torn, "episodes.jsonl"}}) {
    if (torn) run.notices.push_back(fmt::format("the last line of {} is half written", file));
  }
}

void find_state(RunRecord& run, int64_t now) {
  double longest = 0;
  for (const char* file : {"/recipe.json", "/metrics.jsonl", "/episodes.jsonl", "/summary.json"}) {
    const auto when = modified(run.directory + file);
    if (when && (!run.last_written || *when > *run.last_written)) run.last_written = when;
  }
  for (const StageRecord& stage : run.stages) longest = std::max(longest, stage.metrics.longest_step);
  const bool recent = run.last_written &&
                      static_cast<double>(now - *run.last_written) < std::max(120.0, 5 * longest);
  const auto unfinished = std::find_if(run.stages.begin(), run.stages.end(),
                                       [](const StageRecord& s) { return s.state != RunState::kFinished; });
  run.state = unfinished == run.stages.end() ? RunState::kFinished : recent ? RunState::kRunning : RunState::kStopped;
  if (unfinished != run.stages.end()) unfinished->state = run.state;
  run.started = first_events(run.directory + "/tensorboard");
  // A copy's times say when it was copied.
  if (run.started && run.last_written && *run.last_written < *run.started) run.last_written.reset();
}

}  // namespace

const char* run_state_name(RunState state) {
  switch (state) {
    case RunState::kFinished: return "finished";
    case RunState::kRunning: return "running";
    case RunState::kStopped: return "stopped";
    case RunState::kWaiting: return "waiting";
  }
  return "";
}

const StageRecord* RunRecord::find(const std::string& stage) const {
  for (const StageRecord& record : stages) {
    if (record.name == stage) return &record;
  }
  return nullptr;
}

RunRecord read_run(const std::string& directory, int64_t now) {
  RunRecord run;
  run.directory = directory;
  std::error_code ignored;
  const auto holds = [&](const char* name) { return fs::exists(directory + "/" + name, ignored); };
  if (!holds("recipe.json") && !holds("metrics.jsonl") && !holds("summary.json")) {
    throw Error("no run is here: there is no recipe.json, metrics.jsonl or summary.json", directory,
                "name the folder that `grpo run` was given as --out");
  }
  if (auto recipe = read_object(directory + "/recipe.json")) {
    run.recipe = std::move(*recipe);
  } else {
    run.notices.push_back("recipe.json is missing or cannot be read");
  }
  const Json summary = read_object(directory + "/summary.json").value_or(Json::object());
  run.name = string_in(run.recipe, "name").value_or("run");
  run.description = string_in(run.recipe, "description").value_or("");
  run.device = string_in(summary, "device").value_or("");
  run.debugging = holds("debug.json");
  read_recipe_stages(run);
  for (const Json& entry : value_in(summary, "stages")) {
    const auto name = string_in(entry, "name");
    if (name && run.stages.size() < kStagesMax) stage_of(run, *name);
  }
  read_lines(run);
  for (StageRecord& stage : run.stages) find_needs(run, stage.recipe, "", stage, 0);
  read_manifests(run, summary);
  count_up(run);
  find_state(run, now);
  return run;
}

Json stage_option(const RunRecord& run, const StageRecord& stage, const std::string& key) {
  Json value = value_in(run.recipe, key);
  const Json& own = value_in(stage.recipe, key);
  if (value.is_object() && own.is_object()) {
    value.merge_patch(own);
  } else if (!own.is_null()) {
    value = own;
  }
  return value;
}

}  // namespace grpo
