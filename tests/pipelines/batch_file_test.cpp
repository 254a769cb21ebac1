// Batches of other frameworks.

#include "pipelines/batch_file.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

TEST(BatchFile, SamplesBecomeEpisodesOfTheirGroups) {
  const TemporaryFolder folder;
  const auto groups = read_batch_file(folder.write("batch.jsonl",
      R"({"group": 4, "prompt_ids": [5, 6], "completion_ids": [7, 8, 2], "reward": 1, "mask": [1, 0, 1], )"
      R"("behaviour_logprobs": [-0.5, -1, -2], "old_logprobs": [-0.1, -0.2, -0.3], "ref_logprobs": [0, -1, -2], )"
      R"("entropy": [1, 2, 3]})" "\n"
      R"({"group": 4, "prompt_ids": [5, 6], "completion_ids": [9], "reward": -0.5, "truncated": true})" "\n"
      R"({"group": 0, "prompt_ids": [1], "completion_ids": [], "reward": 0})" "\n"));
  ASSERT_EQ(groups.size(), 2u);
  ASSERT_EQ(groups[0].episodes.size(), 2u);
  const Episode& first = groups[0].episodes[0];
  EXPECT_EQ(groups[0].problem.id, 4);
  EXPECT_EQ(first.prompt_ids, (std::vector<int64_t>{5, 6}));
  EXPECT_EQ(first.completion_ids, (std::vector<int64_t>{7, 8, 2}));
  EXPECT_EQ(first.loss_mask, (std::vector<uint8_t>{1, 0, 1}));
  EXPECT_EQ(first.behaviour_logprobs, (std::vector<float>{-0.5F, -1.0F, -2.0F}));
  EXPECT_EQ(first.old_logprobs, (std::vector<double>{-0.1, -0.2, -0.3}));
  EXPECT_EQ(first.ref_logprobs, (std::vector<double>{0, -1, -2}));
  EXPECT_EQ(first.entropy, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(first.reward, 1.0);
  EXPECT_FALSE(truncated(first));
  const Episode& second = groups[0].episodes[1];
  EXPECT_EQ(second.sample_index, 1);
  EXPECT_TRUE(truncated(second));
  EXPECT_EQ(second.loss_mask, (std::vector<uint8_t>{1}));
  EXPECT_TRUE(second.old_logprobs.empty());
}

TEST(BatchFile, NamesTheLineAndWhatIsWrongWithIt) {
  const std::string good = R"({"group": 0, "prompt_ids": [1], "completion_ids": [2, 3], "reward": 1})";
  const std::pair<const char*, const char*> cases[] = {
      {R"({"group": 0, "completion_ids": [2], "reward": 1})", "prompt_ids"},
      {R"({"group": 0, "prompt_ids": [], "completion_ids": [2], "reward": 1})", "prompt_ids"},
      {R"({"group": 0, "prompt_ids": [-1], "completion_ids": [2], "reward": 1})", "prompt_ids"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": null})", "reward"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": 1, "mask": [1, 1]})", "mask"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": 1, "mask": [2]})", "mask"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": 1, "old_logprobs": [-1, -2]})", "old_logprobs"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": 1, "old_logprobs": ["x"]})", "old_logprobs"},
      {R"({"group": 0, "prompt_ids": [1], "completion_ids": [2], "reward": 1, "logprobs": [-1]})", "line 2"},
  };
  for (const auto& [line, where] : cases) {
    const TemporaryFolder folder;
    const std::string path = folder.write("batch.jsonl", good + "\n" + line + "\n");
    const std::string text = error_text([&] { read_batch_file(path); });
    EXPECT_TRUE(holds(text, "line 2")) << line;
    EXPECT_TRUE(holds(text, where)) << line;
  }
  const TemporaryFolder folder;
  const std::string again = folder.write(
      "batch.jsonl", good + "\n" + R"({"group": 1, "prompt_ids": [1], "completion_ids": [2], "reward": 1})" + "\n" + good + "\n");
  EXPECT_TRUE(holds(error_text([&] { read_batch_file(again); }), "comes again"));
}

}  // namespace
}  // namespace grpo
