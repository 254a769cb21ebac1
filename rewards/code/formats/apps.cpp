#include "rewards/code/formats/apps.h"

#include <algorithm>

#include "rewards/code/formats/contest_imports.h"
#include "rewards/code/formats/test_list.h"

namespace grpo {

bool is_apps(const Columns& row) {
  return row.has("input_output");
}

CodeProblem read_apps(const Columns& row) {
  constexpr double kSeconds = 4.0;
  constexpr int64_t kMegabytes = 512;
  const std::string text = row.json("input_output"), where = row.where("input_output");
  CodeProblem problem = problem_of_tests(read_input_output(JsonText(text, where), where), {}, where);
  const std::optional<double> seconds = row.number("time_limit"), megabytes = row.number("memory_limit");
  problem.limits = limits_for_python(kSeconds, kMegabytes);
  // A stated limit is that of a judge for native languages.
  if (seconds && *seconds > 0.0) problem.limits.cpu_ms = limits_for_native(*seconds, kMegabytes).cpu_ms;
  if (megabytes && *megabytes >= 1.0)
    problem.limits.memory_bytes = static_cast<int64_t>(std::min(*megabytes, kMegabytesMost)) << 20;
  problem.python_prelude = contest_imports();
  return problem;
}

}  // namespace grpo
