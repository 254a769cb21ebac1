#include "sandbox/box/files.h"

#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "sandbox/box/descriptor.h"
#include "sandbox/box/kernel.h"

namespace grpo {
namespace {

constexpr int64_t kPage = 4096;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// "a//b/./c" in parts.
std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at <= path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    std::string part = path.substr(at, end - at);
    if (part == "..") throw std::invalid_argument("a file of a box has \"..\" in its path: " + path);
    if (!part.empty() && part != ".") parts.push_back(std::move(part));
    at = end + 1;
  }
  if (parts.empty() || path.front() == '/' || path.back() == '/' || path.find('\0') != std::string::npos) {
    throw std::invalid_argument("not a relative path of a file: \"" + path + "\"");
  }
  return parts;
}

void copy_bytes(const Blob& blob, int to) {
  off_t offset = 0;
  while (offset < blob.size()) {
    const ssize_t sent = sendfile(to, blob.descriptor(), &offset, static_cast<size_t>(blob.size() - offset));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) fail("cannot write a file of a box");
  }
}

void write_one(int folder, const File& file, unsigned user, bool change_owner) {
  const std::vector<std::string> parts = parts_of(file.path);
  Descriptor inside;  // the folder reached so far, if it is not `folder` itself
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const int at = inside ? inside.get() : folder;
    const bool made = mkdirat(at, parts[i].c_str(), 0755) == 0;
    if (!made && errno != EEXIST) fail("cannot make a folder of a box");
    Descriptor next(openat(at, parts[i].c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) fail("cannot make a folder of a box");
    if (made && change_owner && fchown(next.get(), user, user) != 0) fail("cannot give a folder to a box");
    inside = std::move(next);
  }
  const Descriptor made(openat(inside ? inside.get() : folder, parts.back().c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                               file.executable ? 0755 : 0644));
  if (!made) fail("cannot make the file " + file.path + " of a box");
  copy_bytes(file.content, made.get());
  if (change_owner && fchown(made.get(), user, user) != 0) fail("cannot give a file to a box");
}

}  // namespace

Room room_of(const std::vector<File>& files) {
  Room room;
  for (const File& file : files) {
    room.bytes += (file.content.size() + kPage - 1) / kPage * kPage;
    room.inodes += 1;
    for (const char c : file.path) room.inodes += c == '/' ? 1 : 0;
  }
  return room;
}

void write_files(int folder, const std::vector<File>& files, unsigned user, bool change_owner) {
  for (const File& file : files) write_one(folder, file, user, change_owner);
}

std::optional<Blob> read_output(int folder, const std::string& path, int64_t bytes_max) {
  // O_NONBLOCK: a FIFO without a writer does not hold us up.
  const Descriptor file(
      kernel::openat2(folder, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV));
  struct stat status {};
  if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > bytes_max)
    return {};
  return Blob::copy_of(file.get(), status.st_size);
}

}  // namespace grpo
