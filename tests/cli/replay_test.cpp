// grpo replay of a batch of another framework. That a step that went wrong comes out the same is shown in tests/grpo and
// tests/pipelines.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "tests/cli/program.h"

namespace grpo {
namespace {

class ReplayCommand : public ProgramTest {
 protected:
  // Two groups of two samples over the tiny checkpoint's vocabulary.
  static std::vector<Json> samples() {
    std::vector<Json> rows;
    for (int64_t i = 0; i < 4; ++i) {
      rows.push_back({{"group", i / 2},
                      {"prompt_ids", {1 + i / 2, 10, 3}},
                      {"completion_ids", {4 + i, 12, kTinyEos}},
                      {"reward", i % 2}});
    }
    return rows;
  }
};

// At the first update a ratio is 1, so the loss of token-mean is -sum A_i L_i / sum L_i, which is 0 for equal lengths;
// with seq-mean-token-sum-norm the same sum has another divisor.
TEST_F(ReplayCommand, GivesLossAndGradientsOfABatchOfJsonLines) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model");
  write_tiny_checkpoint(model);
  std::vector<Json> rows = samples();
  rows[1]["completion_ids"] = {5, kTinyEos};  // the better one of its group, and shorter
  const std::string batch = folder.write("batch.jsonl", lines_of(rows));
  const Json report =
      done({"replay", batch, "--model", model, "--json", "--gradients", folder.file("g.safetensors")}).rows().front();
  const double a = 0.5 / (std::sqrt(0.5) + 1e-4);  // of the better sample; the other has -a
  EXPECT_NEAR(report["metrics"]["loss"].get<double>(), -(-3 * a + 2 * a - 3 * a + 3 * a) / 11, 1e-6);
  EXPECT_EQ(report["groups"], 2);
  EXPECT_EQ(report["sequences"], 4);
  EXPECT_EQ(report["tokens"], 11.0);
  EXPECT_EQ(report["finite"], true);
  double squares = 0.0;
  for (const Json& g : report["gradients"]) squares += std::pow(g["norm"].get<double>(), 2);
  EXPECT_NEAR(std::sqrt(squares), std::min(1.0, report["metrics"]["grad_norm"].get<double>()), 1e-4);
  EXPECT_TRUE(std::filesystem::exists(folder.file("g.safetensors")));
  const Json constant = done({"replay", batch, "--model", model, "--json", "--set", "loss_type=dr_grpo", "--set",
                              "max_completion_length=5"}).rows().front();
  EXPECT_NEAR(constant["metrics"]["loss"].get<double>(), 0.5 * 1 / (4.0 * 5), 1e-6);
}

TEST_F(ReplayCommand, RefusesWhatDoesNotFitBeforeItComputes) {
  const TemporaryFolder folder;
  const std::string model = folder.file("model");
  write_tiny_checkpoint(model);
  const std::string batch = folder.write("batch.jsonl", lines_of(samples()));
  std::vector<Json> rows = samples();
  rows[2]["completion_ids"] = {kTinyVocab};
  const std::string foreign = folder.write("foreign.jsonl", lines_of(rows));
  rows = samples();
  rows[2]["old_logprobs"] = {-1, -1, -1};
  const std::string partly = folder.write("partly.jsonl", lines_of(rows));
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"replay", foreign, "--model", model}, "vocabulary"},
      {{"replay", partly, "--model", model}, "1 of 4 samples have old_logprobs"},
      {{"replay", batch, "--model", model, "--set", "beta=0.1"}, "ref_logprobs"},
      {{"replay", batch, "--model", model, "--set", "importance_sampling_mode=token_mask"}, "behaviour_logprobs"},
      {{"replay", batch, "--model", model, "--set", "top_entropy_quantile=0.5"}, "entropy"},
      {{"replay", batch, "--model", model, "--set", "epsilom=0.5"}, "epsilom"},
      {{"replay", folder.file("none.jsonl"), "--model", model}, "none.jsonl"},
      {{"replay", folder.path()}, "manifest"},
  };
  for (const auto& [arguments, text] : cases) {
    const Finished finished = run(arguments);
    EXPECT_EQ(finished.status, 1) << text;
    EXPECT_TRUE(holds(finished.err, text));
    EXPECT_TRUE(finished.out.empty());
  }
}

}  // namespace
}  // namespace grpo
