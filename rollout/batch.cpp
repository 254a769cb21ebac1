#include "rollout/batch.h"

#include <algorithm>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {
namespace {

template <typename T>
at::Tensor on_device(const std::vector<T>& values, at::ScalarType dtype, const at::Device& device) {
  return at::tensor(at::ArrayRef<T>(values), dtype).to(device);
}

int64_t slot(const PageTable& pages, int64_t position, int64_t page_tokens) {
  return pages[static_cast<size_t>(position / page_tokens)].id() * page_tokens + position % page_tokens;
}

// Writes the first `width` pages of a table; missing entries are 0 and never read.
void fill_table_row(const PageTable& pages, int64_t width, int32_t* row) {
  for (int64_t b = 0; b < width; ++b) {
    row[b] = b < static_cast<int64_t>(pages.size()) ? pages[static_cast<size_t>(b)].id() : 0;
  }
}

}  // namespace

PrefillBatch prefill_batch(const std::vector<PrefillChunk>& chunks, const KvCache& cache, const at::Device& device) {
  const int64_t page_tokens = cache.page_tokens();
  std::vector<int64_t> tokens, positions, slots, last_rows;
  std::vector<int32_t> rows, cu_seqlens = {0};
  PrefillBatch batch;
  int64_t width = 1;
  for (const PrefillChunk& chunk : chunks) width = std::max(width, (chunk.end + page_tokens - 1) / page_tokens);
  at::Tensor tables = at::empty({static_cast<int64_t>(chunks.size()), width}, at::kInt);
  for (size_t s = 0; s < chunks.size(); ++s) {
    const PrefillChunk& chunk = chunks[s];
    Prompt& prompt = *chunk.prompt;
    for (int64_t t = chunk.begin; t < chunk.end; ++t) {
      tokens.push_back(prompt.ids[static_cast<size_t>(t)]);
      positions.push_back(t);
      slots.push_back(slot(prompt.pages, t, page_tokens));
      rows.push_back(static_cast<int32_t>(s));
    }
    cu_seqlens.push_back(static_cast<int32_t>(tokens.size()));
    fill_table_row(prompt.pages, width, tables.mutable_data_ptr<int32_t>() + static_cast<int64_t>(s) * width);
    batch.tokens.max_seqlen = std::max(batch.tokens.max_seqlen, chunk.end - chunk.begin);
    if (chunk.end == static_cast<int64_t>(prompt.ids.size())) {
      last_rows.push_back(static_cast<int64_t>(tokens.size()) - 1);
      batch.completed.push_back(&prompt);
    }
  }
  batch.tokens.tokens = on_device(tokens, at::kLong, device);
  batch.tokens.positions = on_device(positions, at::kLong, device);
  batch.tokens.cu_seqlens = on_device(cu_seqlens, at::kInt, device);
  batch.view.layers = cache.layers();
  batch.view.block_tables = tables.to(device);
  batch.view.rows = on_device(rows, at::kInt, device);
  batch.view.slots = on_device(slots, at::kLong, device);
  batch.view.whole = std::all_of(chunks.begin(), chunks.end(), [](const PrefillChunk& c) { return c.begin == 0; });
  batch.last_rows = on_device(last_rows, at::kLong, device);
  return batch;
}

void DecodeBatch::prepare(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t max_tokens, int64_t steps,
                          int64_t version, const KvCache& cache) {
  GRPO_CHECK(!rows.empty() && steps > 0);
  page_tokens_ = cache.page_tokens();
  view_.layers = cache.layers();
  fill_steps(rows, max_tokens, steps);
  int64_t width = 1;
  for (const auto& row : rows) width = std::max(width, static_cast<int64_t>(row->pages.size()));
  if (version != version_) rebuild_tables(rows, width);
  version_ = version;
}

void DecodeBatch::rebuild_tables(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t width) {
  const auto count = static_cast<int64_t>(rows.size());
  at::Tensor tables = at::empty({count, width}, at::kInt);
  int32_t* data = tables.mutable_data_ptr<int32_t>();
  for (int64_t r = 0; r < count; ++r) fill_table_row(rows[static_cast<size_t>(r)]->pages, width, data + r * width);
  view_.block_tables = tables.to(device_);
  if (cu_seqlens_.defined() && cu_seqlens_.size(0) == count + 1) return;
  cu_seqlens_ = at::arange(count + 1, at::TensorOptions(at::kInt).device(device_));
  view_.rows = cu_seqlens_.narrow(0, 0, count);
}

void DecodeBatch::fill_steps(const std::vector<std::unique_ptr<Sequence>>& rows, int64_t max_tokens, int64_t steps) {
  const auto count = static_cast<int64_t>(rows.size());
  at::Tensor indices = at::empty({2 * steps + 1, count}, at::kLong);  // positions, slots, first tokens
  at::Tensor uniforms = at::empty({steps, count}, at::kFloat);
  int64_t* index = indices.mutable_data_ptr<int64_t>();
  float* uniform = uniforms.mutable_data_ptr<float>();
  for (int64_t r = 0; r < count; ++r) {
    const Sequence& row = *rows[static_cast<size_t>(r)];
    const int64_t last_position = static_cast<int64_t>(row.prompt->ids.size()) + max_tokens - 2;
    for (int64_t k = 0; k < steps; ++k) {
      const int64_t position = std::min(row.position() + k, last_position);
      index[k * count + r] = position;
      index[(steps + k) * count + r] = slot(row.pages, position, page_tokens_);
      uniform[k * count + r] = uniform_at(row.seed, row.ids.size() + static_cast<uint64_t>(k));
    }
    index[2 * steps * count + r] = row.ids.back();
  }
  indices = indices.to(device_);
  positions_ = indices.narrow(0, 0, steps);
  slots_ = indices.narrow(0, steps, steps);
  first_tokens_ = indices.select(0, 2 * steps);
  uniforms_ = uniforms.to(device_);
}

at::Tensor DecodeBatch::uniforms(int64_t step, int64_t first, int64_t count) const {
  return uniforms_.select(0, step).narrow(0, first, count);
}

PackedTokens DecodeBatch::tokens(const at::Tensor& tokens, int64_t step, int64_t first, int64_t count) const {
  return {.tokens = tokens.narrow(0, first, count),
          .positions = positions_.select(0, step).narrow(0, first, count),
          .cu_seqlens = cu_seqlens_.narrow(0, 0, count + 1),
          .max_seqlen = 1};
}

KvView DecodeBatch::view(int64_t step, int64_t first, int64_t count) const {
  KvView view = view_;
  view.rows = view_.rows.narrow(0, first, count);
  view.slots = slots_.select(0, step).narrow(0, first, count);
  return view;
}

}  // namespace grpo
