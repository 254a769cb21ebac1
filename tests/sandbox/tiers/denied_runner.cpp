#include "tests/sandbox/tiers/denied_runner.h"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/error.h"

namespace grpo {

namespace fs = std::filesystem;

DeniedRunner::DeniedRunner(std::initializer_list<const char*> words) {
  folder_ = (fs::temp_directory_path() / "grpo-denied-XXXXXX").string();
  GRPO_CHECK(mkdtemp(folder_.data()) != nullptr);
  fs::permissions(folder_, fs::perms(0755));
  const fs::path programs = fs::read_symlink("/proc/self/exe").parent_path();
  for (const char* program : {"grpo-runner", "deny", "host_tier"}) {
    fs::copy_file(programs / program, fs::path(folder_) / program);
    fs::permissions(fs::path(folder_) / program, fs::perms(0755));
  }
  for (const char* word : words) words_ += std::string(word) + " ";
  path_ = folder_ + "/runner";
  std::ofstream(path_) << "#!/bin/sh\nexec " << folder_ << "/deny " << words_ << "-- " << folder_
                       << "/grpo-runner\n";
  fs::permissions(path_, fs::perms(0755));
  cache_ = folder_ + "/cache";
  fs::create_directory(cache_);
  fs::permissions(cache_, fs::perms(0777));
}

DeniedRunner::~DeniedRunner() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string DeniedRunner::complaint_of(const std::string& command) const {
  const std::string line = folder_ + "/deny " + words_ + "-- " + command + " 2> " + folder_ + "/why";
  const int status = std::system(line.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::ifstream file(folder_ + "/why");
  std::string why;
  std::getline(file, why);
  return why.empty() ? command + " failed" : why;
}

std::string DeniedRunner::impossible() const {
  const std::string why = complaint_of("true");
  return why.empty() ? "" : "this host cannot be made to deny it: " + why;
}

std::string DeniedRunner::impossible(Tier tier) const {
  const std::string why = impossible();
  return why.empty() ? complaint_of(folder_ + "/host_tier " + tier_name(tier)) : why;
}

}  // namespace grpo
