#pragma once
// The tensors behind the pages: for every layer a store of keys and values, page by page, on the policy's device
// and in its dtype. Which page belongs to whom is the block pool's business.

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "policy/kv_view.h"
#include "rollout/scheduler.h"

namespace grpo {

class KvCache {
 public:
  // One store per shape; no pages yet. page_limit: reserve() never makes more. `layout`: the device whose layout pages
  // have (policy/kernels/attention.h), where the tensors are on the meta device and stand for those of another.
  KvCache(const std::vector<KvShape>& shapes, int64_t page_tokens, int64_t page_limit, const at::TensorOptions& options,
          std::optional<c10::DeviceType> layout = {});

  // Makes pages 0..pages-1 exist, keeping what is in them; grows by half as much again at least, so that growing
  // page by page copies little. New pages are zero. Tensors from layers() are replaced when it grows.
  void reserve(int64_t pages);

  // Copies pages, all read before any is written.
  void copy(const std::vector<PageCopy>& copies);

  // Sets pages to zero. For pages that hold NaN: a kernel that masks by multiplying with 0 would spread it to
  // the next owner.
  void clear(const std::vector<int64_t>& pages);

  const std::vector<LayerKv>& layers() const { return layers_; }
  int64_t page_tokens() const { return page_tokens_; }
  int64_t pages() const { return pages_; }
  int64_t bytes() const;

 private:
  const std::vector<KvShape> shapes_;
  const int64_t page_tokens_;
  const int64_t page_limit_;
  const at::TensorOptions options_;
  const c10::DeviceType layout_;
  int64_t pages_ = 0;
  std::vector<LayerKv> layers_;
};

}  // namespace grpo
