#include "pipelines/policy_source.h"

#include <fmt/format.h>

#include "core/error.h"

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

}  // namespace

PolicySource read_policy_source(const Json& policy, const std::string& file) {
  ObjectReader r(policy, file, "policy");
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

}  // namespace grpo
