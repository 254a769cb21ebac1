#pragma once
// Problems without a data file: a generator makes the index-th problem of an endless series out of a seed and the
// index alone, so a run can take them in any order, from any rank, and after a resume, and get the same ones.
//
//   name                task                                                options (beside `split`)
//   arithmetic_program  a Python program that does operations in order      operations, tests
//   bilingual_chain     the same chains in Chinese or Korean numerals       operators, mixed_thoughts
//   chain               digits and + - * from left to right, modulo 10      operators
//   countdown           combine numbers into a target with + - * /          min_numbers, max_numbers, min_value,
//                                                                           max_value, max_target
//   courtesy            numerals to be said again, with thanks              min_numerals, max_numerals
//
// Held-out problems are held out by what they are: each problem belongs to one split for ever, decided by a hash
// of its content that no seed, index or other option enters. A problem of split "eval" can therefore never come
// out of a generator of split "train".

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/json.h"

namespace grpo {

struct GeneratedProblem {
  std::string question;         // what the policy is asked, without any prompt template
  std::string answer;           // the gold answer, as a grader reads it
  Json columns;                 // an object: what else graders need (countdown: nums, target)
  std::string worked_solution;  // a correct completion that thinks first: <think>..</think><answer>..</answer>
  std::string direct_solution;  // one that does not: <think></think><answer>..</answer>; correct unless the generator
                                // says that it need not be
};

struct Generator {
  std::string name;
  // The problem `index` (0, 1, ...) of the series `seed`. Two indices may hold the same problem. Safe from several
  // threads at once. Throws Error if the options leave no problem in the split.
  std::function<GeneratedProblem(uint64_t seed, int64_t index)> generate;
};

// The generator `name` with its options. Every generator has the option
//   split  "train" (default): 15 problems in 16; "eval": the others.
// `file` and `path` say where the options were written and only serve messages. Throws Error on an unknown name
// (the Error lists the known ones), an unknown option, or a bad value.
Generator make_generator(const std::string& name, const Json& options, const std::string& file,
                         const std::string& path = "");

// Names that make_generator knows, in alphabetical order.
std::vector<std::string> generator_names();

}  // namespace grpo
