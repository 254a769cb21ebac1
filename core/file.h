#pragma once
// Whole files and what makes them last: reading, replacing in one step, syncing to the disk, checksums. Every
// failure is an Error that names the path and what the system said.

#include <string>
#include <string_view>

namespace grpo {

// The bytes of a file. Throws Error if it is missing, unreadable or not a regular file.
std::string read_file(const std::string& path);

// Creates or replaces a file so that a reader, and a crash at any moment, sees the old content or the new,
// never a part: written to PATH.tmp-XXXXXX in the same folder, synced, renamed, folder synced. Throws Error
// on a full or read-only disk, and then leaves nothing behind. The folder must exist.
void write_file_atomically(const std::string& path, std::string_view content);

// Returns when the content of a file, or the names in a folder, are on the disk. Throws Error.
void sync_to_disk(const std::string& path);

// SHA-256 of a file as 64 lower-case hexadecimal digits, read in pieces. Throws Error if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace grpo
