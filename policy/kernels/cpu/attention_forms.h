#pragma once
// The two forms that the functions of attention.h have. wide_*: by AVX-512's own instructions, each term of a sum rounded once;
// only where wide_attention_runs(). narrow_*: everywhere, by what the compiler makes of vectors, each term rounded twice. A
// process uses one of the two throughout.

#include "policy/kernels/cpu/attention.h"

namespace grpo::cpu {

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
void wide_forward(const SequenceAttention<float>& a);
void wide_forward(const SequenceAttention<double>& a);
void wide_forward(const SequenceAttention<Bf16>& a);
void wide_backward(const SequenceAttention<float>& a);
void wide_backward(const SequenceAttention<double>& a);
void wide_backward(const SequenceAttention<Bf16>& a);
void wide_paged(const PagedAttention<float>& a);
void wide_paged(const PagedAttention<double>& a);
void wide_paged(const PagedAttention<Bf16>& a);

}  // namespace grpo::cpu
