#pragma once
// Bytes that travel between processes without being copied: the input of a test, a compiled program, a file of
// output. A Blob is a sealed memory file: nobody who gets hold of it can change it, and it can be executed.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace grpo {

class Blob {
 public:
  Blob() = default;  // no bytes; has no descriptor
  // Copies `bytes` into a new sealed memory file. Throws std::system_error (no descriptor, no memory).
  static Blob of(std::string_view bytes);
  // Takes over a descriptor of a memory file and seals it (F_SEAL_WRITE, GROW, SHRINK). Throws std::system_error if
  // it cannot be sealed.
  static Blob adopt(int descriptor);

  // Copies the first `size` bytes of a regular file, read through `descriptor` (whose offset moves): what the file has no
  // pages for, the copy has none for either. Throws std::system_error as `of` does.
  static Blob copy_of(int descriptor, int64_t size);

  // The same bytes in a memory file of this process's own: memory is charged to the control group of whoever wrote it
  // first, for as long as anybody holds it. Throws std::system_error as `of` does.
  Blob copy() const;

  int64_t size() const;
  bool empty() const { return size() == 0; }
  // Valid as long as a copy of this Blob lives; -1 for a default Blob. Its file offset is shared by everybody who
  // holds it: who reads it opens it anew (/proc/self/fd/N) or uses pread.
  int descriptor() const;
  // All bytes, or the first `bytes_max`.
  std::string read(int64_t bytes_max = INT64_MAX) const;

 private:
  struct File;
  std::shared_ptr<const File> file_;
};

}  // namespace grpo
