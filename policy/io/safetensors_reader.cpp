#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>

#include "core/json.h"
#include "policy/io/safetensors.h"
#include "policy/io/safetensors_dtype.h"

namespace grpo {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian, and so is this reader");

constexpr uint64_t kHeaderBytesMax = 100'000'000;  // the limit of the reference implementation
constexpr size_t kDimensionsMax = 64;
constexpr const char* kAgain = "copy or download the file again";

// One entry of a header, checked by itself: offsets come back relative to the data.
class HeaderEntry {
 public:
  HeaderEntry(const std::string& name, const Json& json, const std::string& path)
      : name_(name), json_(json), path_(path) {}

  TensorInfo read(uint64_t data_bytes) const {
    if (!json_.is_object()) fail("its entry is not an object");
    for (const auto& [key, value] : json_.items()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets")
        fail(fmt::format("unknown key \"{}\"", key));
    }
    TensorInfo info;
    info.name = name_;
    info.file = path_;
    const Json& dtype_name = at("dtype");
    const SafetensorsDtype* dtype =
        dtype_name.is_string() ? find_dtype(dtype_name.get_ref<const std::string&>()) : nullptr;
    if (dtype == nullptr) fail("its dtype is none of the format's");
    info.dtype = dtype->name;
    info.shape = shape();
    const Json& offsets = at("data_offsets");
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      fail("data_offsets are not two whole numbers");
    }
    info.begin = offsets[0].get<uint64_t>();
    info.end = offsets[1].get<uint64_t>();
    if (info.begin > info.end || info.end > data_bytes) {
      fail(fmt::format("its data [{}, {}) lies outside the file's {} bytes of data", info.begin, info.end,
                       data_bytes));
    }
    const uint64_t bytes = size_of(*dtype, info.shape);
    if (bytes != info.end - info.begin) {
      fail(fmt::format("shape [{}] of {} takes {} bytes, its data has {}", fmt::join(info.shape, ", "),
                       info.dtype, bytes, info.end - info.begin));
    }
    return info;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("tensor {}: {}", name_, what), path_, kAgain);
  }
  const Json& at(const char* key) const {
    const auto it = json_.find(key);
    if (it == json_.end()) fail(fmt::format("\"{}\" is missing", key));
    return *it;
  }

  std::vector<int64_t> shape() const {
    const Json& dimensions = at("shape");
    if (!dimensions.is_array()) fail("its shape is not a list");
    if (dimensions.size() > kDimensionsMax)
      fail(fmt::format("its shape has {} dimensions", dimensions.size()));
    std::vector<int64_t> shape;
    for (const Json& dimension : dimensions) {
      if (!dimension.is_number_unsigned() || dimension.get<uint64_t>() > INT64_MAX) {
        fail("its shape is not made of whole numbers");
      }
      shape.push_back(dimension.get<int64_t>());
    }
    return shape;
  }

  // Empty dimensions count as one in the check for overflow, for strides are products of the others.
  uint64_t size_of(const SafetensorsDtype& dtype, const std::vector<int64_t>& shape) const {
    uint64_t room = 1;
    bool empty = false;
    for (const int64_t dimension : shape) {
      empty = empty || dimension == 0;
      if (__builtin_mul_overflow(room, static_cast<uint64_t>(std::max<int64_t>(dimension, 1)), &room) ||
          room > INT64_MAX / 64) {
        fail(fmt::format("its shape [{}] is too large", fmt::join(shape, ", ")));
      }
    }
    if (empty) return 0;
    if (room * dtype.bits % 8 != 0) fail("its values do not fill whole bytes");
    return room * dtype.bits / 8;
  }

  const std::string& name_;
  const Json& json_;
  const std::string& path_;
};

// Tensors lie side by side and fill the data: nothing overlaps, nothing is hidden between them or behind
// them.
void check_layout(std::vector<const TensorInfo*> tensors, uint64_t data_bytes, const std::string& path) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo* a, const TensorInfo* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t done = 0;
  for (const TensorInfo* tensor : tensors) {
    if (tensor->begin != done) {
      throw Error(
          fmt::format("tensor {}: its data begins at byte {}, {} at byte {}", tensor->name, tensor->begin,
                      tensor->begin < done ? "inside the tensor that ends" : "behind a gap that begins",
                      done),
          path, kAgain);
    }
    done = tensor->end;
  }
  if (done != data_bytes) {
    throw Error(fmt::format("the tensors take {} bytes, the file has {}", done, data_bytes), path, kAgain);
  }
}

}  // namespace

// An open file. Closed with its last reader.
struct SafetensorsReader::File {
  std::string path;
  int descriptor = -1;
  uint64_t bytes = 0;

  explicit File(const std::string& p) : path(p) {
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) throw Error("is a directory, not a file", path);
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
      throw Error(fmt::format("cannot open file: {}", std::strerror(errno)), path, "check that it is there");
    }
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor);
      throw Error("is not a regular file", path);
    }
    bytes = static_cast<uint64_t>(status.st_size);
  }
  ~File() { ::close(descriptor); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Exactly `count` bytes from `offset`; `what` they are serves the message.
  void read(void* to, uint64_t count, uint64_t offset, const std::string& what) const {
    auto* at = static_cast<char*>(to);
    while (count > 0) {
      const size_t wanted = std::min<uint64_t>(count, 1 << 30);
      const ssize_t got = ::pread(descriptor, at, wanted, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0)
        throw Error(fmt::format("{}: cannot read: {}", what, std::strerror(errno)), path, "check the disk");
      if (got == 0)
        throw Error(fmt::format("{}: the file ends {} bytes too early", what, count), path, kAgain);
      at += got;
      offset += static_cast<uint64_t>(got);
      count -= static_cast<uint64_t>(got);
    }
  }
};

