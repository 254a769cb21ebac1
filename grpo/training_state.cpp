#include "grpo/training_state.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/file.h"
#include "policy/io/safetensors.h"
#include "policy/trainable.h"

namespace grpo {
namespace {

// Fills what training changes; the rest is as the policy was loaded.
void read_policy(const std::string& path, const Policy& policy) {
  const SafetensorsReader reader(path);
  const at::NoGradGuard no_grad;
  const std::vector<NamedTensor> views = trained_tensors(policy);
  if (reader.tensors().size() > views.size()) {
    throw Error(fmt::format("the checkpoint holds {} trained tensors, this stage trains {}",
                            reader.tensors().size(), views.size()),
                path, "the checkpoint belongs to another recipe; use another output directory");
  }
  for (const NamedTensor& view : views) {
    const at::Tensor tensor = reader.read(view.name);
    if (tensor.sizes() != view.tensor.sizes()) {
      throw Error("tensor " + view.name + " has another shape than the policy", path,
                  "the checkpoint belongs to another recipe; use another output directory");
    }
    view.tensor.copy_(tensor);
  }
}

std::string frozen_text(const Policy& policy) {
  return fmt::format("{:016x}", frozen_fingerprint(policy));
}

}  // namespace

void save_training_state(const std::string& directory, const Policy& policy, const AdamW& optimizer,
                         const Policy* reference, const Json& counters) {
  write_safetensors(directory + "/policy.safetensors", trained_tensors(policy));
  write_safetensors(directory + "/optimizer.safetensors", optimizer.state());
  if (reference != nullptr)
    write_safetensors(directory + "/reference.safetensors", trained_tensors(*reference));
  Json state = counters;
  state["frozen_weights"] = frozen_text(policy);
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
  if (r.string("frozen_weights") != frozen_text(policy)) {
    throw Error("the weights that are not trained differ from those the checkpoint was made with", directory,
                "the base model has changed since; put it back, or use another output directory");
  }
  optimizer.load_state(
      names, [&](const std::string& name) { return reader.read(name); },
      r.integer("optimizer_steps", {.min = 0}), optimizer_path);
  return state;
}

}  // namespace grpo
