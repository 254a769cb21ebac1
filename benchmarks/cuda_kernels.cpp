// How close do our operators come to what the GPU's memory and arithmetic units give? Prints one JSON object
// per case: seconds, and the bytes or FLOPs that the operator cannot do without over them, beside the rate of
// a copy and of a matrix product measured in the same run.
//
//   cuda_kernels [runs]      (default: 20)

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "core/error.h"
#include "policy/kernels/attention.h"
#include "policy/kernels/logprobs.h"
#include "policy/kernels/plugin.h"
#include "policy/kernels/rms_norm.h"
#include "policy/kernels/swiglu.h"

namespace grpo {
namespace {

class Bench {
 public:
  explicit Bench(int64_t runs) : runs_(runs) {}

  // `amount`: bytes or FLOPs of one call of `work`.
  void report(const std::string& what, double amount, const char* unit,
              const std::function<void()>& work) const {
    constexpr int64_t kCalls = 10;  // in a row: launches overlap with the work
    std::vector<double> seconds;
    for (int64_t run = 0; run < runs_ + 2; ++run) {
      finish();
      const auto start = std::chrono::steady_clock::now();
      for (int64_t i = 0; i < kCalls; ++i) work();
      finish();
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      if (run >= 2) seconds.push_back(took.count() / kCalls);
    }
    std::sort(seconds.begin(), seconds.end());
    const double median = seconds[seconds.size() / 2];
    fmt::print("{{\"case\": \"{}\", \"microseconds\": {:.1f}, \"{}\": {:.2f}}}\n", what, 1e6 * median, unit,
               amount / median / 1e12);
    std::fflush(stdout);
  }

 private:
  // Waits for the device: reading one number back does.
  void finish() const { at::zeros({1}, at::TensorOptions(at::kCUDA)).item<float>(); }

