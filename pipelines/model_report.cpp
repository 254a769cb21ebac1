#include "pipelines/model_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "grpo/trainer.h"
#include "grpo/trainer_memory.h"
#include "policy/io/chat_template.h"
#include "policy/io/checkpoint.h"
#include "policy/io/tensor_misfit.h"
#include "policy/lora.h"
#include "policy/trainable.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

void add_attention(const AttentionConfig& attention, Json& out) {
  if (const auto* gqa = std::get_if<GqaConfig>(&attention)) {
    out["attention"] = "grouped-query";
    out["heads"] = gqa->num_heads;
    out["kv_heads"] = gqa->num_kv_heads;
    out["head_dim"] = gqa->head_dim;
    return;
  }
  const auto& mla = std::get<MlaConfig>(attention);
  out["attention"] = "multi-head latent";
  out["heads"] = mla.num_heads;
  out["kv_lora_rank"] = mla.kv_lora_rank;
  out["qk_rope_head_dim"] = mla.qk_rope_head_dim;
}

void add_mlps(const ModelConfig& config, Json& out) {
  int64_t layers = 0;
  const MoeConfig* moe = nullptr;
  out["intermediate_size"] = nullptr;
  for (const LayerConfig& layer : config.layers) {
    if (const auto* found = std::get_if<MoeConfig>(&layer.mlp)) {
      moe = found;
      ++layers;
    } else {
      out["intermediate_size"] = std::get<DenseConfig>(layer.mlp).intermediate_size;
    }
  }
  out["experts"] = nullptr;
  if (moe == nullptr) return;
  out["experts"] = {{"layers", layers},
                    {"routed", moe->num_experts},
                    {"per_token", moe->top_k},
                    {"shared", moe->num_shared_experts},
                    {"width", moe->intermediate_size}};
}

std::string rope_words(const RopeConfig& rope) {
  struct Words {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(const LinearRope& r) const {
      return fmt::format(", linear: positions over {:g}", r.factor);
    }
    std::string operator()(const Llama3Rope& r) const {
      return fmt::format(", llama3: {:g} times {} tokens", r.factor, r.original_max_position_embeddings);
    }
    std::string operator()(const YarnRope& r) const {
      return fmt::format(", YaRN: {:g} times {} tokens", r.factor, r.original_max_position_embeddings);
    }
  };
  return fmt::format("theta {:g}{}", rope.theta, std::visit(Words(), rope.scaling));
}

// What a tokenizer.json is called among people.
std::string tokenizer_kind(const Json& source) {
  const Json& model = source.at("model");
  const auto mentions = [&](const char* part, const char* word) {
    return source.contains(part) && source[part].dump().find(word) != std::string::npos;
  };
  const std::string type = model.value("type", "BPE");
  if (type != "BPE") return type;
  if (mentions("pre_tokenizer", "ByteLevel") || mentions("decoder", "ByteLevel")) return "byte-level BPE";
  if (model.contains("byte_fallback") && model["byte_fallback"] == true) return "BPE with byte fallback";
  return !model.contains("merges") || model["merges"].empty() ? "single characters" : "BPE";
}

Json tokenizer_json(const Tokenizer& tokenizer) {
  Json special = Json::array();
  for (int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_special(id)) special.push_back(tokenizer.id_to_token(id));
  }
  return {{"kind", tokenizer_kind(tokenizer.source())},
          {"vocab_size", tokenizer.vocab_size()},
          {"special_tokens", special}};
}

bool has_weights(const std::string& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) return true;
  }
  return false;
}

