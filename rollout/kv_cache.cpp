#include "rollout/kv_cache.h"

#include <algorithm>

#include "core/error.h"
#include "policy/kernels/attention.h"

namespace grpo {
namespace {

at::Tensor index_tensor(const std::vector<int64_t>& values, const at::Device& device) {
  return at::tensor(values, at::kLong).to(device);
}

// Every defined tensor of every layer.
template <typename F>
void for_each_store(std::vector<LayerKv>& layers, F&& apply) {
  for (LayerKv& layer : layers) {
    apply(layer.k);
    if (layer.v.defined()) apply(layer.v);
  }
}

}  // namespace

KvCache::KvCache(const std::vector<KvShape>& shapes, int64_t page_tokens, int64_t page_limit,
                 const at::TensorOptions& options, std::optional<c10::DeviceType> layout)
    : shapes_(shapes),
      page_tokens_(page_tokens),
      page_limit_(page_limit),
      options_(options),
      layout_(layout.value_or(options.device().type())) {
  for (const KvShape& shape : shapes_) layers_.push_back(make_cache(shape, 0, page_tokens_, options_, layout_));
}

void KvCache::reserve(int64_t pages) {
  if (pages <= pages_) return;
  GRPO_CHECK(pages <= page_limit_);
  const int64_t grown = std::min(page_limit_, std::max(pages, pages_ + pages_ / 2));
  for (size_t i = 0; i < layers_.size(); ++i) {
    const LayerKv larger = make_cache(shapes_[i], grown, page_tokens_, options_, layout_);
    const auto fill = [&](const at::Tensor& to, const at::Tensor& from) {
      to.narrow(0, 0, pages_).copy_(from);
      to.narrow(0, pages_, grown - pages_).zero_();
    };
    fill(larger.k, layers_[i].k);
    if (larger.v.defined()) fill(larger.v, layers_[i].v);
    layers_[i] = larger;
  }
  pages_ = grown;
}

void KvCache::copy(const std::vector<PageCopy>& copies) {
  if (copies.empty()) return;
  std::vector<int64_t> from;
  std::vector<int64_t> to;
  for (const PageCopy& c : copies) {
    from.push_back(c.from);
    to.push_back(c.to);
  }
  const at::Tensor sources = index_tensor(from, options_.device());
  const at::Tensor targets = index_tensor(to, options_.device());
  for_each_store(layers_, [&](at::Tensor& store) { store.index_copy_(0, targets, store.index_select(0, sources)); });
}

void KvCache::clear(const std::vector<int64_t>& pages) {
  if (pages.empty()) return;
  const at::Tensor targets = index_tensor(pages, options_.device());
  for_each_store(layers_, [&](at::Tensor& store) { store.index_fill_(0, targets, 0.0); });
}

int64_t KvCache::bytes() const {
  size_t bytes = 0;
  for (const LayerKv& layer : layers_) {
    bytes += layer.k.storage().nbytes() + (layer.v.defined() ? layer.v.storage().nbytes() : 0);
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace grpo
