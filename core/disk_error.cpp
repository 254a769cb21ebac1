#include "core/disk_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace grpo {
namespace {

const char* advice(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "make room on that disk and start again";
    case EFBIG:
      return "raise the limit of file sizes (ulimit -f) and start again";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a place you may write to, or change its permissions";
    case ENOENT:
      return "check the path";
    case ENOTDIR:
    case EEXIST:
    case EISDIR:
      return "move away what has this name, or give another path";
    default:
      return "";
  }
}

}  // namespace

Error disk_error(const std::string& doing, const std::string& path, int code) {
  return Error(fmt::format("cannot {}: {}", doing, std::strerror(code)), path, advice(code));
}

}  // namespace grpo
