#include "grpo/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/seed.h"
#include "tests/reference/naive_grpo.h"

namespace grpo {
namespace {

at::Tensor random_tensor(at::IntArrayRef shape, Stream& random, at::ScalarType dtype, double scale = 1.0) {
  auto t = at::empty(shape, at::kDouble);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.mutable_data_ptr<double>()[i] = scale * (2.0 * random.uniform() - 1.0);
  return t.to(dtype);
}

// A matrix, a vector and a stack of matrices: what a model has.
std::vector<Parameter> small_model(at::ScalarType dtype, uint64_t seed = 1) {
  Stream random(seed);
  return {{"proj.weight", random_tensor({7, 5}, random, dtype).requires_grad_(true)},
          {"norm.weight", random_tensor({13}, random, dtype).requires_grad_(true)},
          {"experts.weight", random_tensor({3, 4, 5}, random, dtype).requires_grad_(true)}};
}

std::vector<Parameter> copy_of(const std::vector<Parameter>& parameters) {
  std::vector<Parameter> out;
  for (const Parameter& p : parameters)
    out.push_back({p.name, p.tensor.detach().clone().requires_grad_(true)});
  return out;
}

void set_gradients(std::vector<Parameter>& parameters, uint64_t step, double scale = 1.0) {
  Stream random(1000 + step);
  for (Parameter& p : parameters) {
    p.tensor.mutable_grad() = random_tensor(p.tensor.sizes(), random, p.tensor.scalar_type(), scale);
  }
}

// One step as the trainer makes it, with a gradient that depends on the step alone.
void train_step(AdamW& optimizer, std::vector<Parameter>& parameters, uint64_t step, double lr) {
  set_gradients(parameters, step);
  optimizer.accumulate_gradients();
  optimizer.clip_grad_norm(1.0);
  optimizer.step(lr);
  optimizer.zero_grad();
}

void expect_same_bits(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_TRUE(a[i].tensor.equal(b[i].tensor)) << a[i].name;
  }
}

void expect_same_bits(const std::vector<Parameter>& a, const std::vector<Parameter>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].tensor.equal(b[i].tensor)) << a[i].name;
}

std::vector<NamedTensor> saved(const AdamW& optimizer) {
  std::vector<NamedTensor> out;
  for (const NamedTensor& t : optimizer.state()) out.push_back({t.name, t.tensor.detach().clone()});
  return out;
}

// Runs 20 steps and returns the largest distance from the hand-written loop.
double distance_from_naive(at::ScalarType dtype, const OptimizerOptions& options, double lr) {
  auto parameters = small_model(dtype);
  AdamW optimizer(parameters, options);
  std::vector<std::vector<reference::AdamWNumber>> numbers;
  for (const Parameter& p : parameters) {
    const auto start = p.tensor.detach().to(at::kDouble).contiguous();
    auto& mine = numbers.emplace_back(start.numel());
    for (int64_t i = 0; i < start.numel(); ++i) mine[i].w = start.const_data_ptr<double>()[i];
  }
  for (uint64_t step = 0; step < 20; ++step) {
    set_gradients(parameters, step, 0.1);
    for (size_t p = 0; p < parameters.size(); ++p) {
      const auto gradient = parameters[p].tensor.grad().to(at::kDouble).contiguous();
      const double decay = parameters[p].tensor.dim() >= 2 ? options.weight_decay : 0.0;
      for (int64_t i = 0; i < gradient.numel(); ++i) {
        numbers[p][i].step(gradient.const_data_ptr<double>()[i], lr * static_cast<double>(step + 1),
                           options.adam_beta1, options.adam_beta2, options.adam_epsilon, decay);
      }
    }
    optimizer.accumulate_gradients();
    optimizer.step(lr * static_cast<double>(step + 1));
    optimizer.zero_grad();
  }
  double worst = 0.0;
  for (size_t p = 0; p < parameters.size(); ++p) {
    const auto end = parameters[p].tensor.detach().to(at::kDouble).contiguous();
    for (int64_t i = 0; i < end.numel(); ++i) {
      worst = std::max(worst, std::abs(end.const_data_ptr<double>()[i] - numbers[p][i].w));
    }
  }
  return worst;
}

TEST(AdamW, EqualsAHandWrittenLoopOverTwentySteps) {
  const OptimizerOptions plain;
  const OptimizerOptions tuned{
      .adam_beta1 = 0.8, .adam_beta2 = 0.95, .adam_epsilon = 1e-6, .weight_decay = 0.1};
  for (const auto& options : {plain, tuned}) {
    EXPECT_LT(distance_from_naive(at::kDouble, options, 1e-2), 1e-12);
    EXPECT_LT(distance_from_naive(at::kFloat, options, 1e-2), 2e-6);
  }
}

