// Log-probabilities and entropies of the output head, chunk by chunk: against plain tensor arithmetic in double
// precision, and in what memory.
#include "policy/kernels/logprobs.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/memory_meter.h"
#include "tests/counting_allocator.h"
#include "tests/policy/gradient_check.h"
#include "tests/policy/tiny_models.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::max_difference;
using testing::random_ids;
using testing::random_policy;

constexpr int64_t kRows = 23, kVocab = 31, kWidth = 8;
constexpr double kTemperature = 0.6;

// Hidden rows, a head, targets, and weights of the two results in a scalar loss.
struct Problem {
  at::Tensor hidden, head, targets, logprob_weights, entropy_weights;
};

Problem problem(at::ScalarType dtype = at::kDouble) {
  at::manual_seed(10);
  Problem p;
  p.hidden = at::randn({kRows, kWidth}, dtype).set_requires_grad(true);
  p.head = at::randn({kVocab, kWidth}, dtype).set_requires_grad(true);
  p.targets = at::randint(0, kVocab, {kRows}, at::kLong);
  p.logprob_weights = at::randn({kRows}, dtype);
  p.entropy_weights = at::randn({kRows}, dtype);
  return p;
}

// Every row keeps its target and some more tokens; of every fifth nothing is known.
std::vector<std::vector<int64_t>> kept_lists(const at::Tensor& targets, int64_t vocab) {
  Stream stream(3);
  std::vector<std::vector<int64_t>> lists;
  for (int64_t row = 0; row < targets.size(0); ++row) {
    std::vector<int64_t> list;
    for (int64_t id = 0; row % 5 != 0 && id < vocab; ++id) {
      if (id == targets[row].item<int64_t>() || stream.below(4) == 0) list.push_back(id);
    }
    lists.push_back(list);
  }
  return lists;
}

KeptTokens kept_tokens(const std::vector<std::vector<int64_t>>& lists) {
  std::vector<int64_t> begin = {0};
  std::vector<int32_t> ids;
  for (const auto& list : lists) {
    for (const int64_t id : list) ids.push_back(static_cast<int32_t>(id));
    begin.push_back(static_cast<int64_t>(ids.size()));
  }
  return {at::tensor(begin, at::kLong), at::tensor(ids, at::kInt)};
}

// The same two results, row by row, from the columns that the row keeps.
HeadLogprobs naive_scores(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets, double temperature,
                          const std::vector<std::vector<int64_t>>& lists) {
  std::vector<at::Tensor> logprobs, entropy;
  for (int64_t row = 0; row < hidden.size(0); ++row) {
    const auto& list = lists[static_cast<size_t>(row)];
    const at::Tensor ids = list.empty() ? at::arange(head.size(0), at::kLong) : at::tensor(list, at::kLong);
    const at::Tensor logits = head.index_select(0, ids).matmul(hidden[row]) / temperature;
    const at::Tensor p = (logits - logits.max().detach()).exp() / (logits - logits.max().detach()).exp().sum();
    logprobs.push_back((p * (ids == targets[row])).sum().log());
    entropy.push_back(-(p * p.log()).sum());
  }
  return {at::stack(logprobs), at::stack(entropy)};
}

at::Tensor loss_of(const HeadLogprobs& scores, const Problem& p) {
  return (scores.logprobs * p.logprob_weights).sum() + (scores.entropy * p.entropy_weights).sum();
}

TEST(TokenScores, InAnyChunksEqualPlainArithmeticInValueAndGradients) {
  const Problem p = problem();
  for (const bool restricted : {false, true}) {
    const auto lists =
        restricted ? kept_lists(p.targets, kVocab) : std::vector<std::vector<int64_t>>(static_cast<size_t>(kRows));
    const KeptTokens kept = kept_tokens(lists);
    const HeadLogprobs expected = naive_scores(p.hidden, p.head, p.targets, kTemperature, lists);
    const auto want = torch::autograd::grad({loss_of(expected, p)}, {p.hidden, p.head});
    for (const int64_t chunk : {1, 7, 23, 100}) {
      const HeadLogprobs got = head_logprobs(p.hidden, p.head, p.targets,
                                             {.temperature = kTemperature,
                                              .rows_per_chunk = chunk,
                                              .train_entropy = true,
                                              .kept = restricted ? &kept : nullptr});
      EXPECT_LT(max_difference(got.logprobs, expected.logprobs), 1e-12);
      EXPECT_LT(max_difference(got.entropy, expected.entropy), 1e-12);
      const auto grads = torch::autograd::grad({loss_of(got, p)}, {p.hidden, p.head});
      for (size_t i = 0; i < 2; ++i) EXPECT_LT(max_difference(grads[i], want[i]), 1e-12) << chunk << restricted;
    }
  }
}

