#include "rollout/block_pool.h"

#include <utility>

#include "core/error.h"

namespace grpo {

PageRef::PageRef(const PageRef& other) : pool_(other.pool_), id_(other.id_) {
  if (pool_ != nullptr) pool_->retain(id_);
}

PageRef::PageRef(PageRef&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_) {}

PageRef& PageRef::operator=(PageRef other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(id_, other.id_);
  return *this;
}

PageRef::~PageRef() {
  if (pool_ != nullptr) pool_->release(id_);
}

int64_t PageRef::use_count() const { return pool_->counts_[static_cast<size_t>(id_)]; }

BlockPool::BlockPool(int64_t page_limit) : page_limit_(page_limit) { GRPO_CHECK(page_limit >= 0); }

BlockPool::~BlockPool() { GRPO_CHECK(in_use_ == 0); }

PageRef BlockPool::allocate() {
  GRPO_CHECK(in_use_ < page_limit_);
  ++in_use_;
  if (free_.empty()) {
    counts_.push_back(1);
    return PageRef(this, static_cast<int32_t>(counts_.size() - 1));
  }
  const int32_t id = free_.back();
  free_.pop_back();
  counts_[static_cast<size_t>(id)] = 1;
  return PageRef(this, id);
}

void BlockPool::release(int32_t id) {
  if (--counts_[static_cast<size_t>(id)] > 0) return;
  --in_use_;
  free_.push_back(id);
}

}  // namespace grpo
