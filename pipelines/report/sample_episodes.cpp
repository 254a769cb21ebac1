#include "pipelines/report/sample_episodes.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "pipelines/report/json_lines.h"
#include "policy/io/unicode.h"

namespace grpo {
namespace {

constexpr int64_t kGroupsMax = 4096;     // of a step that are looked at
constexpr int64_t kLinesMax = 65536;     // likewise
constexpr size_t kStepsMax = 1'000'000;  // that are remembered

// What is needed to find a line again: {"step":N,"stage":"NAME",... is how they begin.
struct LineKey {
  std::string stage;
  int64_t step = 0;
};

// Without parsing the line, where it begins as the writer's lines do.
std::optional<LineKey> quick_key(std::string_view line) {
  constexpr std::string_view head = "{\"step\":", then = ",\"stage\":\"";
  if (!line.starts_with(head)) return std::nullopt;
  LineKey key;
  const auto number = std::from_chars(line.data() + head.size(), line.data() + line.size(), key.step);
  constexpr int64_t most = int64_t{1} << 53;
  if (number.ec != std::errc() || key.step > most || key.step < -most) return std::nullopt;
  line.remove_prefix(static_cast<size_t>(number.ptr - line.data()));
  if (!line.starts_with(then)) return std::nullopt;
  line.remove_prefix(then.size());
  const size_t end = line.find_first_of("\"\\");
  if (end == std::string_view::npos || line[end] == '\\') return std::nullopt;
  key.stage = replace_invalid_utf8(line.substr(0, end));
  return key;
}

std::optional<LineKey> key_of(const Json& object) {
  const auto step = integer_in(object, "step");
  const auto stage = string_in(object, "stage");
  if (!step || !stage) return std::nullopt;
  return LineKey{*stage, *step};
}

// A value as text: strings as they are, others as JSON.
std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<SampleScore> scores_of(const Json& rewards) {
  std::vector<SampleScore> scores;
  if (!rewards.is_object()) return scores;
  for (const auto& [name, entry] : rewards.items()) {
    SampleScore score;
    score.reward = name;
    score.value = entry.is_number() ? std::optional<double>(entry.get<double>()) : number_in(entry, "value");
    score.status = string_in(entry, "status").value_or("");
    score.reason = string_in(entry, "reason").value_or("");
    scores.push_back(std::move(score));
  }
  return scores;
}

SampleEpisode episode_of(const Json& row) {
  SampleEpisode episode;
  episode.prompt = text_of(value_in(row, "prompt"));
  episode.answer = text_of(value_in(row, "answer"));
  episode.completion = text_of(value_in(row, "completion"));
  episode.finish_reason = string_in(row, "finish_reason").value_or("");
  episode.reward = number_in(row, "reward");
  episode.advantage = number_in(row, "advantage");
  episode.scores = scores_of(value_in(row, "rewards"));
  const Json& ids = value_in(row, "completion_ids");
  if (ids.is_array()) episode.num_tokens = static_cast<int64_t>(ids.size());
  return episode;
}

// Where the lines of a step begin.
struct StepPlace {
  int64_t step = 0;
  int64_t offset = 0;
};

// One pass over the file: every stage's steps in order of the file.
std::map<std::string, std::vector<StepPlace>> index_steps(const std::string& path, EpisodeSamples& out) {
  std::map<std::string, std::vector<StepPlace>> places;
  size_t remembered = 0;
  JsonLines file(path);
  while (const auto line = file.next()) {
    if (line->text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    ++out.lines;
    if (line->torn && !parse_object(line->text)) {
      out.torn = true;
      continue;
    }
    auto key = quick_key(line->text);
    if (!key && !line->too_long) {
      if (const auto object = parse_object(line->text)) key = key_of(*object);
    }
    if (!key) {
      ++out.unreadable;
      continue;
    }
    std::vector<StepPlace>& steps = places[key->stage];
    if ((steps.empty() || steps.back().step != key->step) && remembered++ < kStepsMax) {
      steps.push_back({key->step, line->offset});
    }
  }
  return places;
}

// What a group has shown so far.
struct Candidate {
  int64_t problem = 0;
  int64_t num_samples = 0, num_rewarded = 0;
  double sum = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  int64_t best_offset = 0, worst_offset = 0;

  double spread() const { return num_rewarded > 0 ? high - low : -1.0; }
};

// The group of the step whose rewards differ most; -1 samples where there is none. Rows are parsed one by one.
Candidate widest_group(JsonLines& file, const std::string& stage, const StepPlace& place) {
  std::vector<Candidate> groups;
  std::map<int64_t, size_t> group_of;
  file.seek(place.offset);
  for (int64_t lines = 0; lines < kLinesMax; ++lines) {
    const auto line = file.next();
    if (!line) break;
    if (line->too_long) continue;
    const auto row = parse_object(line->text);
    const auto key = row ? key_of(*row) : std::nullopt;
    if (!key) continue;
    if (key->step != place.step || key->stage != stage) break;
    const auto problem = integer_in(*row, "problem_id").value_or(-1);
    const auto [entry, is_new] = group_of.emplace(problem, groups.size());
    if (is_new && static_cast<int64_t>(groups.size()) == kGroupsMax) break;
    if (is_new) groups.push_back({.problem = problem, .best_offset = line->offset, .worst_offset = line->offset});
    Candidate& group = groups[entry->second];
    ++group.num_samples;
    const auto reward = number_in(*row, "reward");
    if (!reward) continue;
    ++group.num_rewarded;
    group.sum += *reward;
    if (*reward > group.high) {
      group.high = *reward;
      group.best_offset = line->offset;
    }
    if (*reward < group.low) {
      group.low = *reward;
      group.worst_offset = line->offset;
    }
  }
  if (groups.empty()) return {};
  return *std::max_element(groups.begin(), groups.end(),
                           [](const Candidate& a, const Candidate& b) { return a.spread() < b.spread(); });
}

std::optional<Json> row_at(JsonLines& file, int64_t offset) {
  file.seek(offset);
  const auto line = file.next();
  return line && !line->too_long ? parse_object(line->text) : std::nullopt;
}

std::optional<SampleGroup> read_group(JsonLines& file, const std::string& stage, const StepPlace& place) {
  const Candidate group = widest_group(file, stage, place);
  const auto best = group.num_samples > 0 ? row_at(file, group.best_offset) : std::nullopt;
  if (!best) return std::nullopt;
  SampleGroup sample;
  sample.line = place.step;
  sample.num_samples = group.num_samples;
  sample.reward_mean = group.num_rewarded > 0 ? group.sum / static_cast<double>(group.num_rewarded) : 0.0;
  sample.best = episode_of(*best);
  if (group.spread() > 0) {
    if (const auto worst = row_at(file, group.worst_offset)) sample.worst = episode_of(*worst);
  }
  return sample;
}

// First, middle and last of `count`.
std::set<size_t> three_of(size_t count) {
  if (count == 0) return {};
  return {0, count / 2, count - 1};
}

}  // namespace

EpisodeSamples sample_episodes(const std::string& path) {
  EpisodeSamples out;
  JsonLines file(path);
  for (const auto& [stage, steps] : index_steps(path, out)) {
    for (const size_t i : three_of(steps.size())) {
      if (auto group = read_group(file, stage, steps[i])) out.of_stage[stage].push_back(std::move(*group));
    }
  }
  return out;
}

EpisodeSamples sample_kept(const std::string& path, const std::string& stage) {
  EpisodeSamples out;
  std::vector<int64_t> offsets;
  JsonLines file(path);
  while (const auto line = file.next()) {
    if (line->text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    ++out.lines;
    if (line->torn) out.torn = true;
    if (!line->too_long && !line->torn && offsets.size() < kStepsMax) offsets.push_back(line->offset);
  }
  for (const size_t i : three_of(offsets.size())) {
    const auto row = row_at(file, offsets[i]);
    if (!row) {
      ++out.unreadable;
      continue;
    }
    SampleGroup sample;
    sample.line = static_cast<int64_t>(i);
    sample.num_samples = 1;
    sample.kept = true;
    sample.best = episode_of(*row);
    if (sample.best.prompt.empty()) sample.best.prompt = text_of(value_in(*row, "question"));
    const Json& provenance = value_in(*row, "provenance");
    sample.best.reward = number_in(provenance, "reward");
    sample.best.scores = scores_of(value_in(provenance, "scores"));
    out.of_stage[stage].push_back(std::move(sample));
  }
  return out;
}

}  // namespace grpo
