#include "pipelines/model_reward.h"

#include <fmt/format.h>

#include <cmath>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "core/error.h"
#include "pipelines/prompt_template.h"
#include "pipelines/reward_model_data.h"
#include "policy/kernels/plugin.h"
#include "policy/score_head.h"
#include "rewards/score_of.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

struct Options {
  std::string directory;
  bool of_stage = false;  // the directory is one that a stage leaves, and may not be there yet
  bool summary = true;
  std::optional<DataOptions> prompts;  // none: the prompt as the policy read it
  int64_t max_length = 0;              // 0: the model's context
  bool sigmoid = false;
  std::optional<at::ScalarType> dtype;
  std::string where;
};

std::optional<DataOptions> read_template(ObjectReader& r) {
  Json keys = {{"train", "-"}};
  for (const char* key : {"template", "system", "chat_template_kwargs", "template_date"}) {
    if (const Json& value = r.raw(key); !value.is_null()) keys[key] = value;
  }
  const std::string column = r.string("prompt_column", "prompt");
  if (!keys.contains("template")) {
    for (const char* key : {"system", "chat_template_kwargs", "template_date", "prompt_column"}) {
      if (r.has(key)) r.fail(key, "without effect: the prompt is the one that the policy reads", "add \"template\"");
    }
    return std::nullopt;
  }
  DataOptions options = read_data_options(keys, r.where(), "", DataUse::kTrainSft);
  options.prompt_column = column;
  return options;
}

Options read_options(ObjectReader& r, const ModelRewardSettings& settings) {
  Options o;
  const std::string model = r.string("model");
  o.directory = settings.directory ? settings.directory(model, r.where("model")) : model;
  o.of_stage = o.directory != model;
  o.summary = r.choice("scope", {"summary", "all"}, "summary") == "summary";
  o.prompts = read_template(r);
  o.max_length = r.integer("max_length", 0, {.min = 2});
  o.sigmoid = r.boolean("sigmoid", false);
  if (r.has("dtype")) o.dtype = parse_dtype(r.string("dtype"), r.where("dtype"));
  else r.raw("dtype");
  o.where = r.where();
  return o;
}

void check_files(const CheckpointFiles& files, const Options& options) {
  if (files.config.head != HeadKind::kScore) {
    const Json names = files.config.source.value("architectures", Json());
    throw Error(fmt::format("the checkpoint is no reward model: its architectures are {}", names.dump()), options.directory,
                "train one with a stage of type \"reward_model\"");
  }
  if (!files.tokenizer) {
    throw Error("the reward model has no tokenizer.json", options.directory, "copy the tokenizer files beside the weights");
  }
  if (files.eos_token_ids.empty()) {
    throw Error("the reward model has no end token", options.directory, "set eos_token_id in config.json");
  }
  if (options.max_length > files.config.max_position_embeddings) {
    throw Error(fmt::format("{} tokens, and the context of the model is {}", options.max_length,
                            files.config.max_position_embeddings),
                options.where + ".max_length", "lower it");
  }
}

// One thread that does what it is given, one piece after the other.
class OwnThread {
 public:
  OwnThread() : thread_([this] { work(); }) {}
  ~OwnThread() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  OwnThread(const OwnThread&) = delete;
  OwnThread& operator=(const OwnThread&) = delete;

  template <class Work>
  auto run(Work work) {
    const auto task = std::make_shared<std::packaged_task<decltype(work())()>>(std::move(work));
    {
      const std::lock_guard lock(mutex_);
      queue_.emplace_back([task] { (*task)(); });
    }
    wake_.notify_one();
    return task->get_future().get();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::function<void()> next = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool closing_ = false;
  std::thread thread_;  // last: it uses the others
};

class ModelReward {
 public:
  ModelReward(Options options, const at::Device& device)
      : options_(std::move(options)), model_(load_checkpoint(options_.directory, options_.dtype, device)) {
    check_files(model_.files, options_);
    if (options_.prompts) prompts_.emplace(*options_.prompts, model_.files.chat_template);
    max_length_ = options_.max_length > 0 ? options_.max_length : model_.files.config.max_position_embeddings;
  }

