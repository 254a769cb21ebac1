#include "core/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/disk_error.h"

namespace grpo {
namespace {

[[noreturn]] void fail(const std::string& doing, const std::string& path, int code) {
  throw disk_error(doing, path, code);
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, const std::string& doing)
      : fd_(open(path.c_str(), flags | O_CLOEXEC)) {
    if (fd_ < 0) fail(doing, path, errno);
  }
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Up to `size` bytes; fewer only at the end of the file.
size_t read_up_to(int fd, char* out, size_t size, const std::string& path) {
  size_t got = 0;
  while (got < size) {
    const ssize_t n = read(fd, out + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read the file", path, errno);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  return got;
}

void write_and_sync(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write the file", path, errno);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(fd) != 0) fail("sync the file", path, errno);
}

std::string folder_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace

std::string read_file(const std::string& path) {
  const Descriptor file(path, O_RDONLY, "open the file");
  struct stat info {};
  if (fstat(file.get(), &info) != 0) fail("read the file", path, errno);
  if (!S_ISREG(info.st_mode)) throw Error("not a regular file", path, "check the path");
  std::string content(static_cast<size_t>(info.st_size), '\0');
  content.resize(read_up_to(file.get(), content.data(), content.size(), path));
  return content;
}

void write_file_atomically(const std::string& path, std::string_view content) {
  std::string temporary = path + ".tmp-XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) fail("create the file", path, errno);
  try {
    const mode_t mask = umask(0);
    umask(mask);
    if (fchmod(file.get(), 0666 & ~mask) != 0) fail("write the file", path, errno);
    write_and_sync(file.get(), content, path);
    if (rename(temporary.c_str(), path.c_str()) != 0) fail("replace the file", path, errno);
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
  sync_to_disk(folder_of(path));
}

void sync_to_disk(const std::string& path) {
  const Descriptor file(path, O_RDONLY, "open for syncing");
  if (fsync(file.get()) != 0) fail("sync to the disk", path, errno);
}

std::string sha256_of_file(const std::string& path) {
  const Descriptor file(path, O_RDONLY, "open the file");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  GRPO_CHECK(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  std::vector<char> piece(size_t{1} << 20);
  size_t got = 0;
  do {
    got = read_up_to(file.get(), piece.data(), piece.size(), path);
    GRPO_CHECK(EVP_DigestUpdate(context.get(), piece.data(), got) == 1);
  } while (got == piece.size());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  GRPO_CHECK(EVP_DigestFinal_ex(context.get(), digest, &length) == 1);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace grpo
