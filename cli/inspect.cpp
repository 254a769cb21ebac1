// grpo inspect: what a checkpoint is, without reading its weights.

#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/block.h"
#include "cli/commands.h"
#include "policy/io/checkpoint.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string model;
  std::string dtype;
  bool json = false;
};

Json attention_json(const AttentionConfig& attention) {
  if (const auto* gqa = std::get_if<GqaConfig>(&attention)) {
    return {{"attention", "grouped-query"},
            {"heads", gqa->num_heads},
            {"kv_heads", gqa->num_kv_heads},
            {"head_dim", gqa->head_dim}};
  }
  const auto& mla = std::get<MlaConfig>(attention);
  return {{"attention", "multi-head latent"},
          {"heads", mla.num_heads},
          {"kv_lora_rank", mla.kv_lora_rank},
          {"qk_rope_head_dim", mla.qk_rope_head_dim}};
}

Json experts_json(const ModelConfig& config) {
  int64_t layers = 0;
  const MoeConfig* moe = nullptr;
  for (const LayerConfig& layer : config.layers) {
    if (const auto* found = std::get_if<MoeConfig>(&layer.mlp)) moe = found, ++layers;
  }
  if (!moe) return nullptr;
  return {{"layers", layers},
          {"routed", moe->num_experts},
          {"per_token", moe->top_k},
          {"shared", moe->num_shared_experts}};
}

bool has_template(const CheckpointFiles& files) {
  if (files.extras.contains("chat_template.jinja") || files.extras.contains("chat_template.json"))
    return true;
  const auto it = files.extras.find("tokenizer_config.json");
  if (it == files.extras.end()) return false;
  const Json json = parse_json(it->second, "tokenizer_config.json");
  return json.is_object() && json.contains("chat_template") && !json["chat_template"].is_null();
}

bool has_weights(const std::string& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json")) return true;
  }
  return false;
}

Json inspect(const Options& options) {
  const CheckpointFiles files = read_checkpoint_files(options.model);
  const ModelConfig& config = files.config;
  const std::string name = !options.dtype.empty()       ? options.dtype
                           : config.dtype == "bfloat16" ? "bfloat16"
                                                        : "float32";
  const at::ScalarType dtype = parse_dtype(name, "--dtype");
  // Shapes without memory: the meta device allocates nothing.
  const Policy policy = Policy::empty(config, dtype, at::Device(at::kMeta));
  const auto width = static_cast<int64_t>(at::elementSize(dtype));
  int64_t kv_bytes = 0, memory = 0;
  for (const KvShape& shape : policy.kv_shapes()) kv_bytes += shape.numbers_per_token() * width;
  for (const Parameter& p : policy.parameters()) memory += p.tensor.numel() * width;
  for (const Parameter& b : policy.buffers())
    memory += b.tensor.numel() * static_cast<int64_t>(b.tensor.element_size());
  const ParameterCount count = count_parameters(config);

  Json out = {{"model", options.model},
              {"family", config.model_type},
              {"layers", config.layers.size()},
              {"hidden_size", config.hidden_size}};
  if (!config.layers.empty()) out.update(attention_json(config.layers.front().attention));
  out["experts"] = experts_json(config);
  out["context"] = config.max_position_embeddings;
  out["vocab_size"] = config.vocab_size;
  out["parameters"] = {{"total", count.total}, {"active", count.active}};
  out["dtype"] = name;
  out["checkpoint_dtype"] = config.dtype;
  out["memory_bytes"] = memory;
  out["kv_bytes_per_token"] = kv_bytes;
  out["tokenizer_vocab_size"] = files.tokenizer ? Json(files.tokenizer->vocab_size()) : Json();
  out["eos_token_ids"] = files.eos_token_ids;
  out["chat_template"] = has_template(files);
  out["tensor_bytes"] =
      has_weights(options.model) ? Json(check_checkpoint_tensors(options.model, config)) : Json();
  return out;
}

// The same with sizes a person can read, and a word on what is absent.
Json for_people(Json found) {
  for (const char* key : {"memory_bytes", "kv_bytes_per_token", "tensor_bytes"}) {
    if (!found[key].is_null()) found[key] = bytes_text(found[key].get<uint64_t>());
  }
  for (Json& count : found["parameters"]) count = with_commas(count.get<uint64_t>());
  if (found["tokenizer_vocab_size"].is_null()) found["tokenizer_vocab_size"] = "no tokenizer.json";
  if (found["eos_token_ids"].empty()) found["eos_token_ids"] = "none";
  if (found["tensor_bytes"].is_null()) {
    found["tensor_bytes"] = "no weights";
  } else {
    found["tensors"] = "names and shapes fit the configuration";
  }
  return found;
}

int run(const Options& options) {
  const Json found = inspect(options);
  const std::string text = options.json ? found.dump() + "\n" : block(for_people(found));
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void add_inspect_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("inspect", "what a checkpoint is: family, sizes, tokenizer, tensors");
  command->description(
      "What a checkpoint is, without reading its weights. Tensor names and shapes are compared with "
      "config.json;\n"
      "memory_bytes is what the weights take when loaded, kv_bytes_per_token what the cache takes per "
      "token.");
  command->add_option("model", options->model, "checkpoint folder")->required();
  command->add_option("--dtype", options->dtype, "sizes as of this dtype; default: the checkpoint's")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_flag("--json", options->json, "one JSON object");
  command->footer("Example:\n  grpo inspect path/to/model");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo
