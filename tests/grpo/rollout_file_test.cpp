#include "grpo/rollout_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "policy/io/safetensors.h"
#include "tests/core/full_disk.h"
#include "tests/grpo/strange_rollout.h"
#include "tests/mutation.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::bits_of;
using testing::strange_groups;

// A sampled episode as the engine leaves it, of two prompt and three completion tokens.
Episode plain_episode() {
  Episode e;
  e.prompt_ids = {1, 2};
  e.completion_ids = {3, 4, 5};
  e.loss_mask = {1, 1, 1};
  e.behaviour_logprobs = {-1, -2, -3};
  e.routes = {0, 1, 2, 3, 4, 5, 6, 7};
  e.kept_begin = {0, 2, 2, 3};
  e.kept_ids = {3, 9, 5};
  return e;
}

std::vector<Group> one_group(Episode episode) {
  Group group;
  group.episodes.push_back(std::move(episode));
  return {group};
}

TEST(RolloutFile, EveryBitComesBack) {
  const TemporaryFolder folder;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::vector<Group> groups = strange_groups(seed, static_cast<int64_t>(seed % 7));
    Stream random(seed);
    const Json about = {{"step", 7}, {"options", testing::strange_json(random)}};
    write_rollout(folder.file("r"), groups, about);
    const Rollout rollout = read_rollout(folder.file("r"));
    ASSERT_EQ(bits_of(rollout.groups), bits_of(groups)) << "seed " << seed;
    ASSERT_EQ(bits_of(rollout.about), bits_of(about)) << "seed " << seed;
  }
}

TEST(RolloutFile, SameRolloutGivesTheSameBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a", "b"}) write_rollout(folder.file(name), strange_groups(3), {{"step", 1}});
  for (const char* name : {"rollout.json", "rollout.jsonl", "rollout.safetensors", "manifest.json"}) {
    EXPECT_EQ(read_file(folder.file("a/") + name), read_file(folder.file("b/") + name)) << name;
  }
}

TEST(RolloutFile, OneInsideACheckpointIsVouchedForByTheCheckpoint) {
  const TemporaryFolder folder;
  const auto groups = strange_groups(4);
  AtomicDirectory checkpoint(folder.file("checkpoint"));
  write_rollout(checkpoint.path() + "/rollout", groups, {{"step", 1}});
  checkpoint.commit();
  verify_directory(folder.file("checkpoint"));
  const auto rollout = read_rollout(folder.file("checkpoint/rollout"), Checksums::kSkip);
  EXPECT_EQ(bits_of(rollout.groups), bits_of(groups));
}

TEST(RolloutFile, AFullDiskIsAnErrorAndLeavesTheOldRollout) {
  const TemporaryFolder folder;
  const auto before = strange_groups(5), after = strange_groups(6);
  write_rollout(folder.file("r"), before, {{"step", 1}});
  {
    const FullDisk full(512);
    EXPECT_THROW(write_rollout(folder.file("r"), after, {{"step", 2}}), Error);
  }
  EXPECT_EQ(bits_of(read_rollout(folder.file("r")).groups), bits_of(before));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(RolloutFile, ListsThatDoNotFitTheCompletionAreRefusedBothWays) {
  const TemporaryFolder folder;
  const std::vector<std::pair<const char*, std::function<void(Episode&)>>> cases = {
      {"loss_mask has 2", [](Episode& e) { e.loss_mask.pop_back(); }},
      {"loss_mask is not 0 or 1", [](Episode& e) { e.loss_mask[1] = 2; }},
      {"behaviour_logprobs has 2", [](Episode& e) { e.behaviour_logprobs.pop_back(); }},
      {"entropy has 1", [](Episode& e) { e.entropy = {1.0}; }},
      {"7 routes", [](Episode& e) { e.routes.pop_back(); }},
      {"below -1", [](Episode& e) { e.routes[0] = -2; }},
      {"token id is negative", [](Episode& e) { e.completion_ids[0] = -1; }},
      {"token id is negative", [](Episode& e) { e.prompt_ids[0] = -1; }},
      {"kept_begin does not divide", [](Episode& e) { e.kept_begin = {0, 2, 3}; }},
      {"kept_begin does not divide", [](Episode& e) { e.kept_begin = {0, 3, 2, 3}; }},
      {"kept_begin does not divide", [](Episode& e) { e.kept_begin = {0, 2, 2, 4}; }},
      {"kept_ids without", [](Episode& e) { e.kept_begin.clear(); }},
      {"token 0 are not ascending", [](Episode& e) { e.kept_ids[1] = 3; }},
      {"token 2 are not ascending", [](Episode& e) { e.kept_ids[2] = -5; }},
  };
  write_rollout(folder.file("good"), one_group(plain_episode()), {{"step", 1}});
  for (const auto& [what, spoil] : cases) {
    Episode episode = plain_episode();
    spoil(episode);
    EXPECT_TRUE(holds(error_text([&] { write_rollout(folder.file("r"), one_group(episode), {{"step", 1}}); }), what));
    EXPECT_FALSE(std::filesystem::exists(folder.file("r")));
  }
  // A file that another hand made of such an episode: the good one with a number changed.
  SafetensorsReader good(folder.file("good/rollout.safetensors"));
  std::vector<NamedTensor> tensors;
  for (const auto& [name, info] : good.tensors()) tensors.push_back({name, good.read(name)});
  for (auto& [name, tensor] : tensors) {
    if (name == "episode.kept_begin") tensor[3] = 4;
  }
  write_safetensors(folder.file("good/rollout.safetensors"), tensors);
  const std::string text = error_text([&] { read_rollout(folder.file("good"), Checksums::kSkip); });
  EXPECT_TRUE(holds(text, "group 0, episode 0: kept_begin does not divide"));
  EXPECT_TRUE(holds(text, "rollout.safetensors"));
}

TEST(RolloutFile, ADirectoryWithoutManifestIsUnfinished) {
  const TemporaryFolder folder;
  write_rollout(folder.file("r"), strange_groups(1), {{"step", 1}});
  std::filesystem::remove(folder.file("r/manifest.json"));
  EXPECT_TRUE(holds(error_text([&] { read_rollout(folder.file("r")); }), "never finished"));
}

TEST(RolloutFile, ErrorsNameTheTensorOrTheLine) {
  const TemporaryFolder folder;
  const std::string path = folder.file("r");
  const auto fresh = [&] { write_rollout(path, one_group(plain_episode()), {{"step", 1}}); };
  const auto said = [&] { return error_text([&] { read_rollout(path, Checksums::kSkip); }); };
  const auto edit = [&](const std::string& name, const std::string& from, const std::string& to) {
    fresh();
    std::string text = read_file(path + "/" + name);
    text.replace(text.find(from), from.size(), to);
    write_file_atomically(path + "/" + name, text);
    return said();
  };
  EXPECT_TRUE(holds(edit("rollout.json", "\"format\": 2", "\"format\": 3"), "format 3"));
  EXPECT_TRUE(holds(edit("rollout.json", "\"episodes\": 1", "\"episodes\": 2"), "tensor problem.episodes_begin"));
  EXPECT_TRUE(holds(edit("rollout.json", "\"groups\": 1", "\"groups\": 900000000000000"), "tensor problem.id holds 1"));
  EXPECT_TRUE(holds(edit("rollout.safetensors", "\"episode.entropy\"", "\"episode.entropx\""), "tensor episode.entropy is missing"));
  EXPECT_TRUE(holds(edit("rollout.jsonl", "\"completion\"", "\"Completion\""), "rollout.jsonl: line 2: completion"));
  EXPECT_TRUE(holds(edit("rollout.jsonl", "\"episode\":0", "\"episode\":1"), "rollout.jsonl: line 2: episode"));
  EXPECT_TRUE(holds(edit("rollout.jsonl", "\"answer\":\"\",", ""), "rollout.jsonl: line 1: answer"));
}

const std::vector<std::string> kWords = {
    "{", "}", "[", "]", "\"", ":", ",", "null", "-1", "0", "1e999", "9223372036854775807", "18446744073709551615",
    "\"F64\"", "\"I16\"", "\"BOOL\"", "\"data_offsets\"", "\"shape\"", "[0]", "[0,8]", "\"$bytes\"", "\"$object\"",
    "\"$double\"", "\"$json\"", "\"episodes\"", "\n", "[[[[[[[[", "{\"$json\":\"[", "NaN", "\"ff\"", "\"scores\"",
    "\"manifest.json\"", "\"../rollout.json\"", "true", std::string(8, '\0'), std::string(8, '\xff')};

// With checksums nothing that was changed is read as something else.
TEST(RolloutFile, DamageIsAnErrorOrMakesNoDifference) {
  const TemporaryFolder folder;
  const auto groups = strange_groups(8, 3);
  const Json about = {{"step", 3}, {"stage", "rl"}};
  const std::string path = folder.file("r");
  write_rollout(path, groups, about);
  for (const char* name : {"rollout.json", "rollout.jsonl", "rollout.safetensors", "manifest.json"}) {
    const std::string good = read_file(path + "/" + name);
    int64_t refused = 0;
    for (int64_t i = 0; i < mutation_cases(2000); ++i) {
      folder.write(std::string("r/") + name, mutated(good, kWords, static_cast<uint64_t>(i)));
      try {
        const Rollout rollout = read_rollout(path);
        ASSERT_EQ(bits_of(rollout.groups), bits_of(groups)) << name << ", case " << i;
        ASSERT_EQ(bits_of(rollout.about), bits_of(about)) << name << ", case " << i;
      } catch (const Error&) {
        ++refused;
      }
    }
    EXPECT_GT(refused, mutation_cases(2000) * 3 / 4) << name;
    folder.write(std::string("r/") + name, good);
  }
}

// Without them the readers behind are on their own: whatever they accept is a rollout that can be written.
TEST(RolloutFile, HostileFilesAreAnErrorOrARollout) {
  const TemporaryFolder folder;
  const std::string path = folder.file("r");
  write_rollout(path, strange_groups(9, 3), {{"step", 3}});
  for (const char* name : {"rollout.json", "rollout.jsonl", "rollout.safetensors"}) {
    const std::string good = read_file(path + "/" + name);
    int64_t refused = 0, accepted = 0;
    for (int64_t i = 0; i < mutation_cases(2000); ++i) {
      folder.write(std::string("r/") + name, mutated(good, kWords, static_cast<uint64_t>(i)));
      std::optional<Rollout> rollout;
      try {
        rollout = read_rollout(path, Checksums::kSkip);
      } catch (const Error&) {
        ++refused;
        continue;
      }
      if (++accepted % 10 != 0) continue;
      write_rollout(folder.file("again"), rollout->groups, rollout->about);
      ASSERT_EQ(bits_of(read_rollout(folder.file("again")).groups), bits_of(rollout->groups)) << name << ", case " << i;
    }
    EXPECT_GT(refused, 0) << name;
    EXPECT_GT(accepted, 0) << name;
    folder.write(std::string("r/") + name, good);
  }
}

}  // namespace
}  // namespace grpo
