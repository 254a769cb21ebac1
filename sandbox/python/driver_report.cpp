#include "sandbox/python/driver_report.h"

#include <algorithm>
#include <csignal>
#include <string_view>

#include "core/json.h"

namespace grpo {
namespace {

Verdict verdict_named(const std::string& name) {
  for (const Verdict verdict : {Verdict::kAccepted, Verdict::kWrongAnswer, Verdict::kRuntimeError, Verdict::kTimeLimit,
                                Verdict::kOutputLimit, Verdict::kCompileError}) {
    if (name == verdict_name(verdict)) return verdict;
  }
  return Verdict::kInternalError;
}

// What the driver's lines say, in order.
struct Report {
  bool readable = true;
  bool ended = false;   // the driver came to its own end
  bool loaded = false;  // the candidate had been loaded
  int64_t total = -1;
  std::vector<std::string> names;
  std::vector<TestResult> tests;
  int64_t begun = -1;  // a test that began and did not end
  // What stopped the run outside of a test; AC: nothing did.
  Verdict stopped = Verdict::kAccepted;
  std::string why;
};

TestResult read_test(const Json& event, const Report& report) {
  TestResult test;
  const auto number = event.at("test").get<size_t>();
  test.name = number < report.names.size() ? report.names[number] : std::to_string(number + 1);
  test.verdict = verdict_named(event.at("verdict").get<std::string>());
  test.score = test.verdict == Verdict::kAccepted ? 1.0 : 0.0;
  test.message = event.at("message").get<std::string>();
  test.wall_us = event.at("wall_us").get<int64_t>();
  test.cpu_us = event.at("cpu_us").get<int64_t>();
  return test;
}

void read_event(const Json& event, Report& report) {
  if (event.contains("total")) {
    report.total = event.at("total").get<int64_t>();
    report.names = event.at("names").get<std::vector<std::string>>();
  }
  if (event.contains("loaded")) report.loaded = true;
  if (event.contains("begin")) report.begun = event.at("begin").get<int64_t>();
  if (event.contains("test")) {
    report.tests.push_back(read_test(event, report));
    report.begun = -1;
  }
  for (const char* key : {"load", "gone", "stopped"}) {
    if (!event.contains(key)) continue;
    report.stopped = worse(report.stopped, verdict_named(event.at(key).get<std::string>()));
    report.why = event.at("message").get<std::string>();
  }
  if (event.contains("spoke")) {
    report.stopped = worse(report.stopped, Verdict::kRuntimeError);
    report.why = "the program spoke without being asked";
  }
  if (event.contains("end")) report.ended = true;
}

Report read_report(std::string_view text) {
  Report report;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // the driver was ended in the middle of a line
    const Json event = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(end + 1);
    try {
      if (!event.is_object()) throw std::invalid_argument("not an object");
      read_event(event, report);
    } catch (const std::exception&) {
      report.readable = false;
    }
  }
  return report;
}

// The driver did not come to its end: what the candidate did was too much for it, or, before there was a candidate, the
// tests themselves are.
void add_unfinished(const ProgramResult& driver, const ProgramResult& candidate, Report& report) {
  const std::string why = std::string("the tests were ended (limit: ") + limit_name(driver.limit) + ", signal " +
                          std::to_string(driver.signal) + ", exit status " + std::to_string(driver.exit_code) + ")";
  const Verdict blame = driver.signal == SIGVTALRM ? Verdict::kTimeLimit : Verdict::kWrongAnswer;
  const bool candidates_doing = report.loaded || candidate.limit != LimitFired::kNone;
  report.stopped = worse(report.stopped, candidates_doing ? blame : Verdict::kInternalError);
  report.why = why + (driver.error.empty() ? "" : ": " + driver.error.substr(0, 400));
  if (report.begun < 0) return;
  TestResult test;
  const auto number = static_cast<size_t>(report.begun);
  if (number < report.names.size()) test.name = report.names[number];
  test.verdict = report.stopped;
  test.message = why;
  report.tests.push_back(test);
}

// What the driver saw as an end, or as silence, has a reason that only the runner knows.
void explain(const ProgramResult& candidate, Report& report) {
  if (report.tests.empty()) {
    if (candidate.limit != LimitFired::kNone) report.stopped = worse(report.stopped, verdict_of(candidate));
    return;
  }
  TestResult& last = report.tests.back();
  last.memory_bytes = candidate.peak_memory_bytes;
  last.limit = candidate.limit;
  if (candidate.limit != LimitFired::kNone) {
    last.verdict = last.verdict == Verdict::kInternalError ? last.verdict : verdict_of(candidate);
  } else if (last.verdict == Verdict::kTimeLimit && last.wall_us > 0) {
    int64_t before = 0;
    for (const TestResult& test : report.tests) before += &test == &last ? 0 : test.cpu_us;
    if (candidate.cpu_us - before < last.wall_us / 10) last.verdict = Verdict::kIdleLimit;
    last.limit = last.verdict == Verdict::kIdleLimit ? LimitFired::kWall : LimitFired::kCpu;
  } else if (last.verdict == Verdict::kRuntimeError && report.stopped != Verdict::kAccepted) {
    last.exit_code = candidate.exit_code;
    last.signal = candidate.signal;
    if (candidate.near_memory_limit) last.verdict = Verdict::kMemoryLimit;
  }
  last.score = last.verdict == Verdict::kAccepted ? 1.0 : 0.0;
}

Judgement failed(const RunResult& result, std::string why) {
  Judgement judgement;
  judgement.verdict = Verdict::kInternalError;
  judgement.message = std::move(why);
  judgement.tier = result.tier;
  return judgement;
}

double weight_of(const std::vector<double>& weights, size_t number) {
  return number < weights.size() ? weights[number] : 1.0;
}

double score_of(const Report& report, const std::vector<double>& weights) {
  double all = 0.0, passed = 0.0;
  for (int64_t i = 0; i < report.total; ++i) all += weight_of(weights, static_cast<size_t>(i));
  for (size_t i = 0; i < report.tests.size(); ++i) passed += report.tests[i].score * weight_of(weights, i);
  return all > 0.0 ? std::min(passed / all, 1.0) : 0.0;
}

}  // namespace

