#include "pipelines/batch_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/data_file.h"
#include "core/error.h"
#include "core/json.h"

namespace grpo {
namespace {

std::vector<double> numbers(ObjectReader& r, const std::string& key, size_t wanted) {
  const Json& list = r.raw(key);
  if (list.is_null()) return {};
  if (!list.is_array() || list.size() != wanted || !std::all_of(list.begin(), list.end(), [](const Json& v) {
        return v.is_number();
      })) {
    r.fail(key, fmt::format("is not a list of {} numbers, one per completion id", wanted));
  }
  return list.get<std::vector<double>>();
}

std::vector<int64_t> ids(ObjectReader& r, const std::string& key) {
  if (!r.has(key)) r.fail(key, "is missing", "every sample needs prompt_ids and completion_ids");
  const std::vector<int64_t> out = r.integers(key, {});
  for (const int64_t id : out) {
    if (id < 0) r.fail(key, fmt::format("holds the negative token id {}", id));
  }
  return out;
}

Episode read_sample(ObjectReader& r) {
  Episode episode;
  episode.prompt_ids = ids(r, "prompt_ids");
  episode.completion_ids = ids(r, "completion_ids");
  if (episode.prompt_ids.empty()) r.fail("prompt_ids", "is empty");
  const size_t count = episode.completion_ids.size();
  episode.reward = r.number("reward");
  episode.finish_reason = r.boolean("truncated", false) ? FinishReason::kLength : FinishReason::kEos;
  episode.loss_mask.assign(count, 1);
  const std::vector<int64_t> mask = r.integers("mask", std::vector<int64_t>(count, 1));
  if (mask.size() != count) r.fail("mask", fmt::format("has {} entries for {} completion ids", mask.size(), count));
  for (size_t t = 0; t < count; ++t) {
    if (mask[t] != 0 && mask[t] != 1) r.fail("mask", "holds something else than 0 and 1");
    episode.loss_mask[t] = static_cast<uint8_t>(mask[t]);
  }
  const std::vector<double> behaviour = numbers(r, "behaviour_logprobs", count);
  episode.behaviour_logprobs.assign(behaviour.begin(), behaviour.end());
  episode.old_logprobs = numbers(r, "old_logprobs", count);
  episode.ref_logprobs = numbers(r, "ref_logprobs", count);
  episode.entropy = numbers(r, "entropy", count);
  return episode;
}

}  // namespace

std::vector<Group> read_batch_file(const std::string& path) {
  std::vector<Group> groups;
  for (const DataRow& row : read_data_file(path)) {
    ObjectReader r(row.columns, row.where);
    const int64_t group = r.integer("group", {.min = 0});
    Episode episode = read_sample(r);
    r.finish();
    if (groups.empty() || groups.back().problem.id != group) {
      for (const Group& earlier : groups) {
        if (earlier.problem.id == group) r.fail("group", fmt::format("{} comes again after another group", group));
      }
      groups.emplace_back().problem.id = group;
      groups.back().problem.prompt_ids = episode.prompt_ids;
    }
    episode.problem_id = group;
    episode.sample_index = static_cast<int64_t>(groups.back().episodes.size());
    groups.back().episodes.push_back(std::move(episode));
  }
  return groups;
}

}  // namespace grpo
