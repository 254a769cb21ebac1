#include "pipelines/curriculum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/seed.h"

namespace grpo {
namespace {

constexpr uint64_t kEpochStream = 0x6570636873;

bool judged(const Episode& episode) {
  if (episode.finish_reason == FinishReason::kError || episode.scores.empty()) return false;
  const Score& score = episode.scores.front();
  return score.status == ScoreStatus::kOk && score.value.has_value();
}

}  // namespace

DifficultyOptions read_difficulty_options(ObjectReader& r) {
  DifficultyOptions o;
  o.column = r.string("column", "");
  if (r.has("column")) {
    for (const char* key : {"num_problems", "num_samples", "min_pass_rate", "max_pass_rate"}) {
      if (r.has(key)) r.fail(key, "without effect: the difficulty is read from a column", "remove it, or \"column\"");
    }
  }
  o.num_problems = r.integer("num_problems", 0, {.min = 0});
  o.num_samples = r.integer("num_samples", o.num_samples, {.min = 1});
  o.min_pass_rate = r.number("min_pass_rate", o.min_pass_rate, {.min = 0.0, .max = 1.0});
  o.max_pass_rate = r.number("max_pass_rate", o.max_pass_rate, {.min = o.min_pass_rate, .max = 1.0});
  o.easy_first = r.choice("order", {"shuffled", "easy_first"}, "shuffled") == "easy_first";
  if (!o.column.empty() && !o.easy_first) {
    r.fail("column", "without effect while order is \"shuffled\"", "set order to \"easy_first\"");
  }
  r.finish();
  return o;
}

Curriculum::Curriculum(std::vector<Problem> problems, std::vector<double> difficulty, bool easy_first, uint64_t seed)
    : problems_(std::move(problems)), difficulty_(std::move(difficulty)), easy_first_(easy_first), seed_(seed) {
  GRPO_CHECK(!problems_.empty() && problems_.size() == difficulty_.size());
}

const Problem& Curriculum::draw(int64_t n) const {
  if (epoch_ != n / size()) order_epoch(n / size());
  return problems_[static_cast<size_t>(order_[static_cast<size_t>(n % size())])];
}

void Curriculum::order_epoch(int64_t epoch) const {
  epoch_ = epoch;
  order_.resize(problems_.size());
  std::iota(order_.begin(), order_.end(), int64_t{0});
  Stream(derive_seed({seed_, kEpochStream, static_cast<uint64_t>(epoch)})).shuffle(order_);
  if (!easy_first_) return;
  std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
    return difficulty_[static_cast<size_t>(a)] < difficulty_[static_cast<size_t>(b)];
  });
}

std::vector<std::optional<double>> pass_rates(const std::vector<Group>& groups) {
  std::vector<std::optional<double>> rates;
  for (const Group& group : groups) {
    double count = 0, correct = 0;
    for (const Episode& episode : group.episodes) {
      if (!judged(episode)) continue;
      ++count;
      correct += *episode.scores.front().value >= 1.0;
    }
    rates.push_back(count > 0 ? std::optional(correct / count) : std::nullopt);
  }
  return rates;
}

std::vector<double> difficulty_of_column(const std::vector<Problem>& problems, const std::string& column,
                                         const std::string& where) {
  std::vector<double> out;
  for (const Problem& problem : problems) {
    const auto found = problem.columns.find(column);
    if (found == problem.columns.end() || !found->is_number() || !std::isfinite(found->get<double>())) {
      throw Error(fmt::format("problem {} has no number in column \"{}\"", problem.id, column), where,
                  "every row needs one: larger is harder");
    }
    out.push_back(found->get<double>());
  }
  return out;
}

}  // namespace grpo
