#include "grpo/rollout_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "grpo/exact_json.h"
#include "grpo/rollout_numbers.h"

namespace grpo {
namespace {

constexpr int64_t kFormat = 2;
constexpr const char* kDamaged = "the rollout is damaged: use another one, or copy it again";

std::string about_file(const std::string& directory) { return directory + "/rollout.json"; }
std::string text_file(const std::string& directory) { return directory + "/rollout.jsonl"; }
std::string number_file(const std::string& directory) { return directory + "/rollout.safetensors"; }

// ---- What must hold of an episode's lists, so that whoever reads them may index one by another.

bool ascending(const int32_t* begin, const int32_t* end) {
  return std::adjacent_find(begin, end, std::greater_equal<>()) == end;
}

std::string misfit_of_kept(const Episode& e) {
  const std::vector<int64_t>& begin = e.kept_begin;
  if (begin.empty()) return e.kept_ids.empty() ? "" : "kept_ids without kept_begin";
  if (begin.size() != e.completion_ids.size() + 1 || begin.front() != 0 ||
      begin.back() != static_cast<int64_t>(e.kept_ids.size()) || !std::is_sorted(begin.begin(), begin.end())) {
    return "kept_begin does not divide kept_ids among the completion's tokens";
  }
  for (size_t t = 0; t + 1 < begin.size(); ++t) {
    const int32_t* ids = e.kept_ids.data();
    if (begin[t] < begin[t + 1] && (ids[begin[t]] < 0 || !ascending(ids + begin[t], ids + begin[t + 1]))) {
      return fmt::format("the kept ids of token {} are not ascending ids", t);
    }
  }
  return "";
}

// What is wrong, or "".
std::string misfit_of(const Episode& e) {
  const size_t tokens = e.completion_ids.size();
  const auto negative = [](int64_t id) { return id < 0; };
  for (const auto* ids : {&e.prompt_ids, &e.completion_ids}) {
    if (std::any_of(ids->begin(), ids->end(), negative)) return "a token id is negative";
  }
  if (e.loss_mask.size() != tokens) return fmt::format("loss_mask has {} entries for {} tokens", e.loss_mask.size(), tokens);
  if (std::any_of(e.loss_mask.begin(), e.loss_mask.end(), [](uint8_t m) { return m > 1; })) return "loss_mask is not 0 or 1";
  const std::pair<const char*, size_t> optional_lists[] = {{"behaviour_logprobs", e.behaviour_logprobs.size()},
                                                           {"old_logprobs", e.old_logprobs.size()},
                                                           {"ref_logprobs", e.ref_logprobs.size()},
                                                           {"entropy", e.entropy.size()},
                                                           {"token_advantages", e.token_advantages.size()}};
  for (const auto& [name, size] : optional_lists) {
    if (size != 0 && size != tokens) return fmt::format("{} has {} entries for {} tokens", name, size, tokens);
  }
  const size_t fed = e.prompt_ids.size() + tokens;  // and one less has routes
  if (!e.routes.empty() && (fed < 2 || e.routes.size() % (fed - 1) != 0)) {
    return fmt::format("{} routes cannot be shared by {} tokens", e.routes.size(), fed == 0 ? 0 : fed - 1);
  }
  if (std::any_of(e.routes.begin(), e.routes.end(), [](int16_t id) { return id < -1; })) return "an expert of routes is below -1";
  return misfit_of_kept(e);
}

std::string episode_place(int64_t group, int64_t episode) {
  return fmt::format("group {}, episode {}", group, episode);
}

// ---- Text.

Json score_line(const Score& score, const std::string& where) {
  return {{"value", score.value ? to_exact_json(Json(*score.value), where) : Json(nullptr)},
          {"status", score_status_name(score.status)},
          {"reason", to_exact_json(score.reason, where)},
          {"details", to_exact_json(score.details, where)},
          {"weight", to_exact_json(Json(score.weight), where)},
          {"gated", score.gated}};
}

std::string text_of(const std::vector<Group>& groups) {
  std::string text;
  const auto add = [&](const Json& line) { text += line.dump() + "\n"; };
  for (size_t g = 0; g < groups.size(); ++g) {
    const Problem& problem = groups[g].problem;
    const std::string where = fmt::format("problem {}", problem.id);
    add({{"group", g},
         {"prompt", to_exact_json(problem.prompt, where)},
         {"completion_prefix", to_exact_json(problem.completion_prefix, where)},
         {"answer", to_exact_json(problem.answer, where)},
         {"columns", to_exact_json(problem.columns, where)},
         {"source", to_exact_json(problem.source, where)}});
    for (size_t e = 0; e < groups[g].episodes.size(); ++e) {
      const Episode& episode = groups[g].episodes[e];
      Json scores = Json::array();
      for (const Score& score : episode.scores) scores.push_back(score_line(score, where));
      add({{"group", g}, {"episode", e}, {"completion", to_exact_json(episode.completion, where)}, {"scores", scores}});
    }
  }
  return text;
}

// One line's object, read key by key.
class LineReader {
 public:
  LineReader(const Json& line, const std::string& where, const std::string& path = "")
      : line_(line), reader_(line, where, path), where_(where) {}

