#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "core/disk_error.h"
#include "core/json.h"
#include "policy/io/safetensors.h"
#include "policy/io/safetensors_dtype.h"

namespace grpo {
namespace {

constexpr uint64_t kAlignment = 8;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

// A file that exists under its name only once it is complete and on the disk.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path) : path_(path), partial_(path + ".partial") {
    descriptor_ = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("create");
  }
  ~AtomicFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!committed_) ::unlink(partial_.c_str());
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, uint64_t bytes) {
    const auto* at = static_cast<const char*>(data);
    while (bytes > 0) {
      const ssize_t done = ::write(descriptor_, at, std::min<uint64_t>(bytes, 1 << 30));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail("write");
      at += done;
      bytes -= static_cast<uint64_t>(done);
    }
  }

  void commit() {
    if (::fsync(descriptor_) != 0) fail("sync");
    const int closed = ::close(descriptor_);
    descriptor_ = -1;
    if (closed != 0) fail("close");
    if (::rename(partial_.c_str(), path_.c_str()) != 0) fail("rename");
    committed_ = true;
    const auto folder = std::filesystem::path(path_).parent_path();
    const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) fail("sync the folder of");
    const int synced = ::fsync(directory);
    ::close(directory);
    // Some file systems cannot sync a folder, and say so.
    if (synced != 0 && errno != EINVAL) fail("sync the folder of");
  }

 private:
  // Called right behind a system call; a constructor's throw leaves nothing to clean up.
  [[noreturn]] void fail(const char* verb) const {
    throw disk_error(fmt::format("{} the file", verb), path_, errno);
  }

  std::string path_;
  std::string partial_;
  int descriptor_ = -1;
  bool committed_ = false;
};

uint64_t bytes_of(const at::Tensor& tensor) {
  return static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
}

void check_tensors(const std::vector<NamedTensor>& tensors, const std::string& where) {
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    GRPO_CHECK(tensor.defined());
    if (name == "__metadata__") throw Error("a tensor cannot be called __metadata__", where);
    if (!names.insert(name).second) throw Error(fmt::format("tensor {} is given twice", name), where);
    if (find_dtype(tensor.scalar_type()) == nullptr) {
      throw Error(
          fmt::format("tensor {}: safetensors has no name for {}", name, at::toString(tensor.scalar_type())),
          where);
    }
  }
}

std::string dump(const Json& json, const std::string& where, int indent = -1) {
  try {
    return json.dump(indent);
  } catch (const Json::exception&) {
    throw Error("a tensor's name or the metadata is not UTF-8", where);
  }
}

// Members are appended: operator[] would look each new key up among all before it.
void append(Json& object, const std::string& key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(key, std::move(value));
}

std::string header_of(const std::vector<NamedTensor>& tensors,
                      const std::map<std::string, std::string>& metadata, const std::string& path) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const uint64_t end = offset + bytes_of(tensor);
    append(header, name,
           {{"dtype", find_dtype(tensor.scalar_type())->name},
            {"shape", tensor.sizes().vec()},
            {"data_offsets", {offset, end}}});
    offset = end;
  }
  std::string text = dump(header, path);
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  return text;
}

// Which tensors go into which shard: in order, a new shard where the next tensor would not fit.
std::vector<std::vector<NamedTensor>> plan_shards(const std::vector<NamedTensor>& tensors,
                                                  uint64_t shard_bytes) {
  std::vector<std::vector<NamedTensor>> shards(1);
  uint64_t filled = 0;
  for (const auto& named : tensors) {
    const uint64_t bytes = bytes_of(named.tensor);
    if (!shards.back().empty() && filled + bytes > shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(named);
    filled += bytes;
  }
  return shards;
}

}  // namespace

void write_safetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_tensors(tensors, path);
  const std::string header = header_of(tensors, metadata, path);
  AtomicFile file(path);
  const uint64_t header_bytes = header.size();
  file.write(&header_bytes, sizeof header_bytes);
  file.write(header.data(), header.size());
  for (const auto& named : tensors) {
    const at::Tensor tensor = named.tensor.detach().to(at::kCPU).contiguous();
    file.write(tensor.data_ptr(), bytes_of(tensor));
  }
  file.commit();
}

void write_sharded_safetensors(const std::string& directory, const std::vector<NamedTensor>& tensors,
                               uint64_t shard_bytes) {
  const std::filesystem::path folder(directory);
  check_tensors(tensors, directory);
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) throw Error(fmt::format("cannot make the folder: {}", code.message()), directory);

  const auto shards = plan_shards(tensors, shard_bytes);
  if (shards.size() == 1) {
    write_safetensors((folder / kSingle).string(), tensors);
    std::filesystem::remove(folder / kIndex);
    return;
  }
  Json weight_map = Json::object();
  uint64_t total = 0;
  std::vector<std::string> written;
  try {
    for (size_t i = 0; i < shards.size(); ++i) {
      const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
      write_safetensors((folder / name).string(), shards[i]);
      written.push_back((folder / name).string());
      for (const auto& named : shards[i]) {
        append(weight_map, named.name, name);
        total += bytes_of(named.tensor);
      }
    }
    const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", std::move(weight_map)}};
    AtomicFile file((folder / kIndex).string());
    const std::string text = dump(index, directory, 2) + "\n";
    file.write(text.data(), text.size());
    file.commit();
  } catch (...) {
    for (const auto& shard : written) std::filesystem::remove(shard, code);
    throw;
  }
  std::filesystem::remove(folder / kSingle);
}

}  // namespace grpo