TEST(AdamW, DecaysMatricesAndNeverVectors) {
  auto parameters = small_model(at::kDouble);
  const auto before = copy_of(parameters);
  AdamW optimizer(parameters, {.weight_decay = 0.5});
  optimizer.step(0.1);  // no gradient at all: only the decay moves anything
  for (size_t p = 0; p < parameters.size(); ++p) {
    const double kept = parameters[p].tensor.dim() >= 2 ? 0.95 : 1.0;
    EXPECT_TRUE(at::allclose(parameters[p].tensor, before[p].tensor * kept, 1e-14, 1e-15))
        << parameters[p].name;
  }
}

TEST(AdamW, MastersMoveWhereBfloat16WouldRoundTheStepAway) {
  Stream random(4);
  std::vector<Parameter> parameters{
      {"w", random_tensor({200, 300}, random, at::kBFloat16).requires_grad_(true)}};
  const auto before = copy_of(parameters);
  AdamW optimizer(parameters, {});
  const auto master_before = saved(optimizer)[2].tensor;
  set_gradients(parameters, 0, 1e-3);
  const auto touched = parameters[0].tensor.grad().ne(0);
  optimizer.accumulate_gradients();
  optimizer.step(1e-6);
  const auto master = optimizer.state()[2];
  ASSERT_EQ(master.name, "master.w");
  ASSERT_EQ(master.tensor.scalar_type(), at::kFloat);
  const double changed = master.tensor.ne(master_before).logical_and(touched).sum().item<double>();
  EXPECT_GT(changed / touched.sum().item<double>(), 0.99);
  // The weights themselves hardly ever can, and are always the rounded master.
  EXPECT_LT(parameters[0].tensor.ne(before[0].tensor).sum().item<double>(), 0.05 * 60000);
  EXPECT_TRUE(parameters[0].tensor.equal(master.tensor.to(at::kBFloat16)));
}

TEST(AdamW, ManySmallStepsReachBfloat16Weights) {
  std::vector<Parameter> parameters{{"w", at::ones({4}, at::kBFloat16).requires_grad_(true)}};
  AdamW optimizer(parameters, {});
  for (int step = 0; step < 40; ++step) {
    parameters[0].tensor.mutable_grad() = at::ones({4}, at::kBFloat16);
    optimizer.accumulate_gradients();
    optimizer.step(1e-3);  // a quarter of the distance to the next bfloat16 below 1
    optimizer.zero_grad();
  }
  EXPECT_NEAR(parameters[0].tensor[0].item<double>(), 0.96, 0.002);
}

TEST(AdamW, GradientsAddUpInFloat32) {
  std::vector<Parameter> parameters{{"w", at::zeros({3}, at::kBFloat16).requires_grad_(true)}};
  AdamW optimizer(parameters, {});
  const auto give = [&](double value) {
    parameters[0].tensor.mutable_grad() = at::full({3}, value, at::kBFloat16);
    optimizer.accumulate_gradients();
    EXPECT_FALSE(parameters[0].tensor.grad().defined());
  };
  give(1.0);
  for (int i = 0; i < 512; ++i) give(1.0 / 512);  // each one vanishes beside 1 in bfloat16
  const auto gradients = optimizer.gradients();
  ASSERT_EQ(gradients.size(), 1u);
  EXPECT_EQ(gradients[0].name, "w");
  EXPECT_TRUE(gradients[0].tensor.equal(at::full({3}, 2.0, at::kFloat)));
}

TEST(AdamW, GradientsOfMicroBatchesAddUp) {
  auto parameters = small_model(at::kDouble);
  AdamW optimizer(parameters, {});
  std::vector<at::Tensor> expected;
  for (const Parameter& p : parameters) expected.push_back(at::zeros_like(p.tensor.detach()));
  for (uint64_t micro = 0; micro < 3; ++micro) {
    set_gradients(parameters, micro);
    if (micro == 1) parameters[2].tensor.mutable_grad() = at::Tensor();  // no token reached these experts
    for (size_t p = 0; p < parameters.size(); ++p) {
      if (parameters[p].tensor.grad().defined()) expected[p].add_(parameters[p].tensor.grad());
    }
    optimizer.accumulate_gradients();
  }
  const auto gradients = optimizer.gradients();
  for (size_t p = 0; p < parameters.size(); ++p) EXPECT_TRUE(gradients[p].tensor.equal(expected[p]));
  optimizer.zero_grad();
  for (const NamedTensor& g : optimizer.gradients()) EXPECT_EQ(g.tensor.count_nonzero().item<int64_t>(), 0);
}