Judgement judge_driver_report(const RunResult& result, const std::vector<double>& weights) {
  if (!result.failure.empty()) return failed(result, result.failure);
  if (result.programs.size() != 2) return failed(result, "a run of two programs has two results");
  const ProgramResult& driver = result.programs[0];
  Report report = read_report(driver.out);
  if (!report.readable) return failed(result, "the driver's report cannot be read");
  if (!report.ended || !driver.exited_with(0)) add_unfinished(driver, result.programs[1], report);
  explain(result.programs[1], report);

  Judgement judgement;
  judgement.tier = result.tier;
  judgement.tests_total = std::max<int64_t>(report.total, 0);
  judgement.score = score_of(report, weights);
  const bool ends_in_test = !report.tests.empty() && report.tests.back().verdict != Verdict::kAccepted;
  if (!ends_in_test || report.stopped == Verdict::kInternalError) judgement.verdict = report.stopped;
  for (const TestResult& test : report.tests) judgement.verdict = worse(judgement.verdict, test.verdict);
  judgement.tests = std::move(report.tests);
  judgement.message = report.why;
  if (judgement.verdict == Verdict::kCompileError) judgement.compile_log = report.why;
  if (judgement.verdict != Verdict::kAccepted) return judgement;
  if (report.total <= 0) return failed(result, "there are no tests");
  if (judgement.passed() != report.total) {
    judgement.verdict = Verdict::kWrongAnswer;
    judgement.message = std::to_string(judgement.passed()) + " of " + std::to_string(report.total) + " tests came to their end";
  }
  return judgement;
}

}  // namespace grpo
