// Distillation step by step: what must not move, what it equals, that it brings the student to the teacher, resuming.

#include "grpo/distill_trainer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "grpo/distill_loss.h"
#include "tests/grpo/tiny_training.h"
#include "tests/reference/naive_distill.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

constexpr uint64_t kSeed = 17;

// "7+4=" -> "11" and the end token.
SftSequence worked_sum(int64_t n) {
  const Problem problem = sum_problem(n % 100);
  SftSequence sequence{problem.prompt_ids, characters().encode(problem.answer)};
  sequence.completion_ids.push_back(kEos);
  return sequence;
}

// Steps on data alone (0), on policy alone (1), or some of each.
DistillOptions tiny_distill(double lmbda, double beta = 0.5) {
  DistillOptions options;
  options.max_steps = 40;
  options.samples_per_step = 6;
  options.beta = beta;
  options.lmbda = lmbda;
  options.max_completion_length = 5;
  options.packing = {.tokens_per_micro_batch = 30, .loss_agg_mode = LossAggMode::kTokenMean};
  options.schedule.learning_rate = 1e-2;
  return options;
}

DistillOptions policy_gradient() {
  DistillOptions options = tiny_distill(1.0);
  options.objective = DistillObjective::kPolicyGradient;
  return options;
}

Json timeless(Json metrics) {
  metrics = without_times(metrics);
  metrics.erase("teacher/tokens_per_second");
  return metrics;
}

// The gradients of a first step, out of its first moments: before any clipping.
std::vector<at::Tensor> first_gradients(const Policy& policy, const std::string& directory) {
  const SafetensorsReader reader(directory + "/optimizer.safetensors");
  std::vector<at::Tensor> gradients;
  for (const Parameter& p : policy.parameters()) gradients.push_back(reader.read("exp_avg." + p.name) / 0.1);
  return gradients;
}

// A student of another architecture that knows nothing, and a teacher that has learnt sums.
const Policy& taught() {
  static const Policy teacher = [] {
    Policy policy = character_policy(qwen3_json(), at::kFloat, 5);
    SftOptions options;
    options.max_steps = 120;
    options.samples_per_step = 20;
    options.schedule.learning_rate = 1e-2;
    SftTrainer trainer(policy, options);
    for (int64_t step = 0; step < options.max_steps; ++step) trainer.step(worked_sum);
    policy.set_requires_grad(false);
    return policy;
  }();
  return teacher;
}

TEST(DistillStep, LeavesAStudentThatIsItsTeacherAsItIs) {
  for (const Json& json : {llama_json(), deepseek_json()}) {
    for (DistillOptions options : {tiny_distill(1.0, 0.0), tiny_distill(1.0, 0.3), tiny_distill(1.0, 1.0),
                                   tiny_distill(0.0, 0.0), tiny_distill(0.0, 0.5), policy_gradient()}) {
      options.temperature = 0.8;
      Policy student = character_policy(json);
      const Policy teacher = student.clone();
      DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
      for (int step = 0; step < 2; ++step) {
        const Json metrics = trainer.step(worked_sum, sum_problem);
        EXPECT_EQ(number(metrics, "grad_norm"), 0.0) << options.beta << " " << options.lmbda;
        EXPECT_EQ(number(metrics, "loss"), 0.0);
        EXPECT_EQ(number(metrics, "kl"), 0.0);
        EXPECT_GT(number(metrics, "entropy"), 0.0);
      }
      EXPECT_EQ(changed(weights_of(student), weights_of(teacher)), "");
    }
  }
}

// A conversation of two answers of which the first is learned, and the sequence that ends with that answer.
SftSequence first_of_two(int64_t n) {
  SftSequence sequence = worked_sum(n);
  sequence.loss_mask.assign(sequence.completion_ids.size(), 1);
  for (const int64_t id : worked_sum(n + 7).prompt_ids) sequence.completion_ids.push_back(id);
  sequence.completion_ids.push_back(kEos);
  sequence.loss_mask.resize(sequence.completion_ids.size(), 0);
  return sequence;
}

