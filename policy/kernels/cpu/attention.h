#pragma once
// Attention on the CPU, on raw pointers: the arithmetic behind the operators of policy/kernels/attention.h,
// which own shapes, types and threads. Scores of one query are summed over head dimensions in order, each key
// in its own lane, and outputs over keys in a fixed order: the training form and the paged form give the same bits.

#include <cstdint>

#include "policy/kernels/cpu/element.h"

namespace grpo::cpu {

// One sequence of a packed batch and one key/value head. Strides are in elements: `token` from one token to
// the next, `head` from one head to the next. T: float, double or Bf16.
template <class T>
struct SequenceAttention {
  int64_t length = 0;      // L tokens
  int64_t group = 0;       // query heads that share this key/value head
  int64_t k_dim = 0;
  int64_t v_dim = 0;
  double scale = 1.0;
  const T* q = nullptr;    // first query head of the group, first token
  const T* k = nullptr;
  const T* v = nullptr;
  int64_t q_token = 0, q_head = 0, k_token = 0, v_token = 0;
  T* out = nullptr;        // contiguous heads: out_token, out_head
  Compute<T>* lse = nullptr;  // log-sum-exp of the scores, lse_token, head stride 1
  int64_t out_token = 0, out_head = 0, lse_token = 0;
  // Backward only; same strides as q, k, v and out.
  const T* d_out = nullptr;
  T* dq = nullptr;
  T* dk = nullptr;
  T* dv = nullptr;
};

void attention_forward(const SequenceAttention<float>& a);
void attention_forward(const SequenceAttention<double>& a);
void attention_forward(const SequenceAttention<Bf16>& a);
void attention_backward(const SequenceAttention<float>& a);
void attention_backward(const SequenceAttention<double>& a);
void attention_backward(const SequenceAttention<Bf16>& a);

// How many tokens of a page are computed side by side.
inline constexpr int64_t kTile = 16;

// One query token against the cached tokens 0..context-1 of its sequence. Strides are in elements.
template <class T>
struct PagedAttention {
  int64_t context = 0;
  int64_t heads = 1;             // key/value heads
  int64_t group = 0;             // query heads of each
  int64_t k_dim = 0;
  int64_t v_dim = 0;
  double scale = 1.0;
  const T* q = nullptr;          // [heads * group, k_dim] with q_head
  int64_t q_head = 0;
  const T* k_cache = nullptr;    // at the first head; pages of page_tokens tokens
  const T* v_cache = nullptr;    // may equal k_cache (MLA)
  int64_t page_tokens = 0;
  int64_t k_page = 0, k_head = 0, k_token = 0, k_number = 1;  // k_number: from one of a key's k_dim numbers to the next
  int64_t v_page = 0, v_head = 0, v_token = 0;                // a value's numbers lie side by side

  // Whether pages can be read where they lie: tokens of a page side by side for each number of their keys, and values
  // with room behind them for whole lanes. Otherwise they are copied first: the same bits, slower.
  bool tiled() const {
    return k_token == 1 && page_tokens % kTile == 0 && v_token >= (v_dim + kTile - 1) / kTile * kTile;
  }

  const int32_t* blocks = nullptr;
  const T* next_keys = nullptr;  // the first page that this thread's next call reads, as k_cache; nullptr: not known
  T* out = nullptr;              // [heads * group, v_dim] with out_head
  int64_t out_head = 0;

  // The same of one key/value head.
  PagedAttention of_head(int64_t h) const {
    PagedAttention one = *this;
    one.heads = 1;
    one.q += h * group * q_head;
    one.k_cache += h * k_head;
    if (next_keys != nullptr) one.next_keys += h * k_head;
    one.v_cache += h * v_head;
    one.out += h * group * out_head;
    return one;
  }
};

void paged_attention(const PagedAttention<float>& a);
void paged_attention(const PagedAttention<double>& a);
void paged_attention(const PagedAttention<Bf16>& a);

}  // namespace grpo::cpu
