#include "pipelines/problems/bilingual_chain.h"

#include <fmt/format.h>

#include "core/seed.h"
#include "pipelines/problems/chain.h"
#include "pipelines/problems/numerals.h"
#include "pipelines/problems/split.h"

namespace grpo {
namespace {

constexpr uint64_t kStreamTag = 0x62696c696e67ull;  // "biling"

struct Drawn {
  GeneratedProblem problem;
  std::string digits;  // the chain as chain.h writes it
};

Drawn draw(Stream& stream, int64_t operators, double mixed_thoughts) {
  constexpr char kOperators[] = {'+', '-', '*'};
  const int64_t asked_in = stream.below(2);
  const bool mixed = stream.uniform() < mixed_thoughts;
  const auto asked = [&](int digit) { return kNumerals[static_cast<size_t>(asked_in)].digits[static_cast<size_t>(digit)]; };
  const auto thought = [&](int digit) {
    const int64_t language = mixed ? stream.below(2) : asked_in;
    return kNumerals[static_cast<size_t>(language)].digits[static_cast<size_t>(digit)];
  };
  int value = static_cast<int>(stream.below(10));
  std::string question(asked(value)), digits = std::to_string(value), steps;
  for (int64_t i = 0; i < operators; ++i) {
    const char op = kOperators[stream.below(3)];
    const int digit = static_cast<int>(stream.below(10));
    value = chain_step(value, op, digit);
    question += fmt::format("{}{}", op, asked(digit));
    digits += fmt::format("{}{}", op, digit);
    const std::string_view operand = thought(digit), result = thought(value);
    steps += fmt::format("{}{}={}", op, operand, result);
  }
  Drawn out;
  out.digits = digits + "=";
  out.problem.question = question + "=";
  out.problem.answer = std::to_string(value);
  out.problem.columns = {{"operators", operators}, {"language", kNumerals[static_cast<size_t>(asked_in)].language}};
  out.problem.worked_solution = fmt::format("<think>{}</think><answer>{}</answer>", steps, value);
  out.problem.direct_solution = fmt::format("<think></think><answer>{}</answer>", value);
  return out;
}

}  // namespace

Generator bilingual_chain_generator(ObjectReader& options) {
  const int64_t operators = options.integer("operators", 6, {.min = 1, .max = 64});
  const double mixed = options.number("mixed_thoughts", 0.5, {.min = 0.0, .max = 1.0});
  const Split split = read_split(options);
  const std::string where = options.where();
  return {.name = "bilingual_chain", .generate = [=](uint64_t seed, int64_t index) {
            Stream stream(derive_seed({seed, kStreamTag, static_cast<uint64_t>(index)}));
            for (int i = 0; i < kDrawsMax; ++i) {
              Drawn drawn = draw(stream, operators, mixed);
              if (split_of(drawn.digits) == split) return drawn.problem;
            }
            split_is_empty(split, where);
          }};
}

}  // namespace grpo