// What the folder holds beside config.json; what is wrong with it goes to out["problems"].
void add_files(const std::string& directory, const ModelConfig& config, Json& out) {
  Json& problems = out["problems"];
  CheckpointFiles files;
  try {
    files = read_checkpoint_files(directory);
  } catch (const Error& e) {
    problems["tokenizer"].push_back(e.summary() + " (" + e.where() + ")");
  }
  if (files.tokenizer) {
    out["tokenizer"] = tokenizer_json(*files.tokenizer);
    out["tokenizer_vocab_size"] = files.tokenizer->vocab_size();
  }
  if (!files.eos_token_ids.empty()) out["eos_token_ids"] = files.eos_token_ids;
  if (const auto chat = ChatTemplate::from_files(files.extras, directory)) {
    out["chat_template"] = true;
    if (const Error* fault = chat->fault())
      out["chat_template_fault"] = fault->summary() + " (" + fault->where() + ")";
  }
  if (!has_weights(directory)) return;
  try {
    out["tensor_bytes"] = check_checkpoint_tensors(directory, config);
  } catch (const TensorMisfit& e) {
    for (const auto& [kind, texts] : e.by_kind()) problems[kind] = texts;
  } catch (const Error& e) {
    problems["files"].push_back(e.summary() + " (" + e.where() + ")");
  }
}

// Memory to load, roll out and train.
class MemoryQuestions {
 public:
  MemoryQuestions(const ModelConfig& config, at::ScalarType dtype, const ReportOptions& options)
      : config_(config), dtype_(dtype), options_(options) {
    const int64_t usual = std::min<int64_t>(4096, config.max_position_embeddings);
    context_ = options.context > 0 ? options.context : usual;
    if (context_ < 2 || context_ > config.max_position_embeddings) {
      throw Error(fmt::format("a context of {} tokens", context_), "--context",
                  fmt::format("the model takes 2 to {}", config.max_position_embeddings));
    }
  }

  Json answer() const {
    const MemoryPlan rollout = rolled_out(options_.batch);
    Json out = {{"device", options_.device},
                {"batch", options_.batch},
                {"context", context_},
                {"micro_batch", options_.micro_batch},
                {"load", needed(rollout, "load")},
                {"rollout", rollout.needed_bytes()}};
    out["train_full"] = trained([](Policy&) {});
    out["train_lora_r16"] = trained([](Policy& policy) {
      add_lora(policy, {.r = 16, .lora_alpha = 32.0, .target_modules = "all-linear"}, 0, "inspect");
    });
    out["train_attention"] =
        trained([](Policy& policy) { select_by_names(policy, {"self_attn"}, "inspect"); });
    out["sequences"] = options_.memory_gib > 0.0 ? Json(sequences_that_fit()) : Json();
    return out;
  }

 private:
  StageSize stage() const {
    StageSize size;
    size.device = options_.device == "cuda" ? at::kCUDA : at::kCPU;
    size.policy = [this](const at::Device& device) { return Policy::empty(config_, dtype_, device); };
    return size;
  }

  int64_t prompt() const { return std::max<int64_t>(1, context_ / 4); }

  MemoryPlan rolled_out(int64_t batch) const {
    StageSize size = stage();
    SamplingOptions sampling;
    sampling.max_tokens = context_ - prompt();
    EngineOptions engine;
    engine.max_running = batch;
    size.rollout = {.prompts = batch,
                    .num_generations = 1,
                    .prompt_tokens = prompt(),
                    .sampling = sampling,
                    .engine = engine};
    return plan_memory(size);
  }

  static int64_t needed(MemoryPlan plan, const std::string& phase) {
    std::erase_if(plan.phases, [&](const MemoryPhase& p) { return p.name != phase; });
    return plan.needed_bytes();
  }

  int64_t trained(const std::function<void(Policy&)>& choose) const {
    StageSize size = stage();
    size.policy = [&, bare = size.policy](const at::Device& device) {
      Policy policy = bare(device);
      choose(policy);
      return policy;
    };
    TrainingSize training;
    training.sequences = 2 * (options_.micro_batch / context_ + 1);  // more than one micro-batch
    training.prompt_tokens = prompt();
    training.completion_tokens = context_ - prompt();
    training.tokens_per_micro_batch = options_.micro_batch;
    training.auxiliary = TrainerOptions{}.auxiliary;
    size.training = training;
    return plan_memory(size).needed_bytes();
  }

