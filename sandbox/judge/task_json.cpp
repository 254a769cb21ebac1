#include "sandbox/judge/task_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "sandbox/judge/compare_output.h"
#include "sandbox/judge/printable.h"

namespace grpo {
namespace {

// Calls read(reader of the element, its index) for every object of the array `key`.
template <typename Read>
void each_object(ObjectReader& object, const std::string& key, Read read) {
  const Json& array = object.raw(key);
  if (!array.is_array()) object.fail(key, fmt::format("is a {}, not an array", json_type_name(array)));
  if (array.empty()) object.fail(key, "is empty", "give at least one test");
  for (size_t i = 0; i < array.size(); ++i) {
    // "file: path.key" taken apart again.
    const std::string where = object.where(key);
    const size_t cut = where.rfind(": ");
    ObjectReader element(array[i], where.substr(0, cut), fmt::format("{}[{}]", where.substr(cut + 2), i));
    read(element, i);
    element.finish();
  }
}

Checker read_checker(ObjectReader object) {
  static const std::map<std::string, Checker::Protocol> protocols = {{"testlib", Checker::Protocol::kTestlib},
                                                                     {"kattis", Checker::Protocol::kKattis},
                                                                     {"python", Checker::Protocol::kPython}};
  Checker checker;
  checker.protocol = protocols.at(object.choice("protocol", {"testlib", "kattis", "python"}));
  checker.language =
      object.string("language", checker.protocol == Checker::Protocol::kPython ? "python" : "cpp");
  checker.source = object.string("source");
  checker.arguments = object.strings("arguments", {});
  checker.include_folder = object.string("include_folder", "");
  object.finish();
  return checker;
}

OutputRule read_rule(ObjectReader& object) {
  const std::string name = object.string("comparator", "tokens");
  const std::optional<OutputRule> known = output_rule(name);
  if (!known) {
    object.fail(
        "comparator", fmt::format("\"{}\" is no comparator", name),
        fmt::format("use one of {}, or a testlib checker such as wcmp", fmt::join(comparator_names(), ", ")));
  }
  OutputRule rule = *known;
  const Comparator kind = rule.comparator;
  // An option without effect is an error: it would be mistaken for one that has it.
  const auto applies = [&](const char* key, std::initializer_list<Comparator> to) {
    if (!object.has(key)) return;
    for (const Comparator comparator : to) {
      if (comparator == kind) return;
    }
    object.fail(key, fmt::format("has no effect on the comparator {}", comparator_name(kind)), "remove it");
  };
  using enum Comparator;
  applies("float_absolute", {kFloat});
  applies("float_relative", {kFloat});
  applies("ignore_case", {kTokens, kExact, kLines, kLineTokens, kFloat});
  applies("white_space_counts", {kTokens, kFloat, kLines});
  rule.float_absolute = object.number("float_absolute", rule.float_absolute, {.min = 0.0});
  rule.float_relative = object.number("float_relative", rule.float_relative, {.min = 0.0});
  rule.ignore_case = object.boolean("ignore_case", rule.ignore_case);
  rule.white_space_counts = object.boolean("white_space_counts", rule.white_space_counts);
  return rule;
}

std::string read_box_file(ObjectReader& object, const std::string& key) {
  const std::string name = object.string(key, "");
  if (!is_box_file_name(name)) {
    object.fail(key, fmt::format("\"{}\" is no file name", printable(name)), "name a file without folders");
  }
  return name;
}

OutputTests read_output_tests(ObjectReader& object) {
  OutputTests tests;
  each_object(object, "tests", [&](ObjectReader& test, size_t index) {
    tests.tests.push_back({.name = test.string("name", fmt::format("{}", index + 1)),
                           .input = Blob::of(test.string("input", "")),
                           .expected = Blob::of(test.string("output", "")),
                           .weight = test.number("weight", 1.0, {.min = 0.0})});
  });
  if (object.has("checker")) tests.checker.push_back(read_checker(object.object("checker")));
  if (object.has("interactor")) tests.interactor.push_back(read_checker(object.object("interactor")));
  if (!tests.checker.empty() || !tests.interactor.empty()) {
    for (const char* key :
         {"comparator", "float_absolute", "float_relative", "ignore_case", "white_space_counts"}) {
      if (object.has(key))
        object.fail(key, "is given beside a program that decides", "remove one of the two");
    }
  }
  if (!tests.checker.empty() && !tests.interactor.empty()) {
    object.fail("checker", "is given beside an interactor", "remove one of the two");
  }
  tests.rule = read_rule(object);
  tests.input_file = read_box_file(object, "input_file");
  tests.output_file = read_box_file(object, "output_file");
  if (!tests.interactor.empty() && !(tests.input_file + tests.output_file).empty()) {
    object.fail("interactor", "is given beside input_file or output_file",
                "programs that interact use pipes");
  }
  return tests;
}

CallTests read_call_tests(ObjectReader& object) {
  CallTests tests;
  tests.function = object.string("function");
  tests.prelude = object.string("prelude", "");
  tests.float_tolerance = object.number("float_tolerance", 0.0, {.min = 0.0});
  each_object(object, "calls", [&](ObjectReader& call, size_t index) {
    const Json& arguments = call.raw("arguments");
    if (!arguments.is_array()) call.fail("arguments", "is not an array", "list one value per parameter");
    // Null is a value like others; only an absent one is an Error.
    if (!object.raw("calls")[index].contains("expected")) call.fail("expected", "is missing");
    tests.tests.push_back({.name = call.string("name", fmt::format("{}", index + 1)),
                           .arguments = arguments.dump(),
                           .expected = call.raw("expected").dump(),
                           .weight = call.number("weight", 1.0, {.min = 0.0})});
  });
  return tests;
}

Suite read_suite(ObjectReader& object) {
  static const std::map<std::string, Suite::Style> styles = {{"humaneval", Suite::Style::kHumanEval},
                                                             {"asserts", Suite::Style::kAsserts},
                                                             {"leetcode", Suite::Style::kLeetCode},
                                                             {"pytest", Suite::Style::kPytest}};
  Suite suite;
  suite.style = styles.at(object.choice("style", {"humaneval", "asserts", "leetcode", "pytest"}));
  suite.test_code = object.string("test_code");
  const bool called = suite.style == Suite::Style::kHumanEval || suite.style == Suite::Style::kLeetCode;
  suite.entry_point = called ? object.string("entry_point") : object.string("entry_point", "");
  suite.prelude = object.string("prelude", "");
  suite.prompt = object.string("prompt", "");
  suite.declaration = object.string("declaration", "");
  return suite;
}

int64_t milliseconds(double seconds) {
  return static_cast<int64_t>(std::llround(seconds * 1000.0));
}

Json test_json(const TestResult& test) {
  Json json = {{"name", valid_utf8(test.name)},
               {"verdict", verdict_name(test.verdict)},
               {"score", test.score},
               {"time_s", seconds_json(test.cpu_us)},
               {"wall_s", seconds_json(test.wall_us)},
               {"memory_mb", std::round(static_cast<double>(test.memory_bytes) * 1e3 / (1 << 20)) / 1e3}};
  if (test.limit != LimitFired::kNone) json["limit"] = limit_name(test.limit);
  if (test.exit_code != 0) json["exit_code"] = test.exit_code;
  if (test.signal != 0) json["signal"] = test.signal;
  if (!test.message.empty()) json["message"] = valid_utf8(test.message);
  return json;
}

}  // namespace

Task read_task(ObjectReader& object) {
  Task task;
  int kinds = 0;
  for (const char* key : {"tests", "calls", "test_code"}) kinds += object.has(key);
  if (kinds != 1) {
    throw Error(fmt::format("{} of \"tests\", \"calls\" and \"test_code\" are given", kinds), object.where(),
                "give exactly one");
  }
  if (object.has("tests")) {
    task.tests = read_output_tests(object);
  } else if (object.has("calls")) {
    task.tests = read_call_tests(object);
  } else {
    task.tests = read_suite(object);
  }
  const double cpu_s = static_cast<double>(task.limits.cpu_ms) * 1e-3;
  task.limits.cpu_ms = milliseconds(object.number("time_limit", cpu_s, {.min = 0.001, .max = 3600.0}));
  task.limits.wall_ms = milliseconds(object.number("wall_limit", 0.0, {.min = 0.0, .max = 36000.0}));
  const double megabytes = static_cast<double>(task.limits.memory_bytes) / (1 << 20);
  task.limits.memory_bytes = static_cast<int64_t>(
      object.number("memory_limit_mb", megabytes, {.min = 1.0, .max = 1 << 20}) * (1 << 20));
  task.stop_early = object.boolean("stop_early", task.stop_early);
  return task;
}

JudgeJob read_judge_job(const Json& object, const std::string& file, const std::string& path) {
  ObjectReader reader(object, file, path);
  JudgeJob job;
  job.submission.language = reader.string("language");
  job.submission.source = reader.string("source");
  job.task = read_task(reader);
  reader.finish();
  return job;
}

bool is_box_file_name(const std::string& name) {
  return name != "." && name != ".." && name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

double seconds_json(int64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;  // one rounding; times 1e-6 would be two, and show
}

Json judgement_json(const Judgement& judgement) {
  Json json = {{"verdict", verdict_name(judgement.verdict)},
               {"score", judgement.score},
               {"passed", judgement.passed()},
               {"tests_total", judgement.tests_total},
               {"tier", tier_name(judgement.tier)},
               {"tests", Json::array()}};
  for (const TestResult& test : judgement.tests) json["tests"].push_back(test_json(test));
  if (!judgement.message.empty()) json["message"] = valid_utf8(judgement.message);
  if (!judgement.compile_log.empty()) json["compile_log"] = valid_utf8(judgement.compile_log);
  return json;
}

}  // namespace grpo
