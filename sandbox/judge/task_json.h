#pragma once
// Submissions, tasks and judgements as JSON: what `grpo judge` reads and writes, one object per program.
//
//   {"language": "cpp", "source": "...",
//    "tests": [{"input": "1 2\n", "output": "3\n", "name": "small", "weight": 1}],
//    "comparator": "float", "float_absolute": 1e-6, "float_relative": 1e-6, "ignore_case": false,
//    "white_space_counts": false,
//    "checker": {"protocol": "testlib", "language": "cpp", "source": "...", "arguments": [], "include_folder": ""},
//    "interactor": {as checker}, "input_file": "", "output_file": "",
//    "time_limit": 2.0, "wall_limit": 5.0, "memory_limit_mb": 512, "stop_early": true}
//
// In place of "tests" and what belongs to them:
//   "calls": [{"arguments": [1, 2], "expected": 3, "name": "small", "weight": 1}], "function": "add", "prelude": "",
//   "float_tolerance": 0
// or
//   "test_code": "def check(candidate): ...", "style": "humaneval" | "asserts" | "leetcode" | "pytest",
//   "entry_point": "add", "prelude": "", "prompt": "", "declaration": ""
//
// Times are in seconds, of the processor and on the wall; memory in MiB. "comparator" is a name that output_rule of
// sandbox/judge/compare_output.h knows.

#include <string>

#include "core/json.h"
#include "sandbox/judge/task.h"
#include "sandbox/judge/verdict.h"

namespace grpo {

// Reads the keys of a task, not those of a submission, and leaves finish() to the caller. Throws Error, naming the JSON
// path, if a key has a wrong type or value, if the three kinds of tests are mixed, or if there are no tests.
Task read_task(ObjectReader& object);

struct JudgeJob {
  Submission submission;
  Task task;
};

// Reads a whole object: an unknown key is an Error too. `file` and `path` say where it stands, for messages.
JudgeJob read_judge_job(const Json& object, const std::string& file, const std::string& path);

// {"verdict": "WA", "score": 0.5, "passed": 1, "tests_total": 2, "tier": "T1",
//  "tests": [{"name", "verdict", "score", "time_s", "wall_s", "memory_mb"}], "message", "compile_log"}
// A test also has "limit", "exit_code" (other than 0), "signal" and "message" where there is something to say; so have
// the last two of the judgement. Strings are valid UTF-8 whatever a program wrote.
Json judgement_json(const Judgement& judgement);

// Whether a file of the box may have this name as OutputTests::input_file or output_file: it has no folders. Empty: none.
bool is_box_file_name(const std::string& name);

// A time as verdicts show it: seconds that print with six decimals at most (0.46, never 0.45999999999999996).
double seconds_json(int64_t microseconds);

}  // namespace grpo
