#pragma once
// What the system says when a file cannot be written, as an Error with a way to mend it.

#include <string>

#include "core/error.h"

namespace grpo {

// "cannot write the file: No space left on device" for doing "write the file". `code`: of errno, or of a std::error_code
// of the system.
Error disk_error(const std::string& doing, const std::string& path, int code);

}  // namespace grpo
