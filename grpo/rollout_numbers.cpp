#include "grpo/rollout_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "policy/io/safetensors_dtype.h"

namespace grpo {
namespace {

constexpr const char* kDamaged = "the rollout is damaged: use another one, or copy it again";

// What an episode is made of, named once for writing and reading.
template <typename Owner, typename T>
struct Field {
  const char* name;
  T Owner::* member;
};

template <typename Visit>
void each_number(Visit visit) {
  visit(Field{"problem_id", &Episode::problem_id});
  visit(Field{"sample_index", &Episode::sample_index});
  visit(Field{"policy_version", &Episode::policy_version});
  visit(Field{"seed", &Episode::seed});
  visit(Field{"advantage", &Episode::advantage});
}

template <typename Visit>
void each_list(Visit visit) {
  visit(Field{"prompt_ids", &Episode::prompt_ids});
  visit(Field{"completion_ids", &Episode::completion_ids});
  visit(Field{"loss_mask", &Episode::loss_mask});
  visit(Field{"behaviour_logprobs", &Episode::behaviour_logprobs});
  visit(Field{"old_logprobs", &Episode::old_logprobs});
  visit(Field{"ref_logprobs", &Episode::ref_logprobs});
  visit(Field{"entropy", &Episode::entropy});
  visit(Field{"token_advantages", &Episode::token_advantages});
  visit(Field{"routes", &Episode::routes});
  visit(Field{"kept_begin", &Episode::kept_begin});
  visit(Field{"kept_ids", &Episode::kept_ids});
}

template <typename T>
constexpr at::ScalarType dtype_of() {
  return c10::CppTypeToScalarType<T>::value;
}

// One tensor of `count` numbers, filled by `fill(data)`.
template <typename T, typename Fill>
NamedTensor tensor_of(const std::string& name, int64_t count, Fill fill) {
  NamedTensor named{name, at::empty({count}, at::TensorOptions(dtype_of<T>()))};
  fill(static_cast<T*>(named.tensor.mutable_data_ptr()));
  return named;
}

// Lists end to end, and where each begins. `list(i)` gives the i-th of `count`.
template <typename T, typename List>
void add_lists(std::vector<NamedTensor>& tensors, const std::string& name, int64_t count, List list) {
  int64_t total = 0;
  tensors.push_back(tensor_of<int64_t>(name + "_begin", count + 1, [&](int64_t* begin) {
    for (int64_t i = 0; i < count; ++i) {
      begin[i] = total;
      total += static_cast<int64_t>(list(i).size());
    }
    begin[count] = total;
  }));
  tensors.push_back(tensor_of<T>(name, total, [&](T* data) {
    for (int64_t i = 0; i < count; ++i) data = std::copy(list(i).begin(), list(i).end(), data);
  }));
}

template <typename T, typename Value>
void add_numbers(std::vector<NamedTensor>& tensors, const std::string& name, int64_t count, Value value) {
  tensors.push_back(tensor_of<T>(name, count, [&](T* data) {
    for (int64_t i = 0; i < count; ++i) data[i] = value(i);
  }));
}

// The number file, opened; every tensor is a list, read straight into vectors.
class NumberReader {
 public:
  explicit NumberReader(const std::string& path) : path_(path), reader_(path) {}

  // How many numbers a tensor holds. Throws Error if it is missing, of another type or not a list.
  template <typename T>
  int64_t count(const std::string& name) {
    used_.insert(name);
    const auto found = reader_.tensors().find(name);
    if (found == reader_.tensors().end()) fail(name, "is missing");
    const TensorInfo& info = found->second;
    const std::string_view dtype = find_dtype(dtype_of<T>())->name;
    if (info.dtype != dtype) fail(name, fmt::format("is of {}, not of {}", info.dtype, dtype));
    if (info.shape.size() != 1) fail(name, fmt::format("has {} dimensions, not one", info.shape.size()));
    return info.shape[0];
  }

  // Numbers [begin, end) of a tensor that count() has passed.
  template <typename T>
  std::vector<T> slice(const std::string& name, int64_t begin, int64_t end) {
    std::vector<T> values(static_cast<size_t>(end - begin));
    reader_.read_bytes(name, static_cast<uint64_t>(begin) * sizeof(T), values.size() * sizeof(T), values.data());
    return values;
  }

  template <typename T>
  std::vector<T> numbers(const std::string& name, int64_t expected) {
    const int64_t found = count<T>(name);
    if (found != expected) fail(name, fmt::format("holds {} numbers, not {}", found, expected));
    return slice<T>(name, 0, found);
  }

  // NAME_begin for `count` lists that end at `total`.
  std::vector<int64_t> begins(const std::string& name, int64_t count, int64_t total) {
    std::vector<int64_t> begin = numbers<int64_t>(name, count + 1);
    if (begin.front() != 0 || begin.back() != total || !std::is_sorted(begin.begin(), begin.end())) {
      fail(name, fmt::format("does not ascend from 0 to {}", total));
    }
    return begin;
  }

  // Calls take(i, list) for each of `count` lists.
  template <typename T, typename Take>
  void lists(const std::string& name, int64_t count, Take take) {
    const std::vector<int64_t> begin = begins(name + "_begin", count, this->count<T>(name));
    for (size_t i = 0; i + 1 < begin.size(); ++i) take(i, slice<T>(name, begin[i], begin[i + 1]));
  }

