// grpo score: the rewards of given completions.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/ordered_work.h"
#include "cli/rows.h"
#include "cli/score_report.h"
#include "core/file.h"
#include "pipelines/answer_extractor.h"
#include "pipelines/code_judge.h"
#include "pipelines/data.h"
#include "pipelines/model_reward.h"
#include "pipelines/recipe.h"
#include "rewards/rubric.h"

namespace grpo {
namespace {

struct Options {
  RewardOptions reward;
  std::string recipe;
  std::string stage;
  std::string answer_column;     // empty: as the recipe says, else "answer" where the row has it
  std::string answer_extractor;  // empty: as the recipe says, else none
  std::string group_by;          // column; empty: every row is a group of its own
  int64_t workers = 0;
  int64_t slowest = 5;
  bool details = false;
  std::string summary;  // file; empty: none
  double max_error_rate = 1.0;
  RowOptions rows;
};

// What completions are judged by.
struct Judging {
  Rubric rubric;
  GoldColumn gold;
};

// The stage whose rewards are meant: the one named, else the only one, or any of several that agree.
const StageSpec& rewarded_stage(const Recipe& recipe, const std::string& name) {
  const StageSpec* found = nullptr;
  for (const StageSpec& stage : recipe.stages) {
    if (!stage.options.contains("rewards") || (!name.empty() && stage.name != name)) continue;
    if (found && found->options["rewards"] != stage.options["rewards"]) {
      throw Error(fmt::format("the stages {} and {} have different rewards", found->name, stage.name),
                  recipe.file, "name one of them: --stage " + stage.name);
    }
    if (!found) found = &stage;
  }
  if (found) return *found;
  throw Error(name.empty() ? "no stage has rewards" : fmt::format("no stage \"{}\" has rewards", name),
              recipe.file, "check the recipe, or use --reward NAME");
}

Judging judging_of_recipe(const Options& options) {
  const Recipe recipe = read_recipe(options.recipe, {});
  const StageSpec& stage = rewarded_stage(recipe, options.stage);
  const std::string prefix = stage.path.empty() ? "" : stage.path + ".";
  const Json& rewards = stage.options["rewards"];
  RewardContext context;
  if (list_runs_code(rewards)) context.judge = start_judge(recipe.sandbox, recipe.file, "sandbox");
  context.provide = model_rewards({});
  Judging judging;
  judging.rubric = read_rubric(rewards, recipe.file, prefix + "rewards", context);
  if (stage.options.contains("data")) {
    Json json = stage.options["data"];
    // Problems come from the rows; a recipe that leaves its file to the user is complete here.
    if (json.is_object() && json.contains("train") && json["train"].is_null()) json["train"] = "rows";
    const DataOptions data = read_data_options(json, recipe.file, prefix + "data",
                                               stage.type == "sft" ? DataUse::kTrainSft : DataUse::kTrainRl);
    judging.gold = {.name = data.answer_column, .extractor = data.answer_extractor};
  }
  return judging;
}

Judging read_judging(const Options& options) {
  Judging judging;
  if (options.recipe.empty()) {
    judging.rubric = read_rewards(options.reward);
  } else {
    judging = judging_of_recipe(options);
  }
  if (!options.answer_column.empty()) {
    judging.gold.name = options.answer_column;
    judging.gold.required = true;
  }
  if (!options.answer_extractor.empty()) judging.gold.extractor = options.answer_extractor;
  return judging;
}

// The value of the column that rows are grouped by. Throws Error for a row without it.
Json group_key(const DataRow& row, const std::string& column) {
  ObjectReader reader(row.columns, row.where);
  if (!row.columns.contains(column)) reader.fail(column, "the row has no such column", "check --group-by");
  return reader.raw(column);
}

// Reads all rows and submits them group by group.
void submit_rows(RowReader& in, const Options& options, const GoldColumn& gold,
                 const std::function<void(RowGroup)>& submit) {
  RowGroup group;
  Json key;
  while (const auto row = in.next()) {
    const Json next_key = options.group_by.empty() ? Json() : group_key(*row, options.group_by);
    if (!group.rows.empty() && (options.group_by.empty() || next_key != key)) {
      submit(std::exchange(group, {}));
    }
    key = next_key;
    add_row(*row, gold, group);
    // Without groups the answer need not wait for the next row.
    if (options.group_by.empty()) submit(std::exchange(group, {}));
  }
  if (!group.rows.empty()) submit(std::move(group));
}

struct ScoredGroup {
  explicit ScoredGroup(RowGroup of) : group(std::move(of)) {}

