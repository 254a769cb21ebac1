// find_toolchain and toolchain_folders: which programs of this host compile and run each language.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <sstream>

#include "sandbox/languages/ask_program.h"
#include "sandbox/languages/language.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// What a tool is called by apt (Debian 12, Ubuntu 24.04).
const char* package_of(const std::string& tool) {
  static const std::map<std::string, const char*> packages = {{"gcc", "gcc"},
                                                              {"g++", "g++"},
                                                              {"python3", "python3"},
                                                              {"node|nodejs", "nodejs"},
                                                              {"javac", "default-jdk-headless"},
                                                              {"java", "default-jdk-headless"},
                                                              {"rustc", "rustc"},
                                                              {"go", "golang-go"},
                                                              {"bash", "bash"}};
  const auto found = packages.find(tool);
  return found == packages.end() ? "" : found->second;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.compare(0, folder.size() + 1, folder + "/") == 0;
}

// Shown in every box as it is.
bool is_system(const std::string& path) {
  for (const char* folder : {"/usr", "/bin", "/lib", "/lib64"}) {
    if (is_below(path, folder)) return true;
  }
  return false;
}

// The system's own tool before whatever PATH puts first: it needs no further folder in the box, and is the same for
// every user. Empty: there is none; `closed` is then a folder, if there was one, that this user may not look into.
std::string search(const std::string& name, std::string& closed) {
  std::vector<std::string> folders = {"/usr/bin", "/usr/local/bin", "/bin"};
  if (const char* path = std::getenv("PATH")) {
    for (const std::string& folder : split(path, ':')) {
      if (!folder.empty() && folder[0] == '/') folders.push_back(folder);
    }
  }
  // What installers use where the shell's profile was not read.
  folders.push_back("/usr/local/go/bin");
  if (const char* home = std::getenv("HOME")) folders.push_back(std::string(home) + "/.cargo/bin");
  for (const std::string& folder : folders) {
    const std::string path = folder + "/" + name;
    if (is_program(path)) return path;
    if (access(path.c_str(), F_OK) != 0 && errno == EACCES) closed = folder;
  }
  return "";
}

// Version managers (rustup, pyenv, nodenv, ...) put a program of their own in the tool's place. The tool itself knows
// where it is.
std::string ask_where(const std::string& name, const std::string& path) {
  if (name == "rustc") return first_line(ask_program({path, "--print", "sysroot"})) + "/bin/rustc";
  if (name == "go") return first_line(ask_program({path, "env", "GOROOT"})) + "/bin/go";
  if (name == "python3") {
    return first_line(ask_program({path, "-c", "import os, sys; print(os.path.realpath(sys.executable))"}));
  }
  if (name == "node" || name == "nodejs") return first_line(ask_program({path, "-p", "process.execPath"}));
  return path;
}

// Where the program itself is, with all links followed; empty if it is none.
std::string resolve(const std::string& name, const std::string& found) {
  std::error_code error;
  std::string path = fs::canonical(found, error).string();
  if (error) return "";
  if (!is_system(path)) {
    path = fs::canonical(ask_where(name, found), error).string();
    if (error || !is_program(path)) return "";
  }
  return path;
}

// bin/TOOL lies in the folder of its installation.
std::string home_of(const std::string& path) {
  return fs::path(path).parent_path().parent_path().string();
}

void add_folder(std::vector<std::string>& folders, const std::string& folder) {
  if (std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
}

// Debian's Java has its configuration in /etc/java-17-openjdk, linked to from its home. Certificates are not needed.
void add_linked_folders(const std::string& home, std::vector<std::string>& folders) {
  for (const char* place : {"conf", "lib"}) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(fs::path(home) / place, error), end; !error && it != end;
         it.increment(error)) {
      std::error_code broken;
      if (!it->is_symlink(broken) || it->path().filename() == "cacerts") continue;
      const std::string target = fs::canonical(it->path(), broken).string();
      if (broken || is_system(target) || is_below(target, home)) continue;
      const fs::path above = fs::path(target).parent_path();
      const bool covered = std::any_of(folders.begin(), folders.end(), [&](const std::string& folder) {
        return above == folder || is_below(above.string(), folder);
      });
      // All of /etc/java-17-openjdk, not one folder of it for each link.
      if (!covered)
        add_folder(folders, is_below(above.string(), "/etc") ? "/etc/" + split(above.string(), '/')[2]
                                                             : above.string());
    }
  }
}

