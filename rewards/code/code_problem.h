#pragma once
// What a row of a code data set asks for, read but not yet made into a Task: its tests are plain text here, so that a
// problem of a thousand tests costs memory and no file descriptors until some of them are chosen.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/judge/task.h"

namespace grpo {

struct CodeTest {
  std::string name;
  std::string input;     // what the program reads, or a JSON array of arguments
  std::string expected;  // what it should write, or a JSON value
  double weight = 1.0;
  bool is_public = false;  // it stands in the problem's statement
};

// Programs that read and write.
struct ByOutput {
  OutputRule rule;
  std::vector<Checker> checker;  // none or one
  std::string input_file;        // empty: stdin
  std::string output_file;       // empty: stdout
};

// Python functions that are called. Whether the function is a method of a class Solution, the submission says.
struct ByCalls {
  std::string function;  // "twoSum"
  double float_tolerance = 0.0;
};

// Suites. A submission that defines `name` is complete and stands behind suite.prelude; any other continues `prompt`.
struct BySuite {
  Suite suite;         // for complete submissions
  std::string name;    // what a complete submission defines; empty: every submission is complete
  std::string prompt;  // the text to be continued
};

struct CodeProblem {
  std::variant<ByOutput, ByCalls, BySuite> how;
  std::vector<CodeTest> tests;  // of ByOutput and ByCalls; at least one
  Limits limits;                // of a native language, as Task has them
  std::string language;         // the one that the row fixes; empty: it fixes none
  std::string python_prelude;   // put before sources in Python (imports that the data set takes for granted)
};

// Two tasks may come of a problem; which one a submission gets depends on how it is written.
enum class Shape {
  kPlain,      // a program, a function, or code that is complete
  kAlternate,  // a method of class Solution; code that continues the prompt
};

Shape shape_of(const CodeProblem& problem, const Submission& submission);

// Tests and inputs become memory files here: keep the Task while it is judged, and no longer.
Task make_task(const CodeProblem& problem, Shape shape, bool stop_early);

// The submission as it is judged: with the prelude before a program in Python, and its imports from __future__ before both.
Submission prepared(const CodeProblem& problem, Submission submission);

// Whether a source in `language` defines `name` at its top level. A scan for the ways in which such a definition is
// written, not a parser; linear.
bool defines(const std::string& source, const std::string& language, const std::string& name);

}  // namespace grpo