TEST(DistillStep, LearnsOfAConversationWhatItsMaskSays) {
  for (const double beta : {0.0, 0.5}) {
    std::vector<std::vector<at::Tensor>> gradients;
    std::vector<double> losses;
    for (const auto& draw : {worked_sum, first_of_two}) {
      Policy student = character_policy(llama_json(), at::kDouble);
      const Policy teacher = character_policy(qwen3_json(), at::kDouble, 5);
      DistillTrainer trainer(student, teacher, &characters(), tiny_distill(0.0, beta), kSeed);
      losses.push_back(number(trainer.step(draw, sum_problem), "loss"));
      const TemporaryFolder folder;
      trainer.save(folder.path());
      gradients.push_back(first_gradients(student, folder.path()));
    }
    EXPECT_GT(losses[0], 1e-3);
    EXPECT_NEAR(losses[0], losses[1], 1e-12);
    for (size_t i = 0; i < gradients[0].size(); ++i) EXPECT_LE(max_difference(gradients[0][i], gradients[1][i]), 1e-12);
  }
}

// A teacher whose next token is certain: the one that follows in worked_sum(3), whatever came before. With layers that add
// nothing, hidden states are the embeddings' and the head decides.
Policy certain_teacher() {
  Policy teacher = character_policy(qwen2_json(), at::kDouble);
  const at::NoGradGuard no_grad;
  for (const Parameter& p : teacher.parameters()) {
    if (p.name.ends_with("o_proj.weight") || p.name.ends_with("down_proj.weight")) p.tensor.zero_();
    if (p.name == "model.norm.weight") p.tensor.fill_(1.0);
    if (p.name == "model.embed_tokens.weight") p.tensor.copy_(at::eye(p.tensor.size(0), p.tensor.size(1), p.tensor.options()));
    if (p.name == "lm_head.weight") p.tensor.zero_();
  }
  // 0+3=3<eos>: after "=" comes 3, after 3 the end.
  const std::vector<int64_t> ids = worked_sum(3).completion_ids;
  const int64_t equals = worked_sum(3).prompt_ids.back();
  at::Tensor head = teacher.head();
  head.index_put_({at::tensor(ids[0]), at::tensor(equals)}, at::tensor(1e4, at::kDouble));
  head.index_put_({at::tensor(ids[1]), at::tensor(ids[0])}, at::tensor(1e4, at::kDouble));
  return teacher;
}

TEST(DistillStep, FromATeacherWithoutDoubtIsSupervisedFineTuning) {
  const auto same = [](int64_t) { return worked_sum(3); };
  const Policy teacher = certain_teacher();
  for (const Json& json : {llama_json(), deepseek_json()}) {
    Policy student = character_policy(json, at::kDouble), supervised = student.clone();
    DistillOptions options = tiny_distill(0.0, 0.0);
    options.optimizer.max_grad_norm = 0;
    DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
    SftOptions sft;
    sft.max_steps = options.max_steps;
    sft.samples_per_step = options.samples_per_step;
    sft.packing = options.packing;
    sft.optimizer = options.optimizer;
    sft.schedule = options.schedule;
    SftTrainer expected(supervised, sft);
    const Json got = trainer.step(same, {}), want = expected.step(same);
    EXPECT_NEAR(number(got, "loss"), number(want, "loss"), 1e-12);
    EXPECT_NEAR(number(got, "entropy"), number(want, "entropy"), 1e-12);
    EXPECT_NEAR(number(got, "grad_norm"), number(want, "grad_norm"), 1e-11);
    EXPECT_EQ(number(got, "num_tokens"), number(want, "num_tokens"));
    const TemporaryFolder a, b;
    trainer.save(a.path());
    expected.save(b.path());
    const auto g = first_gradients(student, a.path()), w = first_gradients(supervised, b.path());
    double size = 0;
    for (size_t i = 0; i < g.size(); ++i) {
      EXPECT_LE(max_difference(g[i], w[i]), 1e-11);
      size = std::max(size, w[i].abs().max().item<double>());
    }
    EXPECT_GT(size, 1e-2);
  }
}

