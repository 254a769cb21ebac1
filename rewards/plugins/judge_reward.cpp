#include "rewards/plugins/judge_reward.h"

#include <fmt/format.h>

#include <memory>

#include "rewards/answer_text.h"
#include "rewards/language/scope.h"
#include "rewards/language/unicode.h"
#include "rewards/plugins/chat_endpoint.h"
#include "rewards/plugins/judge_prompt.h"
#include "rewards/plugins/judge_verdict.h"
#include "rewards/plugins/line_log.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

constexpr char kScorePattern[] = R"re((?i)\bscore[\s"*]*[:=][\s"*]*(-?[0-9]+(?:\.[0-9]+)?))re";
constexpr double kTemperatureOfRetries = 0.5;
constexpr size_t kAnalysisBytesMax = 2000;

struct Scale {
  double min = 0.0;
  double max = 1.0;
  std::optional<GradePattern> pattern;
};

struct JudgeOptions {
  EndpointOptions endpoint;
  std::string prompt;
  std::string system_prompt;
  std::string question_column;  // empty: the prompt
  Scope scope = Scope::kAnswer;
  std::optional<Scale> scale;
  int64_t unreadable_retries = 2;
};

// As much of a text as is kept beside the score: valid UTF-8, whatever is cut.
std::string beginning(std::string_view text) {
  std::string kept;
  while (!text.empty() && kept.size() < kAnalysisBytesMax) {
    const CodePoint code = code_point_at(text, 0);
    if (code.value < 0) {
      kept += "\xEF\xBF\xBD";
    } else {
      kept += text.substr(0, code.bytes);
    }
    text.remove_prefix(code.bytes);
  }
  return kept;
}

class JudgeServer {
 public:
  JudgeServer(JudgeOptions options, const std::string& log_file)
      : options_(std::move(options)),
        endpoint_(options_.endpoint),
        log_(log_file, "judge " + options_.endpoint.http.url.host_header()) {}

  ~JudgeServer() {
    const EndpointUsage usage = endpoint_.usage();
    if (usage.calls > 0) log_.write("grpo: " + usage.text());
  }

  std::vector<Score> score(const Group& group) {
    std::vector<Score> scores(group.episodes.size());
    const auto fault = [&] {
      try {
        return ask(group, scores);
      } catch (const std::exception& e) {
        return failed(fmt::format("the judge: {}", e.what()));
      }
    }();
    if (fault.status != ScoreStatus::kOk) scores.assign(scores.size(), fault);
    return scores;
  }

 private:
  // Scores all episodes; or says what is wrong with the problem.
  Score ask(const Group& group, std::vector<Score>& scores) {
    const Problem& problem = group.problem;
    std::string_view question = problem.prompt;
    if (!options_.question_column.empty()) {
      const auto column = problem.columns.find(options_.question_column);
      if (column == problem.columns.end() || !column->is_string())
        return skipped(fmt::format("column \"{}\" holds no text", options_.question_column));
      question = *column->get_ptr<const std::string*>();
    }
    if (options_.prompt.find("{answer}") != std::string::npos && is_blank(problem.answer))
      return skipped("there is no gold answer to judge by");

    std::vector<size_t> pending;
    std::vector<ChatRequest> requests;
    for (size_t i = 0; i < group.episodes.size(); ++i) {
      const std::string_view answer = trim(text_in(options_.scope, group.episodes[i].completion));
      if (is_blank(answer)) {
        scores[i] = score_of(0.0, "nothing is answered");
        continue;
      }
      pending.push_back(i);
      requests.push_back(request_of({.question = question, .answer = problem.answer, .completion = answer}));
    }
    for (int64_t asked = 1; !requests.empty(); ++asked) ask_round(problem, asked, pending, requests, scores);
    return {};
  }

  ChatRequest request_of(const JudgePromptTexts& texts) const {
    ChatRequest request;
    if (!options_.system_prompt.empty()) request.messages.push_back({.role = "system", .content = options_.system_prompt});
    request.messages.push_back({.role = "user", .content = filled_judge_prompt(options_.prompt, texts)});
    return request;
  }

  // Asks all requests and keeps those that are to be asked again.
  void ask_round(const Problem& problem, int64_t asked, std::vector<size_t>& pending, std::vector<ChatRequest>& requests,
                 std::vector<Score>& scores) {
    std::vector<bool> unreadable(requests.size(), false);
    endpoint_.ask_all(requests, [&](size_t index, const ChatResult& result) {
      Score& score = scores[pending[index]];
      if (const auto* failure = std::get_if<EndpointFailure>(&result)) {
        score = failed("the judge: " + failure->what);
        log_.write(fmt::format("grpo: problem {}: {}", problem.id, failure->what));
        return true;
      }
      score = read(std::get<ChatReply>(result).choices.front(), asked);
      unreadable[index] = score.status == ScoreStatus::kError;
      return true;
    });
    std::vector<size_t> pending_left;
    std::vector<ChatRequest> requests_left;
    for (size_t i = 0; i < requests.size(); ++i) {
      if (!unreadable[i] || asked > options_.unreadable_retries) continue;
      pending_left.push_back(pending[i]);
      requests_left.push_back(std::move(requests[i]));
      requests_left.back().temperature = std::max(options_.endpoint.temperature.value_or(0.0), kTemperatureOfRetries);
    }
    pending = std::move(pending_left);
    requests = std::move(requests_left);
  }

  // An error where the reply cannot be read.
  Score read(const ChatChoice& choice, int64_t asked) const {
    const std::string_view reply = trim(behind_thought(choice.text));
    Json details = {{"analysis", beginning(reply)}, {"asked", asked}};
    Score score = failed(fmt::format("the judge's reply cannot be read ({} times asked, finish_reason {}): {}", asked,
                                     excerpt(choice.finish_reason), excerpt(reply)));
    if (options_.scale) {
      const Scale& scale = *options_.scale;
      if (const std::optional<double> grade = scale.pattern->read(reply)) {
        details["grade"] = *grade;
        score = score_of((*grade - scale.min) / (scale.max - scale.min), fmt::format("judged {}", *grade));
      }
    } else if (const std::optional<bool> correct = read_correctness(reply)) {
      score = score_of(*correct ? 1.0 : 0.0, *correct ? "judged correct" : "judged incorrect");
    }
    score.details = std::move(details);
    return score;
  }

  const JudgeOptions options_;
  ChatEndpoint endpoint_;
  LineLog log_;
};

std::optional<Scale> read_scale(ObjectReader& options) {
  if (!options.has("scale")) return std::nullopt;
  ObjectReader object = options.object("scale");
  Scale scale;
  scale.min = object.number("min", {.min = -1e9, .max = 1e9});
  scale.max = object.number("max", {.min = -1e9, .max = 1e9});
  if (scale.max <= scale.min)
    object.fail("max", fmt::format("{} is not above min, which is {}", scale.max, scale.min));
  scale.pattern.emplace(object.string("pattern", kScorePattern), scale.min, scale.max, object.where("pattern"));
  object.finish();
  return scale;
}

std::string read_prompt(ObjectReader& options, const std::optional<Scale>& scale) {
  std::string fallback(kCorrectnessPrompt);
  if (scale) {
    fallback = replaced(replaced(kScalePrompt, "{min}", fmt::format("{}", scale->min)), "{max}",
                        fmt::format("{}", scale->max));
  }
  std::string prompt = options.string("prompt", fallback);
  if (prompt.find("{completion}") == std::string::npos)
    options.fail("prompt", "it has no {completion}", "write {completion} where the judge is to read it");
  return prompt;
}

}  // namespace

Reward judge_reward(ObjectReader& options, const std::string& folder, const RewardContext& context) {
  JudgeOptions read;
  read.endpoint = read_single_endpoint_options(options, folder);
  if (!read.endpoint.temperature) read.endpoint.temperature = 0.0;
  read.scale = read_scale(options);
  read.prompt = read_prompt(options, read.scale);
  read.system_prompt = options.string("system_prompt", "");
  read.question_column = options.string("question_column", "");
  if (!read.question_column.empty() && read.prompt.find("{question}") == std::string::npos)
    options.fail("question_column", "it has no effect: the prompt has no {question}", "leave it out");
  read.scope = read_scope(options, "answer");
  read.unreadable_retries = options.integer("unreadable_retries", 2, {.min = 0, .max = 100});
  const auto server = std::make_shared<JudgeServer>(std::move(read), context.log_file);
  return {.name = "judge",
          .score_group = [server](const Group& group, std::span<const Score>) { return server->score(group); }};
}

}  // namespace grpo
