#include "rewards/code/code_reward.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

#include "core/seed.h"
#include "rewards/answer_text.h"
#include "rewards/code/code_options.h"
#include "rewards/code/formats/formats.h"
#include "rewards/code/job_pool.h"
#include "rewards/code/problem_cache.h"
#include "rewards/code/tell_tales.h"
#include "rewards/score_of.h"
#include "sandbox/judge/judge.h"
#include "sandbox/judge/task_json.h"

namespace grpo {
namespace {

constexpr size_t kCacheBytes = size_t{256} << 20;

// The judge of the run, or one of our own; and the threads that use it. Made when it is first needed: options can be
// checked on a host without a sandbox.
class Court {
 public:
  explicit Court(std::shared_ptr<Judge> judge) : judge_(std::move(judge)) {}

  // Throws Error if the sandbox does not start; the next call tries again.
  Judge& judge() {
    const std::lock_guard lock(mutex_);
    if (!judge_) {
      SandboxOptions options;
      options.folders = toolchain_folders();
      judge_ = std::make_shared<Judge>(std::make_shared<Sandbox>(std::move(options)));
    }
    if (!pool_) pool_ = std::make_unique<JobPool>(judge_->sandbox().slots());
    return *judge_;
  }
  // Of the sandbox that runs; the best where none does yet.
  Tier tier() {
    const std::lock_guard lock(mutex_);
    return judge_ ? judge_->sandbox().tier() : Tier::kT1;
  }
  // After judge().
  JobPool& pool() { return *pool_; }

 private:
  std::mutex mutex_;
  std::shared_ptr<Judge> judge_;
  std::unique_ptr<JobPool> pool_;
};

std::vector<std::string> installed_languages() {
  std::vector<std::string> names;
  for (const ProgrammingLanguage& language : languages()) {
    if (find_toolchain(language)) names.push_back(language.name);
  }
  return names;
}

// In which languages a problem may be solved. Throws Error if there is none.
std::vector<std::string> languages_for(const CodeOptions& options, const CodeProblem& problem,
                                       const Columns& row) {
  std::string fixed = problem.language;
  if (fixed.empty() && options.languages.empty()) fixed = row.text("language", "");
  if (fixed.empty() && std::holds_alternative<BySuite>(problem.how)) fixed = "python";
  if (fixed.empty()) return options.languages.empty() ? installed_languages() : options.languages;
  const ProgrammingLanguage* language = find_language(fixed);
  if (language == nullptr)
    throw Error(fmt::format("the language \"{}\" is not known", fixed), row.where("language"));
  const auto& wanted = options.languages;
  if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), language->name) == wanted.end())
    throw Error(fmt::format("its tests are in {}", language->name), "the row");
  return {language->name};
}

void apply_limits(const CodeOptions& options, Limits& limits) {
  if (options.time_limit_s) limits.cpu_ms = static_cast<int64_t>(*options.time_limit_s * 1000.0);
  limits.cpu_ms =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(limits.cpu_ms) * options.time_factor));
  limits.wall_ms = static_cast<int64_t>(static_cast<double>(limits.wall_ms) * options.time_factor);
  if (options.memory_limit_mb) limits.memory_bytes = *options.memory_limit_mb << 20;
}

// The row as a problem; with a fault where it cannot be read.
PreparedProblem prepare(const CodeOptions& options, const Problem& problem) {
  PreparedProblem prepared;
  try {
    const Columns row(problem.columns, options.columns);
    prepared.problem = read_code_problem(row, options.format);
    prepared.languages = languages_for(options, prepared.problem, row);
    // A stream of its own, so that nothing else that is drawn for the problem goes with it.
    constexpr uint64_t kChoice = 0x636f6465;
    choose_tests(prepared.problem, options.tests, derive_seed({kChoice, static_cast<uint64_t>(problem.id)}));
    apply_limits(options, prepared.problem.limits);
    if (auto* output = std::get_if<ByOutput>(&prepared.problem.how); output != nullptr && options.rule) {
      output->rule = *options.rule;
      output->checker.clear();
    }
    if (auto* calls = std::get_if<ByCalls>(&prepared.problem.how);
        calls != nullptr && options.float_tolerance)
      calls->float_tolerance = *options.float_tolerance;
  } catch (const std::exception& e) {
    prepared.problem = {};
    prepared.fault = excerpt(e.what());
    if (const auto* error = dynamic_cast<const Error*>(&e))
      prepared.fault = excerpt(error->summary() + " (" + error->where() + ")");
  }
  return prepared;
}

double value_of(const CodeOptions& options, const Judgement& judgement) {
  const double all = judgement.accepted() ? 1.0 : 0.0;
  if (judgement.verdict == Verdict::kCompileError) return 0.0 - options.compile_penalty;
  if (options.value == CodeValue::kFraction) return judgement.score;
  return options.value == CodeValue::kAll ? all : all + options.epsilon * judgement.score;
}

std::string reason_of(const Judgement& judgement) {
  const std::string verdict = verdict_name(judgement.verdict);
  if (judgement.accepted())
    return fmt::format("{}: {} of {} tests", verdict, judgement.passed(), judgement.tests_total);
  if (judgement.verdict == Verdict::kCompileError) return verdict + ": " + excerpt(judgement.message);
  for (const TestResult& test : judgement.tests) {
    if (test.verdict != judgement.verdict) continue;
    return fmt::format("{} on test {}: {}", verdict, excerpt(test.name), excerpt(test.message));
  }
  return verdict + ": " + excerpt(judgement.message);
}