TEST(DistillStep, LossAndKlAreMeansOverAllTokensOfTheDefinition) {
  const Policy teacher = character_policy(qwen3_json(), at::kDouble, 5);
  Policy student = character_policy(deepseek_json(), at::kDouble);
  DistillOptions options = tiny_distill(0.0, 0.3);
  options.temperature = 1.4;
  options.sft_weight = 0.25;
  double divergence = 0, kl = 0, sft = 0, tokens = 0;
  for (int64_t n = 0; n < options.samples_per_step; ++n) {
    const at::NoGradGuard no_grad;
    const SftSequence sample = worked_sum(n);
    std::vector<int64_t> ids = sample.prompt_ids;
    ids.insert(ids.end(), sample.completion_ids.begin(), sample.completion_ids.end());
    const PackedTokens packed = pack_sequences({ids}, at::kCPU);
    const auto first = static_cast<int64_t>(sample.prompt_ids.size()) - 1,
               count = static_cast<int64_t>(sample.completion_ids.size());
    const at::Tensor s = student.logits(student.hidden(packed)).narrow(0, first, count),
                     t = teacher.logits(teacher.hidden(packed)).narrow(0, first, count);
    const auto of = reference::naive_divergence(s, t, 0.3, 1.4, 0);
    divergence += of.divergence.sum().item<double>();
    kl += of.kl.sum().item<double>();
    for (int64_t i = 0; i < count; ++i) {
      sft -= s.log_softmax(-1)[i][sample.completion_ids[static_cast<size_t>(i)]].item<double>();
    }
    tokens += static_cast<double>(count);
  }
  DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
  const Json metrics = trainer.step(worked_sum, sum_problem);
  EXPECT_NEAR(number(metrics, "divergence"), divergence / tokens, 1e-10);
  EXPECT_NEAR(number(metrics, "sft/loss"), sft / tokens, 1e-10);
  EXPECT_NEAR(number(metrics, "loss"), (divergence + 0.25 * sft) / tokens, 1e-10);
  EXPECT_NEAR(number(metrics, "kl"), kl / tokens, 1e-10);
  EXPECT_EQ(number(metrics, "on_policy"), 0.0);
  EXPECT_GT(number(metrics, "teacher/tokens_per_second"), 0.0);
  EXPECT_TRUE(trainer.groups().empty());
}

TEST(DistillStep, GradientDoesNotDependOnTheSizeOfMicroBatches) {
  const Policy start = character_policy(deepseek_json(), at::kDouble), teacher = character_policy(qwen3_json(), at::kDouble, 5);
  for (DistillOptions options : {tiny_distill(0.0), tiny_distill(1.0), policy_gradient()}) {
    options.optimizer.max_grad_norm = 0;
    std::vector<std::vector<at::Tensor>> gradients;
    for (const int64_t budget : {1, 10000}) {
      Policy student = start.clone();
      options.packing.tokens_per_micro_batch = budget;
      DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
      trainer.step(worked_sum, sum_problem);
      const TemporaryFolder folder;
      trainer.save(folder.path());
      gradients.push_back(first_gradients(student, folder.path()));
    }
    double size = 0;
    for (size_t i = 0; i < gradients[0].size(); ++i) {
      EXPECT_LE(max_difference(gradients[0][i], gradients[1][i]), 1e-11);
      size = std::max(size, gradients[0][i].abs().max().item<double>());
    }
    EXPECT_GT(size, 1e-3);
  }
}

