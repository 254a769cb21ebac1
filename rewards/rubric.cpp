#include "rewards/rubric.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "rewards/registry.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

// {"python": "f.py:reward"} for {"name": "python", "function": "f.py:reward"}, and the like.
struct Shorthand {
  const char* key;
  const char* option;
};
constexpr Shorthand kShorthands[] = {
    {"python", "function"}, {"program", "command"}, {"library", "path"}, {"http", "url"}};

// The item with a shorthand written out.
Json written_out(const Json& item, const std::string& file, const std::string& path) {
  if (!item.is_object()) return item;
  Json full = Json::object();
  const auto fail = [&](const std::string& what, const std::string& fix) {
    throw Error(what, file + ": " + path, fix);
  };
  for (const auto& [key, value] : item.items()) {
    const auto* shorthand = std::find_if(std::begin(kShorthands), std::end(kShorthands),
                                         [&](const auto& s) { return key == s.key; });
    if (shorthand == std::end(kShorthands)) {
      full[key] = value;
      continue;
    }
    if (item.contains("name") || full.contains("name")) {
      fail(fmt::format("\"{}\" names a second reward", key),
           fmt::format("one reward per item: leave out \"name\" and other kinds beside \"{}\"", key));
    }
    if (item.contains(shorthand->option)) {
      fail(fmt::format("\"{}\" and \"{}\" say the same thing twice", key, shorthand->option),
           fmt::format("leave out \"{}\"", shorthand->option));
    }
    full["name"] = shorthand->key;
    full[shorthand->option] = value;
  }
  return full;
}

std::string default_label(const std::string& name, const Json& item) {
  if (name != "python" || !item.contains("function") || !item["function"].is_string()) return name;
  const auto function = item["function"].get<std::string>();
  const size_t colon = function.rfind(':');
  return colon == std::string::npos || colon + 1 == function.size() ? name : function.substr(colon + 1);
}

std::optional<Gate> read_gate(ObjectReader& reader) {
  const Json& json = reader.raw("gate");
  if (json.is_null()) return std::nullopt;
  if (json.is_string()) return Gate{.label = json.get<std::string>()};
  ObjectReader gate = reader.object("gate");
  Gate read{.label = gate.string("label"), .min = gate.number("min", 1.0)};
  gate.finish();
  return read;
}

RubricItem read_item(const Json& written, const std::string& file, const std::string& path,
                     const RewardContext& context) {
  static const std::set<std::string> kOwnKeys = {"name", "weight", "label", "truncated", "gate", "sources"};
  const Json json = written_out(written, file, path);
  ObjectReader reader(json, file, path);
  RubricItem item;
  const std::string name = reader.string("name");
  item.weight = reader.number("weight", 1.0);
  item.label = reader.string("label", default_label(name, json));
  if (item.label.empty()) reader.fail("label", "the label is empty", "leave it out to use the reward's name");
  const std::string truncated = reader.choice("truncated", {"score", "zero", "none", "mask"}, "score");
  item.truncated = truncated == "zero"   ? TruncatedPolicy::kZero
                   : truncated == "none" ? TruncatedPolicy::kNone
                   : truncated == "mask" ? TruncatedPolicy::kMask
                                         : TruncatedPolicy::kScore;
  item.gate = read_gate(reader);
  item.sources = reader.strings("sources", {});
  if (reader.has("sources") && item.sources.empty()) {
    reader.fail("sources", "an empty list lets the reward apply to nothing", "remove it to let it apply to all problems");
  }
  Json options = Json::object();
  for (const auto& [key, value] : json.items()) {
    if (!kOwnKeys.contains(key)) options[key] = value;
  }
  item.reward = make_reward(name, options, file, path, context);
  return item;
}

// Where the item called `label` stands; the number of items if none does.
size_t index_of(const Rubric& rubric, const std::string& label) {
  const auto found = std::find_if(rubric.items.begin(), rubric.items.end(),
                                  [&](const RubricItem& item) { return item.label == label; });
  return static_cast<size_t>(found - rubric.items.begin());
}

// The item on whose word about correctness this one builds; none if it builds on none.
std::optional<size_t> index_of_correct(const Rubric& rubric, const RubricItem& item) {
  if (item.reward.correct_label.empty()) return std::nullopt;
  return index_of(rubric, item.reward.correct_label);
}

// Labels that items speak of must be there, and what a reward builds on must be scored before it.
void check_references(const Rubric& rubric, const std::string& file, const std::string& path) {
  for (size_t i = 0; i < rubric.items.size(); ++i) {
    const RubricItem& item = rubric.items[i];
    const std::string where = fmt::format("{}: {}[{}]", file, path, i);
    if (!item.reward.correct_label.empty() && index_of(rubric, item.reward.correct_label) >= i) {
      throw Error(fmt::format("no reward before this one is called \"{}\"", item.reward.correct_label),
                  where + ".correct", "name the label of a reward that stands earlier in the list");
    }
    if (!item.gate) continue;
    const size_t gate = index_of(rubric, item.gate->label);
    if (gate == rubric.items.size() || gate == i) {
      throw Error(fmt::format("no other reward is called \"{}\"", item.gate->label), where + ".gate",
                  "name the label of another reward of the list");
    }
  }
}

std::vector<Score> all_of(Score score, size_t count) {
  return std::vector<Score>(count, score);
}

