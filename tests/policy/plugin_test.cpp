// A test program of its own: LibTorch decides once per process whether there is CUDA.
#include "policy/kernels/plugin.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "policy/kernels/cuda/architectures.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

// Sets a variable of the environment while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Plugin, TheCpuIsAlwaysThere) {
  EXPECT_EQ(choose_device("cpu"), at::Device(at::kCPU));
}

TEST(Plugin, AnUnknownDeviceIsAnErrorThatListsTheOthers) {
  for (const std::string name : {"gpu", "", "CUDA", "cuda:1", "mps"}) {
    const Error error = error_of([&] { choose_device(name); });
    EXPECT_TRUE(holds(error.summary(), "\"" + name + "\""));
    EXPECT_TRUE(holds(error.fix(), "auto, cpu or cuda"));
  }
}

TEST(Plugin, AutoIsCudaExactlyWhereCudaCanBeAskedFor) {
  std::string reason;
  const at::Device chosen = choose_device("auto", &reason);
  if (chosen.is_cuda()) {
    EXPECT_EQ(choose_device("cuda"), chosen);
    EXPECT_EQ(at::ones({3}, chosen).sum().item<double>(), 3.0);
  } else {
    EXPECT_FALSE(reason.empty());
    EXPECT_TRUE(holds(error_of([] { choose_device("cuda"); }).summary(), reason));
  }
}

TEST(Plugin, APlugInThatIsNamedButMissingIsTheReason) {
  const Variable named("GRPO_CUDA_PLUGIN", "/nowhere/libgrpo_cuda.so");
  std::string reason;
  EXPECT_FALSE(load_cuda_plugin(&reason));
  EXPECT_TRUE(holds(reason, "/nowhere/libgrpo_cuda.so"));
  EXPECT_EQ(choose_device("auto"), at::Device(at::kCPU));
}

TEST(Plugin, TensorsOnTheCpuWorkAfterAFailedLoad) {
  const Variable named("GRPO_CUDA_PLUGIN", "/nowhere/libgrpo_cuda.so");
  std::string reason;
  EXPECT_FALSE(load_cuda_plugin(&reason));
  EXPECT_EQ(at::arange(4).sum().item<int64_t>(), 6);
}

TEST(Plugin, ArchitecturesSayWhichGpusCanRunThem) {
  EXPECT_TRUE(architectures_support("90a", 9, 0));
  EXPECT_FALSE(architectures_support("90a", 10, 0));
  EXPECT_FALSE(architectures_support("90a", 8, 0));
  EXPECT_TRUE(architectures_support("80", 8, 0));
  EXPECT_TRUE(architectures_support("80", 9, 0));
  EXPECT_FALSE(architectures_support("80", 7, 5));
  EXPECT_TRUE(architectures_support("80-real", 8, 6));
  EXPECT_FALSE(architectures_support("80-real", 9, 0));
  EXPECT_TRUE(architectures_support("90a,80-real", 8, 9));
  EXPECT_TRUE(architectures_support("80,120a", 12, 0));
  EXPECT_FALSE(architectures_support("90a,100a", 12, 0));
  EXPECT_FALSE(architectures_support("", 9, 0));
}

}  // namespace
}  // namespace grpo
