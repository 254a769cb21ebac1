#include "pipelines/checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/atomic_directory.h"
#include "core/error.h"

namespace grpo {

namespace fs = std::filesystem;

std::string checkpoint_path(const std::string& directory, int64_t step) {
  return fmt::format("{}/checkpoint-{:06}", directory, step);
}

namespace {

// checkpoint-DIGITS folders, newest first, whatever state they are in.
std::vector<std::pair<int64_t, std::string>> checkpoint_folders(const std::string& directory) {
  std::vector<std::pair<int64_t, std::string>> found;
  if (!fs::is_directory(directory)) return found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    constexpr std::string_view prefix = "checkpoint-";
    if (!name.starts_with(prefix) || name.find('.') != std::string::npos) continue;
    const std::string digits = name.substr(prefix.size());
    if (digits.empty() ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    found.emplace_back(std::stoll(digits), entry.path().string());
  }
  std::sort(found.rbegin(), found.rend());
  return found;
}

}  // namespace

std::vector<std::pair<int64_t, std::string>> usable_checkpoints(const std::string& directory) {
  auto found = checkpoint_folders(directory);
  // A damaged newest checkpoint is passed over for the one before it.
  while (!found.empty()) {
    try {
      verify_directory(found.front().second);
      break;
    } catch (const Error&) {
      found.erase(found.begin());
    }
  }
  return found;
}

void save_checkpoint(const std::string& directory, int64_t step, int64_t keep, const Json& info,
                     const std::function<void(const std::string& path)>& fill) {
  AtomicDirectory checkpoint(checkpoint_path(directory, step));
  fill(checkpoint.path());
  checkpoint.commit(info);
  const auto checkpoints = usable_checkpoints(directory);
  for (size_t i = static_cast<size_t>(keep); i < checkpoints.size(); ++i) fs::remove_all(checkpoints[i].second);
}

void remove_checkpoints(const std::string& directory) {
  for (const auto& [step, checkpoint] : checkpoint_folders(directory)) fs::remove_all(checkpoint);
}

}  // namespace grpo
