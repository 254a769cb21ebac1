#include "pipelines/endpoint_sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/error.h"
#include "core/seed.h"
#include "rewards/plugins/place.h"

namespace grpo {
namespace {

constexpr uint64_t kEndpointStream = 0x656e6470;

// What some server calls the end of a completion that is whole.
bool is_whole(const std::string& finish_reason) {
  constexpr const char* whole[] = {"", "stop", "eos", "eos_token", "end_turn", "stop_sequence"};
  return std::any_of(std::begin(whole), std::end(whole), [&](const char* reason) { return finish_reason == reason; });
}

// A call that is to be made.
struct Call {
  size_t group = 0;
  size_t sample = 0;
  std::string request;  // hash
};

}  // namespace

EndpointSampling read_endpoint_sampling(ObjectReader& stage, const std::string& file, const SentSampling& sent) {
  ObjectReader r = stage.object("endpoint");
  const std::pair<const char*, const char*> of_stage[] = {{"temperature", "temperature"},
                                                          {"top_p", "top_p"},
                                                          {"max_tokens", "max_completion_length"},
                                                          {"stop", "stop"},
                                                          {"n", "num_generations"}};
  for (const auto& [key, name] : of_stage) {
    if (r.has(key)) r.fail(key, "the stage itself says it", fmt::format("write \"{}\" beside \"endpoint\"", name));
  }
  EndpointSampling read;
  read.raw_prompts = r.choice("api", {"chat", "completions"}, "chat") == "completions";
  read.system = r.string("system", "");
  if (read.raw_prompts && r.has("system")) r.fail("system", "without effect: a raw prompt has no messages", "remove it");
  read.endpoint = read_single_endpoint_options(r, folder_of(file));
  r.finish();
  read.endpoint.temperature = sent.temperature;
  read.endpoint.top_p = sent.top_p;
  read.endpoint.max_tokens = sent.max_tokens;
  read.endpoint.stop = sent.stop;
  read.error_rate_max = stage.number("endpoint_error_rate_max", read.error_rate_max, {.min = 0.0, .max = 1.0});
  return read;
}

std::vector<ChatMessage> messages_of(const Json& question, const std::string& system, const std::string& where) {
  std::vector<ChatMessage> messages;
  if (!question.is_array()) {
    messages.push_back({.role = "user", .content = question.is_string() ? question.get<std::string>() : question.dump()});
  } else {
    for (const Json& message : question) {
      const bool whole = message.is_object() && message.value("role", Json()).is_string() && message.value("content", Json()).is_string();
      if (!whole) throw Error("a message without a role and a text", where, "write {\"role\": \"user\", \"content\": \"...\"}");
      messages.push_back({.role = message["role"].get<std::string>(), .content = message["content"].get<std::string>()});
    }
    if (messages.empty()) throw Error("the question is an empty list of messages", where);
  }
  if (!system.empty() && messages.front().role != "system") messages.insert(messages.begin(), {.role = "system", .content = system});
  return messages;
}

EndpointSampler::EndpointSampler(EndpointSampling options, const Tokenizer& tokenizer, const Rubric& rubric,
                                 int64_t reward_workers, const std::string& journal, int64_t first_draw)
    : options_(std::move(options)),
      tokenizer_(tokenizer),
      endpoint_(options_.endpoint),
      journal_(journal, first_draw),
      pool_(rubric, reward_workers) {}

void EndpointSampler::fill(Episode& episode, const ChatChoice& choice, const Problem& problem, EndpointStep& step) const {
  std::string text = with_reasoning(choice);
  try {
    episode.completion_ids = tokenizer_.encode(text, false);
  } catch (const Error&) {
    ++step.inexpressible;
    return;
  }
  // The beginning of an answer that stands in the prompt was given with it, where the prompt was.
  episode.completion = options_.raw_prompts ? problem.completion_prefix + text : std::move(text);
  episode.finish_reason = is_whole(choice.finish_reason) ? FinishReason::kEos : FinishReason::kLength;
}

EndpointStep EndpointSampler::sample(const std::vector<AskedProblem>& problems, int64_t num_generations, uint64_t seed,
                                     const StopRequest& stop) {
  using Clock = std::chrono::steady_clock;
  const auto samples = static_cast<size_t>(num_generations);
  EndpointStep step;
  // Workers write into the groups, so these outlive every exception until the workers are done.
  struct Settled {
    ScoringPool& pool;
    ~Settled() { pool.wait(); }
  } const settled{pool_};
  const double busy_before = pool_.busy_seconds();
  if (!problems.empty()) journal_.forget_before(problems.front().draw);
  std::vector<size_t> missing(problems.size(), 0);
  std::vector<Call> calls;
  std::vector<ChatRequest> requests;
  step.groups.resize(problems.size());
  for (size_t g = 0; g < problems.size(); ++g) {
    const AskedProblem& asked = problems[g];
    Group& group = step.groups[g];
    group.problem = asked.problem;
    group.episodes.resize(samples);
    for (size_t s = 0; s < samples; ++s) {
      Episode& episode = group.episodes[s];
      episode.problem_id = asked.problem.id;
      episode.sample_index = static_cast<int64_t>(s);
      episode.prompt_ids = asked.problem.prompt_ids;
      episode.finish_reason = FinishReason::kError;
      episode.seed = derive_seed({seed, kEndpointStream, static_cast<uint64_t>(asked.draw), s});
      ChatRequest request{.messages = asked.messages, .prompt = asked.problem.prompt, .seed = episode.seed};
      std::string hash = request_hash(endpoint_.body_of(request));
      if (const ChatChoice* choice = journal_.find(asked.draw, episode.sample_index, hash)) {
        fill(episode, *choice, asked.problem, step);
        continue;
      }
      ++missing[g];
      calls.push_back({.group = g, .sample = s, .request = std::move(hash)});
      requests.push_back(std::move(request));
    }
  }
  for (size_t g = 0; g < problems.size(); ++g) {
    if (missing[g] == 0) pool_.submit(step.groups[g]);
  }

  const auto start = Clock::now();
  const double failures_max = options_.error_rate_max * static_cast<double>(problems.size() * samples);
  std::string last_failure;
  const auto too_many = [&] { return static_cast<double>(step.failed) > failures_max; };
  endpoint_.ask_all(
      requests,
      [&](size_t index, const ChatResult& result) {
        const Call& call = calls[index];
        const AskedProblem& asked = problems[call.group];
        Group& group = step.groups[call.group];
        Episode& episode = group.episodes[call.sample];
        if (const auto* failure = std::get_if<EndpointFailure>(&result)) {
          journal_.note_failure(asked.draw, episode.sample_index, call.request, *failure);
          last_failure = failure->what;
          ++step.failed;
        } else {
          const ChatReply& reply = std::get<ChatReply>(result);
          journal_.accept(asked.draw, episode.sample_index, call.request, reply);
          fill(episode, reply.choices.front(), asked.problem, step);
        }
        if (--missing[call.group] == 0) pool_.submit(group);
        return !too_many();
      },
      stop);
  if (too_many()) {
    throw Error(fmt::format("{} of {} calls of a step have failed, more than endpoint_error_rate_max ({}) allows; the last one: {}",
                            step.failed, problems.size() * samples, options_.error_rate_max, last_failure),
                "endpoint " + options_.endpoint.model, "what was replied is kept; the same command asks for the rest, once the server answers");
  }
  stop_if(stop);
  step.ask_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  step.wait_seconds = pool_.wait();
  step.busy_seconds = pool_.busy_seconds() - busy_before;
  for (const AskedProblem& asked : problems) step.tokens += journal_.completion_tokens(asked.draw);
  return step;
}

EndpointUsage EndpointSampler::usage() const { return with_cost(journal_.usage(), options_.endpoint); }

EndpointUsage with_cost(EndpointUsage usage, const EndpointOptions& options) {
  if (!options.price_per_million_input_tokens) return usage;
  usage.cost = (static_cast<double>(usage.prompt_tokens) * *options.price_per_million_input_tokens +
                static_cast<double>(usage.completion_tokens) * *options.price_per_million_output_tokens) /
               1e6;
  return usage;
}

Json usage_json(const EndpointUsage& usage, const std::string& model) {
  return {{"model", model},
          {"calls", usage.calls},
          {"failures", usage.failures},
          {"retries", usage.retries},
          {"replies_without_usage", usage.replies_without_usage},
          {"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"cost", usage.cost ? Json(*usage.cost) : Json()}};
}

}  // namespace grpo
