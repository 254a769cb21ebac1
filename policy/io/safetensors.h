#pragma once
// The safetensors format: u64 header length, JSON header, raw tensors. Files are untrusted: every length and
// offset is checked against the file before it is used, and a tensor is read only within its own bounds.

#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace grpo {

struct TensorInfo {
  std::string name;
  std::string file;   // the shard it lies in
  std::string dtype;  // as in the header: F64 F32 F16 BF16 I64 I32 U8 BOOL F8_E4M3 ...
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // byte offsets into the file
  uint64_t end = 0;
};

// One file, or all shards of a directory, opened for reading. Headers are read at construction, weights when
// asked for, straight into the tensor's own memory. By read rather than by memory map: a file that another
// process cuts short, or a disk that fails, is then an Error and not a SIGBUS. Immutable; may be used from
// several threads.
class SafetensorsReader {
 public:
  // `path`: a .safetensors file, or a directory with model.safetensors or model.safetensors.index.json.
  // Throws Error naming file and tensor for: no such file, truncated header or data, overlapping or
  // out-of-range offsets, gaps between tensors, a size that does not match shape and dtype, duplicate names,
  // a missing shard, a shard outside the directory, an index that names a tensor its shard lacks. Where both
  // are there, model.safetensors is read and the index is not.
  explicit SafetensorsReader(const std::string& path);

  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.contains(name); }
  // A fresh CPU tensor with its own storage, in the file's dtype. Throws Error, naming file and tensor, if it
  // is absent, of a dtype LibTorch has no type for, a BOOL with bytes other than 0 and 1, or if the file can
  // no longer be read.
  at::Tensor read(const std::string& name) const;
  // `count` bytes of a tensor's data from byte `offset` of it on, as the file holds them, into `to`. Throws Error,
  // naming file and tensor, if it is absent, has fewer bytes, or the file can no longer be read.
  void read_bytes(const std::string& name, uint64_t offset, uint64_t count, void* to) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct File;
  void open_file(const std::string& path);
  void open_index(const std::string& path);
  const TensorInfo& info_of(const std::string& name) const;

  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::shared_ptr<const File>> files_;  // by path
};

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // any device, any strides; written contiguous
};

// Writes one file, tensors in the order given, under another name, fsyncs it and renames it to `path`: a file
// there before is replaced whole or not at all. Throws Error on a full or read-only disk (and removes what it
// had written), on duplicate names and on a dtype the format has no name for.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

// Writes a directory (made if absent): model.safetensors, or, if the tensors exceed shard_bytes, shards of at
// most that many bytes (one tensor at least) with model.safetensors.index.json. Removes the index or the
// single file of an earlier model there, which would otherwise be read instead. Throws Error as
// write_safetensors does.
void write_sharded_safetensors(const std::string& directory, const std::vector<NamedTensor>& tensors,
                               uint64_t shard_bytes = 5'000'000'000);

}  // namespace grpo
