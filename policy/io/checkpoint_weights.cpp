#include "policy/io/checkpoint_weights.h"

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/error.h"
#include "policy/io/fp8_blocks.h"
#include "policy/io/safetensors_dtype.h"

namespace grpo {
namespace {

constexpr int64_t kHugePage = 2 << 20;
constexpr int64_t kDirectBytes = 4 << 20;  // read at a time into the policy's own memory; more, and several
                                           // threads get too far apart in a file for the disk's reading ahead
constexpr int64_t kStagedBytes =
    1 << 20;  // read at a time into a buffer; what it becomes may need a second one
constexpr int64_t kBytesPerThread = 16 << 20;  // less is not worth another thread
constexpr int64_t kThreadsMax = 32;            // 32 threads x 2 buffers x 1 MiB = 64 MiB
constexpr int64_t kConvertedAtOnce =
    32768;  // numbers, the most that LibTorch converts without threads of its own

// Part of one weight: what one thread reads at a time.
struct Slice {
  size_t weight = 0;
  int64_t first = 0;  // of the view's values
  int64_t count = 0;
};

// Fresh memory is handed out in pages of 4 KiB, and taking them one fault at a time is slower than reading
// the file. Asking for huge pages is a hint: where it is refused, loading is slower and nothing else.
void ask_for_huge_pages(const at::Tensor& tensor) {
  const auto begin = reinterpret_cast<uintptr_t>(tensor.storage().data());
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t last = (begin + tensor.storage().nbytes()) / kHugePage * kHugePage;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

class WeightStream {
 public:
  WeightStream(const SafetensorsReader& reader, const std::vector<WeightSource>& sources,
               const std::vector<NamedTensor>& views, const std::optional<Fp8Blocks>& fp8)
      : reader_(reader), sources_(sources), fp8_(fp8) {
    GRPO_CHECK(sources.size() == views.size());
    std::set<const void*> seen;
    for (const NamedTensor& view : views) {
      GRPO_CHECK(view.tensor.is_contiguous());
      views_.push_back(view.tensor);
      if (view.tensor.is_cpu() && seen.insert(view.tensor.storage().data()).second)
        ask_for_huge_pages(view.tensor);
    }
    slice_all();
  }

  // Threads of our own: LibTorch's would wait for each other where a file makes one of them wait.
  void run() {
    int64_t bytes = 0;
    for (const at::Tensor& view : views_) bytes += static_cast<int64_t>(view.nbytes());
    const int64_t threads =
        std::min<int64_t>({at::get_num_threads(), kThreadsMax, 1 + bytes / kBytesPerThread});
    {
      std::vector<std::jthread> others;
      for (int64_t i = 1; i < threads; ++i) others.emplace_back([this] { work(); });
      work();
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  void throw_if_any_problem(const std::string& directory) const {
    if (problems_.empty()) return;
    std::vector<std::string> texts;
    for (const auto& [weight, problem] : problems_) {
      const WeightSource& source = sources_[weight];
      texts.push_back(fmt::format("{} in {}: {}", source.tensor->name, source.tensor->file, problem.what));
      if (texts.size() == 20) break;
    }
    throw Error(fmt::format("{} float8 weights cannot be dequantised:\n    {}", problems_.size(),
                            fmt::join(texts, "\n    ")),
                directory, "the checkpoint is damaged; fetch it again");
  }

 private:
  struct Staging {
    at::Tensor bytes;   // as in the file
    at::Tensor values;  // as in the policy
  };

  at::ScalarType stored(size_t weight) const { return *find_dtype(sources_[weight].tensor->dtype)->type; }
  bool direct(size_t weight) const {
    return views_[weight].is_cpu() && views_[weight].scalar_type() == stored(weight);
  }

  // In the order of the files, so that a disk is read from front to back.
  void slice_all() {
    std::vector<size_t> order;
    for (size_t i = 0; i < views_.size(); ++i) {
      if (views_[i].numel() > 0) order.push_back(i);
    }
    auto place = [&](size_t i) {
      const WeightSource& source = sources_[i];
      return std::tuple<const std::string&, uint64_t, int64_t>(source.tensor->file, source.tensor->begin,
                                                               source.first);
    };
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place(a) < place(b); });
    for (const size_t i : order) slice(i);
  }

  void slice(size_t weight) {
    const at::Tensor& view = views_[weight];
    const int64_t count = view.numel();
    if (direct(weight)) {
      // Two threads that fault in one huge page wait for each other, so slices end where pages do.
      const auto width = static_cast<int64_t>(view.element_size());
      const auto begin = static_cast<int64_t>(reinterpret_cast<uintptr_t>(view.data_ptr()));
      for (int64_t first = 0; first < count;) {
        const int64_t page = (begin + first * width + kDirectBytes) / kHugePage * kHugePage;
        const int64_t end = std::min(count, (page - begin) / width);
        slices_.push_back({weight, first, end - first});
        first = end;
      }
      return;
    }
    int64_t step =
        kStagedBytes / std::max(view.element_size(), static_cast<int64_t>(c10::elementSize(stored(weight))));
    if (sources_[weight].scale != nullptr)
      step = std::max<int64_t>(1, step / view.size(1)) * view.size(1);  // whole rows
    for (int64_t first = 0; first < count; first += step) {
      slices_.push_back({weight, first, std::min(step, count - first)});
    }
  }

  void work() {
    const at::NoGradGuard no_grad;
    Staging staging;
    try {
      for (size_t i = next_++; i < slices_.size(); i = next_++) read(slices_[i], staging);
    } catch (...) {
      next_ = slices_.size();  // the others need not go on
      const std::scoped_lock lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void read(const Slice& slice, Staging& staging) {
    const WeightSource& source = sources_[slice.weight];
    const at::Tensor& view = views_[slice.weight];
    const at::ScalarType type = stored(slice.weight);
    const uint64_t width = c10::elementSize(type), bytes = static_cast<uint64_t>(slice.count) * width;
    const uint64_t offset = static_cast<uint64_t>(source.first + slice.first) * width;
    if (direct(slice.weight)) {
      auto* to = static_cast<char*>(view.data_ptr()) + static_cast<uint64_t>(slice.first) * width;
      return reader_.read_bytes(source.tensor->name, offset, bytes, to);
    }
    const at::Tensor raw = room(staging.bytes, bytes, view.device()).view(type);
    reader_.read_bytes(source.tensor->name, offset, bytes, raw.data_ptr());
    const at::Tensor to = view.view(-1).narrow(0, slice.first, slice.count);
    if (type == to.scalar_type()) {
      to.copy_(raw);  // to another device
      return;
    }
    const uint64_t wanted = static_cast<uint64_t>(slice.count) * static_cast<uint64_t>(to.element_size());
    const at::Tensor values =
        to.is_cpu() ? to : room(staging.values, wanted, to.device()).view(to.scalar_type());
    if (source.scale == nullptr) {
      convert(raw, values);
    } else if (!dequantise_slice(slice, raw, values)) {
      return;
    }
    if (!to.is_cpu()) to.copy_(values);
  }

  static void convert(const at::Tensor& from, const at::Tensor& to) {
    for (int64_t first = 0; first < from.numel(); first += kConvertedAtOnce) {
      const int64_t count = std::min(kConvertedAtOnce, from.numel() - first);
      to.narrow(0, first, count).copy_(from.narrow(0, first, count));
    }
  }

  bool dequantise_slice(const Slice& slice, const at::Tensor& codes, const at::Tensor& values) {
    const WeightSource& source = sources_[slice.weight];
    const int64_t columns = views_[slice.weight].size(1), across = blocks_over(columns, fp8_->columns);
    const int64_t row = slice.first / columns, rows = slice.count / columns;
    const int64_t band = row / fp8_->rows, bands = blocks_over(row + rows, fp8_->rows) - band;
    const at::Tensor raw =
        at::empty({bands, across}, at::TensorOptions().dtype(*find_dtype(source.scale->dtype)->type));
    const auto offset =
        static_cast<uint64_t>(source.scale_first + band * across) * static_cast<uint64_t>(raw.element_size());
    reader_.read_bytes(source.scale->name, offset, raw.nbytes(), raw.data_ptr());
    const at::Tensor scales = raw.to(at::kFloat);
    const Fp8Rows in{static_cast<const uint8_t*>(codes.data_ptr()), row, rows, columns,
                     scales.const_data_ptr<float>()};
    auto problem = dequantise(in, *fp8_, values.data_ptr(), values.scalar_type());
    if (!problem) return true;
    const std::scoped_lock lock(mutex_);
    const auto [it, fresh] = problems_.emplace(slice.weight, *problem);
    if (!fresh && problem->row < it->second.row) it->second = std::move(*problem);
    return false;
  }

  // The first `bytes` of a buffer of this thread.
  static at::Tensor room(at::Tensor& buffer, uint64_t bytes, const at::Device& device) {
    if (!buffer.defined() || buffer.nbytes() < bytes) {
      const c10::DeviceGuard guard(device);  // page-locked memory belongs to a device's context
      const auto size = std::max<int64_t>(kStagedBytes, static_cast<int64_t>(bytes));
      buffer = at::empty({size}, at::TensorOptions().dtype(at::kByte).pinned_memory(device.is_cuda()));
    }
    return buffer.narrow(0, 0, static_cast<int64_t>(bytes));
  }

  const SafetensorsReader& reader_;
  const std::vector<WeightSource>& sources_;
  const std::optional<Fp8Blocks>& fp8_;
  std::vector<at::Tensor> views_;
  std::vector<Slice> slices_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // of what follows
  std::exception_ptr failure_;
  std::map<size_t, Fp8Problem> problems_;  // by weight, the first of each
};

}  // namespace

void read_weights(const SafetensorsReader& reader, const std::vector<WeightSource>& sources,
                  const std::vector<NamedTensor>& views, const std::optional<Fp8Blocks>& fp8,
                  const std::string& directory) {
  WeightStream stream(reader, sources, views, fp8);
  stream.run();
  stream.throw_if_any_problem(directory);
}

}  // namespace grpo
