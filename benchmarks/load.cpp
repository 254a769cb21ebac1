// How fast does a checkpoint load, beside reading the same files and doing nothing with them, and how much
// host memory does it take beyond the model itself? Writes sharded checkpoints of made-up weights into a
// folder of its own, which it removes again, and prints one JSON object: medians of several runs.
//
//   load [GiB] [runs] [folder] [device]      (default: 2 5 $TMPDIR cpu)
//
// "plain": read(2) of all shards, one thread, into one buffer of 4 MiB that stays in the processor's cache.
// "warm": the files lie in the page cache. "cold": they were dropped from it (posix_fadvise DONTNEED) before
// each run; on a virtual machine the host may still hold them. "over_model_mib": the peak of resident memory
// during the load, minus what was resident before and minus the weights (minus nothing where these are on
// another device).

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/error.h"
#include "core/file.h"
#include "core/version.h"
#include "policy/io/checkpoint.h"
#include "policy/kernels/plugin.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr Fp8Blocks kBlocks{128, 128};

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// A folder of its own within `parent`, removed with all it holds.
class Folder {
 public:
  explicit Folder(const std::string& parent) {
    std::string name = (fs::path(parent) / "grpo-load-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw Error("cannot make a folder", parent, "name one that can be written");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A number of /proc/self/status in bytes.
int64_t memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  throw Error("has no " + key, "/proc/self/status", "run this on Linux");
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

// A llama of about `bytes` of bfloat16: matrices of the size that models of a few billion parameters have.
Json model_json(int64_t bytes) {
  Json json = {{"model_type", "llama"},        {"vocab_size", 32000},
               {"hidden_size", 2048},          {"intermediate_size", 8192},
               {"num_hidden_layers", 1},       {"num_attention_heads", 32},
               {"num_key_value_heads", 8},     {"max_position_embeddings", 4096},
               {"tie_word_embeddings", false}, {"torch_dtype", "bfloat16"}};
  auto size = [&] { return 2 * count_parameters(read_model_config(json, "model")).total; };
  const int64_t one = size();
  json["num_hidden_layers"] = 2;
  const int64_t layer = size() - one;
  json["num_hidden_layers"] = std::max<int64_t>(1, (bytes - one + layer - 1) / layer + 1);
  return json;
}

// Bytes that neither a disk nor a file system can compress away, none of them a NaN of float8 or bfloat16.
void scramble(const at::Tensor& tensor, uint64_t seed) {
  auto* words = static_cast<uint64_t*>(tensor.data_ptr());
  for (size_t i = 0; i < tensor.nbytes() / 8; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    words[i] = (seed ^ seed >> 29) & 0xBFBFBFBFBFBFBFBFu;
  }
}

std::vector<NamedTensor> as_float8(const std::vector<NamedTensor>& plain) {
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& t : plain) {
    if (!t.name.ends_with("_proj.weight")) {
      tensors.push_back(t);
      continue;
    }
    const at::Tensor codes = at::empty(t.tensor.sizes(), at::TensorOptions().dtype(at::kByte));
    scramble(codes, 7);
    auto blocks = [](int64_t size, int64_t block) { return (size + block - 1) / block; };
    tensors.push_back({t.name, codes.view(at::kFloat8_e4m3fn)});
    tensors.push_back(
        {t.name + "_scale_inv",
         at::full({blocks(codes.size(0), kBlocks.rows), blocks(codes.size(1), kBlocks.columns)}, 1e-3)});
  }
  return tensors;
}

void write_model(const std::string& folder, const Json& json, bool float8) {
  const Policy policy = Policy::empty(read_model_config(json, "model"), at::kBFloat16, at::kCPU);
  uint64_t seed = 1;
  for (const Parameter& p : policy.parameters()) scramble(p.tensor, seed++);
  const std::vector<NamedTensor> tensors =
      float8 ? as_float8(policy.checkpoint_tensors()) : policy.checkpoint_tensors();
  uint64_t bytes = 0;
  for (const NamedTensor& t : tensors) bytes += t.tensor.nbytes();
  write_sharded_safetensors(folder, tensors, bytes / 5);
  Json config = json;
  if (float8)
    config["quantization_config"] = {{"quant_method", "fp8"},
                                     {"weight_block_size", {kBlocks.rows, kBlocks.columns}}};
  write_file_atomically(folder + "/config.json", config.dump(2));
}

// Calls `use` with each weight file, open for reading; the sum of what it returns.
int64_t each_shard(const std::string& folder, const std::function<int64_t(int)>& use) {
  int64_t sum = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const int descriptor = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw Error("cannot open", entry.path());
    sum += use(descriptor);
    ::close(descriptor);
  }
  return sum;
}

void drop_from_page_cache(const std::string& folder) {
  each_shard(folder, [](int descriptor) {
    ::fdatasync(descriptor);  // dirty pages cannot be dropped
    return ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  });
}

int64_t read_plainly(const std::string& folder, std::vector<char>& buffer) {
  return each_shard(folder, [&](int descriptor) {
    int64_t bytes = 0;
    for (ssize_t got; (got = ::read(descriptor, buffer.data(), buffer.size())) != 0;) {
      if (got < 0) throw Error(std::strerror(errno), folder);
      bytes += got;
    }
    return bytes;
  });
}

// The host of a virtual machine takes back memory that lies free and is slow to return it: a second and more
// per GiB, charged to whoever comes first. So as much as model and page cache need is used and freed before
// each run.
void fetch_memory(int64_t bytes) {
  constexpr int64_t page = 4096;
  void* memory =
      ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Error(std::strerror(errno), "memory of the model's size", "name fewer GiB");
  ::madvise(memory, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  for (int64_t i = 0; i < bytes; i += page) static_cast<volatile char*>(memory)[i] = 1;
  ::munmap(memory, static_cast<size_t>(bytes));
}

Json measure(const std::string& folder, std::optional<at::ScalarType> dtype, const at::Device& device,
             int64_t runs) {
  std::vector<char> buffer(4 << 20, 1);
  const auto bytes = static_cast<double>(read_plainly(folder, buffer));
  Json out = {{"file_bytes", bytes}};
  const int64_t model_bytes =
      count_parameters(read_checkpoint_files(folder).config).total * (dtype == at::kFloat ? 4 : 2);
  auto prepare = [&](bool warm) {
    if (!warm) drop_from_page_cache(folder);
    fetch_memory((device.is_cpu() ? model_bytes : 0) + static_cast<int64_t>(bytes));
  };
  int64_t over = INT64_MIN;
  for (const bool warm : {true, false}) {
    std::vector<double> plain, load;
    for (int64_t run = 0; run < runs; ++run) {
      prepare(warm);
      plain.push_back(seconds_of([&] { read_plainly(folder, buffer); }));
      prepare(warm);
      malloc_trim(0);  // what earlier runs freed is not resident
      reset_peak();
      const int64_t before = memory("VmRSS");
      std::optional<Checkpoint> loaded;
      load.push_back(seconds_of([&] { loaded = load_checkpoint(folder, dtype, device); }));
      over = std::max(over, memory("VmHWM") - before - (device.is_cpu() ? model_bytes : 0));
    }
    out[warm ? "warm" : "cold"] = {{"plain_gb_per_second", bytes / median(plain) / 1e9},
                                   {"load_gb_per_second", bytes / median(load) / 1e9},
                                   {"load_over_plain", median(plain) / median(load)}};
  }
  out["over_model_mib"] = static_cast<double>(over) / (1 << 20);
  return out;
}

Json run(double gib, int64_t runs, const std::string& parent, const at::Device& device) {
  const auto bytes = static_cast<int64_t>(gib * (1 << 30));
  const Json json = model_json(bytes);
  const auto free = static_cast<int64_t>(fs::space(parent).available);
  if (free < bytes + bytes / 2) {
    throw Error(fmt::format("{} bytes are free, {} are needed", free, bytes + bytes / 2), parent,
                "name another folder, or fewer GiB");
  }
  Json out = {
      {"version", kVersion}, {"device", device.str()}, {"threads", at::get_num_threads()}, {"runs", runs}};
  for (const bool float8 : {false, true}) {
    const Folder folder(parent);
    write_model(folder.path(), json, float8);
    if (float8) {
      out["float8_dequantised_to_bfloat16"] = measure(folder.path(), at::kBFloat16, device, runs);
    } else {
      out["bfloat16"] = measure(folder.path(), at::kBFloat16, device, runs);
      out["bfloat16_to_float32"] = measure(folder.path(), at::kFloat, device, runs);
    }
  }
  return out;
}

}  // namespace
}  // namespace grpo

int main(int argc, char** argv) {
  try {
    const at::Device device = grpo::choose_device(argc > 4 ? argv[4] : "cpu");
    const std::string folder = argc > 3 ? argv[3] : std::filesystem::temp_directory_path().string();
    std::puts(
        grpo::run(argc > 1 ? std::stod(argv[1]) : 2.0, argc > 2 ? std::stol(argv[2]) : 5, folder, device)
            .dump(2)
            .c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
