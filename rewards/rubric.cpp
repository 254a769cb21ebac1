#include "rewards/rubric.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "rewards/score_of.h"

namespace grpo {
namespace {

RubricItem read_item(const Json& json, const std::string& file, const std::string& path) {
  ObjectReader reader(json, file, path);
  RubricItem item;
  const std::string name = reader.string("name");
  item.weight = reader.number("weight", 1.0);
  item.label = reader.string("label", name);
  if (item.label.empty()) reader.fail("label", "the label is empty", "leave it out to use the reward's name");
  Json options = Json::object();
  for (const auto& [key, value] : json.items()) {
    if (key != "name" && key != "weight" && key != "label") options[key] = value;
  }
  item.reward = make_reward(name, options, file, path);
  return item;
}

// One reward's word on one episode, with every failure turned into an error score.
Score guarded_score(const Reward& reward, const Episode& episode, const Problem& problem) {
  try {
    Score score = reward.score(episode, problem);
    if (score.value && !std::isfinite(*score.value)) return failed(fmt::format("the value is {}", *score.value));
    if (score.status != ScoreStatus::kOk) score.value.reset();
    return score;
  } catch (const std::exception& e) {
    return failed(fmt::format("the reward failed: {}", e.what()));
  } catch (...) {
    return failed("the reward failed");
  }
}

}  // namespace

Rubric read_rubric(const Json& list, const std::string& file, const std::string& path) {
  const std::string where = path.empty() ? file : file + ": " + path;
  if (!list.is_array() || list.empty()) {
    throw Error(list.is_array() ? "the list of rewards is empty"
                                : fmt::format("expected a list of rewards, found {}", json_type_name(list)),
                where, "write [{\"name\": \"exact\"}], for example");
  }
  Rubric rubric;
  std::set<std::string> labels;
  bool weighted = false;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string item_path = fmt::format("{}[{}]", path, i);
    rubric.items.push_back(read_item(list[i], file, item_path));
    const RubricItem& item = rubric.items.back();
    weighted = weighted || item.weight != 0.0;
    if (!labels.insert(item.label).second) {
      throw Error(fmt::format("two rewards are called \"{}\"", item.label), file + ": " + item_path,
                  "give one of them a \"label\" of its own");
    }
  }
  if (!weighted) throw Error("every reward has weight 0", where, "give at least one reward another weight");
  return rubric;
}

void score_episode(const Rubric& rubric, Episode& episode, const Problem& problem) {
  episode.scores.clear();
  episode.reward.reset();
  const bool usable = episode.finish_reason != FinishReason::kError;
  double sum = 0.0;
  bool applies = false;
  bool masked = false;
  for (const RubricItem& item : rubric.items) {
    episode.scores.push_back(usable ? guarded_score(item.reward, episode, problem)
                                    : not_applicable("the episode has no usable completion"));
    const Score& score = episode.scores.back();
    if (item.weight == 0.0) continue;
    if (score.status != ScoreStatus::kOk) masked = true;
    if (!score.value) continue;
    applies = true;
    sum += item.weight * *score.value;
  }
  if (applies && !masked) episode.reward = sum;
}

void score_group(const Rubric& rubric, Group& group) {
  for (Episode& episode : group.episodes) score_episode(rubric, episode, group.problem);
}

}  // namespace grpo
