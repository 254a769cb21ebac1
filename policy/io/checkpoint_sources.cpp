#include "policy/io/checkpoint_sources.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "core/error.h"
#include "policy/io/fp8_blocks.h"
#include "policy/io/tensor_misfit.h"

namespace grpo {
namespace {

constexpr std::string_view kPrefix = "model.";
constexpr const char* kFp8 = "F8_E4M3";

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::string file_of(const TensorInfo& info) {
  return std::filesystem::path(info.file).filename().string();
}

// A base model (AutoModel) is saved without the prefix that its own name in the full model would be.
bool is_base_model(const SafetensorsReader& reader) {
  const auto& tensors = reader.tensors();
  const auto prefixed = tensors.lower_bound(std::string(kPrefix));
  return reader.contains("embed_tokens.weight") &&
         (prefixed == tensors.end() || !prefixed->first.starts_with(kPrefix));
}

// What does not fit, by kind, each said once.
class Misfits {
 public:
  enum Kind { kMissing, kUnused, kMisshaped, kMistyped, kUnannounced, kUnscaled, kKinds };

  void add(Kind kind, std::string text) {
    if (said_[kind].insert(text).second) texts_[kind].push_back(std::move(text));
  }

  void throw_if_any(const std::string& directory) const {
    static const char* const titles[kKinds] = {"missing",
                                               "unused",
                                               "mis-shaped",
                                               "of a dtype that is not F64, F32, F16 or BF16",
                                               "float8, though config.json has no quantization_config",
                                               "float8 without usable scales"};
    static const char* const names[kKinds] = {"missing",  "unused",          "misshaped",
                                              "mistyped", "unannounced_fp8", "unscaled_fp8"};
    std::string text;
    TensorMisfit::ByKind by_kind;
    for (int kind = 0; kind < kKinds; ++kind) {
      text += section(titles[kind], texts_[kind]);
      if (!texts_[kind].empty()) by_kind[names[kind]] = texts_[kind];
    }
    if (text.empty()) return;
    throw TensorMisfit("the weights do not fit config.json" + text, directory,
                       "check that config.json and the weight files belong together", std::move(by_kind));
  }

 private:
  static std::string section(const char* title, const std::vector<std::string>& texts) {
    if (texts.empty()) return "";
    constexpr size_t shown = 20;
    const std::vector<std::string> head(
        texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(std::min(shown, texts.size())));
    const std::string rest =
        texts.size() > shown ? fmt::format("\n    ... and {} more", texts.size() - shown) : "";
    return fmt::format("\n  {} ({}):\n    {}{}", title, texts.size(), fmt::join(head, "\n    "), rest);
  }

  std::vector<std::string> texts_[kKinds];
  std::set<std::string> said_[kKinds];
};

// "P.mlp.experts.7.up_proj.weight" taken apart.
struct ExpertName {
  std::string stack;  // "P.mlp.experts"
  int64_t expert = 0;
  std::string part;  // "gate_proj", "up_proj" or "down_proj"
};

std::optional<ExpertName> expert_name(const std::string& name) {
  static constexpr std::string_view experts = ".mlp.experts.", weight = ".weight";
  const size_t at = name.find(experts);
  if (at == std::string::npos || !name.ends_with(weight)) return std::nullopt;
  ExpertName out;
  const char* end = name.data() + name.size() - weight.size();
  const auto [next, error] = std::from_chars(name.data() + at + experts.size(), end, out.expert);
  if (error != std::errc() || next == end || *next != '.') return std::nullopt;
  out.stack = name.substr(0, at + experts.size() - 1);
  out.part = std::string(next + 1, end);
  return out;
}

// One view, and what the file that holds it must look like.
struct Candidate {
  const TensorInfo* tensor = nullptr;  // null: in no file
  std::vector<int64_t> shape;          // the tensor's, by the configuration
  std::vector<int64_t> view;           // the view's
  int64_t expert = 0;                  // of a stack, the view is expert `expert` ...
  bool second = false;                 // ... and of gate_up_proj its second half of rows
};

class Matcher {
 public:
  Matcher(const SafetensorsReader& reader, const std::vector<NamedTensor>& views, const ModelConfig& config)
      : reader_(reader), views_(views), config_(config), base_model_(is_base_model(reader)) {
    for (const NamedTensor& view : views) {
      const auto name = expert_name(view.name);
      if (name && name->part == "down_proj") ++experts_[name->stack];
    }
  }

  std::vector<WeightSource> match(const std::string& directory) {
    std::vector<WeightSource> sources;
    for (const NamedTensor& view : views_) sources.push_back(match_view(view));
    find_unused();
    if (config_.fp8 && !any_fp8_) {
      misfits_.add(Misfits::kUnscaled,
                   "no tensor at all is F8_E4M3, though config.json has a quantization_config");
    }
    misfits_.throw_if_any(directory);
    return sources;
  }

