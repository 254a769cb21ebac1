#pragma once
// What a user wants to know of a checkpoint before using it: what it is, whether its files are whole, and
// what it takes in memory to load, roll out and train. Reads no weights; a config.json alone will do.

#include <string>

#include "core/json.h"

namespace grpo {

struct ReportOptions {
  std::string model = {};       // a checkpoint folder, or a config.json
  std::string dtype = {};       // float32 or bfloat16; empty: the checkpoint's
  std::string device = "cuda";  // whose memory is planned, cuda or cpu; it need not be here
  int64_t batch = 64;           // sequences rolled out at once
  int64_t context = 0;          // tokens of each; 0: 4096, or the model's context where that is shorter
  int64_t micro_batch = 8192;   // tokens of a training pass
  double memory_gib = 0.0;      // of the device; 0: not asked how many sequences fit
};

// One object, whose keys stay:
//   model, family, layers, hidden_size, attention, heads, kv_heads, head_dim (grouped-query) or kv_lora_rank,
//   qk_rope_head_dim (latent), intermediate_size, experts {layers, routed, per_token, shared, width},
//   context, rope, vocab_size, tied_embeddings parameters {total, active, without_embeddings, mtp}: total and
//   without_embeddings leave multi-token prediction out checkpoint_dtype, fp8 (block sizes), dtype,
//   memory_bytes (weights in dtype), kv_bytes_per_token, kv_bytes_per_1024_tokens memory {device, batch,
//   context, micro_batch, load, rollout, train_full, train_lora_r16, train_attention,
//           sequences}: bytes at the peak (grpo/trainer_memory.h, needed_bytes); sequences of `context`
//           tokens that roll out in memory_gib
//   tokenizer {kind, vocab_size, special_tokens}, tokenizer_vocab_size, eos_token_ids, chat_template,
//   chat_template_fault
//   tensor_bytes: of the weight files, null where there are none
//   problems {tokenizer, files, missing, unused, misshaped, ...}: lists of texts; empty where nothing is
//   wrong
// What does not apply is null. Throws Error where there is no readable config.json of a known family.
Json model_report(const ReportOptions& options);

}  // namespace grpo