  Json value(const std::string& key) {
    if (!line_.contains(key)) reader_.fail(key, "is missing", kDamaged);
    return from_exact_json(reader_.raw(key), reader_.where(key));
  }
  std::string text(const std::string& key) {
    const Json found = value(key);
    if (!found.is_string()) reader_.fail(key, "is not text", kDamaged);
    return found.get<std::string>();
  }
  double number(const std::string& key) {
    const Json found = value(key);
    if (!found.is_number()) reader_.fail(key, "is not a number", kDamaged);
    return found.get<double>();
  }
  void expect_index(const std::string& key, size_t expected) {
    const int64_t found = reader_.integer(key);
    if (found != static_cast<int64_t>(expected)) reader_.fail(key, fmt::format("is {}, not {}", found, expected), kDamaged);
  }
  ObjectReader& object() { return reader_; }
  const std::string& where() const { return where_; }

 private:
  const Json& line_;
  ObjectReader reader_;
  const std::string where_;
};

Score read_score(const Json& json, const std::string& where, const std::string& path) {
  LineReader line(json, where, path);
  Score score;
  if (!line.value("value").is_null()) score.value = line.number("value");
  std::vector<std::string> names;
  for (const ScoreStatus s : {ScoreStatus::kOk, ScoreStatus::kSkip, ScoreStatus::kError}) names.push_back(score_status_name(s));
  const std::string status = line.object().choice("status", names);
  score.status = static_cast<ScoreStatus>(std::find(names.begin(), names.end(), status) - names.begin());
  score.reason = line.text("reason");
  score.details = line.value("details");
  score.weight = line.number("weight");
  score.gated = line.object().boolean("gated");
  line.object().finish();
  return score;
}

void read_problem_text(LineReader& line, size_t group, Problem& problem) {
  line.expect_index("group", group);
  problem.prompt = line.text("prompt");
  problem.completion_prefix = line.text("completion_prefix");
  problem.answer = line.text("answer");
  problem.columns = line.value("columns");
  problem.source = line.text("source");
  line.object().finish();
}

void read_episode_text(LineReader& line, size_t group, size_t index, Episode& episode) {
  line.expect_index("group", group);
  line.expect_index("episode", index);
  episode.completion = line.text("completion");
  const Json& scores = line.object().raw("scores");
  if (!scores.is_array()) line.object().fail("scores", "is not an array", kDamaged);
  for (size_t i = 0; i < scores.size(); ++i) {
    episode.scores.push_back(read_score(scores[i], line.where(), fmt::format("scores[{}]", i)));
  }
  line.object().finish();
}

void read_text(const std::string& path, std::vector<Group>& groups) {
  const std::string text = read_file(path);
  size_t at = 0, number = 0;
  const auto next = [&](auto read) {
    const size_t end = text.find('\n', at);
    const std::string where = fmt::format("{}: line {}", path, ++number);
    if (end == std::string::npos) throw Error("the file ends before this line does", where, kDamaged);
    const Json json = parse_json(std::string_view(text).substr(at, end - at), where);
    at = end + 1;
    LineReader line(json, where);
    read(line);
  };
  for (size_t g = 0; g < groups.size(); ++g) {
    next([&](LineReader& line) { read_problem_text(line, g, groups[g].problem); });
    for (size_t e = 0; e < groups[g].episodes.size(); ++e) {
      next([&](LineReader& line) { read_episode_text(line, g, e, groups[g].episodes[e]); });
    }
  }
  if (at != text.size()) {
    throw Error(fmt::format("{} bytes behind the last episode", text.size() - at), fmt::format("{}: line {}", path, number + 1),
                kDamaged);
  }
}

// Calls fail(place, what) for the first episode whose lists do not fit each other.
template <typename Fail>
void check_fit(const std::vector<Group>& groups, Fail fail) {
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t e = 0; e < groups[g].episodes.size(); ++e) {
      const std::string misfit = misfit_of(groups[g].episodes[e]);
      if (!misfit.empty()) fail(episode_place(static_cast<int64_t>(g), static_cast<int64_t>(e)), misfit);
    }
    const auto& ids = groups[g].problem.prompt_ids;
    if (std::any_of(ids.begin(), ids.end(), [](int64_t id) { return id < 0; })) {
      fail(fmt::format("group {}", g), "a prompt id of the problem is negative");
    }
  }
}

}  // namespace

