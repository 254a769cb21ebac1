#include "core/make_folders.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/error.h"

namespace grpo {

void make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && std::filesystem::is_directory(path, error)) return;
  const std::string why = error ? error.message() : "something that is no folder has its name";
  throw Error(fmt::format("cannot make the folder: {}", why), path,
              error == std::errc::no_space_on_device ? "make room on that disk and start again"
                                                     : "check the path and its permissions");
}

}  // namespace grpo