std::string version_of(const ProgrammingLanguage& language, const std::string& path) {
  return first_line(ask_program({path, language.name == "go" ? "version" : "--version"}));
}

struct Found {
  std::optional<Toolchain> toolchain;
  std::string missing;
};

Found look_for(const ProgrammingLanguage& language) {
  Toolchain toolchain;
  for (const std::string& tool : language.tools) {
    std::string path, closed;
    for (const std::string& name : split(tool, '|')) {
      const std::string found = search(name, closed);
      if (!found.empty()) path = resolve(name, found);
      if (!path.empty()) break;
    }
    if (path.empty()) {
      const std::string package = package_of(tool);
      return {std::nullopt,
              split(tool, '|')[0] + " is not installed" +
                  (closed.empty() ? "" : ", or lies in " + closed + ", which this user may not read") +
                  (package.empty() ? "" : " (Debian and Ubuntu: apt-get install " + package + ")")};
    }
    if (!is_system(path)) add_folder(toolchain.folders, home_of(path));
    if (language.name == "java") add_linked_folders(home_of(path), toolchain.folders);
    toolchain.paths.push_back(path);
  }
  toolchain.version = version_of(language, toolchain.paths.front());
  return {toolchain, ""};
}

}  // namespace

std::optional<Toolchain> find_toolchain(const ProgrammingLanguage& language, std::string* missing) {
  // Asking costs tens of milliseconds, and tools do not come and go while we run. PATH is part of the key: it is what
  // decides.
  static std::mutex mutex;
  static std::map<std::string, Found> known;
  const char* path = std::getenv("PATH");
  std::string key = language.name + "\n" + (path != nullptr ? path : "");
  for (const std::string& tool : language.tools) key += "\n" + tool;
  const std::lock_guard lock(mutex);
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, look_for(language)).first;
  if (missing != nullptr) *missing = found->second.missing;
  return found->second.toolchain;
}

bool readable_by_others(const std::string& path) {
  std::error_code absent;
  const fs::path real = fs::canonical(path, absent);
  if (absent) return false;
  const auto allows = [&](const fs::path& at, fs::perms right) {
    return (fs::status(at, absent).permissions() & right) != fs::perms::none;
  };
  for (fs::path above = real.parent_path();; above = above.parent_path()) {
    if (!allows(above, fs::perms::others_exec)) return false;
    if (above == above.root_path()) break;
  }
  return allows(real, fs::perms::others_read) &&
         (!fs::is_directory(real, absent) || allows(real, fs::perms::others_exec));
}

std::optional<Toolchain> usable_toolchain(const ProgrammingLanguage& language, Tier tier, std::string* missing) {
  std::optional<Toolchain> toolchain = find_toolchain(language, missing);
  if (!toolchain || tier != Tier::kT3) return toolchain;
  for (const std::string& path : toolchain->paths) {
    if (readable_by_others(path)) continue;
    if (missing != nullptr)
      *missing =
          path + " cannot be read by the users that programs run under in tier T3: install it below /usr";
    return std::nullopt;
  }
  return toolchain;
}

std::vector<std::string> toolchain_folders() {
  std::vector<std::string> folders;
  for (const ProgrammingLanguage& language : languages()) {
    if (const auto toolchain = find_toolchain(language)) {
      for (const std::string& folder : toolchain->folders) add_folder(folders, folder);
    }
  }
  return folders;
}

}  // namespace grpo
