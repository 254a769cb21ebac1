#pragma once
// A checkpoint directory of one of tiny_models.h, to be changed or damaged, and loaded again.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "policy/io/checkpoint.h"
#include "policy/io/safetensors.h"
#include "tests/policy/tiny_models.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo::testing {

using TensorMap = std::map<std::string, at::Tensor>;

inline TensorMap tensors_in(const std::string& directory) {
  const SafetensorsReader reader(directory);
  TensorMap tensors;
  for (const auto& [name, info] : reader.tensors()) tensors[name] = reader.read(name);
  return tensors;
}

inline std::vector<NamedTensor> as_list(const TensorMap& tensors) {
  std::vector<NamedTensor> list;
  for (const auto& [name, tensor] : tensors) list.push_back({name, tensor});
  return list;
}

class Saved {
 public:
  explicit Saved(const Json& config, at::ScalarType dtype = at::kFloat) {
    save_checkpoint(random_policy(config, dtype), {}, folder_.path());
  }

  std::string path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& text) const { folder_.write(name, text); }
  void set(const std::string& key, const Json& value) const {
    Json config = read_json_file(folder_.file("config.json"));
    config[key] = value;
    write("config.json", config.dump());
  }
  TensorMap weights() const { return tensors_in(path()); }
  // Rewrites the weights as `change` leaves them; in shards of at most `shard_bytes` if that is given.
  void change_weights(const std::function<void(TensorMap&)>& change, uint64_t shard_bytes = 1 << 30) const {
    TensorMap changed = weights();
    change(changed);
    write_sharded_safetensors(path(), as_list(changed), shard_bytes);
  }
  Checkpoint load() const { return load_checkpoint(path(), std::nullopt, at::kCPU); }
  Error refusal() const {
    return error_of([&] { load(); });
  }

 private:
  TemporaryFolder folder_;
};

inline void expect_same_bits(const Policy& a, const Policy& b) {
  ASSERT_EQ(a.dtype(), b.dtype());
  ASSERT_EQ(a.parameters().size(), b.parameters().size());
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(a.parameters()[i].tensor, b.parameters()[i].tensor)) << a.parameters()[i].name;
  }
  ASSERT_EQ(a.buffers().size(), b.buffers().size());
  for (size_t i = 0; i < a.buffers().size(); ++i) {
    EXPECT_TRUE(at::equal(a.buffers()[i].tensor, b.buffers()[i].tensor)) << a.buffers()[i].name;
  }
}

}  // namespace grpo::testing
