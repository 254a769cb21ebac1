#pragma once
// Folders that are to be there.

#include <string>

namespace grpo {

// Makes the folder and those above it, as far as they are missing. Throws Error that names the path where the disk
// refuses or something else is in the way.
void make_folders(const std::string& path);

}  // namespace grpo
