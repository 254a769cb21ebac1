#include "sandbox/languages/precompiled_headers.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/atomic_directory.h"
#include "core/error.h"
#include "sandbox/languages/compile_log.h"
#include "sandbox/languages/digest.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeader = "stdc++.h.gch";

// The header is some 120 MB, all of it in the box's memory until it is fetched.
Limits header_limits() {
  Limits limits;
  limits.cpu_ms = 60'000;
  limits.wall_ms = 180'000;
  limits.memory_bytes = int64_t{1536} << 20;
  limits.stack_bytes = int64_t{64} << 20;
  limits.open_files = 256;
  limits.file_bytes = int64_t{512} << 20;
  limits.tmp_bytes = int64_t{600} << 20;
  return limits;
}

// Programs in the box are another user.
void let_read(const fs::path& path) {
  std::error_code refused;  // not ours: then it is as its owner wants it
  const auto readable = fs::perms::group_read | fs::perms::others_read;
  const auto searchable = fs::perms::group_exec | fs::perms::others_exec;
  fs::permissions(path, fs::is_directory(path, refused) ? readable | searchable : readable,
                  fs::perm_options::add, refused);
}

void write_blob(const std::string& path, const Blob& blob) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0) throw Error(std::string("cannot create it: ") + std::strerror(errno), path);
  off_t from = 0;
  while (from < blob.size()) {
    const auto left = static_cast<size_t>(blob.size() - from);
    const ssize_t copied = copy_file_range(blob.descriptor(), &from, file, nullptr, left, 0);
    if (copied > 0) continue;
    // Not between these two file systems: by hand.
    char bytes[1 << 16];
    const ssize_t got = pread(blob.descriptor(), bytes, sizeof bytes, from);
    if (got <= 0 || write(file, bytes, static_cast<size_t>(got)) != got) {
      const int error = errno;
      close(file);
      throw Error(std::string("cannot write it: ") + std::strerror(error), path);
    }
    from += got;
  }
  close(file);
}

bool is_whole(const fs::path& folder) {
  try {
    verify_directory(folder.string());
    return fs::is_regular_file(folder / "bits" / kHeader);
  } catch (const std::exception&) {
    return false;  // absent, unfinished, changed: made anew
  }
}

}  // namespace

std::vector<std::string> header_flags(const std::vector<std::string>& command) {
  std::vector<std::string> flags;
  for (size_t i = 1; i < command.size(); ++i) {
    const std::string& word = command[i];
    if (word == "-o") {
      ++i;
    } else if (word.size() > 1 && word[0] == '-' && word.compare(0, 2, "-l") != 0 &&
               word.compare(0, 2, "-I") != 0) {
      flags.push_back(word);
    }
  }
  return flags;
}

std::string PrecompiledHeaders::folder(const std::string& compiler, const std::string& version,
                                       const std::vector<std::string>& flags) {
  Digest digest;
  digest.add(compiler).add(version);
  std::error_code absent;
  digest.add(std::to_string(fs::file_size(compiler, absent)));
  // The compiler does not look whether the headers in it have changed since. Its own change with its version; the C
  // library's with theirs, or where a package is built anew.
  digest.add(gnu_get_libc_version());
  for (const char* header : {"/usr/include/features.h", "/usr/include/stdlib.h", "/usr/include/math.h"}) {
    const auto written = fs::last_write_time(header, absent);
    digest.add(std::to_string(absent ? 0 : written.time_since_epoch().count()));
  }
  for (const std::string& flag : flags) digest.add(flag);
  const std::string name = "bits-" + digest.hex().substr(0, 24);
  const std::lock_guard lock(mutex_);
  const auto known = folders_.find(name);
  if (known != folders_.end()) return known->second;
  std::string& folder = folders_[name];
  try {
    folder = make(compiler, flags, name);
  } catch (const std::exception& error) {
    fmt::print(stderr, "C++ programs compile without a precompiled bits/stdc++.h (2 s more each): {}\n",
               error.what());
  }
  return folder;
}

std::string PrecompiledHeaders::make(const std::string& compiler, const std::vector<std::string>& flags,
                                     const std::string& name) {
  const std::string cache = sandbox_.options().cache;
  if (cache.empty()) throw Error("there is no folder to keep it in", "sandbox: cache", "set XDG_CACHE_HOME");
  const fs::path target = fs::path(cache) / name;
  if (!is_whole(target)) {
    RunRequest request;
    Program& program = request.programs.emplace_back();
    program.command = {compiler};
    program.command.insert(program.command.end(), flags.begin(), flags.end());
    for (const char* word : {"-x", "c++-header", "stdc++.h", "-o", kHeader}) program.command.push_back(word);
    program.files.push_back({"stdc++.h", Blob::of("#include <bits/stdc++.h>\n")});
    program.outputs = {kHeader};
    program.limits = header_limits();
    const RunResult result = sandbox_.run(request);
    if (!result.failure.empty()) throw Error(result.failure, "sandbox");
    const ProgramResult& run = result.programs.at(0);
    if (!run.exited_with(0) || !run.outputs.at(0)) {
      throw Error("the compiler did not make it: " + clean_log(run.error, 400), compiler);
    }
    AtomicDirectory directory(target.string());
    fs::create_directory(fs::path(directory.path()) / "bits");
    write_blob(directory.path() + "/bits/" + kHeader, *run.outputs[0]);
    for (const char* inner : {"", "bits", "bits/stdc++.h.gch"}) let_read(fs::path(directory.path()) / inner);
    directory.commit({{"compiler", compiler}});
  }
  let_read(cache);
  return "/cache/" + name;
}

}  // namespace grpo