// Two parameters whose gradients are 3 and 4: the global norm is 5.
struct ThreeFour {
  std::vector<Parameter> parameters{{"a", at::zeros({1}, at::kFloat).requires_grad_(true)},
                                    {"b", at::zeros({1, 1}, at::kFloat).requires_grad_(true)}};
  AdamW optimizer{parameters, {}};

  explicit ThreeFour(double first = 3.0) {
    parameters[0].tensor.mutable_grad() = at::full({1}, first, at::kFloat);
    parameters[1].tensor.mutable_grad() = at::full({1, 1}, 4.0, at::kFloat);
    optimizer.accumulate_gradients();
  }
  double gradient(size_t i) { return optimizer.gradients()[i].tensor.item<double>(); }
};

TEST(AdamW, ClipsByTheGlobalNormAndReportsTheNormBefore) {
  ThreeFour t;
  EXPECT_DOUBLE_EQ(t.optimizer.clip_grad_norm(1.0), 5.0);
  EXPECT_NEAR(t.gradient(0), 0.6, 1e-6);
  EXPECT_NEAR(t.gradient(1), 0.8, 1e-6);
  EXPECT_LE(t.optimizer.clip_grad_norm(0.0), 1.0);
}

TEST(AdamW, LeavesGradientsBelowTheNormUntouched) {
  for (double max_norm : {0.0, 5.1, 100.0}) {
    ThreeFour t;
    EXPECT_DOUBLE_EQ(t.optimizer.clip_grad_norm(max_norm), 5.0);
    EXPECT_EQ(t.gradient(0), 3.0);
    EXPECT_EQ(t.gradient(1), 4.0);
  }
}

TEST(AdamW, ReportsANormThatIsNotFiniteAndTouchesNothing) {
  for (double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    ThreeFour t(bad);
    EXPECT_FALSE(std::isfinite(t.optimizer.clip_grad_norm(1.0)));
    EXPECT_EQ(t.gradient(1), 4.0);
    t.optimizer.zero_grad();
    EXPECT_EQ(t.optimizer.clip_grad_norm(1.0), 0.0);
    EXPECT_EQ(t.parameters[0].tensor.item<double>(), 0.0);
    EXPECT_EQ(t.optimizer.step_count(), 0);
  }
}

TEST(AdamW, NormIsSummedInDoublePrecision) {
  // 2^25 squares of 1 would stop growing at 2^24 in a running float32 sum; 1e25 would overflow one square.
  constexpr int64_t n = (int64_t{1} << 25) + 3;
  std::vector<Parameter> parameters{{"big", at::zeros({n}, at::kFloat).requires_grad_(true)}};
  AdamW optimizer(parameters, {});
  parameters[0].tensor.mutable_grad() = at::ones({n}, at::kFloat);
  optimizer.accumulate_gradients();
  EXPECT_DOUBLE_EQ(optimizer.clip_grad_norm(0.0), std::sqrt(static_cast<double>(n)));
  optimizer.gradients()[0].tensor.fill_(1e25);
  EXPECT_NEAR(optimizer.clip_grad_norm(0.0) / (1e25 * std::sqrt(static_cast<double>(n))), 1.0, 1e-6);
}

// Every way to store moments and masters.
std::vector<OptimizerOptions> storages() {
  std::vector<OptimizerOptions> out;
  for (const MomentDtype dtype : {MomentDtype::kFloat32, MomentDtype::kBfloat16, MomentDtype::kInt8}) {
    for (const bool offload : {false, true}) {
      out.push_back({.weight_decay = 0.01, .state_dtype = dtype, .offload = offload});
    }
  }
  return out;
}

// With a matrix that is large enough for moments in int8, and no multiple of their blocks.
std::vector<Parameter> larger_model(at::ScalarType dtype) {
  auto parameters = small_model(dtype);
  Stream random(2);
  parameters.push_back({"large.weight", random_tensor({71, 83}, random, dtype).requires_grad_(true)});
  return parameters;
}

void expect_resumes(at::ScalarType dtype, const OptimizerOptions& options) {
  auto parameters = larger_model(dtype);
  AdamW uninterrupted(parameters, options);
  for (uint64_t step = 0; step < 5; ++step) train_step(uninterrupted, parameters, step, 1e-3);
  auto resumed_parameters = copy_of(parameters);
  const auto state = saved(uninterrupted);
  const int64_t count = uninterrupted.step_count();
  EXPECT_EQ(count, 5);

  AdamW resumed(resumed_parameters, options);
  resumed.load_state(state, count, "optimizer.safetensors");
  for (uint64_t step = 5; step < 10; ++step) {
    train_step(uninterrupted, parameters, step, 1e-3);
    train_step(resumed, resumed_parameters, step, 1e-3);
  }
  EXPECT_EQ(resumed.step_count(), 10);
  expect_same_bits(resumed_parameters, parameters);
  expect_same_bits(resumed.state(), uninterrupted.state());
}

