// What holds from one step to the next: rollouts that serve several steps, the reference, the router bias,
// seeds, faults, and going on after a stop.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Trained {
  std::vector<Json> metrics;
  std::vector<NamedTensor> weights;
  std::vector<Group> groups;
};

Trained train(Policy policy, const TrainerOptions& options, int64_t steps, uint64_t seed) {
  Trainer trainer(policy, &characters(), evenness(), options, seed);
  Trained run;
  for (int64_t i = 0; i < steps; ++i) run.metrics.push_back(without_times(trainer.step(sum_problem)));
  run.weights = weights_of(policy);
  run.groups = trainer.groups();
  return run;
}

TEST(TrainerSeed, TheSameSeedGivesTheSameBitsAndAnotherSeedOthers) {
  const Policy start = character_policy(deepseek_json());
  const Trained first = train(start.clone(), tiny_options(), 3, 11);
  const Trained again = train(start.clone(), tiny_options(), 3, 11);
  const Trained other = train(start.clone(), tiny_options(), 3, 12);
  EXPECT_EQ(changed(first.weights, again.weights), "");
  EXPECT_EQ(first.metrics, again.metrics);
  EXPECT_NE(changed(first.weights, other.weights), "");
}

TEST(TrainerSeed, NoTwoSamplesOfAStepShareAStreamNorDoTwoSteps) {
  Policy policy = character_policy(llama_json());
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 1);
  std::set<uint64_t> seeds;
  std::set<std::vector<int64_t>> completions;
  size_t samples = 0;
  for (int step = 0; step < 3; ++step) {
    // The same problems in every step: only the step tells the streams apart.
    trainer.step([](int64_t n) { return sum_problem(n % 3); });
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        ++samples;
        seeds.insert(episode.seed);
        completions.insert(episode.completion_ids);
        EXPECT_EQ(episode.policy_version, step);
      }
    }
  }
  EXPECT_EQ(seeds.size(), samples);
  EXPECT_GT(completions.size(), samples / 2);
}

TEST(TrainerRollout, ServesStepsPerGenerationTimesNumIterationsStepsUnchanged) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.steps_per_generation = 2;
  options.num_iterations = 2;
  int64_t drawn = 0;
  Trainer trainer(policy, &characters(), evenness(), options, 13);
  std::vector<std::vector<int64_t>> ids;
  std::vector<double> advantages;
  std::vector<std::vector<float>> behaviour;
  for (int64_t step = 0; step < 8; ++step) {
    EXPECT_EQ(trainer.at_rollout_boundary(), step % 4 == 0);
    const Json metrics = trainer.step([&](int64_t n) {
      EXPECT_EQ(n, drawn++);
      return sum_problem(n);
    });
    EXPECT_EQ(drawn, 6 * (step / 4 + 1));
    EXPECT_EQ(metrics.contains("reward"), step % 4 == 0);
    std::vector<std::vector<int64_t>> ids_now;
    std::vector<double> advantages_now;
    std::vector<std::vector<float>> behaviour_now;
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        ids_now.push_back(episode.completion_ids);
        advantages_now.push_back(episode.advantage);
        behaviour_now.push_back(episode.behaviour_logprobs);
      }
    }
    if (step % 4 == 0) {
      EXPECT_NE(ids, ids_now);
      ids = ids_now;
      advantages = advantages_now;
      behaviour = behaviour_now;
    }
    EXPECT_EQ(ids, ids_now);
    EXPECT_EQ(advantages, advantages_now);
    EXPECT_EQ(behaviour, behaviour_now);
    // Old log-probs are of the weights that sampled, for all four steps: the first step's ratio is 1 to the
    // last bit, the weights of the others have moved, and the sampler's difference stays that of old and
    // behaviour.
    if (step % 4 == 0) {
      EXPECT_EQ(number(metrics, "policy_ratio/min"), 1.0);
      EXPECT_EQ(number(metrics, "policy_ratio/max"), 1.0);
    } else {
      EXPECT_LT(number(metrics, "policy_ratio/min"), 1.0);
      EXPECT_GT(number(metrics, "policy_ratio/max"), 1.0);
    }
    EXPECT_EQ(number(metrics, "sampling/sampling_logp_difference/max"), 0.0);
  }
}