// A_t = c (log p_T - log p_S) of each sampled token, the gradient that of -mean A log p_S: by LibTorch's own softmax.
TEST(DistillPolicyGradient, IsThatOfTheTeachersLeadAtEverySampledToken) {
  const Policy teacher = character_policy(qwen3_json(), at::kDouble, 5);
  Policy student = character_policy(deepseek_json(), at::kDouble), start = student.clone();
  DistillOptions options = policy_gradient();
  options.kl_penalty_coef = 1.7;
  options.temperature = 0.9;
  options.num_generations = 3;
  options.optimizer.max_grad_norm = 0;
  DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
  const Json metrics = trainer.step({}, sum_problem);
  ASSERT_EQ(trainer.groups().size(), 2U);
  start.set_requires_grad(true);
  at::Tensor loss = at::zeros({}, at::kDouble);
  double kl = 0, tokens = 0, length = 0;
  for (const Group& group : trainer.groups()) {
    ASSERT_EQ(group.episodes.size(), 3U);
    for (const Episode& episode : group.episodes) {
      std::vector<int64_t> ids = episode.prompt_ids;
      ids.insert(ids.end(), episode.completion_ids.begin(), episode.completion_ids.end());
      const PackedTokens packed = pack_sequences({ids}, at::kCPU);
      const auto logprobs = [&](const Policy& policy) { return (policy.logits(policy.hidden(packed)) / 0.9).log_softmax(-1); };
      const at::Tensor ours = logprobs(start), theirs = logprobs(teacher).detach();
      length += static_cast<double>(episode.completion_ids.size()) / 6;
      for (size_t t = 0; t < episode.completion_ids.size(); ++t) {
        const auto row = static_cast<int64_t>(episode.prompt_ids.size() + t) - 1, id = episode.completion_ids[t];
        const at::Tensor lead = (theirs[row][id] - ours[row][id]).detach();
        loss = loss - 1.7 * lead * ours[row][id];
        kl -= lead.item<double>();
        ++tokens;
      }
    }
  }
  (loss / tokens).backward();
  EXPECT_NEAR(number(metrics, "kl"), kl / tokens, 1e-10);
  EXPECT_NEAR(number(metrics, "loss"), 1.7 * kl / tokens, 1e-10);
  EXPECT_NEAR(number(metrics, "completions/mean_length"), length, 1e-12);
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const auto got = first_gradients(student, folder.path());
  double size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const at::Tensor& want = start.parameters()[i].tensor.grad();
    if (!want.defined()) continue;
    EXPECT_LE(max_difference(got[i], want), 1e-10) << start.parameters()[i].name;
    size = std::max(size, want.abs().max().item<double>());
  }
  EXPECT_GT(size, 1e-3);
}

// KL(student || teacher) of a token, on the data or on what the student says.
double distance(const Policy& student, bool on_policy) {
  Policy copy = student.clone();
  DistillOptions options = tiny_distill(on_policy ? 1.0 : 0.0, 1.0);
  options.samples_per_step = 100;
  DistillTrainer trainer(copy, taught(), &characters(), options, kSeed + 1);
  return number(trainer.step(worked_sum, sum_problem), "kl");
}

// What is left of the distance after so many steps of 24 samples.
double distance_left(DistillOptions options, int64_t steps) {
  options.samples_per_step = 24;
  options.packing.tokens_per_micro_batch = 1000;
  options.max_steps = steps;
  Policy student = character_policy(llama_json(), at::kFloat, 3);
  const bool on_policy = options.lmbda == 1.0;
  const double before = distance(student, on_policy);
  DistillTrainer trainer(student, taught(), &characters(), options, kSeed);
  for (int64_t step = 0; step < steps; ++step) trainer.step(worked_sum, sum_problem);
  return distance(student, on_policy) / before;
}

TEST(DistillLearning, BringsTheStudentToTheTeacherOnDataAndOnItsOwnSamples) {
  for (const DistillOptions& options :
       {tiny_distill(0.0, 0.0), tiny_distill(0.0, 0.5), tiny_distill(1.0, 1.0), tiny_distill(0.5, 0.5)}) {
    EXPECT_LT(distance_left(options, 60), 0.25) << "beta " << options.beta << " lmbda " << options.lmbda;
  }
}

