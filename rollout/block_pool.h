#pragma once
// Which pages of the key/value cache are in use. A page is only a number here: the tensors behind it belong to
// rollout/kv_cache.h. Pages are shared by reference (the samples of a group read the same prompt pages), and
// the last handle to go gives the page back, so nobody frees by hand. Not thread-safe: one engine, one pool.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace grpo {

class BlockPool;

// A counted reference to one page, a value: copying it shares the page, destroying it lets go. Must not outlive
// its pool.
class PageRef {
 public:
  PageRef(const PageRef& other);
  PageRef(PageRef&& other) noexcept;
  PageRef& operator=(PageRef other) noexcept;
  ~PageRef();

  int32_t id() const { return id_; }
  int64_t use_count() const;  // handles to this page, this one included

 private:
  friend class BlockPool;
  PageRef(BlockPool* pool, int32_t id) : pool_(pool), id_(id) {}

  BlockPool* pool_;  // null after being moved from
  int32_t id_;
};

// The pages of one sequence in order: token t lies in entry t / page_tokens.
using PageTable = std::vector<PageRef>;

class BlockPool {
 public:
  // page_limit: the most pages that may be in use at once. Costs no memory until they are.
  explicit BlockPool(int64_t page_limit);
  // Every handle must be gone.
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A page nobody uses. Pages given back come first, so ids stay below high_water(). Asking for more than
  // page_limit is a bug of the caller (who is to reserve before), and aborts.
  PageRef allocate();

  int64_t page_limit() const { return page_limit_; }
  int64_t in_use() const { return in_use_; }
  int64_t high_water() const { return static_cast<int64_t>(counts_.size()); }  // ids handed out so far are below

 private:
  friend class PageRef;
  void retain(int32_t id) { ++counts_[static_cast<size_t>(id)]; }
  void release(int32_t id);

  int64_t page_limit_;
  int64_t in_use_ = 0;
  std::vector<int64_t> counts_;  // handles per page
  std::vector<int32_t> free_;    // pages given back
};

}  // namespace grpo
