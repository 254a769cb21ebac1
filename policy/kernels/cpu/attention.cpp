#include "policy/kernels/cpu/attention.h"

#include "policy/kernels/cpu/attention_backward_loops.h"
#include "policy/kernels/cpu/attention_forms.h"
#include "policy/kernels/cpu/attention_forward_loops.h"
#include "policy/kernels/cpu/attention_paged_loops.h"

namespace grpo::cpu {

void narrow_forward(const SequenceAttention<float>& a) { forward(a); }
void narrow_forward(const SequenceAttention<double>& a) { forward(a); }
void narrow_forward(const SequenceAttention<Bf16>& a) { forward(a); }
void narrow_backward(const SequenceAttention<float>& a) { backward(a); }
void narrow_backward(const SequenceAttention<double>& a) { backward(a); }
void narrow_backward(const SequenceAttention<Bf16>& a) { backward(a); }
void narrow_paged(const PagedAttention<float>& a) { attend_pages(a); }
void narrow_paged(const PagedAttention<double>& a) { attend_pages(a); }
void narrow_paged(const PagedAttention<Bf16>& a) { attend_pages(a); }

#define GRPO_CHOOSE(name, a) \
  wide_attention_runs() ? wide_##name(a) : middle_attention_runs() ? middle_##name(a) : narrow_##name(a)
#define GRPO_CHOOSE_BF16(name, a) dots_attention_runs() ? dots_##name(a) : GRPO_CHOOSE(name, a)

void attention_forward(const SequenceAttention<float>& a) { GRPO_CHOOSE(forward, a); }
void attention_forward(const SequenceAttention<double>& a) { GRPO_CHOOSE(forward, a); }
void attention_forward(const SequenceAttention<Bf16>& a) { GRPO_CHOOSE_BF16(forward, a); }
void attention_backward(const SequenceAttention<float>& a) { GRPO_CHOOSE(backward, a); }
void attention_backward(const SequenceAttention<double>& a) { GRPO_CHOOSE(backward, a); }
void attention_backward(const SequenceAttention<Bf16>& a) { GRPO_CHOOSE_BF16(backward, a); }
void paged_attention(const PagedAttention<float>& a) { GRPO_CHOOSE(paged, a); }
void paged_attention(const PagedAttention<double>& a) { GRPO_CHOOSE(paged, a); }
void paged_attention(const PagedAttention<Bf16>& a) { GRPO_CHOOSE_BF16(paged, a); }

}  // namespace grpo::cpu
