#include "pipelines/saved_rollouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "grpo/rollout_file.h"

namespace grpo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kContents = "/rollout.json";

}  // namespace

std::string rollout_path(const std::string& directory, int64_t step) {
  return fmt::format("{}/rollout-{:06}", directory, step);
}

void save_rollout(const std::string& path, const Collector::Rollout& rollout, const std::string& stage, int64_t step,
                  int64_t problems_drawn) {
  write_rollout(path, rollout.groups,
                {{"stage", stage},
                 {"step", step},
                 {"problems_drawn", problems_drawn},
                 {"failed", rollout.failed},
                 {"metrics", rollout.metrics}});
}

Collector::Rollout load_rollout(const std::string& path) {
  Rollout read = read_rollout(path);
  ObjectReader r(read.about, path + kContents, "about");
  r.allow_unknown();
  Collector::Rollout rollout;
  rollout.failed = r.boolean("failed", false);
  rollout.metrics = read.about.value("metrics", Json::object());
  rollout.groups = std::move(read.groups);
  return rollout;
}

int64_t problems_drawn_with(const std::string& path) {
  const Rollout read = read_rollout(path);
  ObjectReader r(read.about, path + kContents, "about");
  r.allow_unknown();
  return r.integer("problems_drawn", {.min = 0});
}

std::vector<std::string> list_rollouts(const std::string& directory) {
  if (fs::exists(directory + kContents)) return {directory};
  std::vector<std::string> found;
  if (fs::is_directory(directory)) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string path = entry.path().string();
      if (entry.path().filename().string().starts_with("rollout-") && fs::exists(path + kContents)) found.push_back(path);
    }
  }
  if (found.empty()) {
    throw Error("there are no rollouts here", directory,
                "sample them with --debug rollout-only, or give their folder by --rollouts");
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace grpo
