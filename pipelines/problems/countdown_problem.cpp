#include "pipelines/problems/countdown_problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/seed.h"
#include "pipelines/problems/split.h"

namespace grpo {
namespace {

constexpr uint64_t kStreamTag = 0x636f756e74ull;  // "count": keeps the series of different tasks apart

struct Ranges {
  int64_t min_numbers = 3;
  int64_t max_numbers = 4;
  int64_t min_value = 1;
  int64_t max_value = 99;
  int64_t max_target = 999;
};

int64_t between(Stream& stream, int64_t low, int64_t high) { return low + stream.below(high - low + 1); }

// A value with the expression that makes it.
struct Term {
  int64_t value = 0;
  std::string text;
  char op = '\0';  // the outermost operator; none for a given number
};

bool is_sum(const Term& term) { return term.op == '+' || term.op == '-'; }

std::string bracketed(const Term& term, bool needed) { return needed ? "(" + term.text + ")" : term.text; }

// left op right, with the parentheses that the usual precedence needs.
std::string join(const Term& left, char op, const Term& right) {
  const bool product = op == '*' || op == '/';
  const bool left_needs = product && is_sum(left);
  const bool right_needs = op == '/' ? right.op != '\0' : op != '+' && is_sum(right);
  return bracketed(left, left_needs) + op + bracketed(right, right_needs);
}

// left op right where the result is a whole number >= 0 that is small enough to go on with.
std::optional<int64_t> combine(int64_t left, char op, int64_t right) {
  constexpr int64_t kValueMax = 1000000000;
  switch (op) {
    case '+': return left + right;
    case '-': return left >= right ? std::optional(left - right) : std::nullopt;
    case '*': return left * right <= kValueMax ? std::optional(left * right) : std::nullopt;
    default: return right != 0 && left % right == 0 ? std::optional(left / right) : std::nullopt;
  }
}

Term take(std::vector<Term>& terms, Stream& stream) {
  const auto at = static_cast<std::ptrdiff_t>(stream.below(static_cast<int64_t>(terms.size())));
  Term term = std::move(terms[static_cast<size_t>(at)]);
  terms.erase(terms.begin() + at);
  return term;
}

GeneratedProblem describe(const std::vector<int64_t>& numbers, const Term& solution, const std::string& steps) {
  GeneratedProblem problem;
  problem.question = fmt::format(
      "Make {} out of the numbers {}. Use every number exactly once, with + - * / and parentheses. Think inside "
      "<think> </think>, then write the expression alone inside <answer> </answer>, as in "
      "<answer>(8 - 2) / 3</answer>.",
      solution.value, fmt::join(numbers, ", "));
  problem.answer = solution.text;
  problem.columns = {{"nums", numbers}, {"target", solution.value}};
  problem.worked_solution = fmt::format("<think>{}</think><answer>{}</answer>", steps, solution.text);
  problem.direct_solution = fmt::format("<think></think><answer>{}</answer>", solution.text);
  return problem;
}

// One draw: none if the random combination has no whole value or misses the range of targets.
std::optional<GeneratedProblem> draw(Stream& stream, const Ranges& ranges) {
  constexpr char kOperators[] = {'+', '-', '*', '/'};
  std::vector<int64_t> numbers(static_cast<size_t>(between(stream, ranges.min_numbers, ranges.max_numbers)));
  std::vector<Term> terms;
  for (int64_t& number : numbers) {
    number = between(stream, ranges.min_value, ranges.max_value);
    terms.push_back({.value = number, .text = std::to_string(number), .op = '\0'});
  }
  std::vector<std::string> steps;
  while (terms.size() > 1) {
    const Term left = take(terms, stream);
    const Term right = take(terms, stream);
    const char op = kOperators[stream.below(4)];
    const std::optional<int64_t> value = combine(left.value, op, right.value);
    if (!value) return std::nullopt;
    steps.push_back(fmt::format("{}{}{}={}", left.value, op, right.value, *value));
    terms.push_back({.value = *value, .text = join(left, op, right), .op = op});
  }
  const Term& solution = terms.front();
  if (solution.value < 1 || solution.value > ranges.max_target) return std::nullopt;
  return describe(numbers, solution, fmt::format("{}", fmt::join(steps, ", ")));
}

// The same for every order of the numbers.
std::string content(const GeneratedProblem& problem) {
  auto numbers = problem.columns["nums"].get<std::vector<int64_t>>();
  std::sort(numbers.begin(), numbers.end());
  return fmt::format("countdown {} {}", fmt::join(numbers, ","), problem.columns["target"].get<int64_t>());
}

Ranges read_ranges(ObjectReader& options) {
  Ranges ranges;
  ranges.min_numbers = options.integer("min_numbers", ranges.min_numbers, {.min = 2, .max = 8});
  ranges.max_numbers = options.integer("max_numbers", ranges.max_numbers, {.min = 2, .max = 8});
  ranges.min_value = options.integer("min_value", ranges.min_value, {.min = 1, .max = 9999});
  ranges.max_value = options.integer("max_value", ranges.max_value, {.min = 1, .max = 9999});
  ranges.max_target = options.integer("max_target", ranges.max_target, {.min = 1, .max = 1000000});
  if (ranges.min_numbers > ranges.max_numbers) {
    options.fail("min_numbers",
                 fmt::format("min_numbers {} is above max_numbers {}", ranges.min_numbers, ranges.max_numbers),
                 "give both, or lower min_numbers");
  }
  if (ranges.min_value > ranges.max_value) {
    options.fail("min_value", fmt::format("min_value {} is above max_value {}", ranges.min_value, ranges.max_value),
                 "give both, or lower min_value");
  }
  return ranges;
}

}  // namespace

Generator countdown_generator(ObjectReader& options) {
  const Ranges ranges = read_ranges(options);
  const Split split = read_split(options);
  const std::string where = options.where();
  return {.name = "countdown", .generate = [=](uint64_t seed, int64_t index) {
            Stream stream(derive_seed({seed, kStreamTag, static_cast<uint64_t>(index)}));
            for (int i = 0; i < kDrawsMax; ++i) {
              std::optional<GeneratedProblem> problem = draw(stream, ranges);
              if (problem && split_of(content(*problem)) == split) return *problem;
            }
            split_is_empty(split, where);
          }};
}

}  // namespace grpo