// One reward's word on a group, with every failure turned into error scores.
std::vector<Score> guarded_scores(const Reward& reward, const Group& group, std::span<const Score> correct) {
  const size_t count = group.episodes.size();
  if (count == 0) return {};
  try {
    std::vector<Score> scores = reward.score_group(group, correct);
    if (scores.size() != count) {
      return all_of(failed(fmt::format("{} scores for {} completions", scores.size(), count)), count);
    }
    for (Score& score : scores) {
      if (score.value && !std::isfinite(*score.value))
        score = failed(fmt::format("the value is {}", *score.value));
      if (score.status != ScoreStatus::kOk) score.value.reset();
      score.gated = false;
    }
    return scores;
  } catch (const std::exception& e) {
    return all_of(failed(fmt::format("the reward failed: {}", e.what())), count);
  } catch (...) {
    return all_of(failed("the reward failed"), count);
  }
}

bool applies_to(const RubricItem& item, const Problem& problem) {
  return item.sources.empty() ||
         std::find(item.sources.begin(), item.sources.end(), problem.source) != item.sources.end();
}

// What an item says of an episode that its reward is not shown; none: it is shown.
std::optional<Score> score_unseen(const RubricItem& item, const Problem& problem, const Episode& episode) {
  if (episode.finish_reason == FinishReason::kError)
    return not_applicable("the episode has no usable completion");
  if (!applies_to(item, problem)) return not_applicable("not of this reward's sources");
  if (!truncated(episode) || item.truncated == TruncatedPolicy::kScore) return std::nullopt;
  if (item.truncated == TruncatedPolicy::kZero) return score_of(0.0, "truncated");
  return not_applicable("truncated");
}

// The scores of item `index` for the whole group; the reward is shown only the episodes that are its
// business.
void score_item(const Rubric& rubric, size_t index, Group& group) {
  const RubricItem& item = rubric.items[index];
  const std::optional<size_t> correct_index = index_of_correct(rubric, item);
  GRPO_CHECK(!correct_index || *correct_index < index);
  std::vector<size_t> shown;
  std::vector<Score> correct;
  for (size_t e = 0; e < group.episodes.size(); ++e) {
    Episode& episode = group.episodes[e];
    if (std::optional<Score> unseen = score_unseen(item, group.problem, episode)) {
      episode.scores.push_back(std::move(*unseen));
      continue;
    }
    shown.push_back(e);
    if (correct_index) correct.push_back(episode.scores[*correct_index]);
  }
  std::vector<Score> scores;
  if (shown.size() == group.episodes.size()) {
    scores = guarded_scores(item.reward, group, correct);
  } else {
    Group seen{.problem = group.problem, .episodes = {}};
    for (const size_t e : shown) seen.episodes.push_back(group.episodes[e]);
    scores = guarded_scores(item.reward, seen, correct);
  }
  for (size_t s = 0; s < shown.size(); ++s) group.episodes[shown[s]].scores.push_back(std::move(scores[s]));
  for (Episode& episode : group.episodes) episode.scores[index].weight = item.weight;
}

// True if the item's word on the episode cannot be had, so that no sum can be either: it failed itself, or
// what it depends on did.
bool masks(const Rubric& rubric, const RubricItem& item, const Problem& problem, const Score& score,
           const Episode& episode) {
  const auto is_broken = [&](size_t index) { return episode.scores[index].status != ScoreStatus::kOk; };
  if (score.status != ScoreStatus::kOk) return true;
  if (item.gate && is_broken(index_of(rubric, item.gate->label))) return true;
  const std::optional<size_t> correct = index_of_correct(rubric, item);
  if (correct && is_broken(*correct)) return true;
  return truncated(episode) && item.truncated == TruncatedPolicy::kMask && applies_to(item, problem);
}

// Closes gates and adds up one episode's scores.
void sum_up(const Rubric& rubric, const Problem& problem, Episode& episode) {
  double sum = 0.0;
  bool applies = false;
  bool masked = false;
  for (size_t i = 0; i < rubric.items.size(); ++i) {
    const RubricItem& item = rubric.items[i];
    Score& score = episode.scores[i];
    if (item.gate) {
      const size_t gate = index_of(rubric, item.gate->label);
      GRPO_CHECK(gate < rubric.items.size());
      const std::optional<double>& passed = episode.scores[gate].value;
      score.gated = !passed || *passed < item.gate->min;
    }
    if (item.weight == 0.0) continue;
    masked = masked || masks(rubric, item, problem, score, episode);
    const std::optional<double> value = counted_value(score);
    if (!value) continue;
    applies = true;
    sum += item.weight * *value;
  }
  if (applies && !masked && std::isfinite(sum)) episode.reward = sum;
}

}  // namespace

Rubric read_rubric(const Json& list, const std::string& file, const std::string& path,
                   const RewardContext& context) {
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
    rubric.items.push_back(read_item(list[i], file, item_path, context));
    const RubricItem& item = rubric.items.back();
    weighted = weighted || item.weight != 0.0;
    if (!labels.insert(item.label).second) {
      throw Error(fmt::format("two rewards are called \"{}\"", item.label), file + ": " + item_path,
                  "give one of them a \"label\" of its own");
    }
  }
  check_references(rubric, file, path);
  if (!weighted) throw Error("every reward has weight 0", where, "give at least one reward another weight");
  return rubric;
}

Json item_named(const std::string& name) {
  if (name.find(".py:") != std::string::npos) return {{"name", "python"}, {"function", name}};
  return {{"name", name}};
}

void score_group(const Rubric& rubric, Group& group) {
  for (Episode& episode : group.episodes) {
    episode.scores.clear();
    episode.reward.reset();
  }
  for (size_t i = 0; i < rubric.items.size(); ++i) score_item(rubric, i, group);
  for (Episode& episode : group.episodes) sum_up(rubric, group.problem, episode);
}

}  // namespace grpo