  std::vector<Score> score(const Group& group) {
    std::vector<Score> scores;
    std::vector<std::vector<int64_t>> sequences;
    const Prompt prompt = prompt_of(group.problem);
    if (prompt.ids.empty()) return std::vector<Score>(group.episodes.size(), skipped(prompt.problem));
    for (const Episode& episode : group.episodes) {
      const std::string text = options_.summary ? summary_of(episode.completion) : episode.completion;
      sequences.push_back(sequence(prompt.ids, without_prefix(text, prompt.opened)));
    }
    const auto values = thread_.run([&] { return score_sequences(model_.policy, sequences, kRewardTokensPerPass); });
    for (const double value : values) {
      Score score = score_of(options_.sigmoid ? 1.0 / (1.0 + std::exp(-value)) : value, "");
      if (options_.sigmoid) score.details["score"] = value;
      scores.push_back(std::move(score));
    }
    return scores;
  }

 private:
  struct Prompt {
    std::vector<int64_t> ids;  // empty: there is none
    std::string opened;        // what of the completion they hold already
    std::string problem;       // why there is none
  };

  Prompt prompt_of(const Problem& problem) const {
    const Tokenizer& tokenizer = *model_.files.tokenizer;
    if (!prompts_) {
      std::string text = problem.prompt;
      const std::string& opened = problem.completion_prefix;  // stands in the completion, too
      if (!opened.empty() && text.ends_with(opened)) text.resize(text.size() - opened.size());
      return {tokenizer.encode(text, true), "", "the prompt is empty"};
    }
    const auto question = problem.columns.find(options_.prompts->prompt_column);
    if (question == problem.columns.end() || question->is_null()) {
      return {{}, "", fmt::format("the problem has no column \"{}\"", options_.prompts->prompt_column)};
    }
    const PromptText text = prompts_->apply(*question, fmt::format("problem {}", problem.id));
    return {tokenizer.encode(text.text, prompts_->adds_special_tokens()), text.completion_prefix, "the prompt is empty"};
  }

  static std::string without_prefix(std::string text, const std::string& prefix) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
    return text;
  }

  std::vector<int64_t> sequence(const std::vector<int64_t>& prompt, const std::string& completion) const {
    std::vector<int64_t> answer = model_.files.tokenizer->encode(completion, false);
    const auto room = static_cast<size_t>(max_length_) - 1;  // the end token is always there
    const size_t before = std::min(prompt.size(), room);
    answer.resize(std::min(answer.size(), room - before));
    std::vector<int64_t> ids(prompt.end() - static_cast<std::ptrdiff_t>(before), prompt.end());
    ids.insert(ids.end(), answer.begin(), answer.end());
    ids.push_back(end_token(model_.files));
    return ids;
  }

  const Options options_;
  const Checkpoint model_;
  std::optional<PromptTemplate> prompts_;
  int64_t max_length_ = 0;
  OwnThread thread_;
};

}  // namespace

std::string summary_of(const std::string& completion) {
  const size_t close = completion.rfind(kThinkClose);
  if (close == std::string::npos) return completion.find(kThinkOpen) == std::string::npos ? completion : "";
  const size_t begin = completion.find_first_not_of(" \t\r\n", close + kThinkClose.size());
  return begin == std::string::npos ? "" : completion.substr(begin);
}

RewardProvider model_rewards(ModelRewardSettings settings) {
  return [settings = std::move(settings)](const std::string& name, ObjectReader& reader) -> std::optional<Reward> {
    if (name != "model") return std::nullopt;
    const Options options = read_options(reader, settings);
    if (!settings.check_only) {
      const auto model = std::make_shared<ModelReward>(options, settings.device ? *settings.device : choose_device("auto"));
      return Reward{.name = "model",
                    .score_group = [model](const Group& group, std::span<const Score>) { return model->score(group); }};
    }
    if (!options.of_stage || std::filesystem::exists(options.directory)) {
      const CheckpointFiles files = read_checkpoint_files(options.directory);
      check_files(files, options);
      check_checkpoint_tensors(options.directory, files.config);
      if (options.prompts) const PromptTemplate checked(*options.prompts, files.chat_template);
    }
    return Reward{.name = "model", .score_group = [](const Group& group, std::span<const Score>) {
                    return std::vector<Score>(group.episodes.size(), failed("the reward model was not loaded"));
                  }};
  };
}

}  // namespace grpo