TEST(AdamW, ResumedStepsEqualUninterruptedOnesBitForBit) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    for (const OptimizerOptions& options : storages()) expect_resumes(dtype, options);
  }
}

TEST(AdamW, OffloadedStateGivesTheSameBits) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kDouble}) {
    const auto storage = storages();
    for (size_t i = 0; i < storage.size(); i += 2) {
      auto here = larger_model(dtype), away = larger_model(dtype);
      AdamW resident(here, storage[i]), offloaded(away, storage[i + 1]);
      ASSERT_TRUE(storage[i + 1].offload && !storage[i].offload);
      for (uint64_t step = 0; step < 10; ++step) {
        train_step(resident, here, step, 1e-3);
        train_step(offloaded, away, step, 1e-3);
      }
      expect_same_bits(away, here);
      expect_same_bits(offloaded.state(), resident.state());
    }
  }
}

// A noisy quadratic: gradients of (w - goal)^2 / 2 under noise as large as they are at the start, 200 steps. Returns
// the mean squared distance from the goal and the weights.
std::pair<double, at::Tensor> descend(const OptimizerOptions& options, at::ScalarType dtype) {
  Stream random(5);
  const at::Tensor goal = random_tensor({64, 96}, random, at::kDouble);
  std::vector<Parameter> parameters = {{"w", at::zeros({64, 96}, dtype).requires_grad_(true)}};
  AdamW optimizer(parameters, options);
  for (int step = 0; step < 200; ++step) {
    const at::Tensor w = parameters[0].tensor.detach().to(at::kDouble);
    parameters[0].tensor.mutable_grad() = (w - goal + random_tensor({64, 96}, random, at::kDouble)).to(dtype);
    optimizer.accumulate_gradients();
    optimizer.step(0.01);
    optimizer.zero_grad();
  }
  const at::Tensor w = parameters[0].tensor.detach().to(at::kDouble);
  return {(w - goal).square().mean().item<double>(), w};
}

TEST(AdamW, NarrowMomentsTrainAsWideOnesDo) {
  const auto [wide_loss, wide] = descend({}, at::kFloat);
  const double travelled = wide.norm().item<double>();
  const auto [bfloat16_loss, bfloat16] = descend({.state_dtype = MomentDtype::kBfloat16}, at::kFloat);
  const auto [int8_loss, int8] = descend({.state_dtype = MomentDtype::kInt8}, at::kFloat);
  EXPECT_LT((bfloat16 - wide).norm().item<double>(), 0.01 * travelled);
  EXPECT_NEAR(bfloat16_loss / wide_loss, 1.0, 0.02);
  EXPECT_LT((int8 - wide).norm().item<double>(), 0.1 * travelled);
  EXPECT_NEAR(int8_loss / wide_loss, 1.0, 0.1);
  EXPECT_GT((int8 - wide).norm().item<double>(), 0.0) << "moments were wide";
}

TEST(AdamW, NarrowStateTakesTheBytesItSays) {
  const auto bytes = [](MomentDtype dtype) {
    auto parameters = larger_model(at::kFloat);
    const AdamW optimizer(parameters, {.state_dtype = dtype});
    size_t total = 0;
    for (const NamedTensor& t : optimizer.state()) total += t.tensor.nbytes();
    return total;
  };
  constexpr size_t small = 35 + 13 + 60, large = 71 * 83;
  EXPECT_EQ(bytes(MomentDtype::kFloat32), 8 * (small + large));
  EXPECT_EQ(bytes(MomentDtype::kBfloat16), 4 * (small + large));
  EXPECT_EQ(bytes(MomentDtype::kInt8), 8 * small + 2 * (large + 4 * 24));
}

TEST(AdamW, StateOfAnotherDtypeIsRefused) {
  auto parameters = larger_model(at::kFloat);
  AdamW narrow(parameters, {.state_dtype = MomentDtype::kInt8}), wide(parameters, {});
  try {
    wide.load_state(saved(narrow), 1, "optimizer.safetensors");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.summary().find("exp_avg.large.weight.scale"), std::string::npos) << e.summary();
    EXPECT_NE(e.fix().find("optimizer_state_dtype"), std::string::npos) << e.fix();
  }
}

