#include "grpo/training_state.h"

#include "core/file.h"
#include "policy/io/safetensors.h"

namespace grpo {
namespace {

void read_policy(const std::string& path, Policy& policy) {
  const SafetensorsReader reader(path);
  const at::NoGradGuard no_grad;
  for (const NamedTensor& view : policy.checkpoint_tensors()) {
    const at::Tensor tensor = reader.read(view.name);
    if (tensor.sizes() != view.tensor.sizes()) {
      throw Error("tensor " + view.name + " has another shape than the policy", path,
                  "the checkpoint belongs to another recipe; use another output directory");
    }
    view.tensor.copy_(tensor);
  }
}

}  // namespace

void save_training_state(const std::string& directory, const Policy& policy, const AdamW& optimizer,
                         const Policy* reference, const Json& counters) {
  write_safetensors(directory + "/policy.safetensors", policy.checkpoint_tensors());
  write_safetensors(directory + "/optimizer.safetensors", optimizer.state());
  if (reference != nullptr)
    write_safetensors(directory + "/reference.safetensors", reference->checkpoint_tensors());
  Json state = counters;
  state["optimizer_steps"] = optimizer.step_count();
  write_file_atomically(directory + "/state.json", state.dump(2) + "\n");
}

Json load_training_state(const std::string& directory, Policy& policy, AdamW& optimizer, Policy* reference) {
  const std::string state_path = directory + "/state.json";
  Json state = read_json_file(state_path);
  read_policy(directory + "/policy.safetensors", policy);
  if (reference != nullptr) read_policy(directory + "/reference.safetensors", *reference);
  const std::string optimizer_path = directory + "/optimizer.safetensors";
  const SafetensorsReader reader(optimizer_path);
  std::vector<std::string> names;
  for (const auto& [name, info] : reader.tensors()) names.push_back(name);
  ObjectReader r(state, state_path);
  r.allow_unknown();
  optimizer.load_state(
      names, [&](const std::string& name) { return reader.read(name); },
      r.integer("optimizer_steps", {.min = 0}), optimizer_path);
  return state;
}

}  // namespace grpo
