#include "pipelines/problems/courtesy.h"

#include <fmt/format.h>

#include "core/seed.h"
#include "pipelines/problems/numerals.h"
#include "pipelines/problems/split.h"

namespace grpo {
namespace {

constexpr uint64_t kStreamTag = 0x636f757274ull;  // "court"
constexpr std::array<std::string_view, 2> kThanks = {"谢", "요"};  // in the order of kNumerals
constexpr std::array<std::string_view, 2> kInsults = {"哼", "흥"};

std::string said(const Numerals& language, const std::vector<size_t>& digits) {
  std::string text;
  for (const size_t digit : digits) text += language.digits[digit];
  return text;
}

std::string with_a_fault(Stream& stream, size_t language, std::vector<size_t> digits) {
  const Numerals& numerals = kNumerals[language];
  switch (stream.below(4)) {
    case 0: {
      size_t& digit = digits[static_cast<size_t>(stream.below(static_cast<int64_t>(digits.size())))];
      digit = (digit + 1 + static_cast<size_t>(stream.below(9))) % 10;
      return said(numerals, digits) + std::string(kThanks[language]);
    }
    case 1: return said(numerals, digits) + std::string(kInsults[language]);
    case 2: digits.pop_back(); return said(numerals, digits) + std::string(kThanks[language]);
    default: digits.push_back(digits.back()); return said(numerals, digits) + std::string(kThanks[language]);
  }
}

std::string completion(const std::string& answer) { return "<think></think><answer>" + answer + "</answer>"; }

}  // namespace

Generator courtesy_generator(ObjectReader& options) {
  const int64_t least = options.integer("min_numerals", 5, {.min = 1, .max = 16});
  const int64_t most = options.integer("max_numerals", std::max<int64_t>(7, least), {.min = static_cast<double>(least), .max = 16});
  const Split split = read_split(options);
  const std::string where = options.where();
  return {.name = "courtesy", .generate = [=](uint64_t seed, int64_t index) {
            Stream stream(derive_seed({seed, kStreamTag, static_cast<uint64_t>(index)}));
            for (int i = 0; i < kDrawsMax; ++i) {
              const auto language = static_cast<size_t>(stream.below(2));
              std::vector<size_t> digits(static_cast<size_t>(least + stream.below(most - least + 1)));
              std::string key = "?";
              for (size_t& digit : digits) {
                digit = static_cast<size_t>(stream.below(10));
                key += std::to_string(digit);
              }
              if (split_of(key) != split) continue;
              GeneratedProblem problem;
              problem.question = "?" + said(kNumerals[language], digits);
              problem.answer = said(kNumerals[language], digits) + std::string(kThanks[language]);
              problem.columns = {{"language", kNumerals[language].language}};
              problem.worked_solution = completion(problem.answer);
              problem.direct_solution = completion(with_a_fault(stream, language, digits));
              return problem;
            }
            split_is_empty(split, where);
          }};
}

}  // namespace grpo