TEST(TrainerRollout, IterationsPassOverTheSlicesInTurn) {
  // Rewards of the second slice are all equal: with beta 0 its steps have no gradient.
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.steps_per_generation = 2;
  options.num_iterations = 2;
  const Rubric rubric = rubric_of([](const Episode& episode) {
    return episode.problem_id < 3 ? static_cast<double>(episode.completion_ids.front()) : 1.0;
  });
  Trainer trainer(policy, &characters(), rubric, options, 14);
  std::vector<bool> has_gradient;
  for (int step = 0; step < 4; ++step) {
    has_gradient.push_back(number(trainer.step(sum_problem), "grad_norm") > 0.0);
  }
  EXPECT_EQ(has_gradient, (std::vector<bool>{true, false, true, false}));
}

TEST(TrainerReference, IsCopiedAfterEverySyncStepsAndOnlyThen) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  options.sync_ref_model = true;
  options.ref_model_sync_steps = 2;
  options.ref_model_mixup_alpha = 1.0;
  Trainer trainer(policy, &characters(), evenness(), options, 15);
  for (int step = 0; step < 5; ++step) {
    const double kl = number(trainer.step(sum_problem), "kl");
    if (step % 2 == 0) {
      EXPECT_EQ(kl, 0.0) << step;
    } else {
      EXPECT_GT(kl, 0.0) << step;
    }
  }
}

TEST(TrainerReference, WithoutSyncStaysTheStartingPolicy) {
  Policy policy = character_policy(llama_json());
  const auto before = weights_of(policy);
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  Trainer trainer(policy, &characters(), evenness(), options, 15);
  for (int step = 0; step < 3; ++step) trainer.step(sum_problem);
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const SafetensorsReader reference(folder.file("reference.safetensors"));
  for (const NamedTensor& w : before) EXPECT_TRUE(at::equal(reference.read(w.name), w.tensor)) << w.name;
  EXPECT_NE(changed(before, weights_of(policy)), "");
}

TEST(TrainerReference, MixesPolicyAndReferenceByAlphaRouterBiasIncluded) {
  Policy policy = character_policy(deepseek_json());
  const auto before = weights_of(policy);
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  options.sync_ref_model = true;
  options.ref_model_sync_steps = 1;
  options.ref_model_mixup_alpha = 0.25;
  options.router_bias_update_rate = 0.1;
  Trainer trainer(policy, &characters(), evenness(), options, 16);
  trainer.step(sum_problem);
  const auto after = weights_of(policy);
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const SafetensorsReader reference(folder.file("reference.safetensors"));
  for (size_t i = 0; i < before.size(); ++i) {
    const at::Tensor expected = 0.25 * after[i].tensor + 0.75 * before[i].tensor;
    EXPECT_LE(max_difference(reference.read(before[i].name), expected), 5e-7) << before[i].name;
  }
}

TEST(TrainerRouterBias, IsFrozenByDefault) {
  Policy policy = character_policy(deepseek_json());
  std::vector<at::Tensor> before;
  for (const Parameter& b : policy.buffers()) before.push_back(b.tensor.clone());
  ASSERT_FALSE(before.empty());
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 17);
  for (int step = 0; step < 3; ++step) trainer.step(sum_problem);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(at::equal(policy.buffers()[i].tensor, before[i]));
}

TEST(TrainerRouterBias, MovesAgainstTheLoadOfTheTrainingPassesAlone) {
  Policy policy = character_policy(deepseek_json());
  Policy start = policy.clone();
  TrainerOptions options = tiny_options();
  options.router_bias_update_rate = 0.01;
  options.num_iterations = 2;  // old log-probs are a pass that must not count
  Trainer trainer(policy, &characters(), evenness(), options, 18);
  trainer.step(sum_problem);
  start.record_expert_load(true);
  for (const Group& group : trainer.groups()) {
    for (const Episode& episode : group.episodes) {
      std::vector<int64_t> ids = episode.prompt_ids;
      ids.insert(ids.end(), episode.completion_ids.begin(), episode.completion_ids.end());
      start.hidden(pack_sequences({ids}, at::kCPU));
    }
  }
  const std::vector<at::Tensor> load = start.expert_load();
  ASSERT_EQ(load.size(), policy.buffers().size());
  for (size_t i = 0; i < load.size(); ++i) {
    const at::Tensor counts = load[i].to(at::kFloat);
    const at::Tensor expected = start.buffers()[i].tensor + 0.01 * (counts.mean() - counts).sign();
    EXPECT_LE(max_difference(policy.buffers()[i].tensor, expected), 1e-7);
    EXPECT_GT(max_difference(policy.buffers()[i].tensor, start.buffers()[i].tensor), 0.005);
  }
}

