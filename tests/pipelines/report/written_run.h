#pragma once
// Run directories as `grpo run` leaves them, written by hand: known numbers for the tests of the report.

#include <string>

#include "core/json.h"
#include "tests/temporary_folder.h"

namespace grpo {

// Text that would run, break out of its element, or hide what it is, were it not escaped.
inline const std::string kHostile =
    "</pre></script><script>window.hacked=1</script><img src=x onerror=\"window.hacked=2\"> & \" ' \x01\x1b[31m \xff\xc0\xaf "
    "\xe2\x80\xae reversed {{7*7}} ${8*8} <!-- ]]>";

class WrittenRun {
 public:
  std::string path() const { return folder_.path(); }
  std::string file(const std::string& name) const { return folder_.file(name); }

  void recipe(const Json& recipe) const;
  // Appends one line to metrics.jsonl or episodes.jsonl, as it stands.
  void metrics_line(const std::string& line) const;
  void episodes_line(const std::string& line) const;
  void metrics(const Json& line) const { metrics_line(line.dump() + "\n"); }
  // Any file below the folder, with the folders on its way.
  void write(const std::string& name, const std::string& text) const;
  void summary(const Json& summary) const { write("summary.json", summary.dump()); }

 private:
  TemporaryFolder folder_;
};

// One stage of reinforcement learning, "rl", of `steps` steps: reward_at(step), and evaluations at 0 and at the end.
void write_rl_run(const WrittenRun& run, int64_t steps);
double reward_at(int64_t step);

// DeepSeek-R1's pipeline with students: twelve stages of all types, finished. Completions are kHostile.
void write_r1_run(const WrittenRun& run);

}  // namespace grpo
