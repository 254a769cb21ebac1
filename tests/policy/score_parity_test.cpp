// The same scores of reward models as Hugging Face transformers' sequence classifiers, of which tests/golden/scores/ holds
// some for every family, written by scripts/parity --write-goldens. Some sequences end in padding, or have it elsewhere.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "policy/io/checkpoint.h"
#include "policy/score_head.h"
#include "tests/policy/golden_checkpoint.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 2e-5;
const std::string kGoldens = GRPO_SOURCE_DIR "/tests/golden/scores";

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGoldens)) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

double worst_difference(const Json& golden, const Policy& model) {
  const auto sequences = golden["ids"].get<std::vector<std::vector<int64_t>>>();
  const std::vector<double> found = score_sequences(model, sequences, 10000);
  double worst = 0;
  for (size_t s = 0; s < sequences.size(); ++s) {
    worst = std::max(worst, std::abs(found[s] - golden["scores"][s][0].get<double>()));
  }
  return worst;
}

class ScoreParity : public ::testing::TestWithParam<std::string> {
 protected:
  Json golden_ = read_json_file(kGoldens + "/" + GetParam() + ".json");
};

TEST_P(ScoreParity, ScoresEqualThoseOfTransformersAlsoAfterSaving) {
  const TemporaryFolder folder, copy;
  testing::write_golden_checkpoint(golden_, folder);
  const Checkpoint loaded = load_checkpoint(folder.path(), at::kFloat, at::kCPU);
  EXPECT_LE(worst_difference(golden_, loaded.policy), kTolerance);
  save_checkpoint(loaded.policy, loaded.files, copy.path());
  EXPECT_LE(worst_difference(golden_, load_checkpoint(copy.path(), std::nullopt, at::kCPU).policy), kTolerance);
}

TEST_P(ScoreParity, AnotherPaddingTokenBreaksIt) {
  const TemporaryFolder folder;
  golden_["config"]["pad_token_id"] = 6;
  testing::write_golden_checkpoint(golden_, folder);
  EXPECT_GT(worst_difference(golden_, load_checkpoint(folder.path(), at::kFloat, at::kCPU).policy), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(Transformers, ScoreParity, ::testing::ValuesIn(golden_names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace grpo
