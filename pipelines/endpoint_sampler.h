#pragma once
// Samples of a server that speaks OpenAI's protocol, in place of the policy's: the key "endpoint" of a stage of type
// "reject". Distillation from a teacher whose weights nobody has.
//
//   {"stage": "reject", "endpoint": {"base_url": "https://host/v1", "model": "teacher", "api_key_env": "TEACHER_KEY"},
//    "data": {...}, "rewards": [...], "num_generations": 4, "temperature": 0.6, "max_completion_length": 8192}
//
//   endpoint   options of rewards/plugins/chat_endpoint.h (paths from the recipe's folder), but for temperature, top_p,
//              max_tokens, stop and n, and
//     api      "chat" (default): /chat/completions gets the problem's question, before any template: text as one user
//              message, a list of messages as it is. "completions": /completions gets the prompt as the template writes it
//     system   "chat" only: text of a system message, where the question brings none; default: data.system
//   endpoint_error_rate_max  default 0.1: the share of a step's calls that may fail for good
//
// The policy lends its tokenizer, its data their prompts, which have to fit into its context; its weights are not loaded. Set
// max_completion_length: the default is made for the policy.
//
// The stage's temperature, top_p, max_completion_length (as "max_tokens") and stop are sent with every call; "extra":
// {"max_tokens": null, "max_completion_tokens": 8192} renames one for a server that wants that. Each sample is a call with a
// seed of its own. Reasoning that the server sends apart becomes <think>...</think> in front of the text. What ends with
// "length", or with another reason than a stop, counts as cut off.
//
// Every accepted reply is in a journal (pipelines/reply_journal.h) before it counts: a run that was killed asks for what is
// missing and for nothing twice. A call that failed for good leaves its sample absent, as does a text that the policy's
// tokenizer cannot express; beyond endpoint_error_rate_max the stage stops, and the same command goes on.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/cancelled.h"
#include "core/json.h"
#include "core/types.h"
#include "pipelines/reply_journal.h"
#include "policy/io/tokenizer.h"
#include "rewards/plugins/chat_endpoint.h"
#include "rewards/scoring_pool.h"

namespace grpo {

struct EndpointSampling {
  EndpointOptions endpoint;  // with what the stage says of sampling
  bool raw_prompts = false;  // "api": "completions"
  std::string system;
  double error_rate_max = 0.1;
};

// The sampling options of a stage that a server is told.
struct SentSampling {
  double temperature = 1.0;
  double top_p = 1.0;
  int64_t max_tokens = 256;
  std::vector<std::string> stop;
};

// Reads "endpoint" and "endpoint_error_rate_max" of a stage that has the former; `file` is the recipe. Throws Error naming
// the key.
EndpointSampling read_endpoint_sampling(ObjectReader& stage, const std::string& file, const SentSampling& sent);

// A question as messages: text, or a list of {"role", "content"} whose contents are text. `system` in front where there is
// no system message; "" for none. Throws Error, at `where`, for anything else.
std::vector<ChatMessage> messages_of(const Json& question, const std::string& system, const std::string& where);

// A problem of the stage's stream, and what is asked.
struct AskedProblem {
  Problem problem;
  int64_t draw = 0;  // its position in the stream
  std::vector<ChatMessage> messages;  // empty: the problem's prompt
};

struct EndpointStep {
  std::vector<Group> groups;  // one per problem, in order, scored. Absent samples are FinishReason::kError
  int64_t failed = 0;         // calls that failed for good
  int64_t inexpressible = 0;  // replies that the tokenizer cannot express
  int64_t tokens = 0;         // of completions, as the server counted them
  double ask_seconds = 0.0, wait_seconds = 0.0, busy_seconds = 0.0;  // as grpo/scored_rollout.h
};

class EndpointSampler {
 public:
  // The journal is opened for draws from `first_draw` on. Tokenizer and rubric must outlive it.
  EndpointSampler(EndpointSampling options, const Tokenizer& tokenizer, const Rubric& rubric, int64_t reward_workers,
                  const std::string& journal, int64_t first_draw);

  // `num_generations` samples of each problem, from the journal or the server; draws ascend, from call to call too. Seeds depend on `seed`, draw and sample alone.
  // Throws Error where too many calls fail, or the journal cannot be written; Cancelled once `stop` says so.
  EndpointStep sample(const std::vector<AskedProblem>& problems, int64_t num_generations, uint64_t seed, const StopRequest& stop);

  // Of the whole stage so far, those of earlier processes included.
  EndpointUsage usage() const;

 private:
  void fill(Episode& episode, const ChatChoice& choice, const Problem& problem, EndpointStep& step) const;

  const EndpointSampling options_;
  const Tokenizer& tokenizer_;
  ChatEndpoint endpoint_;
  ReplyJournal journal_;
  ScoringPool pool_;
};

// The cost of what was used, where the options have prices.
EndpointUsage with_cost(EndpointUsage usage, const EndpointOptions& options);
// {"model", "calls", "failures", "retries", "replies_without_usage", "prompt_tokens", "completion_tokens", "cost"}.
Json usage_json(const EndpointUsage& usage, const std::string& model);

}  // namespace grpo
