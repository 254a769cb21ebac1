#include "policy/io/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/file.h"
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

std::string shape_text(at::IntArrayRef shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Tensors that checkpoints carry and no forward pass needs.
bool ignorable(const std::string& name, const ModelConfig& config) {
  return name.ends_with("rotary_emb.inv_freq") || (config.tie_word_embeddings && name == "lm_head.weight");
}

// Throws unless the reader's tensors are exactly what the views need.
void match_tensors(const SafetensorsReader& reader, const std::vector<NamedTensor>& views,
                   const ModelConfig& config, const std::string& directory) {
  static const std::set<std::string> real = {"F64", "F32", "F16", "BF16"};
  std::vector<std::string> missing, unused, misshaped, mistyped;
  std::set<std::string> wanted;
  for (const NamedTensor& view : views) {
    wanted.insert(view.name);
    const auto it = reader.tensors().find(view.name);
    if (it == reader.tensors().end()) {
      missing.push_back(view.name);
    } else if (view.tensor.sizes() != at::IntArrayRef(it->second.shape)) {
      misshaped.push_back(fmt::format("{} is {} in the file, the configuration says {}", view.name,
                                      shape_text(it->second.shape), shape_text(view.tensor.sizes())));
    } else if (!real.contains(it->second.dtype)) {
      mistyped.push_back(fmt::format("{} is {} in {}", view.name, it->second.dtype, it->second.file));
    }
  }
  for (const auto& [name, info] : reader.tensors()) {
    if (!wanted.contains(name) && !ignorable(name, config)) unused.push_back(name);
  }
  if (missing.empty() && unused.empty() && misshaped.empty() && mistyped.empty()) return;
  auto section = [](const char* title, const std::vector<std::string>& names) {
    if (names.empty()) return std::string();
    constexpr size_t shown = 20;
    const std::vector<std::string> head(names.begin(), names.begin() + std::min(shown, names.size()));
    const std::string rest =
        names.size() > shown ? fmt::format("\n    ... and {} more", names.size() - shown) : "";
    return fmt::format("\n  {} ({}):\n    {}{}", title, names.size(), fmt::join(head, "\n    "), rest);
  };
  throw Error(fmt::format("the weights do not fit config.json{}{}{}{}", section("missing", missing),
                          section("unused", unused), section("mis-shaped", misshaped),
                          section("of a dtype that is not F64, F32, F16 or BF16", mistyped)),
              directory, "check that config.json and the weight files belong together");
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
  files.eos_token_ids = collect_eos(files.config, files, directory);
  return files;
}

uint64_t check_checkpoint_tensors(const std::string& directory, const ModelConfig& config) {
  const SafetensorsReader reader(directory);
  // Shapes without memory: the meta device allocates nothing.
  const Policy shapes = Policy::empty(config, at::kFloat, at::Device(at::kMeta));
  match_tensors(reader, shapes.checkpoint_tensors(), config, directory);
  uint64_t bytes = 0;
  for (const auto& [name, info] : reader.tensors()) bytes += info.end - info.begin;
  return bytes;
}

Checkpoint load_checkpoint(const std::string& directory, std::optional<at::ScalarType> dtype,
                           const at::Device& device) {
  CheckpointFiles files = read_checkpoint_files(directory);
  check_checkpoint_tensors(directory, files.config);
  const SafetensorsReader reader(directory);
  const at::ScalarType own = files.config.dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
  Policy policy = Policy::empty(files.config, dtype.value_or(own), device);
  const at::NoGradGuard no_grad;
  for (const NamedTensor& view : policy.checkpoint_tensors()) view.tensor.copy_(reader.read(view.name));
  for (const Parameter& buffer : policy.buffers()) {
    if (!buffer.tensor.isfinite().all().item<bool>()) {
      throw Error("the router's correction bias holds a NaN or infinity", directory + ": " + buffer.name,
                  "the checkpoint is damaged; fetch it again");
    }
  }
  return {std::move(files), std::move(policy)};
}

void save_checkpoint(const Policy& policy, const CheckpointFiles& files, const std::string& directory) {
  const bool wide = policy.dtype() == at::kDouble;
  Json config = policy.config().source;
  config.erase("dtype");
  config["torch_dtype"] = policy.dtype() == at::kBFloat16 ? "bfloat16" : "float32";
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& view : policy.checkpoint_tensors()) {
    tensors.push_back({view.name, wide ? view.tensor.to(at::kFloat) : view.tensor});
  }
  write_sharded_safetensors(directory, tensors);
  write_file_atomically(directory + "/config.json", config.dump(2) + "\n");
  for (const auto& [name, bytes] : files.extras) write_file_atomically(directory + "/" + name, bytes);
}

}  // namespace grpo
