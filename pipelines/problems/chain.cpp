#include "pipelines/problems/chain.h"

#include <fmt/format.h>

#include "core/seed.h"
#include "pipelines/problems/split.h"

namespace grpo {
namespace {

constexpr uint64_t kStreamTag = 0x636861696eull;  // "chain": keeps the series of different tasks apart

GeneratedProblem draw(Stream& stream, int64_t operators) {
  constexpr char kOperators[] = {'+', '-', '*'};
  int value = static_cast<int>(stream.below(10));
  std::string question = std::to_string(value);
  std::string steps;
  for (int64_t i = 0; i < operators; ++i) {
    const char op = kOperators[stream.below(3)];
    const int digit = static_cast<int>(stream.below(10));
    value = chain_step(value, op, digit);
    question += fmt::format("{}{}", op, digit);
    steps += fmt::format("{}{}={}", op, digit, value);
  }
  GeneratedProblem problem;
  problem.question = question + "=";
  problem.answer = std::to_string(value);
  problem.columns = {{"operators", operators}};
  problem.worked_solution = fmt::format("<think>{}</think><answer>{}</answer>", steps, value);
  problem.direct_solution = fmt::format("<think></think><answer>{}</answer>", value);
  return problem;
}

}  // namespace

int chain_step(int value, char op, int digit) {
  switch (op) {
    case '+': return (value + digit) % 10;
    case '-': return (value - digit + 10) % 10;
    default: return value * digit % 10;
  }
}

Generator chain_generator(ObjectReader& options) {
  const int64_t operators = options.integer("operators", 6, {.min = 1, .max = 64});
  const Split split = read_split(options);
  const std::string where = options.where();
  return {.name = "chain", .generate = [=](uint64_t seed, int64_t index) {
            Stream stream(derive_seed({seed, kStreamTag, static_cast<uint64_t>(index)}));
            for (int i = 0; i < kDrawsMax; ++i) {
              GeneratedProblem problem = draw(stream, operators);
              if (split_of(problem.question) == split) return problem;
            }
            split_is_empty(split, where);
          }};
}

}  // namespace grpo