void write_rollout(const std::string& directory, const std::vector<Group>& groups, const Json& about) {
  GRPO_CHECK(about.is_object());
  check_fit(groups, [&](const std::string& place, const std::string& what) {
    throw Error(fmt::format("this rollout cannot be written: {}", what), place);
  });
  size_t num_episodes = 0;
  for (const Group& group : groups) num_episodes += group.episodes.size();
  AtomicDirectory out(directory);
  write_safetensors(number_file(out.path()), rollout_numbers(groups), {});
  write_file_atomically(text_file(out.path()), text_of(groups));
  const Json head = {{"format", kFormat},
                     {"groups", groups.size()},
                     {"episodes", num_episodes},
                     {"about", to_exact_json(about, "about")}};
  write_file_atomically(about_file(out.path()), head.dump(2) + "\n");
  out.commit();
}

Rollout read_rollout(const std::string& directory, Checksums checksums) {
  if (checksums == Checksums::kVerify) verify_directory(directory);
  const std::string file = about_file(directory);
  const Json head = read_json_file(file);
  ObjectReader reader(head, file);
  const int64_t format = reader.integer("format");
  if (format != kFormat) {
    reader.fail("format", fmt::format("format {} is not one this version reads ({})", format, kFormat),
                "use the version of the program that wrote it");
  }
  const int64_t num_groups = reader.integer("groups", {.min = 0, .max = 1e15});
  const int64_t num_episodes = reader.integer("episodes", {.min = 0, .max = 1e15});
  Rollout rollout;
  rollout.about = from_exact_json(reader.raw("about"), reader.where("about"));
  reader.finish();
  if (!rollout.about.is_object()) reader.fail("about", "is not an object", kDamaged);
  rollout.groups = read_rollout_numbers(number_file(directory), num_groups, num_episodes);
  check_fit(rollout.groups, [&](const std::string& place, const std::string& what) {
    throw Error(fmt::format("{}: {}", place, what), number_file(directory), kDamaged);
  });
  read_text(text_file(directory), rollout.groups);
  return rollout;
}

}  // namespace grpo
