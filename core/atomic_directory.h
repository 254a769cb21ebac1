#pragma once
// A directory that is there whole or not at all: checkpoints, models, finished stages. It is filled under a
// temporary name; commit() syncs every file, writes manifest.json with their sizes and checksums last, and
// renames. Whoever reads one calls verify_directory first.
//
//   AtomicDirectory out("stages/01-rl/checkpoint-000200");
//   write_safetensors(out.path() + "/weights.safetensors", ...);
//   out.commit({{"step", 200}});

#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

class AtomicDirectory {
 public:
  // Creates TARGET.tmp-XXXXXX beside the target, and the folders above it. Throws Error.
  explicit AtomicDirectory(std::string target);
  // Without commit: removes what was written; the target is as it was.
  ~AtomicDirectory();
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  // Where to write. Regular files and folders only; the name manifest.json is taken.
  const std::string& path() const { return path_; }

  // Makes it the target and durable. `info` is kept in the manifest for read_manifest. A target that exists
  // is replaced in one step where the file system can exchange two names (ext4, xfs, btrfs, tmpfs; elsewhere
  // the old one is moved aside first). Throws Error, the target as it was, and may not be called twice.
  void commit(const Json& info = Json::object());

 private:
  std::string target_;
  std::string path_;
  bool committed_ = false;
};

// The `info` a directory was committed with. Throws Error if there is no manifest or it cannot be read; the
// files themselves are not looked at.
Json read_manifest(const std::string& path);

// Compares every file named by the manifest with its size and checksum. Throws Error naming the first that is
// missing, of another size or of other content, or saying that there is no manifest (the directory was never
// finished). Files that the manifest does not name are somebody else's and ignored. Reads every byte.
void verify_directory(const std::string& path);

// Removes what a killed process left in `parent`: entries called *.tmp-XXXXXX. Returns their names, sorted.
// Only for a folder that no other process is writing to. A missing parent has none.
std::vector<std::string> remove_unfinished(const std::string& parent);

}  // namespace grpo