  RowGroup group;
  double seconds = 0.0;
};

void score(const Rubric& rubric, ScoredGroup& scored) {
  const auto start = std::chrono::steady_clock::now();
  score_group(rubric, scored.group.group);
  scored.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int run(const Options& options) {
  const Judging judging = read_judging(options);
  RowReader in(options.rows.input, RowReading::kStream);
  RowWriter out(options.rows.output);
  ScoreReport report(judging.rubric, options.slowest);
  const auto start = std::chrono::steady_clock::now();
  {
    OrderedWork scoring(options.workers);
    const auto submit = [&](RowGroup group) {
      auto scored = std::make_shared<ScoredGroup>(std::move(group));
      scoring.submit([&judging, scored] { score(judging.rubric, *scored); },
                     [&, scored] {
                       for (const RowGroup::Row& row : scored->group.rows)
                         out.write(row_json(judging.rubric, scored->group, row, options.details));
                       report.add(scored->group, scored->seconds);
                     });
    };
    try {
      submit_rows(in, options, judging.gold, submit);
    } catch (...) {
      scoring.finish();  // the rows before the one that cannot be read
      throw;
    }
    scoring.finish();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.commit();
  std::fputs(report.text(seconds).c_str(), stderr);
  if (!options.summary.empty()) write_file_atomically(options.summary, report.json(seconds).dump(2) + "\n");
  const auto samples = static_cast<double>(report.num_samples());
  if (static_cast<double>(report.num_errors()) > options.max_error_rate * samples) {
    throw Error(fmt::format("the rewards failed on {} of {} samples, more than the share {}", report.num_errors(),
                            report.num_samples(), options.max_error_rate),
                "--max-error-rate", "the rows of status \"error\" say why");
  }
  return 0;
}

void add_judging_options(CLI::App& command, Options& options) {
  CLI::Option_group* source = command.add_option_group("rewards");
  add_reward_options(*source, options.reward);
  source->add_option("--recipe", options.recipe, "the rewards of a recipe")
      ->excludes("--reward")
      ->excludes("--options")
      ->excludes("--sandbox");
  command.add_option("--stage", options.stage, "the stage of the recipe, where several differ")->needs("--recipe");
  command.add_option("--answer-column", options.answer_column,
                     "column of the gold answer; default: the recipe's, else answer");
  command
      .add_option("--answer-extractor", options.answer_extractor,
                  "where the gold stands in that column: ####, boxed or none; default: the recipe's, else none")
      ->check(CLI::IsMember(answer_extractor_names()));
  command.add_option("--group-by", options.group_by,
                     "consecutive rows with the same value of this column are one group, for rewards that compare the\n"
                     "answers to a problem (problem_id of recorded runs); default: each row alone");
}

void add_report_options(CLI::App& command, Options& options) {
  command.add_option("--workers", options.workers, "threads that score; 0: as many as there are cores, at most 16")
      ->check(CLI::Range(int64_t{0}, int64_t{1024}))
      ->capture_default_str();
  command.add_flag("--details", options.details, "in every row, all that each reward said");
  command.add_option("--summary", options.summary, "file for the summary as JSON; stderr has it as text");
  command.add_option("--slowest", options.slowest, "how many of the slowest rows the summary names")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--max-error-rate", options.max_error_rate,
                  "end with status 1 if the rewards failed on more than this share of the samples")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

}  // namespace

void add_score_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("score", "rewards of given completions");
  command->description(
      "{\"prompt\", \"completion\", ...columns} to {\"reward\", \"rewards\", \"status\", \"reason\"}, in the order of "
      "the\nrows. Rewards read the gold answer and other columns of the row; \"skip\" is a gold answer that cannot be\n"
      "read, \"error\" a reward that failed, and both have no reward. Rewards that count tokens read output_ids;\n"
      "\"finish_reason\": \"length\" is a completion that was cut off. Rows of a run's episodes.jsonl are scored as "
      "the\nrun would, and of a row with \"samples\" (grpo generate) every sample: {\"samples\": [...]}.");
  add_judging_options(*command, *options);
  add_report_options(*command, *options);
  add_row_options(*command, options->rows);
  command->footer(
      "Examples:\n  echo '{\"completion\": \"#### 18\", \"answer\": \"18\"}' | grpo score --reward gsm8k\n"
      "  grpo score --reward 'gsm8k={\"profile\": \"flexible\"}' --reward '{\"name\": \"format\", \"weight\": 0.1}' "
      "--input rows.jsonl\n"
      "  grpo score --recipe recipe.json --group-by problem_id --input OUT/episodes.jsonl --output scores.jsonl");
  command->callback([options, &chosen] {
    if (options->recipe.empty() == options->reward.rewards.empty()) throw CLI::RequiredError("--reward or --recipe");
    chosen = [options] { return run(*options); };
  });
}

}  // namespace grpo