TEST(TrainerFault, NanWeightsGiveErrorEpisodesNoOptimizerStepAndAnEnd) {
  Policy policy = character_policy(llama_json());
  {
    const at::NoGradGuard no_grad;
    at::Tensor(policy.parameters().back().tensor).fill_(kNan);
  }
  const auto before = weights_of(policy);
  TrainerOptions options = tiny_options();
  options.nonfinite_steps_max = 3;
  Trainer trainer(policy, &characters(), evenness(), options, 19);
  for (int step = 0; step < 2; ++step) {
    const Json metrics = trainer.step(sum_problem);
    EXPECT_EQ(number(metrics, "rollout/errors"), 12.0);
    EXPECT_EQ(number(metrics, "skipped_steps"), step + 1.0);
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        EXPECT_EQ(episode.finish_reason, FinishReason::kError);
        EXPECT_TRUE(episode.completion_ids.empty());
        EXPECT_FALSE(episode.reward.has_value());
      }
    }
  }
  const TemporaryFolder folder;
  trainer.save(folder.path());
  EXPECT_EQ(read_json_file(folder.file("state.json"))["optimizer_steps"], 0);
  const Error error = error_of([&] { trainer.step(sum_problem); });
  EXPECT_TRUE(holds(error.summary(), "3 optimizer steps in a row"));
  EXPECT_TRUE(holds(error.where(), "step 3"));
  const auto after = weights_of(policy);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::allclose(before[i].tensor, after[i].tensor, 0, 0, /*equal_nan=*/true)) << before[i].name;
  }
}

TEST(TrainerFault, ANonfiniteGradientIsSkippedAndTheNextStepGoesOn) {
  Policy policy = character_policy(deepseek_json());
  TrainerOptions options = tiny_options();
  options.advantage.scale_rewards = ScaleRewards::kNone;
  options.router_bias_update_rate = 0.01;
  options.nonfinite_steps_max = 2;
  bool overflow = true;
  const Rubric rubric = rubric_of([&](const Episode& episode) {
    return (overflow ? 1e200 : 1.0) * static_cast<double>(episode.completion_ids.front());
  });
  const auto before = weights_of(policy);
  Trainer trainer(policy, &characters(), rubric, options, 20);
  for (int round = 0; round < 2; ++round) {  // never two in a row, so it may go on for ever
    overflow = true;
    const auto kept = weights_of(policy);
    EXPECT_EQ(number(trainer.step(sum_problem), "skipped_steps"), round + 1.0);
    EXPECT_EQ(changed(kept, weights_of(policy)), "");
    overflow = false;
    EXPECT_EQ(number(trainer.step(sum_problem), "skipped_steps"), round + 1.0);
    EXPECT_NE(changed(kept, weights_of(policy)), "");
  }
  for (const NamedTensor& w : policy.checkpoint_tensors())
    EXPECT_TRUE(w.tensor.isfinite().all().item<bool>());
}