TEST(TokenScores, Float32GradientsOfEntropyAreThoseOfDoublePrecision) {
  const Problem wide = problem();
  Problem narrow = wide;
  for (at::Tensor* t : {&narrow.hidden, &narrow.head}) *t = t->detach().to(at::kFloat).set_requires_grad(true);
  for (at::Tensor* t : {&narrow.logprob_weights, &narrow.entropy_weights}) *t = t->to(at::kFloat);
  const HeadLogprobOptions options{.temperature = kTemperature, .rows_per_chunk = 9, .train_entropy = true};
  const auto gradients = [&](const Problem& p) {
    return torch::autograd::grad({loss_of(head_logprobs(p.hidden, p.head, p.targets, options), p)}, {p.hidden, p.head});
  };
  const auto got = gradients(narrow), want = gradients(wide);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LT(max_difference(got[i], want[i]), 1e-5 * want[i].abs().max().item<double>());
  }
}

// Elsewhere than on the CPU the operators are put together from LibTorch's, until a plug-in brings kernels.
TEST(TokenScores, TheOperatorsPutTogetherEqualTheKernels) {
  static const auto backward = c10::Dispatcher::singleton()
                                   .findSchemaOrThrow("grpo::logprob_rows_backward", "")
                                   .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                                     const at::Tensor&, const std::optional<at::Tensor>&,
                                                     const std::optional<at::Tensor>&, double)>();
  const c10::DispatchKeySet elsewhere(c10::DispatchKey::XLA);  // any device that nobody wrote kernels for
  at::manual_seed(2);
  at::Tensor logits = at::randn({6, 50}, at::kDouble) * 5;
  const at::Tensor targets = at::randint(0, 10, {6}, at::kLong), g = at::randn({6}, at::kDouble),
                   h = at::randn({6}, at::kDouble);
  logits.narrow(1, 10, 7).fill_(-INFINITY);
  const LogprobRows rows = logprob_rows(logits, targets, 0.7);
  for (const bool of_entropy : {false, true}) {
    const auto entropy = of_entropy ? std::optional(rows.entropy) : std::nullopt;
    const auto entropy_grad = of_entropy ? std::optional(h) : std::nullopt;
    const at::Tensor got = backward.redispatch(elsewhere, logits, targets, rows.lse, g, entropy, entropy_grad, 0.7);
    EXPECT_LT(max_difference(got, backward.call(logits, targets, rows.lse, g, entropy, entropy_grad, 0.7)), 1e-12);
  }
}

TEST(TokenScores, GradientsEqualFiniteDifferencesThroughTheWholePolicy) {
  for (const Json& json : {testing::llama_json(), testing::deepseek_json()}) {
    Policy policy = random_policy(json, at::kDouble);
    policy.set_requires_grad(true);
    const PackedTokens batch = pack_sequences({random_ids(policy, 7, 1), random_ids(policy, 12, 2)}, at::kCPU);
    const at::Tensor targets = at::tensor(random_ids(policy, 19, 3), at::kLong);
    const KeptTokens kept = kept_tokens(kept_lists(targets, policy.config().vocab_size));
    at::manual_seed(4);
    const at::Tensor a = at::randn({19}, at::kDouble), b = at::randn({19}, at::kDouble);
    testing::expect_gradients(policy, [&] {
      const TokenScores scores = policy.token_scores(
          policy.hidden(batch), targets, {.temperature = 0.9, .train_entropy = true, .kept = &kept});
      return (scores.logprobs * a + scores.entropy * b).sum();
    });
  }
}

TEST(TokenScores, EntropyHasAGradientOnlyWhereItIsAskedFor) {
  const Problem p = problem();
  EXPECT_FALSE(head_logprobs(p.hidden, p.head, p.targets, {}).entropy.requires_grad());
  const HeadLogprobs both = head_logprobs(p.hidden, p.head, p.targets, {.train_entropy = true});
  EXPECT_TRUE(both.entropy.requires_grad());
  const auto used_alone = torch::autograd::grad({both.logprobs.sum()}, {p.hidden})[0];
  const auto without =
      torch::autograd::grad({head_logprobs(p.hidden, p.head, p.targets, {}).logprobs.sum()}, {p.hidden})[0];
  EXPECT_TRUE(at::equal(used_alone, without));
}

TEST(KeptTokens, OneTokenLeavesNothingToChoose) {
  const Problem p = problem();
  std::vector<std::vector<int64_t>> lists;
  for (int64_t row = 0; row < kRows; ++row) lists.push_back({p.targets[row].item<int64_t>()});
  const KeptTokens kept = kept_tokens(lists);
  const HeadLogprobs scores = head_logprobs(p.hidden, p.head, p.targets, {.train_entropy = true, .kept = &kept});
  EXPECT_LT(scores.logprobs.abs().max().item<double>(), 1e-14);
  EXPECT_LT(scores.entropy.abs().max().item<double>(), 1e-14);
  for (const at::Tensor& grad : torch::autograd::grad({loss_of(scores, p)}, {p.hidden, p.head})) {
    EXPECT_LT(grad.abs().max().item<double>(), 1e-14);
  }
}

