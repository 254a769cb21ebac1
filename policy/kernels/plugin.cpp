#include "policy/kernels/plugin.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/version.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr int kCudaNeeded = 13000;  // as the driver counts: LibTorch's wheel is the CUDA 13.0 build

struct ComputeCapability {
  int major = 0;
  int minor = 0;
};

// The libraries stay loaded for the life of the process: nothing of LibTorch can be taken back.
void* load(const std::string& file, std::string* reason) {
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) *reason = dlerror();
  return library;
}

template <typename Function>
Function symbol(void* library, const char* name, std::string* reason) {
  void* address = dlsym(library, name);
  if (!address) *reason = dlerror();
  return reinterpret_cast<Function>(address);
}

std::optional<fs::path> find_plugin(std::string* reason) {
  if (const char* named = std::getenv("GRPO_CUDA_PLUGIN"); named && *named) {
    if (fs::is_regular_file(named)) return named;
    *reason = fmt::format("GRPO_CUDA_PLUGIN names {}, which is not there", named);
    return std::nullopt;
  }
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& place : {folder.parent_path() / "lib", folder}) {
    if (fs::is_regular_file(place / "libgrpo_cuda.so")) return place / "libgrpo_cuda.so";
  }
  *reason = fmt::format("the CUDA plug-in was not built (no libgrpo_cuda.so in {} or {})",
                        (folder.parent_path() / "lib").string(), folder.string());
  return std::nullopt;
}

// What the first GPU is, asked of the driver alone: it costs nothing where there is none.
std::optional<ComputeCapability> first_gpu(std::string* reason) {
  void* driver = load("libcuda.so.1", reason);
  if (!driver) {
    *reason = "there is no NVIDIA driver (libcuda.so.1)";
    return std::nullopt;
  }
  // The driver's own interface, whose results are ints and where 0 is success.
  const auto initialise = symbol<int (*)(unsigned)>(driver, "cuInit", reason);
  const auto version = symbol<int (*)(int*)>(driver, "cuDriverGetVersion", reason);
  const auto count = symbol<int (*)(int*)>(driver, "cuDeviceGetCount", reason);
  const auto attribute = symbol<int (*)(int*, int, int)>(driver, "cuDeviceGetAttribute", reason);
  if (!initialise || !version || !count || !attribute) return std::nullopt;
  int known = 0;
  if (version(&known) == 0 && known < kCudaNeeded) {
    *reason = fmt::format("the NVIDIA driver knows CUDA {}.{}, LibTorch needs {}.{}", known / 1000,
                          known % 1000 / 10, kCudaNeeded / 1000, kCudaNeeded % 1000 / 10);
    return std::nullopt;
  }
  constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE
  const int code = initialise(0);
  if (code != 0 && code != kNoDevice) {
    *reason = fmt::format("the NVIDIA driver does not start (cuInit returns {})", code);
    return std::nullopt;
  }
  int gpus = 0;
  if (code == kNoDevice || count(&gpus) != 0 || gpus == 0) {
    *reason = "the NVIDIA driver shows no GPU (see CUDA_VISIBLE_DEVICES)";
    return std::nullopt;
  }
  constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
  ComputeCapability gpu;
  if (attribute(&gpu.major, kMajor, 0) != 0 || attribute(&gpu.minor, kMinor, 0) != 0) {
    *reason = "the NVIDIA driver does not say what the first GPU is";
    return std::nullopt;
  }
  return gpu;
}

// libtorch_cuda.so beside the libtorch_cpu.so that this process runs on, wherever the loader found that.
bool load_libtorch_cuda(std::string* reason) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) == 0 || !info.dli_fname) {
    *reason = "the loader does not say where LibTorch lies";
    return false;
  }
  const fs::path library = fs::path(info.dli_fname).parent_path() / "libtorch_cuda.so";
  if (load(library.string(), reason)) return true;
  *reason = "LibTorch's CUDA half does not load: " + *reason;
  return false;
}

bool accept_plugin(void* plugin, ComputeCapability gpu, std::string* reason) {
  const auto version = symbol<const char* (*)()>(plugin, "grpo_cuda_version", reason);
  const auto architectures = symbol<const char* (*)()>(plugin, "grpo_cuda_architectures", reason);
  const auto supports = symbol<int (*)(int, int)>(plugin, "grpo_cuda_supports", reason);
  if (!version || !architectures || !supports) return false;
  if (std::string(version()) != kVersion) {
    *reason = fmt::format("the CUDA plug-in is version {}, the program is {}", version(), kVersion);
    return false;
  }
  if (!supports(gpu.major, gpu.minor)) {
    *reason = fmt::format("the GPU has compute capability {}.{}, the CUDA plug-in was built for {}",
                          gpu.major, gpu.minor, architectures());
    return false;
  }
  return true;
}

}  // namespace

bool load_cuda_plugin(std::string* reason) {
  const auto file = find_plugin(reason);
  if (!file) return false;
  const auto gpu = first_gpu(reason);
  if (!gpu || !load_libtorch_cuda(reason)) return false;
  void* plugin = load(file->string(), reason);
  if (!plugin) {
    *reason = "the CUDA plug-in does not load: " + *reason;
    return false;
  }
  if (!accept_plugin(plugin, *gpu, reason)) return false;
  if (!at::hasCUDA()) {
    *reason = "LibTorch was used before its CUDA half was loaded";
    return false;
  }
  return true;
}

at::Device choose_device(const std::string& name, std::string* why_not_cuda) {
  if (name == "cpu") return at::kCPU;
  if (name != "cuda" && name != "auto") {
    throw Error(fmt::format("there is no device \"{}\"", name), "--device", "use auto, cpu or cuda");
  }
  std::string reason;
  if (load_cuda_plugin(&reason)) return at::Device(at::kCUDA, 0);
  if (name == "cuda") {
    throw Error("CUDA cannot be used: " + reason, "--device cuda",
                "use --device cpu, or see what `grpo env` says is missing");
  }
  if (why_not_cuda) *why_not_cuda = reason;
  return at::kCPU;
}

}  // namespace grpo
