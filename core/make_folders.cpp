#include "core/make_folders.h"

#include <cerrno>
#include <filesystem>

#include "core/disk_error.h"

namespace grpo {

void make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return;
  throw disk_error("make the folder", path, error ? error.value() : ENOTDIR);
}

}  // namespace grpo
