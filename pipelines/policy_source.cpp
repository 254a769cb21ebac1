#include "pipelines/policy_source.h"

#include <fmt/format.h>

#include "core/error.h"
#include "policy/io/adapter.h"
#include "policy/trainable.h"

namespace grpo {
namespace {

void make_character_tokenizer(ObjectReader r, CheckpointFiles& files) {
  const std::string eos = r.string("eos", "<eos>");
  const Json json = character_tokenizer_json(r.string("characters"), r.strings("tags", {}), {eos});
  r.finish();
  files.tokenizer = Tokenizer::from_json(json, r.where());
  files.extras["tokenizer.json"] = json.dump(1) + "\n";
  files.extras["tokenizer_config.json"] = Json{{"tokenizer_class", "PreTrainedTokenizerFast"},
                                               {"eos_token", eos},
                                               {"clean_up_tokenization_spaces", false}}
                                              .dump(2) +
                                          "\n";
  files.eos_token_ids = {files.tokenizer->token_to_id(eos)};
}

PolicySource read_scratch(ObjectReader& r) {
  PolicySource source;
  source.initializer_range = r.number("initializer_range", 0.02, {.min = 0.0, .min_exclusive = true});
  if (r.raw("tokenizer").is_string()) {
    const std::string directory = r.string("tokenizer");
    source.files.tokenizer = Tokenizer::load(directory);
    source.files.extras["tokenizer.json"] = source.files.tokenizer->source().dump(1) + "\n";
  } else {
    make_character_tokenizer(r.object("tokenizer"), source.files);
  }
  Json config = r.raw("config");
  if (!config.is_object()) r.fail("config", "expected a config.json object");
  if (!config.contains("vocab_size")) config["vocab_size"] = source.files.tokenizer->vocab_size();
  if (!config.contains("eos_token_id")) {
    if (source.files.eos_token_ids.empty())
      r.fail("config", "eos_token_id is missing", "add \"eos_token_id\"");
    config["eos_token_id"] = source.files.eos_token_ids.front();
  }
  source.files.config = read_model_config(config, r.where("config"));
  source.files.eos_token_ids = source.files.config.eos_token_ids;
  if (source.files.tokenizer->vocab_size() > source.files.config.vocab_size) {
    r.fail("config", fmt::format("vocab_size {} is smaller than the tokenizer's {}",
                                 source.files.config.vocab_size, source.files.tokenizer->vocab_size()));
  }
  source.files.extras["generation_config.json"] =
      Json{{"eos_token_id", source.files.eos_token_ids}}.dump(2) + "\n";
  return source;
}

// The keys that say what is trained. Checked on a policy without weights.
void read_trained(ObjectReader& r, PolicySource& source) {
  source.where = r.where();
  source.trainable = r.strings("trainable", {});
  if (r.has("trainable") && source.trainable.empty()) {
    r.fail("trainable", "an empty list would train nothing", "remove it to train everything");
  }
  if (r.has("lora") + r.has("adapter") + r.has("trainable") > 1) {
    r.fail("", "\"trainable\", \"lora\" and \"adapter\" exclude each other",
           "give one: with adapters nothing else is trained, and an adapter brings its own configuration");
  }
  if (r.has("adapter") && !source.model) r.fail("adapter", "an adapter needs its base", "give \"model\"");
  Policy policy = Policy::empty(source.files.config, at::kFloat, at::Device(at::kMeta));
  for (const char* key : {"lora", "adapter"}) r.raw(key);  // null is as good as absent
  if (r.has("lora")) {
    ObjectReader lora = r.object("lora");
    source.lora = read_lora_config(lora);
    lora.finish();
  }
  if (r.has("adapter")) {
    source.adapter = r.string("adapter");
    source.lora = check_adapter(*source.adapter, policy);
  }
  choose_trained(policy, source, /*base=*/false, /*seed=*/0);
  source.parameters_trainable = count_trainable(policy);
}

}  // namespace

PolicySource read_policy_source(const Json& policy, const std::string& file, const std::string& path) {
  ObjectReader r(policy, file, path);
  if (r.has("model") == r.has("config")) {
    r.fail("",
           "give either \"model\" (a checkpoint directory) or \"config\" (an architecture to start from "
           "scratch)");
  }
  PolicySource source;
  if (r.has("model")) {
    const std::string directory = r.string("model");
    source.files = read_checkpoint_files(directory);
    source.model = directory;
    check_checkpoint_tensors(directory, source.files.config);
    if (!source.files.tokenizer) {
      throw Error("the checkpoint has no tokenizer.json", directory,
                  "copy the tokenizer files beside the weights");
    }
  } else {
    source = read_scratch(r);
  }
  if (r.has("dtype")) source.dtype = r.choice("dtype", {"float32", "bfloat16"});
  read_trained(r, source);
  r.finish();
  if (source.files.eos_token_ids.empty()) {
    r.fail("", "no end token is known", "set eos_token_id in config.json or generation_config.json");
  }
  return source;
}

Policy make_policy(const PolicySource& source, std::optional<at::ScalarType> dtype, const at::Device& device,
                   uint64_t seed) {
  if (!dtype && source.dtype) dtype = parse_dtype(*source.dtype, "policy.dtype");
  if (source.model) return load_checkpoint(*source.model, dtype, device).policy;
  return Policy::random(source.files.config, dtype.value_or(at::kFloat), device, seed,
                        source.initializer_range);
}

void choose_trained(Policy& policy, const PolicySource& source, bool base, uint64_t seed) {
  if (!source.trainable.empty()) select_by_names(policy, source.trainable, source.where + ".trainable");
  if (base && source.adapter) {
    load_adapter(*source.adapter, policy);
  } else if (source.lora) {
    add_lora(policy, *source.lora, seed, source.where + ".lora");
  }
}

}  // namespace grpo
