#pragma once
// What formats have in common: lists of tests by input and output, or by call; suites in Python.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rewards/code/code_problem.h"
#include "rewards/code/formats/json_text.h"

namespace grpo {

// What no task's limits exceed, whatever its row states.
inline constexpr double kSecondsMost = 3600.0;
inline constexpr double kMegabytesMost = 1 << 20;

// Limits as Task has them (of a native language) from those that a data set states for Python. Both at most the above.
Limits limits_for_python(double cpu_s, int64_t memory_mb);
// The same from limits stated for any language.
Limits limits_for_native(double cpu_s, int64_t memory_mb);

// What a program reads or writes: a string as it is, a list of lines joined, anything else as it is written in JSON.
std::string stream_text(const JsonText& value);

// A list of tests {"input", "output"} that all are of one kind: by stdin and stdout, or by calling a function. `where`
// serves messages. The kind of a test is its "testtype" or "type": "stdin" or "stdin_stdout" (or none), "functional" or
// "function_call"; its function is "fn_name", or "func_name" in its "metadata", or `function`.
//   stdin       input and output by stream_text
//   functional  input is a list of arguments and output a value; or input is text with one JSON value per line and
//               argument, and output a text that holds one (LiveCodeBench). Where every output is a list of one element,
//               that element is what the function returns (APPS wraps them)
// Throws Error on anything else, a mixture of kinds or functions included.
struct TestList {
  std::vector<CodeTest> tests;
  std::string function;  // empty: by stdin and stdout
};
TestList read_test_list(const JsonText& list, const std::string& function, const std::string& where);

// The dictionary of APPS and TACO: "inputs", "outputs", of equal length, and "fn_name" where functions are called. Each
// as above.
TestList read_input_output(const JsonText& dictionary, const std::string& where);

// `list` as tests of a problem: by output with `rule`, or by calls. Throws Error if there is none.
CodeProblem problem_of_tests(TestList list, const OutputRule& rule, const std::string& where);

// A suite in Python as a problem; the limits are those that the data set states.
CodeProblem problem_of_python_suite(Suite suite, double cpu_s, int64_t memory_mb);

// The JSON array of arguments that stand one per line. Throws Error if a line is not JSON.
std::string arguments_of_lines(std::string_view lines, const std::string& where);

}  // namespace grpo
