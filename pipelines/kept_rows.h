#pragma once
// What rejection sampling writes: rows of supervised data with their provenance, and how its problems fared.

#include <cstdint>
#include <map>
#include <string>

#include "core/json.h"
#include "core/types.h"
#include "pipelines/recipe.h"
#include "rewards/rubric.h"

namespace grpo {

// The questions of a stage's problems as their data has them, before any template.
class Questions {
 public:
  Questions(const Recipe& recipe, const StageSpec& spec);
  // Text or a list of messages.
  Json of(const Problem& problem) const;
  // What data.system says of where the problem comes from; often "".
  const std::string& system(const Problem& problem) const;

 private:
  struct Source {
    std::string column;  // that holds the question
    std::string system;
  };
  const Source& source_of(const Problem& problem) const;
  std::map<std::string, Source> sources_;
};

// Throws Error for a template without {completion}, {think} or {answer}, or with another name in braces.
void check_completion_template(const std::string& text, const std::string& where);
// {completion}, {think} and {answer} filled in (pipelines/reject_stage.h).
std::string written_completion(const std::string& text, const std::string& completion);

// A row of kept.jsonl.
Json kept_row(const Group& group, const Episode& episode, const Rubric& rubric, const Json& question,
              const std::string& completion_template);
// Equal for two rows whose questions are equal and whose completions differ in white space alone.
std::string deduplication_key(const Json& row);

// The line of problems.jsonl for one of a step's file.
Json problem_line(const Json& sampled, int64_t kept);

struct KeptCounts {
  int64_t problems = 0;
  int64_t problems_kept = 0;  // that gave at least one row before duplicates were dropped
  int64_t samples = 0;
  int64_t kept = 0;
  std::map<std::string, int64_t> dropped;  // by reason
  double pass_rates = 0.0;                 // sum
  int64_t rated = 0;                       // problems that have one

  void add(const Json& sampled);
  std::string reasons() const;  // "12 exact, 3 cut off"
  Json json() const;
};

}  // namespace grpo
