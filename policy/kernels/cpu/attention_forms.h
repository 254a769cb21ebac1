#pragma once
// The forms that the functions of attention.h have; a process uses one of them throughout for a type.
//   narrow_*  everywhere, in registers of 16 bytes, each term of a sum rounded twice
//   middle_*  by AVX2 and FMA, each term rounded once; only where middle_attention_runs()
//   wide_*    by AVX-512; only where wide_attention_runs()
//   dots_*    for Bf16, by the dot products of AVX512-BF16, which add two terms at a time; only where dots_attention_runs().
//             Weights, and in the gradient theirs, are rounded to Bf16 before they are multiplied, as flash attention
//             does on a GPU.

#include "policy/kernels/cpu/attention.h"

namespace grpo::cpu {

bool middle_attention_runs();
bool wide_attention_runs();

void narrow_forward(const SequenceAttention<float>& a);
void narrow_forward(const SequenceAttention<double>& a);
void narrow_forward(const SequenceAttention<Bf16>& a);
void narrow_backward(const SequenceAttention<float>& a);
void narrow_backward(const SequenceAttention<double>& a);
void narrow_backward(const SequenceAttention<Bf16>& a);
void narrow_paged(const PagedAttention<float>& a);
void narrow_paged(const PagedAttention<double>& a);
void narrow_paged(const PagedAttention<Bf16>& a);
void middle_forward(const SequenceAttention<float>& a);
void middle_forward(const SequenceAttention<double>& a);
void middle_forward(const SequenceAttention<Bf16>& a);
void middle_backward(const SequenceAttention<float>& a);
void middle_backward(const SequenceAttention<double>& a);
void middle_backward(const SequenceAttention<Bf16>& a);
void middle_paged(const PagedAttention<float>& a);
void middle_paged(const PagedAttention<double>& a);
void middle_paged(const PagedAttention<Bf16>& a);
void wide_forward(const SequenceAttention<float>& a);
void wide_forward(const SequenceAttention<double>& a);
void wide_forward(const SequenceAttention<Bf16>& a);
void wide_backward(const SequenceAttention<float>& a);
void wide_backward(const SequenceAttention<double>& a);
void wide_backward(const SequenceAttention<Bf16>& a);
void wide_paged(const PagedAttention<float>& a);
void wide_paged(const PagedAttention<double>& a);
void wide_paged(const PagedAttention<Bf16>& a);
bool dots_attention_runs();
void dots_forward(const SequenceAttention<Bf16>& a);
void dots_backward(const SequenceAttention<Bf16>& a);
void dots_paged(const PagedAttention<Bf16>& a);

}  // namespace grpo::cpu
