#pragma once
// The Error about weight files that do not fit their config.json, with the tensors in question by kind.

#include <map>
#include <string>
#include <vector>

#include "core/error.h"

namespace grpo {

class TensorMisfit : public Error {
 public:
  // by_kind: "missing", "unused", "misshaped", "mistyped", "unannounced_fp8", "unscaled_fp8" -> one text per
  // tensor, its name first. Kinds without tensors are absent.
  using ByKind = std::map<std::string, std::vector<std::string>>;

  TensorMisfit(std::string what, std::string where, std::string fix, ByKind by_kind)
      : Error(std::move(what), std::move(where), std::move(fix)), by_kind_(std::move(by_kind)) {}

  const ByKind& by_kind() const { return by_kind_; }

 private:
  ByKind by_kind_;
};

}  // namespace grpo