 private:
  const TensorInfo* find(const std::string& name) const {
    const auto it =
        reader_.tensors().find(base_model_ && name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
    return it == reader_.tensors().end() ? nullptr : &it->second;
  }

  Candidate candidate_for(const NamedTensor& view) const {
    Candidate found;
    found.view = found.shape = view.tensor.sizes().vec();
    found.tensor = find(view.name);
    const auto name = expert_name(view.name);
    if (found.tensor != nullptr || !name || found.view.size() != 2) return found;
    const bool down = name->part == "down_proj";
    found.tensor = find(name->stack + (down ? ".down_proj" : ".gate_up_proj"));
    if (found.tensor == nullptr) return found;
    found.expert = name->expert;
    found.second = name->part == "up_proj";
    found.shape = {experts_.at(name->stack), (down ? 1 : 2) * found.view[0], found.view[1]};
    return found;
  }

  WeightSource match_view(const NamedTensor& view) {
    static const std::set<std::string> real = {"F64", "F32", "F16", "BF16"};
    const Candidate found = candidate_for(view);
    WeightSource source{.tensor = found.tensor};
    if (found.tensor == nullptr) {
      misfits_.add(Misfits::kMissing, view.name);
      return source;
    }
    const TensorInfo& info = *found.tensor;
    used_.insert(&info);
    if (info.shape != found.shape) {
      misfits_.add(Misfits::kMisshaped,
                   fmt::format("{} is {} in {}, the configuration says {}", info.name, shape_text(info.shape),
                               file_of(info), shape_text(found.shape)));
      return source;
    }
    if (found.shape.size() == 3) {
      const int64_t values = found.shape[1] * found.shape[2];
      source.first = found.expert * values + (found.second ? values / 2 : 0);
    }
    if (info.dtype == kFp8) {
      match_scale(found, source);
    } else if (!real.contains(info.dtype)) {
      misfits_.add(Misfits::kMistyped, fmt::format("{} is {} in {}", info.name, info.dtype, file_of(info)));
    }
    return source;
  }

  void match_scale(const Candidate& found, WeightSource& source) {
    static const std::set<std::string> scales = {"F32", "F16", "BF16", "F8_E8M0"};
    const TensorInfo& info = *found.tensor;
    any_fp8_ = true;
    auto unscaled = [&](const std::string& why) {
      misfits_.add(Misfits::kUnscaled, fmt::format("{} in {}: {}", info.name, file_of(info), why));
    };
    const auto it = reader_.tensors().find(info.name + "_scale_inv");
    if (it != reader_.tensors().end()) used_.insert(&it->second);
    if (!config_.fp8) {
      return misfits_.add(Misfits::kUnannounced, fmt::format("{} in {}", info.name, file_of(info)));
    }
    if (found.view.size() != 2)
      return unscaled("only a matrix has blocks, this is " + shape_text(found.view));
    if (it == reader_.tensors().end()) return unscaled(info.name + "_scale_inv is in no file");
    const TensorInfo& scale = it->second;
    if (!scales.contains(scale.dtype)) {
      return unscaled(fmt::format("{} in {} is {}, not F32, F16, BF16 or F8_E8M0", scale.name, file_of(scale),
                                  scale.dtype));
    }
    const Fp8Blocks& blocks = *config_.fp8;
    const int64_t rows = found.shape[found.shape.size() - 2];
    if (rows != found.view[0] && found.view[0] % blocks.rows != 0) {
      return unscaled(fmt::format("{} rows of each half are no multiple of the {} of a block", found.view[0],
                                  blocks.rows));
    }
    std::vector<int64_t> expected = found.shape;
    const int64_t down = blocks_over(rows, blocks.rows), across = blocks_over(found.view[1], blocks.columns);
    expected[expected.size() - 2] = down;
    expected.back() = across;
    if (scale.shape != expected) {
      return unscaled(fmt::format("{} is {} in {}, blocks of {} x {} need {}", scale.name,
                                  shape_text(scale.shape), file_of(scale), blocks.rows, blocks.columns,
                                  shape_text(expected)));
    }
    source.scale = &scale;
    source.scale_first = (found.expert * down + (found.second ? down / 2 : 0)) * across;
  }

  void find_unused() {
    for (const auto& [name, info] : reader_.tensors()) {
      if (used_.contains(&info) || ignorable(base_model_ ? std::string(kPrefix) + name : name)) continue;
      misfits_.add(Misfits::kUnused, fmt::format("{} in {}", name, file_of(info)));
    }
  }

  // Tensors that checkpoints carry and no forward pass needs.
  bool ignorable(const std::string& name) const {
    if (name.ends_with("rotary_emb.inv_freq")) return true;
    if (config_.tie_word_embeddings && name == "lm_head.weight") return true;
    for (int64_t k = 0; k < config_.mtp_layers; ++k) {
      const std::string at = fmt::format("model.layers.{}.", config_.layers.size() + static_cast<size_t>(k));
      if (name == at + "embed_tokens.weight" || name == at + "shared_head.head.weight") return true;
    }
    return false;
  }

  const SafetensorsReader& reader_;
  const std::vector<NamedTensor>& views_;
  const ModelConfig& config_;
  const bool base_model_;
  std::map<std::string, int64_t> experts_;  // by stack
  std::set<const TensorInfo*> used_;
  bool any_fp8_ = false;
  Misfits misfits_;
};

}  // namespace

std::vector<WeightSource> find_sources(const SafetensorsReader& reader, const std::vector<NamedTensor>& views,
                                       const ModelConfig& config, const std::string& directory) {
  return Matcher(reader, views, config).match(directory);
}

int64_t stored_mtp_layers(const SafetensorsReader& reader, const ModelConfig& config) {
  for (int64_t k = 0; k < config.mtp_layers; ++k) {
    const std::string layer = fmt::format("layers.{}.", config.layers.size() + static_cast<size_t>(k));
    const std::string name = is_base_model(reader) ? layer : std::string(kPrefix) + layer;
    const auto it = reader.tensors().lower_bound(name);
    if (it != reader.tensors().end() && it->first.starts_with(name)) return config.mtp_layers;
  }
  return 0;
}

}  // namespace grpo
