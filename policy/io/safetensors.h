#pragma once
// The safetensors format: u64 header length, JSON header, raw tensors. Files are untrusted: every length and
// offset is checked against the file before a byte is mapped, and a tensor is read only within its own bounds.

#include <ATen/ATen.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace grpo {

struct TensorInfo {
  std::string name;
  std::string file;             // the shard it lies in
  std::string dtype;            // as in the header: F64 F32 F16 BF16 I64 I32 U8 BOOL F8_E4M3 ...
  std::vector<int64_t> shape;
  uint64_t begin = 0;           // byte offsets into the file
  uint64_t end = 0;
};

// One file, or all shards of a directory, opened for reading. Headers are read at construction, weights when
// asked for (memory-mapped, copied out one tensor at a time).
class SafetensorsReader {
 public:
  // `path`: a .safetensors file, or a directory with model.safetensors or model.safetensors.index.json.
  // Throws Error naming file and tensor for: no such file, truncated header or data, overlapping or
  // out-of-range offsets, a size that does not match shape and dtype, duplicate names, a missing shard, an
  // index that names a tensor its shard lacks.
  explicit SafetensorsReader(const std::string& path);

  const std::map<std::string, TensorInfo>& tensors() const { return tensors_; }
  bool contains(const std::string& name) const { return tensors_.contains(name); }
  // A fresh CPU tensor with its own storage, in the file's dtype. Throws Error if absent or of a dtype
  // LibTorch has no type for.
  at::Tensor read(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Mapping;
  void open_file(const std::string& path);

  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::shared_ptr<Mapping>> mappings_;
};

struct NamedTensor {
  std::string name;
  at::Tensor tensor;  // any device, any strides; written contiguous
};

// Writes one file, tensors in the order given, and fsyncs it. Throws Error on a full or read-only disk (and
// removes what it had written) and on duplicate names.
void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

// Writes a directory: model.safetensors, or shards of at most shard_bytes with model.safetensors.index.json.
void write_sharded_safetensors(const std::string& directory, const std::vector<NamedTensor>& tensors,
                               uint64_t shard_bytes = 5'000'000'000);

}  // namespace grpo
