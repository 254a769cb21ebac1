#pragma once
// Runs of the program that something disturbs, and the run that nobody disturbs, with whose bytes they have to end.

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "core/file.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {

class KilledRun : public RecipeRun {
 protected:
  std::vector<std::string> command(const std::string& out) const {
    std::vector<std::string> arguments = {GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path(out)};
    for (const std::string& override : overrides_) arguments.insert(arguments.end(), {"--set", override});
    return arguments;
  }
  pid_t run_into(const std::string& out) const { return start(command(out), path("errors")); }
  // What the last run wrote to stderr.
  std::string errors() const { return read_file(path("errors")); }
  void finish(const std::string& out) const { EXPECT_TRUE(ends_before(run_into(out), [] { return false; })) << errors(); }
  // A run that nobody disturbs; how long it took.
  std::chrono::microseconds run_whole() const {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(ends_before(run_into("whole"), [] { return false; }));
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  }
  void expect_same_as_whole(const std::string& out) const {
    for (const std::string stage : {"/stages/01-warm", "/stages/02-rl"}) {
      EXPECT_EQ(names_in(path(out + stage)), names_in(path("whole" + stage)));
      for (const std::string& name : names_in(path("whole" + stage + "/model"))) {
        if (name == "manifest.json") continue;  // holds the seconds
        EXPECT_EQ(read_file(path("whole" + stage + "/model/" + name)),
                  read_file(path(out + stage + "/model/" + name)))
            << stage << " " << name;
      }
    }
    EXPECT_EQ(without_times(lines("whole/metrics.jsonl")), without_times(lines(out + "/metrics.jsonl")));
    EXPECT_EQ(lines("whole/episodes.jsonl"), lines(out + "/episodes.jsonl"));
    const Json whole = read_json_file(path("whole/summary.json")),
               other = read_json_file(path(out + "/summary.json"));
    for (const int stage : {0, 1}) EXPECT_EQ(whole["stages"][stage]["eval"], other["stages"][stage]["eval"]);
    EXPECT_EQ(names_in(path("whole")), names_in(path(out)));
  }

  std::vector<std::string> overrides_;
};

}  // namespace grpo