Score score_of_judgement(const CodeOptions& options, const Submission& submission,
                         const Judgement& judgement) {
  int64_t cpu_us = 0, wall_us = 0;
  for (const TestResult& test : judgement.tests) {
    cpu_us += test.cpu_us;
    wall_us += test.wall_us;
  }
  const std::vector<std::string> tell_tales = find_tell_tales(submission.source, submission.language);
  Json labels = Json::array({verdict_name(judgement.verdict)});
  for (const std::string& name : tell_tales) labels.push_back("tell_tale/" + name);
  Json details = {{"verdict", verdict_name(judgement.verdict)},
                  {"passed", judgement.passed()},
                  {"total", judgement.tests_total},
                  {"language", submission.language},
                  {"tier", tier_name(judgement.tier)},
                  {"cpu_s", seconds_json(cpu_us)},
                  {"wall_s", seconds_json(wall_us)},
                  {"tell_tales", tell_tales},
                  {"label", std::move(labels)}};
  Score score = judgement.verdict == Verdict::kInternalError
                    ? failed(reason_of(judgement))
                    : score_of(value_of(options, judgement), reason_of(judgement));
  score.details = std::move(details);
  return score;
}

Score judge_failed(const std::exception& why) {
  Score score = failed(fmt::format("the judge failed: {}", excerpt(why.what())));
  score.details = {{"label", verdict_name(Verdict::kInternalError)}};
  return score;
}

// Programs of a group that are to be judged, each once.
struct Docket {
  std::vector<Submission> submissions;
  std::map<std::pair<std::string, std::string>, size_t> places;  // by language and source

  size_t place_of(const Submission& submission) {
    const auto [entry, is_new] =
        places.try_emplace({submission.language, submission.source}, submissions.size());
    if (is_new) submissions.push_back(submission);
    return entry->second;
  }
};

class CodeReward {
 public:
  CodeReward(CodeOptions options, std::shared_ptr<Judge> judge)
      : options_(std::move(options)),
        court_(std::move(judge)),
        problems_([this](const Problem& problem) { return prepare(options_, problem); }, kCacheBytes) {}

  std::vector<Score> score_group(const Group& group) {
    const std::shared_ptr<const PreparedProblem> prepared = problems_.get(group.problem);
    const size_t count = group.episodes.size();
    if (!prepared->fault.empty()) return std::vector<Score>(count, skipped(prepared->fault));
    std::vector<Score> scores(count);
    std::vector<std::optional<size_t>> places(count);
    Docket docket;
    for (size_t i = 0; i < count; ++i) {
      const Extraction found =
          extract_code(group.episodes[i].completion, prepared->languages, options_.extract);
      if (found.submission) {
        places[i] = docket.place_of(*found.submission);
      } else {
        scores[i] = score_of(0.0 - options_.no_code_penalty, found.reason, {{"label", "no_code"}});
      }
    }
    const std::vector<Score> judged = judge_all(prepared->problem, docket.submissions);
    for (size_t i = 0; i < count; ++i) {
      if (places[i]) scores[i] = judged[*places[i]];
    }
    return scores;
  }

  void check_host(const Problem& problem) {
    const std::shared_ptr<const PreparedProblem> prepared = problems_.get(problem);
    if (!prepared->fault.empty()) return;
    for (const std::string& name : prepared->languages) {
      std::string missing;
      if (!usable_toolchain(*find_language(name), court_.tier(), &missing))
        throw Error(fmt::format("programs in {} cannot be judged on this host", name), "reward \"code\"",
                    missing);
    }
  }

 private:
  std::vector<Score> judge_all(const CodeProblem& problem, const std::vector<Submission>& submissions) {
    std::vector<Score> scores(submissions.size());
    if (submissions.empty()) return scores;
    Judge& judge = court_.judge();
    // Tests are shared by all who are judged by them, and let go afterwards.
    std::array<std::optional<Task>, 2> tasks;
    std::vector<std::function<void()>> jobs;
    for (size_t i = 0; i < submissions.size(); ++i) {
      const Shape shape = shape_of(problem, submissions[i]);
      std::optional<Task>& task = tasks[shape == Shape::kPlain ? 0 : 1];
      try {
        if (!task) task = make_task(problem, shape, options_.stop_early);
      } catch (const std::exception& e) {  // no descriptors left, or no memory
        scores[i] = judge_failed(e);
        continue;
      }
      jobs.push_back(
          [this, &problem, &judge, &task = *task, &submission = submissions[i], &score = scores[i]] {
            try {
              const Judgement judgement = judge.judge(prepared(problem, submission), task);
              score = score_of_judgement(options_, submission, judgement);
            } catch (const std::exception& e) {
              score = judge_failed(e);
            }
          });
    }
    court_.pool().run_all(std::move(jobs));
    return scores;
  }

  const CodeOptions options_;
  Court court_;
  ProblemCache problems_;
};

}  // namespace

Reward code_reward(ObjectReader& options, const std::string&, const RewardContext& context) {
  const auto reward = std::make_shared<CodeReward>(read_code_options(options), context.judge);
  return {.name = "code",
          .score_group = [reward](const Group& group,
                                  std::span<const Score>) { return reward->score_group(group); },
          .correct_label = {},
          .check_host = [reward](const Problem& problem) { reward->check_host(problem); }};
}

}  // namespace grpo