  void finish() const {
    for (const auto& [name, info] : reader_.tensors()) {
      if (!used_.contains(name)) fail(name, "is not one of a rollout");
    }
  }
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw Error(fmt::format("tensor {} {}", name, what), path_, kDamaged);
  }

 private:
  const std::string path_;
  const SafetensorsReader reader_;
  std::set<std::string> used_;
};

}  // namespace

std::vector<NamedTensor> rollout_numbers(const std::vector<Group>& groups) {
  std::vector<const Episode*> episodes;
  std::vector<int64_t> episodes_begin = {0};
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) episodes.push_back(&episode);
    episodes_begin.push_back(static_cast<int64_t>(episodes.size()));
  }
  const auto problem = [&](int64_t i) -> const Problem& { return groups[static_cast<size_t>(i)].problem; };
  const auto episode = [&](int64_t i) -> const Episode& { return *episodes[static_cast<size_t>(i)]; };
  const auto num_groups = static_cast<int64_t>(groups.size()), num_episodes = static_cast<int64_t>(episodes.size());

  std::vector<NamedTensor> tensors;
  add_numbers<int64_t>(tensors, "problem.id", num_groups, [&](int64_t i) { return problem(i).id; });
  add_lists<int64_t>(tensors, "problem.prompt_ids", num_groups, [&](int64_t i) -> auto& { return problem(i).prompt_ids; });
  add_numbers<int64_t>(tensors, "problem.episodes_begin", num_groups + 1,
                       [&](int64_t i) { return episodes_begin[static_cast<size_t>(i)]; });
  add_numbers<uint8_t>(tensors, "episode.finish_reason", num_episodes,
                       [&](int64_t i) { return static_cast<uint8_t>(episode(i).finish_reason); });
  add_numbers<uint8_t>(tensors, "episode.has_reward", num_episodes,
                       [&](int64_t i) { return static_cast<uint8_t>(episode(i).reward.has_value()); });
  add_numbers<double>(tensors, "episode.reward", num_episodes, [&](int64_t i) { return episode(i).reward.value_or(0.0); });
  each_number([&]<typename T>(Field<Episode, T> field) {
    add_numbers<T>(tensors, fmt::format("episode.{}", field.name), num_episodes,
                   [&](int64_t i) { return episode(i).*field.member; });
  });
  each_list([&]<typename T>(Field<Episode, std::vector<T>> field) {
    add_lists<T>(tensors, fmt::format("episode.{}", field.name), num_episodes,
                 [&](int64_t i) -> auto& { return episode(i).*field.member; });
  });
  return tensors;
}

std::vector<Group> read_rollout_numbers(const std::string& path, int64_t num_groups, int64_t num_episodes) {
  NumberReader reader(path);
  // Compared with the file before anything is made: the counts may be anything.
  const std::vector<int64_t> ids = reader.numbers<int64_t>("problem.id", num_groups);
  const std::vector<int64_t> begin = reader.begins("problem.episodes_begin", num_groups, num_episodes);
  const std::vector<uint8_t> reasons = reader.numbers<uint8_t>("episode.finish_reason", num_episodes);
  const std::vector<uint8_t> has_reward = reader.numbers<uint8_t>("episode.has_reward", num_episodes);
  const std::vector<double> rewards = reader.numbers<double>("episode.reward", num_episodes);

  std::vector<Group> groups(ids.size());
  std::vector<Episode*> episodes;
  for (size_t g = 0; g < groups.size(); ++g) {
    groups[g].problem.id = ids[g];
    groups[g].episodes.resize(static_cast<size_t>(begin[g + 1] - begin[g]));
    for (Episode& episode : groups[g].episodes) episodes.push_back(&episode);
  }
  reader.lists<int64_t>("problem.prompt_ids", num_groups,
                        [&](size_t i, std::vector<int64_t> list) { groups[i].problem.prompt_ids = std::move(list); });
  each_number([&]<typename T>(Field<Episode, T> field) {
    const std::vector<T> values = reader.numbers<T>(fmt::format("episode.{}", field.name), num_episodes);
    for (size_t i = 0; i < episodes.size(); ++i) episodes[i]->*field.member = values[i];
  });
  each_list([&]<typename T>(Field<Episode, std::vector<T>> field) {
    reader.lists<T>(fmt::format("episode.{}", field.name), num_episodes,
                    [&](size_t i, std::vector<T> list) { episodes[i]->*field.member = std::move(list); });
  });
  for (size_t i = 0; i < episodes.size(); ++i) {
    if (reasons[i] > static_cast<uint8_t>(FinishReason::kError)) {
      reader.fail("episode.finish_reason", fmt::format("holds {}, which is none", reasons[i]));
    }
    if (has_reward[i] > 1) reader.fail("episode.has_reward", fmt::format("holds {}, neither 0 nor 1", has_reward[i]));
    episodes[i]->finish_reason = static_cast<FinishReason>(reasons[i]);
    if (has_reward[i] == 1) episodes[i]->reward = rewards[i];
  }
  reader.finish();
  return groups;
}

}  // namespace grpo
