#include "pipelines/stage_curriculum.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/file.h"
#include "core/make_folders.h"
#include "core/seed.h"
#include "grpo/evaluate.h"

namespace grpo {
namespace {

// How hard the problems are for the policy the stage starts from.
std::vector<std::optional<double>> measured_pass_rates(const StageContext& context, const TrainerOptions& options,
                                                       const Policy& policy, const Rubric& rubric,
                                                       const std::vector<Problem>& problems) {
  const std::string path = context.directory + "/difficulty.json";
  std::vector<std::optional<double>> rates;
  if (std::filesystem::exists(path)) {
    const Json stored = read_json_file(path);
    for (const Json& rate : stored.at("pass_rates")) {
      rates.push_back(rate.is_number() ? std::optional(rate.get<double>()) : std::nullopt);
    }
    if (rates.size() == problems.size()) return rates;
    throw Error(fmt::format("holds {} pass rates for {} problems", rates.size(), problems.size()), path,
                "the data has changed since the run began; start it anew");
  }
  constexpr uint64_t stream = 0x646966666963;
  EvalOptions eval{.num_samples = context.plan.difficulty->num_samples,
                   .sampling = options.sampling,
                   .seed = derive_seed({stage_seed(context.recipe, context.plan.spec), stream}),
                   .reward_workers = options.reward_workers,
                   .engine = options.engine,
                   .stop_request = options.stop_request};
  std::vector<Group> groups;
  fmt::print(stderr, "{}: measuring how hard {} problems are\n", context.plan.spec.name, problems.size());
  evaluate(policy, &*context.source.files.tokenizer, rubric, problems, eval, &groups);
  rates = pass_rates(groups);
  Json list = Json::array();
  for (const auto& rate : rates) list.push_back(rate ? Json(*rate) : Json());
  make_folders(context.directory);
  write_file_atomically(path, Json{{"pass_rates", list}}.dump() + "\n");
  return rates;
}

}  // namespace

std::optional<Curriculum> make_curriculum(const StageContext& context, const TrainerOptions& options,
                                          const Policy& policy, const Rubric& rubric, const StageData& data) {
  const std::optional<DifficultyOptions>& difficulty = context.plan.difficulty;
  if (!difficulty) return std::nullopt;
  const uint64_t seed = stage_seed(context.recipe, context.plan.spec);
  const std::string where = context.recipe.file + ": " + context.plan.spec.path;
  const std::vector<Problem> problems = data.train->head(difficulty->num_problems);
  if (!difficulty->column.empty()) {
    return Curriculum(problems, difficulty_of_column(problems, difficulty->column, where), difficulty->easy_first, seed);
  }
  const auto rates = measured_pass_rates(context, options, policy, rubric, problems);
  std::vector<Problem> kept;
  std::vector<double> hardness;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (!rates[i] || *rates[i] < difficulty->min_pass_rate || *rates[i] > difficulty->max_pass_rate) continue;
    kept.push_back(problems[i]);
    hardness.push_back(1.0 - *rates[i]);
  }
  fmt::print(stderr, "{}: {} of {} problems are solved {:.0f} to {:.0f} % of the time\n", context.plan.spec.name,
             kept.size(), problems.size(), 100 * difficulty->min_pass_rate, 100 * difficulty->max_pass_rate);
  if (kept.empty()) {
    throw Error(fmt::format("none of {} problems has a pass rate from {} to {}", problems.size(),
                            difficulty->min_pass_rate, difficulty->max_pass_rate),
                where + ".difficulty", "widen the bounds, or start from another policy");
  }
  return Curriculum(std::move(kept), std::move(hardness), difficulty->easy_first, seed);
}

}  // namespace grpo