TEST(TrainerResume, FiveStepsAfterARestoreEqualFiveWithoutTheStopToTheLastBit) {
  struct Case {
    Json config;
    at::ScalarType dtype;
    int64_t steps_per_generation;
  };
  for (const Case& c : {Case{llama_json(), at::kFloat, 2}, Case{deepseek_json(), at::kFloat, 1},
                        Case{qwen2_json(), at::kBFloat16, 1}}) {
    TrainerOptions options = tiny_options();
    options.steps_per_generation = c.steps_per_generation;
    options.loss.beta = 0.01;
    options.sync_ref_model = true;
    options.ref_model_sync_steps = 3;
    options.router_bias_update_rate = 0.01;
    options.schedule.lr_scheduler_type = LrSchedulerType::kCosine;
    const TemporaryFolder middle, end, resumed;
    Policy policy = character_policy(c.config, c.dtype);
    Trainer trainer(policy, &characters(), evenness(), options, 21);
    trainer.step(sum_problem);
    trainer.step(sum_problem);
    trainer.save(middle.path());
    std::vector<Json> expected;
    for (int step = 0; step < 6; ++step) expected.push_back(without_times(trainer.step(sum_problem)));
    trainer.save(end.path());

    Policy other = character_policy(c.config, c.dtype, 99);  // every weight comes from the checkpoint
    Trainer second(other, &characters(), evenness(), options, 21);
    second.restore(middle.path());
    EXPECT_EQ(second.steps_done(), 2);
    for (int step = 0; step < 6; ++step) {
      EXPECT_EQ(without_times(second.step(sum_problem)), expected[static_cast<size_t>(step)]) << step;
    }
    second.save(resumed.path());
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
    for (const char* file :
         {"policy.safetensors", "optimizer.safetensors", "reference.safetensors", "state.json"}) {
      EXPECT_EQ(read_file(end.file(file)), read_file(resumed.file(file))) << file;
    }
  }
}

// Two passes over a rollout of two batches: a stop after any step lies within it or at its end.
TEST(TrainerResume, GoesOnBitForBitFromTheMiddleOfARollout) {
  TrainerOptions options = tiny_options();
  options.steps_per_generation = 2;
  options.num_iterations = 2;
  options.loss.beta = 0.01;
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), options, 23);
  std::vector<TemporaryFolder> stops(5);
  std::vector<Json> expected;
  for (size_t step = 0; step < 5; ++step) {
    trainer.save(stops[step].path());
    expected.push_back(without_times(trainer.step(sum_problem)));
  }
  for (size_t stop = 0; stop < 5; ++stop) {
    Policy other = character_policy(deepseek_json(), at::kFloat, 99);
    Trainer second(other, &characters(), evenness(), options, 23);
    second.restore(stops[stop].path());
    for (size_t step = stop; step < 5; ++step) {
      EXPECT_EQ(without_times(second.step(sum_problem)), expected[step]) << "from " << stop << ", step " << step;
    }
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "") << "from " << stop;
  }
}

TEST(TrainerResume, ASkippedStepCanBeTakenAgainFromItsDump) {
  TrainerOptions options = tiny_options();
  options.advantage.scale_rewards = ScaleRewards::kNone;
  const Rubric rubric = rubric_of([](const Episode& episode) { return 1e200 * static_cast<double>(episode.seed % 97); });
  Policy policy = character_policy(llama_json());
  Trainer trainer(policy, &characters(), rubric, options, 24);
  const Json skipped = without_times(trainer.step(sum_problem));
  ASSERT_TRUE(trainer.skipped());
  const TemporaryFolder dump;
  trainer.save_skipped(dump.path());

  Policy other = character_policy(llama_json(), at::kFloat, 99);
  Trainer again(other, &characters(), rubric, options, 24);
  again.restore(dump.path());
  EXPECT_EQ(again.steps_done(), 0);
  EXPECT_EQ(again.collect([](int64_t) -> Problem { throw std::logic_error("the dump holds the rollout"); }), Json::object());
  const Json metrics = without_times(again.learn());
  EXPECT_TRUE(again.skipped());
  for (const char* key : {"loss", "grad_norm", "entropy"}) EXPECT_EQ(metrics.at(key), skipped.at(key)) << key;
}

TEST(TrainerTimes, PartsAddUpToTheStep) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  Trainer trainer(policy, &characters(), evenness(), options, 25);
  for (int step = 0; step < 3; ++step) {
    const Json metrics = trainer.step(sum_problem);
    double parts = 0.0;
    for (const char* part : {"generate", "score", "logprobs", "train", "other"}) {
      EXPECT_GE(number(metrics, std::string("time/") + part), 0.0) << part;
      parts += number(metrics, std::string("time/") + part);
    }
    EXPECT_NEAR(parts, number(metrics, "step_time"), 1e-9);
    EXPECT_GT(number(metrics, "time/logprobs"), 0.0);
    EXPECT_LT(number(metrics, "time/other"), 0.5 * number(metrics, "step_time"));
  }
}