  // The largest batch whose rollout fits; 0: not one.
  int64_t sequences_that_fit() const {
    const double have = options_.memory_gib * 1024.0 * 1024.0 * 1024.0;
    const auto fits = [&](int64_t batch) {
      return static_cast<double>(rolled_out(batch).needed_bytes()) <= have;
    };
    if (!fits(1)) return 0;
    int64_t low = 1, high = 2;
    while (high < (int64_t{1} << 20) && fits(high)) {
      low = high;
      high *= 2;
    }
    while (high - low > std::max<int64_t>(1, low / 64)) {
      const int64_t middle = (low + high) / 2;
      (fits(middle) ? low : high) = middle;
    }
    return low;
  }

  const ModelConfig& config_;
  const at::ScalarType dtype_;
  const ReportOptions& options_;
  int64_t context_ = 0;
};

}  // namespace

Json model_report(const ReportOptions& options) {
  const bool folder = fs::is_directory(options.model);
  if (!folder && !fs::is_regular_file(options.model)) {
    throw Error("no such checkpoint", options.model, "give a folder with config.json, or a config.json");
  }
  const std::string path = folder ? options.model + "/config.json" : options.model;
  const ModelConfig config = read_model_config(read_json_file(path), path);
  const std::string dtype_name = !options.dtype.empty()       ? options.dtype
                                 : config.dtype == "bfloat16" ? "bfloat16"
                                                              : "float32";
  const at::ScalarType dtype = parse_dtype(dtype_name, "--dtype");
  const auto width = static_cast<int64_t>(at::elementSize(dtype));

  Json out = {{"model", options.model},
              {"family", config.model_type},
              {"layers", config.layers.size()},
              {"hidden_size", config.hidden_size}};
  if (!config.layers.empty()) add_attention(config.layers.front().attention, out);
  add_mlps(config, out);
  out["context"] = config.max_position_embeddings;
  out["rope"] = rope_words(config.rope);
  out["vocab_size"] = config.vocab_size;
  out["tied_embeddings"] = config.tie_word_embeddings;
  const ParameterCount count = count_parameters(config);
  const int64_t tables = config.vocab_size * config.hidden_size * (config.tie_word_embeddings ? 1 : 2);
  out["parameters"] = {{"total", count.total},
                       {"active", count.active},
                       {"without_embeddings", count.total - tables},
                       {"mtp", count.mtp}};
  out["checkpoint_dtype"] = config.dtype;
  out["fp8"] = config.fp8 ? Json({config.fp8->rows, config.fp8->columns}) : Json();
  out["dtype"] = dtype_name;

  const Policy policy = Policy::empty(config, dtype, at::Device(at::kMeta));
  int64_t kv_bytes = 0, memory = 0;
  for (const KvShape& shape : policy.kv_shapes()) kv_bytes += shape.numbers_per_token() * width;
  for (const Parameter& p : policy.parameters()) memory += p.tensor.numel() * width;
  for (const Parameter& b : policy.buffers()) {
    memory += b.tensor.numel() * static_cast<int64_t>(b.tensor.element_size());
  }
  out["memory_bytes"] = memory;
  out["kv_bytes_per_token"] = kv_bytes;
  out["kv_bytes_per_1024_tokens"] = 1024 * kv_bytes;
  out["memory"] = MemoryQuestions(config, dtype, options).answer();

  for (const char* key : {"tokenizer", "tokenizer_vocab_size", "chat_template_fault", "tensor_bytes"})
    out[key] = nullptr;
  out["eos_token_ids"] = config.eos_token_ids;
  out["chat_template"] = false;
  out["problems"] = Json::object();
  if (folder) add_files(options.model, config, out);
  return out;
}

}  // namespace grpo