// One token of each distribution says less than all of it.
TEST(DistillLearning, TakesLongerFromSampledTokensAlone) {
  DistillOptions options = policy_gradient();
  options.num_generations = 4;
  options.schedule.learning_rate = 3e-3;
  EXPECT_LT(distance_left(options, 120), 0.45);
}

TEST(DistillPolicy, IsAskedInTheShareOfStepsThatLmbdaSays) {
  Policy student = character_policy(llama_json());
  const Policy teacher = student.clone();
  for (const double lmbda : {0.0, 0.3, 1.0}) {
    const DistillTrainer trainer(student, teacher, nullptr, tiny_distill(lmbda), kSeed);
    int64_t asked = 0;
    for (int64_t step = 0; step < 4000; ++step) asked += trainer.on_policy(step);
    EXPECT_NEAR(static_cast<double>(asked), 4000 * lmbda, lmbda == 0.3 ? 120 : 0);
  }
}

TEST(DistillStep, DrawsEveryPlaceOfTheStreamOnceAndInOrder) {
  Policy student = character_policy(llama_json());
  const Policy teacher = character_policy(llama_json(), at::kFloat, 2);
  DistillOptions options = tiny_distill(0.5);
  options.num_generations = 2;
  DistillTrainer trainer(student, teacher, &characters(), options, kSeed);
  int64_t next = 0, sampled = 0;
  for (int64_t step = 0; step < 6; ++step) {
    const int64_t before = next;
    const Json metrics = trainer.step(
        [&](int64_t n) {
          EXPECT_EQ(n, next++);
          return worked_sum(n);
        },
        [&](int64_t n) {
          EXPECT_EQ(n, next++);
          return sum_problem(n % 100);
        });
    const bool on_policy = trainer.on_policy(step);
    sampled += on_policy;
    EXPECT_EQ(next - before, on_policy ? 3 : 6);
    EXPECT_EQ(number(metrics, "on_policy"), on_policy);
    EXPECT_EQ(number(metrics, "on_policy_share"), static_cast<double>(sampled) / static_cast<double>(step + 1));
    EXPECT_EQ(trainer.groups().size(), on_policy ? 3U : 0U);
  }
  EXPECT_TRUE(sampled > 0 && sampled < 6) << "the seed tries one kind only";
}

TEST(DistillResume, GoesOnToTheLastBit) {
  for (DistillOptions options : {tiny_distill(0.5), policy_gradient()}) {
    options.router_bias_update_rate = 0.01;
    options.schedule.lr_scheduler_type = LrSchedulerType::kLinear;
    const Policy teacher = character_policy(qwen3_json(), at::kFloat, 5);
    const TemporaryFolder middle, end, resumed;
    Policy policy = character_policy(deepseek_json());
    DistillTrainer trainer(policy, teacher, &characters(), options, kSeed);
    for (int step = 0; step < 3; ++step) trainer.step(worked_sum, sum_problem);
    trainer.save(middle.path());
    std::vector<Json> expected;
    for (int step = 0; step < 4; ++step) expected.push_back(timeless(trainer.step(worked_sum, sum_problem)));
    trainer.save(end.path());

    Policy other = character_policy(deepseek_json(), at::kFloat, 99);
    DistillTrainer second(other, teacher, &characters(), options, kSeed);
    second.restore(middle.path());
    for (int step = 0; step < 4; ++step) {
      EXPECT_EQ(timeless(second.step(worked_sum, sum_problem)), expected[static_cast<size_t>(step)]) << step;
    }
    second.save(resumed.path());
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
    for (const char* file : {"policy.safetensors", "optimizer.safetensors", "state.json"}) {
      EXPECT_EQ(read_file(end.file(file)), read_file(resumed.file(file))) << file;
    }
  }
}

