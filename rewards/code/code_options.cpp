#include "rewards/code/code_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rewards/code/formats/formats.h"
#include "sandbox/judge/compare_output.h"
#include "sandbox/languages/language.h"

namespace grpo {
namespace {

std::string known_language(ObjectReader& options, const std::string& name) {
  const ProgrammingLanguage* language = find_language(name);
  if (language != nullptr) return language->name;
  std::vector<std::string> names;
  for (const ProgrammingLanguage& known : languages()) names.push_back(known.name);
  options.fail("language", fmt::format("\"{}\" is no language that is known", name),
               fmt::format("use \"auto\", \"any\", or some of {}", fmt::join(names, ", ")));
}

void read_languages(ObjectReader& options, CodeOptions& read) {
  if (options.has("language") && options.raw("language").is_array()) {
    for (const std::string& name : options.strings("language", {}))
      read.languages.push_back(known_language(options, name));
    if (read.languages.empty())
      options.fail("language", "the list is empty", "leave it out for the row's language");
    return;
  }
  const std::string name = options.string("language", "auto");
  if (name == "any") {
    read.any_language = true;
  } else if (name != "auto") {
    read.languages.push_back(known_language(options, name));
  }
}

void read_columns(ObjectReader& options, CodeOptions& read) {
  const Json& columns = options.raw("columns");
  if (columns.is_null()) return;
  if (!columns.is_object())
    options.fail("columns", fmt::format("expected an object, found {}", json_type_name(columns)),
                 "write {\"tests\": \"my_tests\"}, for example");
  for (const auto& [name, column] : columns.items()) {
    if (!column.is_string()) options.fail("columns." + name, "expected the name of a column");
    read.columns[name] = column.get<std::string>();
  }
}

void read_extraction(ObjectReader& options, CodeOptions& read) {
  const std::string choice = options.choice("extract", {"last", "first", "only"}, "last");
  read.extract.choice = choice == "last"    ? BlockChoice::kLast
                        : choice == "first" ? BlockChoice::kFirst
                                            : BlockChoice::kOnly;
  read.extract.whole = options.choice("no_block", {"none", "whole"}, "none") == "whole";
  if (read.extract.whole && (read.any_language || read.languages.size() > 1))
    options.fail("no_block", "a text without a block does not say in which of several languages it is",
                 "name one language, or leave no_block out");
  read.extract.search_thinking = options.boolean("search_thinking", false);
}

void read_value(ObjectReader& options, CodeOptions& read) {
  const std::string name = options.choice("reward", {"all", "fraction", "all_or_epsilon"}, "all");
  read.value = name == "all"        ? CodeValue::kAll
               : name == "fraction" ? CodeValue::kFraction
                                    : CodeValue::kAllOrEpsilon;
  if (options.has("epsilon") && read.value != CodeValue::kAllOrEpsilon)
    options.fail("epsilon", "has no effect", "it belongs to \"reward\": \"all_or_epsilon\"");
  read.epsilon = options.number("epsilon", 0.1, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  read.compile_penalty = options.number("compile_penalty", 0.0, {.min = 0.0, .max = 1.0});
  read.no_code_penalty = options.number("no_code_penalty", 0.0, {.min = 0.0, .max = 1.0});
  const bool all = read.value == CodeValue::kAll;
  read.stop_early = options.boolean("stop_early", all);
  if (read.stop_early && !all)
    options.fail("stop_early", "tests that are not run count as failed, so that fractions would say little",
                 "leave it out, or use \"reward\": \"all\"");
}

void read_tests(ObjectReader& options, CodeOptions& read) {
  read.tests.max_tests = options.integer("max_tests", 20, {.min = 1, .max = 100'000});
  read.tests.longest = options.integer("longest_tests", read.tests.max_tests / 2, {.min = 0, .max = 100'000});
  if (read.tests.longest > read.tests.max_tests)
    options.fail("longest_tests", fmt::format("{} of {} tests", read.tests.longest, read.tests.max_tests),
                 "it is at most max_tests");
  // Fractions would pay for printing the answers that the statement gives away.
  read.tests.use_public_tests = options.boolean("use_public_tests", read.value == CodeValue::kAll);
}

void read_comparison(ObjectReader& options, CodeOptions& read) {
  if (options.has("comparator")) {
    const std::string name = options.string("comparator");
    read.rule = output_rule(name);
    if (!read.rule)
      options.fail("comparator", fmt::format("\"{}\" is no comparator", name),
                   fmt::format("use one of {}, or a testlib checker such as wcmp",
                               fmt::join(comparator_names(), ", ")));
  }
  const bool is_float = read.rule && read.rule->comparator == Comparator::kFloat;
  for (const char* key : {"float_absolute", "float_relative"}) {
    if (options.has(key) && !is_float)
      options.fail(key, "has no effect", "it belongs to \"comparator\": \"float\"");
  }
  if (options.has("ignore_case") && !read.rule)
    options.fail("ignore_case", "has no effect", "name the comparator whose words it is about");
  if (read.rule) {
    read.rule->float_absolute = options.number("float_absolute", read.rule->float_absolute, {.min = 0.0});
    read.rule->float_relative = options.number("float_relative", read.rule->float_relative, {.min = 0.0});
    read.rule->ignore_case = options.boolean("ignore_case", read.rule->ignore_case);
  }
  if (options.has("float_tolerance")) read.float_tolerance = options.number("float_tolerance", {.min = 0.0});
}

void read_limits(ObjectReader& options, CodeOptions& read) {
  if (options.has("time_limit_s"))
    read.time_limit_s = options.number("time_limit_s", {.min = 0.001, .max = 3600.0});
  read.time_factor = options.number("time_factor", 1.0, {.min = 0.01, .max = 1000.0});
  if (options.has("memory_limit_mb"))
    read.memory_limit_mb = options.integer("memory_limit_mb", {.min = 1, .max = 1 << 20});
}

}  // namespace

CodeOptions read_code_options(ObjectReader& options) {
  CodeOptions read;
  read_languages(options, read);
  std::vector<std::string> formats = code_format_names();
  formats.emplace_back("auto");
  read.format = options.choice("format", formats, "auto");
  read_columns(options, read);
  read_extraction(options, read);
  read_value(options, read);
  read_tests(options, read);
  read_comparison(options, read);
  read_limits(options, read);
  return read;
}

}  // namespace grpo