TEST(AdamW, StateHoldsMastersOnlyWhereTheyDiffer) {
  auto narrow = small_model(at::kBFloat16);
  auto wide = small_model(at::kFloat);
  EXPECT_EQ(AdamW(narrow, {}).state().size(), 9u);
  EXPECT_EQ(AdamW(wide, {}).state().size(), 6u);
  EXPECT_EQ(AdamW(wide, {}).state()[1].name, "exp_avg_sq.proj.weight");
}

TEST(AdamW, LoadingAMasterRewritesItsParameter) {
  auto parameters = small_model(at::kBFloat16);
  AdamW optimizer(parameters, {});
  train_step(optimizer, parameters, 0, 0.1);
  const auto state = saved(optimizer);
  auto other = small_model(at::kBFloat16, 99);
  AdamW second(other, {});
  second.load_state(state, 1, "optimizer.safetensors");
  expect_same_bits(other, parameters);
}

TEST(AdamW, RefusesStateThatDoesNotFitAndNamesWhatIsWrong) {
  auto parameters = small_model(at::kFloat);
  AdamW optimizer(parameters, {});
  auto state = saved(optimizer);
  state[0].name = "exp_avg.proj.bias";
  try {
    optimizer.load_state(state, 1, "optimizer.safetensors");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.where(), "optimizer.safetensors");
    EXPECT_NE(e.summary().find("missing [exp_avg.proj.weight]"), std::string::npos) << e.summary();
    EXPECT_NE(e.summary().find("unused [exp_avg.proj.bias]"), std::string::npos) << e.summary();
  }
  state = saved(optimizer);
  state[2].tensor = at::zeros({12}, at::kFloat);
  try {
    optimizer.load_state(state, 1, "optimizer.safetensors");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.summary().find("exp_avg.norm.weight is Float [12], the model needs Float [13]"),
              std::string::npos)
        << e.summary();
  }
  state = saved(optimizer);
  state[3].tensor = state[3].tensor.to(at::kDouble);
  EXPECT_THROW(optimizer.load_state(state, 1, "optimizer.safetensors"), Error);
  EXPECT_EQ(optimizer.step_count(), 0);
}

TEST(AdamW, MastersFollowWeightsThatSomebodyElseWrote) {
  auto parameters = small_model(at::kBFloat16);
  AdamW optimizer(parameters, {});
  {
    at::NoGradGuard no_grad;
    parameters[0].tensor.fill_(0.5);
  }
  optimizer.reset_masters();
  optimizer.step(1e-9);  // gradient zero: writes the masters back
  EXPECT_TRUE(parameters[0].tensor.equal(at::full({7, 5}, 0.5, at::kBFloat16)));
}

OptimizerOptions read(const std::string& text) {
  const Json json = parse_json(text, "recipe.json");
  ObjectReader reader(json, "recipe.json");
  const auto options = read_optimizer_options(reader);
  reader.finish();
  return options;
}

TEST(OptimizerOptions, AreReadUnderTheirNames) {
  const auto set = read(R"({"adam_beta1": 0.8, "adam_beta2": 0.99, "adam_epsilon": 1e-6, "weight_decay": 0.1,
                            "max_grad_norm": 0.5})");
  EXPECT_EQ(set.adam_beta1, 0.8);
  EXPECT_EQ(set.adam_beta2, 0.99);
  EXPECT_EQ(set.adam_epsilon, 1e-6);
  EXPECT_EQ(set.weight_decay, 0.1);
  EXPECT_EQ(set.max_grad_norm, 0.5);
  EXPECT_EQ(read("{}").max_grad_norm, 1.0);
  EXPECT_EQ(read("{}").state_dtype, MomentDtype::kFloat32);
  EXPECT_EQ(read(R"({"optimizer_state_dtype": "bfloat16"})").state_dtype, MomentDtype::kBfloat16);
  const auto narrow = read(R"({"optimizer_state_dtype": "int8", "offload_optimizer": true})");
  EXPECT_EQ(narrow.state_dtype, MomentDtype::kInt8);
  EXPECT_TRUE(narrow.offload);
}

TEST(OptimizerOptions, RefuseWhatIsOutOfRange) {
  for (const char* text : {R"({"adam_beta1": 1})", R"({"adam_beta2": 1})", R"({"adam_beta1": -0.1})",
                           R"({"adam_epsilon": 0})", R"({"weight_decay": -1})", R"({"max_grad_norm": -1})",
                           R"({"optimizer_state_dtype": "float8"})", R"({"offload_optimizer": 1})"}) {
    EXPECT_THROW(read(text), Error) << text;
  }
}

}  // namespace
}  // namespace grpo
