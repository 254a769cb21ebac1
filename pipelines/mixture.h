#pragma once
// Training data of several parts: each draw takes one part at random by weight, and of it the next problem of its own
// stream, so every part goes through its own epochs. A function of seed and position, as its parts are.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/types.h"
#include "pipelines/data.h"

namespace grpo {

class Mixture {
 public:
  struct Part {
    std::string name;        // becomes Problem::source
    double weight = 1.0;     // > 0; the part's share of draws is its weight over the sum of all
    int64_t first_draw = 0;  // draws of the mixture before this one leave the part out; of one part at least it is 0
    ProblemSource source;
  };

  // At least one part. A mixture of one part draws what the part draws.
  Mixture(std::vector<Part> parts, uint64_t seed);
  ~Mixture();
  Mixture(Mixture&&) noexcept;

  const std::vector<Part>& parts() const;
  int64_t size() const;     // problems of all parts together; 0: one of them is endless
  int64_t dropped() const;  // rows of all parts left out because they were too long

  // The n-th problem; ids are unique within the mixture. From several threads at once.
  Problem draw(int64_t n) const;
  SftSample draw_sft(int64_t n) const;
  // The first problems of the parts, one after the other: `count` of each (0: all of a file).
  std::vector<Problem> head(int64_t count) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace grpo