TEST(KeptTokens, OfNoRowAreTheWholeVocabulary) {
  const Problem p = problem(at::kFloat);
  const KeptTokens none = kept_tokens(std::vector<std::vector<int64_t>>(static_cast<size_t>(kRows)));
  const HeadLogprobs with = head_logprobs(p.hidden, p.head, p.targets, {.rows_per_chunk = 5, .kept = &none});
  const HeadLogprobs without = head_logprobs(p.hidden, p.head, p.targets, {.rows_per_chunk = 5});
  EXPECT_TRUE(at::equal(with.logprobs, without.logprobs) && at::equal(with.entropy, without.entropy));
}

TEST(KeptTokens, GiveATokenThatIsNotAmongThemProbabilityZero) {
  const Problem p = problem();
  auto lists = kept_lists(p.targets, kVocab);
  std::erase(lists[1], p.targets[1].item<int64_t>());
  lists[1].push_back((p.targets[1].item<int64_t>() + 1) % kVocab);
  const KeptTokens kept = kept_tokens(lists);
  const at::Tensor logprobs = head_logprobs(p.hidden, p.head, p.targets, {.kept = &kept}).logprobs;
  EXPECT_EQ(logprobs[1].item<double>(), -INFINITY);
  EXPECT_EQ(logprobs.isinf().sum().item<int64_t>(), 1);
}

TEST(KeptTokens, ThatDoNotFitTheRowsAreRefused) {
  const Policy policy = random_policy(testing::llama_json());
  const at::Tensor hidden = at::zeros({2, policy.config().hidden_size}), targets = at::zeros({2}, at::kLong);
  const auto score = [&](const std::vector<int64_t>& begin, const std::vector<int32_t>& ids) {
    const KeptTokens kept{at::tensor(begin, at::kLong), at::tensor(ids, at::kInt)};
    policy.token_scores(hidden, targets, {.kept = &kept});
  };
  EXPECT_NO_THROW(score({0, 1, 3}, {5, 6, 36}));
  EXPECT_TRUE(holds(error_text([&] { score({0, 1}, {5}); }), "2 bounds for 2 rows"));
  EXPECT_TRUE(holds(error_text([&] { score({0, 2, 1}, {5}); }), "row 1 ends before it begins"));
  EXPECT_TRUE(holds(error_text([&] { score({0, 1, 2}, {5, 6, 7}); }), "bounds from 0 to 2 over 3 ids"));
  EXPECT_TRUE(holds(error_text([&] { score({0, 1, 3}, {5, 6, 37}); }), "row 1 keeps token 37 of a vocabulary of 37"));
  EXPECT_TRUE(holds(error_text([&] { score({0, 1, 3}, {-1, 6, 7}); }), "row 0 keeps token -1"));
}

// Bytes that forward and backward of `rows` rows take beyond their inputs, at the most.
template <class Meter>
int64_t peak_of(Meter& meter, int64_t rows, int64_t vocab, int64_t width, const at::TensorOptions& options) {
  at::Tensor hidden = at::empty({rows, width}, options), head = at::empty({vocab, width}, options);
  at::Tensor targets = at::empty({rows}, options.dtype(at::kLong));
  if (!options.device().is_meta()) {
    for (at::Tensor* t : {&hidden, &head}) t->normal_();
    targets.zero_();
  }
  for (at::Tensor* t : {&hidden, &head}) t->set_requires_grad(true);
  const int64_t before = meter.live_bytes();
  meter.reset_peak();
  const HeadLogprobs scores =
      head_logprobs(hidden, head, targets, {.rows_per_chunk = 64, .train_entropy = true});
  (scores.logprobs.sum() + scores.entropy.sum()).backward();
  return meter.peak_bytes() - before;
}

TEST(TokenScores, MemoryDoesNotGrowWithTheVocabularyTimesTheRows) {
  constexpr int64_t kLarge = 151936, kSmall = 1000, width = 64, few = 1024, many = 32768;
  const auto planned = [&](int64_t rows, int64_t vocab) {
    MemoryMeter meter(at::kCUDA);
    return peak_of(meter, rows, vocab, width, at::TensorOptions(at::kBFloat16).device(at::kMeta));
  };
  // 32 times the rows cost the same under any vocabulary: the gradient of the rows and a few numbers for each.
  const int64_t growth = planned(many, kLarge) - planned(few, kLarge);
  EXPECT_EQ(growth, planned(many, kSmall) - planned(few, kSmall));
  EXPECT_LE(growth, (many - few) * (2 * width + 64));
  EXPECT_LT(planned(many, kLarge), many * kLarge / 16) << "beside a [rows, vocabulary] tensor of 16 bits";
  const auto measured = [&](int64_t rows, int64_t vocab) {
    CountingAllocator meter;
    return peak_of(meter, rows, vocab, width, at::TensorOptions(at::kFloat));
  };
  EXPECT_LE(measured(2048, 3000) - measured(512, 3000), 1536 * (4 * width + 64));
}

}  // namespace
}  // namespace grpo
