#pragma once
// The checkpoint that a golden of scripts/parity is of: its configuration, and weights by the rule of golden_weights.h.

#include <string>
#include <vector>

#include "core/json.h"
#include "policy/io/safetensors.h"
#include "tests/policy/golden_weights.h"
#include "tests/temporary_folder.h"

namespace grpo::testing {

// "a.{0-2}.b" -> a.0.b, a.1.b, a.2.b; a name without braces stays as it is.
inline std::vector<std::string> expanded(const std::string& name) {
  const size_t open = name.find('{'), dash = name.find('-', open), close = name.find('}', open);
  if (open == std::string::npos) return {name};
  std::vector<std::string> names;
  const int last = std::stoi(name.substr(dash + 1, close - dash - 1));
  for (int i = std::stoi(name.substr(open + 1, dash - open - 1)); i <= last; ++i) {
    names.push_back(name.substr(0, open) + std::to_string(i) + name.substr(close + 1));
  }
  return names;
}

// Writes the golden's checkpoint: its tensors dealt out to its shards in turn, like cards.
inline void write_golden_checkpoint(const Json& golden, const TemporaryFolder& folder) {
  const auto shards = golden["shards"].get<size_t>();
  std::vector<std::vector<NamedTensor>> hands(shards);
  size_t dealt = 0;
  for (const Json& row : golden["tensors"]) {
    for (const std::string& name : expanded(row[1].get<std::string>())) {
      const at::Tensor tensor =
          golden_weight(row[0].get<std::string>(), name, row[2].get<std::vector<int64_t>>(),
                                 golden["router_bias"].get<float>());
      hands[dealt++ % shards].push_back({name, tensor});
    }
  }
  Json index = {{"metadata", Json::object()}, {"weight_map", Json::object()}};
  for (size_t i = 0; i < shards; ++i) {
    const std::string file =
        shards == 1 ? "model.safetensors" : "model-" + std::to_string(i) + ".safetensors";
    write_safetensors(folder.file(file), hands[i]);
    for (const NamedTensor& tensor : hands[i]) index["weight_map"][tensor.name] = file;
  }
  if (shards > 1) folder.write("model.safetensors.index.json", index.dump());
  folder.write("config.json", golden["config"].dump());
}

}  // namespace grpo::testing