SafetensorsReader::SafetensorsReader(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at cannot be opened either, and open says why
  const std::filesystem::path directory(path);
  const auto single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  if (!std::filesystem::is_directory(path, ignored)) {
    open_file(path);
  } else if (std::filesystem::exists(single, ignored)) {
    open_file(single.string());
  } else if (std::filesystem::exists(index, ignored)) {
    open_index(index.string());
  } else {
    throw Error("holds neither model.safetensors nor model.safetensors.index.json", path,
                "name the folder of a checkpoint");
  }
}

void SafetensorsReader::open_file(const std::string& path) {
  const auto file = std::make_shared<const File>(path);
  uint64_t header_bytes = 0;
  if (file->bytes < 8)
    throw Error(fmt::format("is {} bytes long, too short for a header", file->bytes), path, kAgain);
  file->read(&header_bytes, 8, 0, "header");
  if (header_bytes > kHeaderBytesMax || header_bytes > file->bytes - 8) {
    throw Error(
        fmt::format("the header is said to have {} bytes, the file has {}", header_bytes, file->bytes), path,
        kAgain);
  }
  std::string text(header_bytes, '\0');
  file->read(text.data(), header_bytes, 8, "header");
  const Json header = parse_json(text, path + ": header");
  if (!header.is_object()) throw Error("the header is not an object", path, kAgain);

  const uint64_t data_begin = 8 + header_bytes;
  const uint64_t data_bytes = file->bytes - data_begin;
  std::vector<const TensorInfo*> added;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) throw Error("__metadata__ is not an object", path, kAgain);
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string())
          throw Error(fmt::format("__metadata__: the value of {} is no string", key), path, kAgain);
        metadata_.emplace(key, value.get<std::string>());
      }
      continue;
    }
    const auto [it, fresh] = tensors_.emplace(name, HeaderEntry(name, entry, path).read(data_bytes));
    if (!fresh) throw Error(fmt::format("tensor {} is in {} as well", name, it->second.file), path);
    added.push_back(&it->second);
  }
  check_layout(added, data_bytes, path);
  for (const TensorInfo* info : added) {
    TensorInfo& tensor = tensors_.at(info->name);
    tensor.begin += data_begin;
    tensor.end += data_begin;
  }
  files_.emplace(path, file);
}

void SafetensorsReader::open_index(const std::string& path) {
  const Json index = read_json_file(path);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object()) throw Error("holds no weight_map", path, kAgain);
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string()) throw Error(fmt::format("tensor {}: its shard is not a file name", tensor), path);
    const auto& name = shard.get_ref<const std::string&>();
    // A shard is a neighbour of its index; a path out of the directory is somebody's mischief.
    if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
        name.find('\0') != name.npos) {
      throw Error(fmt::format("tensor {}: \"{}\" is not the name of a file beside the index", tensor, name),
                  path);
    }
    const std::string file = (directory / name).string();
    if (!files_.contains(file)) {
      std::error_code ignored;
      if (!std::filesystem::exists(file, ignored)) {
        throw Error(fmt::format("the shard is missing that tensor {} lies in", tensor), file, kAgain);
      }
      open_file(file);
    }
    const auto it = tensors_.find(tensor);
    if (it == tensors_.end() || it->second.file != file) {
      throw Error(fmt::format("tensor {} is not in the shard that the index names", tensor), file, kAgain);
    }
  }
}

const TensorInfo& SafetensorsReader::info_of(const std::string& name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    throw Error(fmt::format("there is no tensor {} among {}", name, tensors_.size()),
                files_.empty() ? "" : files_.begin()->first);
  }
  return it->second;
}

void SafetensorsReader::read_bytes(const std::string& name, uint64_t offset, uint64_t count, void* to) const {
  const TensorInfo& info = info_of(name);
  const uint64_t bytes = info.end - info.begin;
  if (offset > bytes || count > bytes - offset) {
    throw Error(fmt::format("tensor {}: {} bytes from {} on were asked for, it has {}", name, count, offset, bytes),
                info.file);
  }
  files_.at(info.file)->read(to, count, info.begin + offset, "tensor " + name);
}

at::Tensor SafetensorsReader::read(const std::string& name) const {
  const TensorInfo& info = info_of(name);
  const auto type = find_dtype(info.dtype)->type;
  if (!type) throw Error(fmt::format("tensor {}: LibTorch has no type for {}", name, info.dtype), info.file);
  at::Tensor tensor = at::empty(info.shape, at::TensorOptions().dtype(*type));
  GRPO_CHECK(tensor.nbytes() == info.end - info.begin);
  read_bytes(name, 0, tensor.nbytes(), tensor.data_ptr());
  if (type == at::kBool) {
    const auto* bytes = static_cast<const uint8_t*>(tensor.data_ptr());
    if (std::any_of(bytes, bytes + tensor.numel(), [](uint8_t byte) { return byte > 1; })) {
      throw Error(fmt::format("tensor {}: a BOOL holds bytes other than 0 and 1", name), info.file, kAgain);
    }
  }
  return tensor;
}

}  // namespace grpo
