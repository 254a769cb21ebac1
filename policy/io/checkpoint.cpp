#include "policy/io/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "policy/io/checkpoint_sources.h"
#include "policy/io/checkpoint_weights.h"
#include "policy/io/safetensors.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kExtraFiles = {"tokenizer.json",
                                              "tokenizer_config.json",
                                              "generation_config.json",
                                              "special_tokens_map.json",
                                              "chat_template.jinja",
                                              "chat_template.json",
                                              "vocab.json",
                                              "merges.txt",
                                              "added_tokens.json"};

void add_ids(std::set<int64_t>& ids, const Json& value) {
  if (value.is_number_integer()) ids.insert(value.get<int64_t>());
  if (value.is_array()) {
    for (const Json& item : value) add_ids(ids, item);
  }
}

std::vector<int64_t> collect_eos(const ModelConfig& config, const CheckpointFiles& files,
                                 const std::string& directory) {
  std::set<int64_t> ids(config.eos_token_ids.begin(), config.eos_token_ids.end());
  if (const auto it = files.extras.find("generation_config.json"); it != files.extras.end()) {
    const Json json = parse_json(it->second, directory + "/generation_config.json");
    if (json.is_object() && json.contains("eos_token_id")) add_ids(ids, json["eos_token_id"]);
  }
  if (const auto it = files.extras.find("tokenizer_config.json");
      it != files.extras.end() && files.tokenizer) {
    const Json json = parse_json(it->second, directory + "/tokenizer_config.json");
    const Json eos = json.is_object() && json.contains("eos_token") ? json["eos_token"] : Json();
    const Json& name = eos.is_object() && eos.contains("content") ? eos["content"] : eos;
    if (name.is_string() && files.tokenizer->token_to_id(name.get<std::string>()) >= 0) {
      ids.insert(files.tokenizer->token_to_id(name.get<std::string>()));
    }
  }
  for (const int64_t id : ids) {
    if (id < 0 || id >= config.vocab_size) {
      throw Error(fmt::format("end token id {} is outside the vocabulary of {}", id, config.vocab_size),
                  directory + "/config.json and generation_config.json: eos_token_id", "mend eos_token_id");
    }
  }
  return {ids.begin(), ids.end()};
}

std::vector<WeightSource> match(const SafetensorsReader& reader, ModelConfig config,
                                const std::string& directory) {
  config.mtp_layers = stored_mtp_layers(reader, config);
  // Shapes without memory: the meta device allocates nothing.
  const Policy shapes = Policy::empty(config, at::kFloat, at::Device(at::kMeta));
  return find_sources(reader, shapes.checkpoint_tensors(), config, directory);
}

}  // namespace

at::ScalarType parse_dtype(const std::string& name, const std::string& where) {
  if (name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  throw Error(fmt::format("unknown dtype \"{}\"", name), where, "use float32 or bfloat16");
}

CheckpointFiles read_checkpoint_files(const std::string& directory) {
  if (!fs::is_directory(directory)) {
    throw Error("no such checkpoint directory", directory,
                "give the path of a folder with config.json, *.safetensors and tokenizer.json");
  }
  CheckpointFiles files;
  const std::string config_path = directory + "/config.json";
  files.config = read_model_config(read_json_file(config_path), config_path);
  for (const std::string& name : kExtraFiles) {
    const fs::path path = fs::path(directory) / name;
    if (fs::exists(path)) files.extras[name] = read_file(path.string());
  }
  if (const auto it = files.extras.find("tokenizer.json"); it != files.extras.end()) {
    const std::string path = directory + "/tokenizer.json";
    files.tokenizer = Tokenizer::from_json(parse_json(it->second, path), path);
    if (files.tokenizer->vocab_size() > files.config.vocab_size) {
      throw Error(fmt::format("the tokenizer has ids up to {}, but the model embeds only vocab_size = {}",
                              files.tokenizer->vocab_size() - 1, files.config.vocab_size),
                  fmt::format("{} and {}", path, config_path),
                  "use the tokenizer this checkpoint was trained with");
    }
  }
  files.chat_template = ChatTemplate::from_files(files.extras, directory);
  files.eos_token_ids = collect_eos(files.config, files, directory);
  return files;
}

uint64_t check_checkpoint_tensors(const std::string& directory, const ModelConfig& config) {
  const SafetensorsReader reader(directory);
  match(reader, config, directory);
  uint64_t bytes = 0;
  for (const auto& [name, info] : reader.tensors()) bytes += info.end - info.begin;
  return bytes;
}

Checkpoint load_checkpoint(const std::string& directory, std::optional<at::ScalarType> dtype,
                           const at::Device& device) {
  CheckpointFiles files = read_checkpoint_files(directory);
  const SafetensorsReader reader(directory);
  const std::vector<WeightSource> sources = match(reader, files.config, directory);
  files.config.mtp_layers = stored_mtp_layers(reader, files.config);
  const at::ScalarType own = files.config.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
  Policy policy = Policy::empty(files.config, dtype.value_or(own), device);
  read_weights(reader, sources, policy.checkpoint_tensors(), files.config.fp8, directory);
  for (const Parameter& buffer : policy.buffers()) {
    if (!buffer.tensor.isfinite().all().item<bool>()) {
      throw Error("the router's correction bias holds a NaN or infinity", directory + ": " + buffer.name,
                  "the checkpoint is damaged; fetch it again");
    }
  }
  return {std::move(files), std::move(policy)};
}

void save_checkpoint(const Policy& policy, const CheckpointFiles& files, const std::string& directory) {
  GRPO_CHECK(policy.adapters().empty());
  const bool wide = policy.dtype() == at::kDouble;
  std::vector<NamedTensor> tensors;
  for (const auto& views : {policy.checkpoint_tensors(), policy.checkpoint_copies()}) {
    for (const NamedTensor& view : views) {
      tensors.push_back({view.name, wide ? view.tensor.to(at::kFloat) : view.tensor});
    }
  }
  write_sharded_safetensors(directory, tensors);
  write_file_atomically(directory + "/config.json",
                        saved_config(policy.config(), policy.dtype()).dump(2) + "\n");
  for (const auto& [name, bytes] : files.extras) write_file_atomically(directory + "/" + name, bytes);
}

}  // namespace grpo