TEST(TrainerResume, RefusesTheStateOfAnotherModel) {
  const TemporaryFolder folder;
  Policy small = character_policy(llama_json());
  Trainer trainer(small, &characters(), evenness(), tiny_options(), 22);
  trainer.save(folder.path());
  Json wider = llama_json();
  wider["intermediate_size"] = 44;
  Policy large = character_policy(wider);
  Trainer other(large, &characters(), evenness(), tiny_options(), 22);
  const Error error = error_of([&] { other.restore(folder.path()); });
  EXPECT_TRUE(holds(error.summary(), "model.layers.0.mlp.gate_proj.weight"));
  EXPECT_TRUE(holds(error.where(), "policy.safetensors"));
}

// --- the options of a recipe

Error refused(const std::string& keys) {
  const Json json = parse_json("{\"max_steps\": 3, " + keys + "}", "test");
  ObjectReader reader(json, "recipe.json", "stages[1]");
  return error_of([&] { read_trainer_options(reader); });
}

TEST(TrainerOptionsReader, RefusesWhatCannotTrainOrHasNoEffectAndNamesTheKey) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\"temperature\": 0", "temperature"},
      {"\"num_generations\": 1", "num_generations"},
      {"\"sync_ref_model\": true", "sync_ref_model"},
      {"\"beta\": 0.1, \"ref_model_sync_steps\": 4", "ref_model_sync_steps"},
      {"\"beta\": 0.1, \"ref_model_mixup_alpha\": 0.5", "ref_model_mixup_alpha"},
      {"\"steps_per_generation\": 0", "steps_per_generation"},
      {"\"num_iterations\": 0", "num_iterations"},
      {"\"top_p\": 0", "top_p"},
      {"\"max_completion_length\": 0", "max_completion_length"},
      {"\"learning_rate\": 0", "learning_rate"},
      {"\"kl_estimator\": \"k1\"", "kl_estimator"},
  };
  for (const auto& [keys, name] : cases) {
    EXPECT_TRUE(holds(refused(keys).where(), "recipe.json: stages[1]." + name)) << keys;
  }
}

TEST(TrainerOptionsReader, ReadsEveryKeyItKnows) {
  const Json json = parse_json(R"({"max_steps": 7, "prompts_per_step": 2, "num_generations": 3,
    "steps_per_generation": 4, "num_iterations": 5, "max_completion_length": 6, "temperature": 0.5, "top_k": 9,
    "top_p": 0.9, "min_p": 0.1, "stop": ["x"], "mask_truncated_completions": true, "scale_rewards": "batch",
    "tokens_per_micro_batch": 99, "loss_type": "dr_grpo", "epsilon": 0.1, "beta": 0.2, "learning_rate": 0.3,
    "sync_ref_model": true, "ref_model_sync_steps": 8, "ref_model_mixup_alpha": 0.4, "max_running": 10,
    "router_bias_update_rate": 0.01, "nonfinite_steps_max": 11, "cache_tokens": 1000})",
                               "test");
  ObjectReader reader(json, "recipe.json");
  const TrainerOptions o = read_trainer_options(reader);
  reader.finish();
  EXPECT_EQ(o.max_steps, 7);
  EXPECT_EQ(o.prompts_per_step * o.num_generations * o.steps_per_generation * o.num_iterations,
            2 * 3 * 4 * 5);
  EXPECT_EQ(o.sampling.max_tokens, 6);
  EXPECT_EQ(o.sampling.temperature, 0.5);
  EXPECT_EQ(o.sampling.top_k, 9);
  EXPECT_TRUE(o.sampling.untruncated_logprobs);
  EXPECT_TRUE(o.mask_truncated_completions);
  EXPECT_EQ(o.packing.max_completion_length, 6);
  EXPECT_EQ(o.packing.loss_agg_mode, LossAggMode::kSeqMeanTokenSumNorm);
  EXPECT_EQ(o.loss.beta, 0.2);
  EXPECT_EQ(o.schedule.learning_rate, 0.3);
  EXPECT_EQ(o.ref_model_sync_steps, 8);
  EXPECT_EQ(o.ref_model_mixup_alpha, 0.4);
  EXPECT_EQ(o.router_bias_update_rate, 0.01);
  EXPECT_EQ(o.nonfinite_steps_max, 11);
  EXPECT_EQ(o.engine.max_running, 10);
  EXPECT_EQ(o.engine.cache_tokens, 1000);
}

}  // namespace
}  // namespace grpo