TEST(DistillStep, ThatIsGivenUpIsTakenAgainAsIfNothingHadBeen) {
  const Policy teacher = character_policy(qwen3_json(), at::kFloat, 5);
  for (const double lmbda : {0.0, 1.0}) {
    DistillOptions options = tiny_distill(lmbda);
    options.packing.tokens_per_micro_batch = 12;
    Policy policy = character_policy(deepseek_json()), other = policy.clone();
    int asked = 0, until = 0;  // gives up the step at the `until`-th question
    options.stop_request = [&] { return ++asked == until; };
    DistillTrainer undisturbed(policy, teacher, &characters(), options, kSeed);
    DistillTrainer disturbed(other, teacher, &characters(), options, kSeed);
    for (int step = 0; step < 2; ++step) {
      asked = until = 0;
      const Json expected = timeless(undisturbed.step(worked_sum, sum_problem));
      const int questions = asked;
      ASSERT_GE(questions, 2);
      for (const int when : {1, questions}) {  // the last one is between two micro-batches
        asked = 0;
        until = when;
        EXPECT_THROW(disturbed.step(worked_sum, sum_problem), Cancelled) << lmbda << " " << until;
      }
      until = 0;
      EXPECT_EQ(timeless(disturbed.step(worked_sum, sum_problem)), expected);
    }
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
  }
}

TEST(DistillStep, LossThatIsNotFiniteStopsWithTheWeightsUntouched) {
  Policy student = character_policy(llama_json()), teacher = student.clone();
  {
    const at::NoGradGuard no_grad;
    at::Tensor(teacher.parameters()[3].tensor).fill_(std::numeric_limits<float>::infinity());
  }
  const auto before = weights_of(student);
  DistillTrainer trainer(student, teacher, &characters(), tiny_distill(0.0), kSeed);
  const Error error = error_of([&] { trainer.step(worked_sum, sum_problem); });
  EXPECT_TRUE(holds(error.summary(), "not finite"));
  EXPECT_TRUE(holds(error.where(), "step 1"));
  EXPECT_EQ(changed(before, weights_of(student)), "");
}

DistillOptions read(const std::string& keys) {
  const Json json = parse_json("{\"max_steps\": 3" + keys + "}", "test");
  ObjectReader reader(json, "recipe.json", "stages[0]");
  const DistillOptions options = read_distill_options(reader);
  reader.finish();
  return options;
}

TEST(DistillOptionsReader, KnowsTheLossesByName) {
  EXPECT_EQ(read("").beta, 0.5);
  EXPECT_EQ(read("").lmbda, 0.5);
  EXPECT_EQ(read(R"(, "loss": "forward_kl")").beta, 0.0);
  EXPECT_EQ(read(R"(, "loss": "reverse_kl")").beta, 1.0);
  EXPECT_EQ(read(R"(, "loss": "jsd", "beta": 0.1)").beta, 0.1);
  EXPECT_EQ(read(R"(, "loss": "policy_gradient")").objective, DistillObjective::kPolicyGradient);
  EXPECT_EQ(read(R"(, "loss": "policy_gradient")").lmbda, 1.0);
}

TEST(DistillOptionsReader, NamesTheKeyThatIsOutOfRangeOrWithoutEffect) {
  for (const auto& [keys, name] : std::vector<std::pair<std::string, std::string>>{
           {R"("loss": "kl")", "loss"},
           {R"("loss": "forward_kl", "beta": 0.5)", "beta"},
           {R"("beta": 1.5)", "beta"},
           {R"("lmbda": -0.1)", "lmbda"},
           {R"("loss": "policy_gradient", "lmbda": 0.5)", "lmbda"},
           {R"("loss": "policy_gradient", "top_k": 4)", "top_k"},
           {R"("lmbda": 1, "sft_weight": 0.1)", "sft_weight"},
           {R"("kl_penalty_coef": 2)", "kl_penalty_coef"},
           {R"("temperature": 0)", "temperature"},
           {R"("lmbda": 0, "num_generations": 2)", "num_generations"},
           {R"("samples_per_step": 6, "num_generations": 4)", "num_generations"}}) {
    EXPECT_TRUE(holds(error_of([&, k = keys] { read(", " + k); }).where(), "recipe.json: stages[0]." + name)) << keys;
  }
}

}  // namespace
}  // namespace grpo
