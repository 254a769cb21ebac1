#pragma once
// The rollout engine: problems in, groups of sampled completions out, on the weights the trainer updates. It
// batches continuously over a paged key/value cache in which the samples of a group share their prompt.
//
// A completion is a function of weights, prompt, sampling options and its own seed, derive_seed({seed, step,
// problem id, sample}): which other problems are in the call, their order, the number of rows, the page size and
// the burst length do not enter (beyond what the policy's own kernels round differently by batch size, and
// where a prompt longer than prefill_tokens is split). So a problem that occurs twice in a call gets the same
// completions twice.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/cancelled.h"
#include "core/types.h"
#include "policy/io/tokenizer.h"
#include "policy/policy.h"
#include "rollout/sampling.h"

namespace grpo {

struct EngineOptions {
  int64_t max_running = 512;      // most samples in flight (rows of a decode step)
  int64_t cache_tokens = 0;       // most tokens in the cache, rounded down to pages; 0: as many as it takes
  int64_t prefill_tokens = 8192;  // most prompt tokens in one forward pass; longer prompts go in chunks
  int64_t page_tokens = 0;        // tokens per cache page; 0: 64 on a CPU, which reads memory fastest in long pieces, 16 elsewhere
  int64_t decode_burst = 0;       // decode steps between two looks at the result; 0: 1 on a CPU, 8 elsewhere
  // Most bytes of host memory that the routes and kept sets of one call may take, all episodes together; 0: any. More
  // is an Error in the middle of the call, instead of a process that is killed.
  int64_t record_bytes_max = int64_t{16} << 30;
};

// The options with a number in place of each 0 that leaves the choice to the device.
EngineOptions resolved(EngineOptions options, c10::DeviceType device);

struct GenerateOptions {
  int64_t num_generations = 1;    // samples per problem
  SamplingOptions sampling;
  uint64_t seed = 0;              // of the run
  uint64_t step = 0;              // of the trainer, so that each step samples anew
  int64_t policy_version = 0;     // recorded in every episode
  // Fill Episode::routes; a model without MoE layers has none. Takes 2 bytes * top_k * MoE layers for each token.
  bool record_routes = false;
  // Fill Episode::kept_begin and kept_ids where top_k, top_p or min_p may cut the vocabulary; elsewhere both stay empty.
  // Takes 4 bytes for each token left, at each completion token.
  bool record_kept = false;
  StopRequest stop_request = {};  // asked before every burst: generate then throws Cancelled
};

// What one call did. Tokens count what ended up in episodes, failed ones excluded.
struct EngineStats {
  int64_t prompts = 0;
  int64_t episodes = 0;
  int64_t errors = 0;                 // episodes with FinishReason::kError
  int64_t prefill_tokens = 0;         // prompt tokens run through the policy: each prompt once
  int64_t tokens_generated = 0;
  int64_t decode_steps = 0;           // forward passes of one token per row
  int64_t decode_rows = 0;            // rows of all of them, so decode_rows / decode_steps is the mean batch
  int64_t max_running = 0;            // most rows at once
  int64_t pages_peak = 0;             // most cache pages in use at once
  int64_t cache_bytes = 0;            // of the cache at its largest
  double prefill_seconds = 0.0;
  double decode_seconds = 0.0;
  double seconds = 0.0;               // the whole call, on_group included
};

class Engine {
 public:
  // Policy and tokenizer (null: no text, no stop strings) must outlive the engine. Weights are read anew in
  // every call, and the cache lives only within one, so nothing stale survives an update. Throws Error for an
  // option out of range.
  Engine(const Policy& policy, const Tokenizer* tokenizer, const EngineOptions& options = {});

  // Called on the calling thread as soon as all samples of a group have ended, to start on its rewards. From then on
  // the engine leaves the group alone, and it stays where it is until generate has returned: other threads may work
  // on it meanwhile. It is the group that generate returns; the one that returns a vector may move it then.
  using OnGroup = std::function<void(Group&)>;

  // One group per problem, in order; problems carry prompt_ids. Of each episode it fills problem_id,
  // sample_index, prompt_ids, completion_ids, loss_mask (all ones), behaviour_logprobs, completion,
  // finish_reason, policy_version, seed, and what options record. A completion includes the end token it sampled. A sample whose
  // logits are NaN or infinite ends as kError without any token. Records no gradients.
  // Throws Error, before anything is run, for sampling options out of range, a prompt that is empty or holds
  // an id outside the vocabulary, a prompt that with max_tokens exceeds the model's context (filter or shorten
  // prompts before), and a cache_tokens too small for one sample; and once records exceed record_bytes_max. Exceptions of on_group pass through.
  std::vector<Group> generate(const std::vector<Problem>& problems, const GenerateOptions& options,
                              const OnGroup& on_group = {});
  // The same into the caller's vector, whose groups outlive an exception too: for threads that still have them.
  void generate(const std::vector<Problem>& problems, const GenerateOptions& options, std::vector<Group>& groups,
                const OnGroup& on_group);

  // Of the last call to generate that returned.
  const EngineStats& stats() const { return stats_; }
  const EngineOptions& options() const { return options_; }

 private:
  const Policy& policy_;
  const Tokenizer* tokenizer_;
  const EngineOptions options_;
  EngineStats stats_;
};

}  // namespace grpo
