#pragma once
// Which problems a stage trains on, and in which order, by how hard they are for the policy it starts from.
//
//   "difficulty": {"num_problems": 512, "num_samples": 16, "min_pass_rate": 0.2, "max_pass_rate": 0.8,
//                  "order": "shuffled" or "easy_first"}
//   "difficulty": {"column": "level", "order": "easy_first"}
//
// The first form samples the first num_problems problems of data.train (0: all of a file) num_samples times with the
// stage's starting policy, as the stage samples, and keeps those whose share of correct samples (the first reward gives
// 1 or more) lies within the bounds: what it never or always solves teaches nothing. The second reads the difficulty
// of every problem of a file from a column of numbers, larger being harder, and keeps all.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/types.h"

namespace grpo {

struct DifficultyOptions {
  std::string column;  // empty: measured
  int64_t num_problems = 0;
  int64_t num_samples = 16;
  double min_pass_rate = 0.0;
  double max_pass_rate = 1.0;
  bool easy_first = false;  // every epoch goes from easy to hard; else every epoch is a fresh permutation
};

// Reads the object above. Throws Error naming the key, also for one without effect.
DifficultyOptions read_difficulty_options(ObjectReader& reader);

// The endless stream of a set of problems. A function of position, so that a resumed run needs only its counter.
class Curriculum {
 public:
  // `difficulty`: one finite number per problem; equally hard problems come in an order of the epoch's own. At least
  // one problem.
  Curriculum(std::vector<Problem> problems, std::vector<double> difficulty, bool easy_first, uint64_t seed);

  int64_t size() const { return static_cast<int64_t>(problems_.size()); }
  // Not for several threads at once.
  const Problem& draw(int64_t n) const;

 private:
  void order_epoch(int64_t epoch) const;

  std::vector<Problem> problems_;
  std::vector<double> difficulty_;
  bool easy_first_;
  uint64_t seed_;
  mutable int64_t epoch_ = -1;  // of order_, the last one that was asked for
  mutable std::vector<int64_t> order_;
};

// Share of correct samples of each group, among those that could be judged; none where there is no such sample.
std::vector<std::optional<double>> pass_rates(const std::vector<Group>& groups);

// The difficulty that a column holds, one per problem. Throws Error naming `where` and the problem whose column is
// missing or no number.
std::vector<double> difficulty_of_column(const std::vector<Problem>& problems, const std::string& column,
                                         const std::string& where);

}  // namespace grpo
