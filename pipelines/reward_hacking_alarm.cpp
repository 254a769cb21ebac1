#include "pipelines/reward_hacking_alarm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace grpo {
namespace {

constexpr double kSmallestFall = 0.03;  // of accuracy
constexpr double kStandardErrors = 2.0;
constexpr int64_t kFewestGroups = 8;  // that a reward's mean is taken of
constexpr int64_t kFewestRollouts = 10, kFewestJudgedGroups = 64;  // that an accuracy of rollouts is taken of
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_of_a_model(const std::string& reward) { return reward == "model" || reward == "judge"; }

Json to_json(const RunningMean& value) { return {value.count, value.mean, value.squares}; }

RunningMean from_json(const Json& json) {
  return {json.at(0).get<int64_t>(), json.at(1).get<double>(), json.at(2).get<double>()};
}

Json to_json(const std::vector<RunningMean>& values) {
  Json list = Json::array();
  for (const RunningMean& value : values) list.push_back(to_json(value));
  return list;
}

std::vector<RunningMean> list_from_json(const Json& json) {
  std::vector<RunningMean> values;
  for (const Json& value : json) values.push_back(from_json(value));
  return values;
}

}  // namespace

RewardHackingOptions read_reward_hacking_options(ObjectReader& r) {
  RewardHackingOptions options;
  options.stop = r.choice("on_reward_hacking", {"warn", "stop"}, "warn") == "stop";
  const Json rewards = r.raw("rewards"), eval = r.raw("eval");
  const auto name = [](const Json& item) { return item.is_object() ? item.value("name", Json()) : Json(); };
  const auto by_model = [&](const Json& item) {
    const Json weight = item.is_object() ? item.value("weight", Json(1.0)) : Json();
    return name(item).is_string() && is_of_a_model(name(item).get<std::string>()) && weight.is_number() && weight.get<double>() > 0.0;
  };
  const bool listed = rewards.is_array() && !rewards.empty();
  const bool rule = listed && !(name(rewards[0]).is_string() && is_of_a_model(name(rewards[0]).get<std::string>()));
  const Json steps = eval.is_object() ? eval.value("steps", Json(0)) : Json(0);
  options.by_evaluations = steps.is_number() && steps.get<double>() > 0;
  const bool all_rollouts = !r.boolean("dynamic_sampling", false);
  options.watched = rule && std::any_of(rewards.begin(), rewards.end(), by_model) && (options.by_evaluations || all_rollouts);
  if (r.has("on_reward_hacking") && !options.watched) {
    r.fail("on_reward_hacking", "without effect: there is no reward of a model to hold against a rule",
           "put a rule first among the rewards and a \"model\" or a \"judge\" behind it, with eval.steps, or remove it");
  }
  return options;
}

void RunningMean::add(double value) {
  const double before = value - mean;
  mean += before / static_cast<double>(++count);
  squares += before * (value - mean);
}

double RunningMean::standard_error() const {
  if (count < 2) return 0.0;
  return std::sqrt(squares / static_cast<double>(count - 1) / static_cast<double>(count));
}

RewardHackingAlarm::RewardHackingAlarm(std::vector<std::string> rewards, const RewardHackingOptions& options)
    : rewards_(std::move(rewards)), options_(options), since_(rewards_.size()) {}

std::optional<RewardHackingAlarm> RewardHackingAlarm::of(const Rubric& rubric, const RewardHackingOptions& options) {
  if (!options.watched) return std::nullopt;
  std::vector<std::string> labels;
  for (const RubricItem& item : rubric.items) {
    if (is_of_a_model(item.reward.name) && item.weight > 0.0) labels.push_back(item.label);
  }
  return RewardHackingAlarm(std::move(labels), options);
}

void RewardHackingAlarm::add(const Rubric& rubric, const std::vector<Group>& groups) {
  const auto mean_of = [](const Group& group, size_t item, const auto& value) {
    double sum = 0.0, count = 0.0;
    for (const Episode& episode : group.episodes) {
      if (item >= episode.scores.size() || !episode.scores[item].value) continue;
      sum += value(episode.scores[item]);
      ++count;
    }
    return count > 0.0 ? sum / count : kNaN;
  };
  for (const Group& group : groups) {
    std::vector<double> rewards;
    for (const std::string& label : rewards_) {
      const auto item = std::find_if(rubric.items.begin(), rubric.items.end(), [&](const RubricItem& i) { return i.label == label; });
      rewards.push_back(mean_of(group, static_cast<size_t>(item - rubric.items.begin()), [](const Score& s) { return *s.value; }));
    }
    add_group(rewards, mean_of(group, 0, [](const Score& s) { return is_correct(s) ? 1.0 : 0.0; }));
  }
}

