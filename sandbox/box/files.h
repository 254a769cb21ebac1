#pragma once
// The files that a program finds in /box, and those that come back from it. Everything goes through the descriptor of
// the box's own mount: no path of a box is ever looked up from the outside, no link is followed, nothing but a
// regular file is opened for reading.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/run.h"

namespace grpo {

// Room that the files take in a tmpfs: bytes rounded up to pages, and inodes with the folders on the way.
struct Room {
  int64_t bytes = 0;
  int64_t inodes = 0;
};
Room room_of(const std::vector<File>& files);

// Writes the files below `folder`, owned by `user` (if change_owner), folders on the way included. Throws
// std::system_error; std::invalid_argument for a path that is absolute, empty, or has a "..".
void write_files(int folder, const std::vector<File>& files, unsigned user, bool change_owner);

// The file at `path` below `folder`, copied (a sparse one with its holes); none: absent, a link on the way, not a regular file, or larger than
// bytes_max. Call it when nothing of the box is alive. Throws std::system_error only when the sandbox itself lacks
// memory or descriptors.
std::optional<Blob> read_output(int folder, const std::string& path, int64_t bytes_max);

}  // namespace grpo
