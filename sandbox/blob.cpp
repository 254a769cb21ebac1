#include "sandbox/blob.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace grpo {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The bytes [begin, end) of one file at the same place of another, which grows if it has to. False: errno says why.
bool copy_range(int from, int to, off_t begin, off_t end) {
  if (lseek(to, begin, SEEK_SET) < 0) return false;
  while (begin < end) {
    const ssize_t sent = sendfile(to, from, &begin, static_cast<size_t>(end - begin));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
  }
  return true;
}

bool copy_with_holes(int from, int to, off_t size) {
  if (ftruncate(to, size) != 0) return false;
  for (off_t at = 0; at < size;) {
    const off_t data = lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return true;  // nothing but a hole follows
    // A file system that knows of no holes: all of it.
    if (data < 0) return copy_range(from, to, at, size);
    const off_t hole = lseek(from, data, SEEK_HOLE);
    at = hole < 0 ? size : std::min(hole, size);
    if (!copy_range(from, to, data, at)) return false;
  }
  return true;
}

}  // namespace

struct Blob::File {
  int descriptor = -1;
  int64_t size = 0;

  File(int descriptor, int64_t size) : descriptor(descriptor), size(size) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(descriptor); }
};

Blob Blob::of(std::string_view bytes) {
  const int descriptor = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) fail("memfd_create");
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      close(descriptor);
      errno = error;
      fail("cannot write to a memory file");
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return adopt(descriptor);
}

Blob Blob::adopt(int descriptor) {
  struct stat status {};
  const bool sealed =
      fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0 ||
      (errno == EPERM && (fcntl(descriptor, F_GET_SEALS) & F_SEAL_WRITE) != 0);
  if (!sealed || fstat(descriptor, &status) != 0) {
    const int error = errno;
    close(descriptor);
    errno = error;
    fail("cannot seal a memory file");
  }
  Blob blob;
  blob.file_ = std::make_shared<File>(descriptor, status.st_size);
  return blob;
}

Blob Blob::copy_of(int descriptor, int64_t size) {
  if (size == 0) return {};
  const int to = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (to < 0) fail("memfd_create");
  if (!copy_with_holes(descriptor, to, size)) {
    const int error = errno;
    close(to);
    errno = error;
    fail("cannot copy into a memory file");
  }
  return adopt(to);
}

Blob Blob::copy() const {
  return copy_of(descriptor(), size());
}

int64_t Blob::size() const {
  return file_ ? file_->size : 0;
}

int Blob::descriptor() const {
  return file_ ? file_->descriptor : -1;
}

std::string Blob::read(int64_t bytes_max) const {
  std::string bytes(static_cast<size_t>(std::min(size(), bytes_max)), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        pread(descriptor(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) fail("cannot read a memory file");
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace grpo
