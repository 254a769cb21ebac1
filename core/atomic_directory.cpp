#include "core/atomic_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/disk_error.h"
#include "core/file.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr int64_t kFormat = 1;
constexpr std::string_view kSuffix = ".tmp-";  // followed by six letters or digits
constexpr size_t kRandomLength = 6;

[[noreturn]] void fail(const std::string& doing, const std::string& path, int code) {
  throw disk_error(doing, path, code);
}

bool is_temporary_name(const std::string& name) {
  if (name.size() <= kSuffix.size() + kRandomLength) return false;
  const std::string tail = name.substr(name.size() - kSuffix.size() - kRandomLength);
  return tail.starts_with(kSuffix) && std::all_of(tail.begin() + kSuffix.size(), tail.end(),
                                                  [](unsigned char c) { return std::isalnum(c); });
}

struct Contents {
  std::vector<std::string> files;    // relative to the directory, sorted
  std::vector<std::string> folders;  // full paths, the deepest first
};

Contents contents_of(const std::string& path) {
  Contents contents;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    const std::string name = fs::relative(entry.path(), path).string();
    if (entry.is_symlink() || !(entry.is_regular_file() || entry.is_directory())) {
      throw Error("only regular files and folders can be committed", entry.path().string());
    }
    if (entry.is_directory()) {
      contents.folders.push_back(entry.path().string());
    } else {
      contents.files.push_back(name);
    }
  }
  std::sort(contents.files.begin(), contents.files.end());
  std::sort(contents.folders.rbegin(), contents.folders.rend());
  return contents;
}

// Makes `from` the entry `to`. Where `to` exists the old one is then under `from`.
void move_into_place(const std::string& from, const std::string& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno == EEXIST) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  }
  if (errno != EINVAL && errno != ENOSYS) fail("rename the finished directory", to, errno);
  // The file system knows neither flag: two plain renames, with a moment in which the target is missing.
  std::string aside = to + std::string(kSuffix) + "XXXXXX";
  if (fs::exists(to)) {
    if (!mkdtemp(aside.data())) fail("create a temporary directory", aside, errno);
    if (rename(to.c_str(), aside.c_str()) != 0) fail("move the old directory aside", to, errno);
  } else {
    aside.clear();
  }
  if (rename(from.c_str(), to.c_str()) != 0) {
    const int code = errno;
    if (!aside.empty() && rename(aside.c_str(), to.c_str()) != 0) fail("put back " + aside, to, errno);
    fail("rename the finished directory", to, code);
  }
  if (!aside.empty()) fs::rename(aside, from);
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

struct Manifest {
  Json info;
  Json files;  // an array
};

Manifest load_manifest(const std::string& path) {
  const std::string file = path + "/" + kManifest;
  if (!fs::exists(file)) {
    throw Error("there is no manifest.json, so this directory was never finished", path,
                "use another one, or remove it and let the run write it again");
  }
  const Json json = parse_json(read_file(file), file);
  ObjectReader reader(json, file);
  const int64_t format = reader.integer("format");
  if (format != kFormat) {
    reader.fail("format", fmt::format("format {} is not one this version reads ({})", format, kFormat),
                "use the version of the program that wrote it");
  }
  const Manifest manifest{.info = reader.raw("info"), .files = reader.raw("files")};
  reader.finish();
  if (!manifest.info.is_object())
    reader.fail("info", "must be an object, not " + json_type_name(manifest.info));
  if (!manifest.files.is_array())
    reader.fail("files", "must be an array, not " + json_type_name(manifest.files));
  return manifest;
}

// A name from a manifest, which could have been tampered with, must stay inside the directory.
bool stays_inside(const std::string& name) {
  const fs::path path(name);
  return !name.empty() && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; });
}

void verify_file(const std::string& directory, ObjectReader entry) {
  const std::string name = entry.string("name");
  const auto bytes = static_cast<uintmax_t>(entry.integer("bytes", {.min = 0}));
  const std::string sha256 = entry.string("sha256");
  entry.finish();
  if (!stays_inside(name)) entry.fail("name", fmt::format("\"{}\" points outside the directory", name));

  const std::string path = directory + "/" + name;
  const std::string fix = "the directory is damaged: use another one, or copy it again";
  if (!fs::is_regular_file(path)) throw Error("the manifest names a file that is missing", path, fix);
  if (fs::file_size(path) != bytes) {
    throw Error(fmt::format("the file has {} bytes, the manifest says {}", fs::file_size(path), bytes), path,
                fix);
  }
  const std::string found = sha256_of_file(path);
  if (found != sha256) {
    throw Error(fmt::format("the file's SHA-256 is {}, the manifest says {}", found, sha256), path, fix);
  }
}

}  // namespace

AtomicDirectory::AtomicDirectory(std::string target) : target_(std::move(target)) {
  while (target_.size() > 1 && target_.back() == '/') target_.pop_back();
  std::error_code error;
  fs::create_directories(parent_of(target_), error);
  if (error) fail("create the folder", parent_of(target_), error.value());
  path_ = target_ + std::string(kSuffix) + "XXXXXX";
  if (!mkdtemp(path_.data())) fail("create a temporary directory", target_, errno);
  fs::permissions(path_,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                      fs::perms::others_read | fs::perms::others_exec,
                  error);
}

AtomicDirectory::~AtomicDirectory() {
  if (committed_) return;
  std::error_code ignored;  // what stays is removed by remove_unfinished
  fs::remove_all(path_, ignored);
}

void AtomicDirectory::commit(const Json& info) {
  GRPO_CHECK(!committed_ && info.is_object());
  const Contents contents = contents_of(path_);
  Json files = Json::array();
  for (const std::string& name : contents.files) {
    const std::string file = path_ + "/" + name;
    GRPO_CHECK(name != kManifest);
    sync_to_disk(file);
    files.push_back(Json({{"name", name}, {"bytes", fs::file_size(file)}, {"sha256", sha256_of_file(file)}}));
  }
  for (const std::string& folder : contents.folders) sync_to_disk(folder);
  const Json manifest = {{"format", kFormat}, {"info", info}, {"files", files}};
  write_file_atomically(path_ + "/" + kManifest, manifest.dump(2) + "\n");
  move_into_place(path_, target_);
  committed_ = true;
  sync_to_disk(parent_of(target_));
  std::error_code ignored;
  fs::remove_all(path_, ignored);  // the directory that was replaced, if there was one
}

Json read_manifest(const std::string& path) {
  return load_manifest(path).info;
}

void verify_directory(const std::string& path) {
  const Json files = load_manifest(path).files;
  for (size_t i = 0; i < files.size(); ++i) {
    verify_file(path, ObjectReader(files[i], path + "/" + kManifest, fmt::format("files[{}]", i)));
  }
}

std::vector<std::string> remove_unfinished(const std::string& parent) {
  std::vector<std::string> names;
  if (!fs::is_directory(parent)) return names;
  for (const auto& entry : fs::directory_iterator(parent)) {
    const std::string name = entry.path().filename().string();
    if (is_temporary_name(name)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    std::error_code error;
    fs::remove_all(fs::path(parent) / name, error);
    if (error) fail("remove what a stopped run left", parent + "/" + name, error.value());
  }
  return names;
}

}  // namespace grpo
