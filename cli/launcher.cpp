// bin/grpo of an installed tree: finds LibTorch, puts it in the loader's path and becomes libexec/grpo. It
// links nothing but glibc, so it runs, and can say what is missing, where the program itself could not load.
//
// LibTorch is, in this order: what GRPO_LIBTORCH names; what the loader's path already holds; what
// scripts/bootstrap put in the cache; what the loader finds in the system.

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "cli/library_path.h"

namespace fs = std::filesystem;

namespace {

constexpr const char* kLibrary = "libtorch_cpu.so";
constexpr const char* kTorchVersion = "2.11.";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

[[noreturn]] void fail(const std::string& what, const std::string& where, const std::string& fix) {
  std::fprintf(stderr, "error: %s\n  where: %s\n  fix:   %s\n", what.c_str(), where.c_str(), fix.c_str());
  std::exit(1);
}

// The version a torch folder says it has, from the wheel's version.py or the archive's build-version; "" if
// neither is there.
std::string version_of(const fs::path& torch) {
  for (const char* name : {"version.py", "build-version"}) {
    std::ifstream file(torch / name);
    for (std::string line; std::getline(file, line);) {
      if (std::string(name) == "build-version") return line;
      if (line.starts_with("__version__ = '")) return line.substr(15, line.find('\'', 15) - 15);
    }
  }
  return "";
}

bool in_loader_path() {
  std::istringstream folders(environment("LD_LIBRARY_PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && fs::exists(fs::path(folder) / kLibrary)) return true;
  }
  return false;
}

// The torch folder to use; none: the loader finds the library by itself.
std::optional<fs::path> find_libtorch() {
  const std::string named = environment("GRPO_LIBTORCH");
  if (!named.empty()) {
    if (fs::exists(fs::path(named) / "lib" / kLibrary)) return fs::absolute(named);
    fail("GRPO_LIBTORCH names a folder without lib/libtorch_cpu.so", named,
         "let it name the `torch` folder of an installed torch 2.11, the one that holds include/ and lib/");
  }
  if (in_loader_path()) return std::nullopt;
  fs::path cache = environment("XDG_CACHE_HOME");
  if (cache.empty()) cache = fs::path(environment("HOME")) / ".cache";
  const fs::path cached = cache / "grpo" / "libtorch-2.11.0" / "torch";
  if (fs::exists(cached / "lib" / kLibrary)) return cached;
  if (dlopen(kLibrary, RTLD_LAZY)) return std::nullopt;
  fail(
      "LibTorch 2.11 was not found",
      "GRPO_LIBTORCH (not set), LD_LIBRARY_PATH, " + cached.string() + ", the system's libraries",
      "run scripts/bootstrap of the source tree, or install torch 2.11 and set GRPO_LIBTORCH to its folder:\n"
      "         export GRPO_LIBTORCH=$(python3 -c 'import torch, os; "
      "print(os.path.dirname(torch.__file__))')");
}

// LibTorch's own folder, then those of the NVIDIA wheels beside it (their names end in lib), then what was.
std::string library_path(const fs::path& torch, const std::string& before) {
  std::string path = (torch / "lib").string();
  const fs::path nvidia = torch.parent_path() / "nvidia";
  std::error_code ignored;
  for (const auto& wheel : fs::directory_iterator(nvidia, ignored)) {
    if (fs::is_directory(wheel.path() / "lib")) path += ":" + (wheel.path() / "lib").string();
  }
  return before.empty() ? path : path + ":" + before;
}

}  // namespace

int main(int, char** argv) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path program = self.parent_path().parent_path() / "libexec" / "grpo";
  if (!fs::exists(program)) {
    fail("the program is not beside its launcher", program.string(),
         "install again: cmake --install build/release");
  }
  if (const auto torch = find_libtorch()) {
    const std::string version = version_of(*torch);
    if (!version.empty() && !version.starts_with(kTorchVersion)) {
      fail("LibTorch is version " + version + ", but this program was built against 2.11", torch->string(),
           "let GRPO_LIBTORCH name the `torch` folder of torch 2.11");
    }
    const std::string before = environment("LD_LIBRARY_PATH");
    setenv(grpo::kSavedLibraryPath, before.c_str(), 1);
    setenv("LD_LIBRARY_PATH", library_path(*torch, before).c_str(), 1);
  }
  execv(program.c_str(), argv);
  fail(std::string("cannot start the program: ") + std::strerror(errno), program.string(), "install again");
}