  const int64_t runs_;
};

constexpr const char* kBytes = "TB/s";
constexpr const char* kFlops = "TFLOP/s";

const char* name(at::ScalarType dtype) {
  return dtype == at::kFloat ? "float32" : "bfloat16";
}

struct Heads {
  int64_t query, key, k_dim, v_dim;
};

// Decoding: `rows` tokens over a context each. The bytes are those of keys and values.
void paged(const Bench& bench, const std::string& model, at::ScalarType dtype, const Heads& h, int64_t rows,
           int64_t context, bool latent = false) {
  constexpr int64_t kPage = 16;
  const at::TensorOptions options = at::TensorOptions(dtype).device(at::kCUDA),
                          ints = options.dtype(at::kInt);
  const int64_t blocks = (context + kPage - 1) / kPage;
  const at::Tensor k = at::randn({rows * blocks, kPage, h.key, h.k_dim}, options);
  const at::Tensor v =
      latent ? k.narrow(3, 0, h.v_dim) : at::randn({rows * blocks, kPage, h.key, h.v_dim}, options);
  const at::Tensor q = at::randn({rows, h.query, h.k_dim}, options);
  const at::Tensor tables = at::randperm(rows * blocks, ints).view({rows, blocks}),
                   row = at::arange(rows, ints);
  const at::Tensor positions = at::full({rows}, context - 1, ints.dtype(at::kLong));
  const double numbers = static_cast<double>(rows * context * h.key * (h.k_dim + (latent ? 0 : h.v_dim)));
  bench.report(fmt::format("decode {} {} rows {} context {}", model, name(dtype), rows, context),
               numbers * static_cast<double>(k.element_size()), kBytes,
               [&] { paged_attention(q, k, v, tables, row, positions, 0.1); });
}

// Training: whole sequences. Of the square of scores the lower half counts.
void packed(const Bench& bench, const std::string& model, at::ScalarType dtype, const Heads& h,
            int64_t sequences, int64_t length) {
  const at::TensorOptions options = at::TensorOptions(dtype).device(at::kCUDA);
  const at::Tensor q = at::randn({sequences * length, h.query, h.k_dim}, options).set_requires_grad(true);
  const at::Tensor k = at::randn({sequences * length, h.key, h.k_dim}, options).set_requires_grad(true);
  const at::Tensor v = at::randn({sequences * length, h.key, h.v_dim}, options).set_requires_grad(true);
  const at::Tensor cu = at::arange(0, (sequences + 1) * length, length, options.dtype(at::kInt));
  const double flops = static_cast<double>(sequences * h.query * length * (length + 1) * (h.k_dim + h.v_dim));
  const std::string what = fmt::format("{} {} {} sequences of {}", model, name(dtype), sequences, length);
  const auto forward = [&] { return attention(q, k, v, cu, length, 0.1); };
  bench.report("forward " + what, flops, kFlops, forward);
  const at::Tensor out = forward(), g = at::randn_like(out);
  bench.report("backward " + what, 2.5 * flops, kFlops, [&] {
    torch::autograd::grad({out}, {q, k, v}, {g}, /*retain_graph=*/true);
  });
}

void rows(const Bench& bench, at::ScalarType dtype) {
  const at::TensorOptions options = at::TensorOptions(dtype).device(at::kCUDA);
  const at::Tensor x = at::randn({32768, 4096}, options), w = at::randn({4096}, options);
  const double bytes = static_cast<double>(x.numel() * x.element_size());
  bench.report(fmt::format("rms_norm {} 32768 x 4096", name(dtype)), 2 * bytes, kBytes,
               [&] { rms_norm(x, w, 1e-6); });
  bench.report(fmt::format("swiglu {} 32768 x 4096", name(dtype)), 1.5 * bytes, kBytes, [&] { swiglu(x); });
}

void ceilings(const Bench& bench) {
  const at::TensorOptions half = at::TensorOptions(at::kBFloat16).device(at::kCUDA);
  const at::Tensor from = at::randn({int64_t{1} << 30}, half), to = at::empty_like(from);
  bench.report("copy", 4.0 * static_cast<double>(from.numel()), kBytes, [&] { to.copy_(from); });
  const at::Tensor a = at::randn({8192, 8192}, half), b = at::randn({8192, 8192}, half);
  bench.report("matrix product bfloat16", 2.0 * 8192.0 * 8192.0 * 8192.0, kFlops, [&] { at::mm(a, b); });
}

void run(int64_t runs) {
  choose_device("cuda");
  const Bench bench(runs);
  const Heads qwen_small = {14, 2, 64, 64}, qwen = {28, 4, 128, 128}, mla = {16, 1, 576, 512},
              tiny = {4, 4, 24, 16};
  {
    const at::NoGradGuard no_grad;
    ceilings(bench);
    paged(bench, "14/2 heads of 64", at::kBFloat16, qwen_small, 512, 1024);
    paged(bench, "28/4 heads of 128", at::kBFloat16, qwen, 512, 1024);
    paged(bench, "28/4 heads of 128", at::kBFloat16, qwen, 16, 4096);
    paged(bench, "8/8 heads of 128", at::kBFloat16, {8, 8, 128, 128}, 256, 1024);
    paged(bench, "16 heads on a latent of 576", at::kBFloat16, mla, 512, 1024, /*latent=*/true);
    paged(bench, "4/4 heads of 24, 16", at::kFloat, tiny, 512, 45);
    paged(bench, "28/4 heads of 128", at::kFloat, qwen, 256, 1024);
    rows(bench, at::kBFloat16);
    rows(bench, at::kFloat);
    const at::Tensor logits = at::randn({512, 151936}, at::TensorOptions(at::kCUDA));
    const at::Tensor targets = at::zeros({512}, at::TensorOptions(at::kLong).device(at::kCUDA));
    bench.report("logprob_rows 512 x 151936", 4.0 * static_cast<double>(logits.numel()), kBytes,
                 [&] { logprob_rows(logits, targets, 1.0); });
  }
  packed(bench, "4/4 heads of 24, 16", at::kFloat, tiny, 512, 45);
  packed(bench, "4/4 heads of 24, 16", at::kBFloat16, tiny, 512, 45);
  packed(bench, "28/4 heads of 128", at::kBFloat16, qwen, 16, 1024);
  packed(bench, "16/16 heads of 192, 128", at::kBFloat16, {16, 16, 192, 128}, 16, 1024);
  packed(bench, "28/4 heads of 128", at::kFloat, qwen, 4, 1024);
}

}  // namespace
}  // namespace grpo

int main(int argc, char** argv) {
  try {
    grpo::run(argc > 1 ? std::atoll(argv[1]) : 20);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}