void RewardHackingAlarm::add_group(const std::vector<double>& rewards, double accuracy) {
  for (size_t i = 0; i < rewards_.size(); ++i) {
    if (!std::isfinite(rewards[i])) continue;
    since_[i].add(rewards[i]);
    if (best_ && best_->rewards[i].count < kFewestGroups) best_->rewards[i].add(rewards[i]);
  }
  if (std::isfinite(accuracy)) accuracy_.add(accuracy);
}

// The reward that rose since the best evaluation, where accuracy fell.
std::optional<size_t> RewardHackingAlarm::risen(double accuracy, double accuracy_stderr) const {
  const double fall = best_->accuracy - accuracy;
  if (fall < kSmallestFall || fall <= kStandardErrors * std::hypot(best_->accuracy_stderr, accuracy_stderr)) return std::nullopt;
  for (size_t i = 0; i < rewards_.size(); ++i) {
    const RunningMean &now = since_[i], &then = best_->rewards[i];
    if (now.count < kFewestGroups || then.count < kFewestGroups) continue;
    const double noise = std::hypot(now.standard_error(), then.standard_error());
    if (now.mean - then.mean > kStandardErrors * noise) return i;
  }
  return std::nullopt;
}

bool RewardHackingAlarm::evaluated(int64_t step, double accuracy, double accuracy_stderr) {
  if (!std::isfinite(accuracy)) return holds_;
  const bool held = holds_;
  holds_ = false;
  if (best_) {
    const auto reward = risen(accuracy, accuracy_stderr);
    holds_ = reward.has_value();
    if (holds_ && !held) {
      alarms_.push_back({{"alarm", "reward_hacking"},
                         {"step", step},
                         {"reward", rewards_[*reward]},
                         {"reward_mean", since_[*reward].mean},
                         {"reward_at_best", best_->rewards[*reward].mean},
                         {"accuracy", accuracy},
                         {"accuracy_stderr", accuracy_stderr},
                         {"best_step", best_->step},
                         {"best_accuracy", best_->accuracy},
                         {"best_accuracy_stderr", best_->accuracy_stderr},
                         {"by", options_.by_evaluations ? "evaluations" : "rollouts"}});
    }
  }
  if (!best_ || accuracy > best_->accuracy) best_ = Point{step, accuracy, accuracy_stderr, since_};
  for (RunningMean& reward : since_) {
    if (reward.count >= kFewestGroups) reward = {};
  }
  return holds_;
}

std::optional<bool> RewardHackingAlarm::rollout_done(int64_t step) {
  if (++rollouts_ < kFewestRollouts || accuracy_.count < kFewestJudgedGroups) return std::nullopt;
  const bool holds = evaluated(step, accuracy_.mean, accuracy_.standard_error());
  accuracy_ = {};
  rollouts_ = 0;
  return holds;
}

std::string RewardHackingAlarm::text(const Json& alarm) {
  const auto number = [&](const char* key) { return alarm.at(key).get<double>(); };
  return fmt::format(
      "the reward \"{}\" rose from {:.4g} to {:.4g} while {} accuracy fell from {:.3f} +- {:.3f} (step {}, the best) to {:.3f} +- {:.3f}: "
      "the policy may be learning to please the model",
      alarm.at("reward").get<std::string>(), number("reward_at_best"), number("reward_mean"),
      alarm.at("by") == "evaluations" ? "held-out" : "training", number("best_accuracy"), number("best_accuracy_stderr"),
      alarm.at("best_step").get<int64_t>(), number("accuracy"), number("accuracy_stderr"));
}

Json RewardHackingAlarm::state() const {
  Json state = {{"since", to_json(since_)}, {"accuracy", to_json(accuracy_)}, {"rollouts", rollouts_},
                {"holds", holds_}, {"alarms", alarms_}, {"best", nullptr}};
  if (best_) {
    state["best"] = {{"step", best_->step},
                     {"accuracy", best_->accuracy},
                     {"accuracy_stderr", best_->accuracy_stderr},
                     {"rewards", to_json(best_->rewards)}};
  }
  return state;
}

void RewardHackingAlarm::restore(const Json& state) {
  since_ = list_from_json(state.at("since"));
  accuracy_ = from_json(state.at("accuracy"));
  rollouts_ = state.at("rollouts").get<int64_t>();
  holds_ = state.at("holds").get<bool>();
  alarms_ = state.at("alarms");
  best_.reset();
  if (const Json& best = state.at("best"); !best.is_null()) {
    best_ = Point{best.at("step").get<int64_t>(), best.at("accuracy").get<double>(), best.at("accuracy_stderr").get<double>(),
                  list_from_json(best.at("rewards"))};
  }
  GRPO_CHECK(since_.size() == rewards_.size());
}

}  // namespace grpo
