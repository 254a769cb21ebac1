#pragma once
// Tests of Python code by calling it. Two programs run side by side, each in a box of its own: the driver holds the tests,
// the expected values and the asserts; the candidate holds what the policy wrote and answers calls over a socket with
// plain values. Nothing of the candidate is ever imported by the driver, and nothing of the tests is ever in the candidate.

#include <vector>

#include "sandbox/judge/task.h"
#include "sandbox/judge/verdict.h"
#include "sandbox/sandbox.h"

namespace grpo {

// One result per test that was run, in order; on `stop_early` the first failure is the last. Never throws on what the
// candidate does; throws Error where the tests are no UTF-8.
//
// Deadlines: `limits` is for each test by itself, and for loading the source; the whole run has the sum of them, kept from
// outside as for every program. A single test has limits.wall_limit_ms() on the driver's clock. Time that the candidate
// waits for a processor counts there, as it does not for the whole run: how long a process waits stands in its /proc, and
// the candidate's box is not visible from the driver's. The processor time of a single test is what the candidate says.
//
// Compared as == has it in Python (True is 1, 1.0 is 1, NaN is nothing), but tuples count as lists at any depth, and keys
// that are numbers as their text, for the expected values are JSON. float_tolerance: |a - b| <= tolerance * max(1, |b|).
// A method is called on an instance of its own in every test.
Judgement judge_python_calls(Sandbox& sandbox, const std::string& source, const CallTests& tests,
                             const Limits& limits, bool stop_early);

// Every statement of check(), or of a list of asserts, that asserts something is a test; in a pytest file every test
// function, once for each set of parameters. All are run, unless the candidate is gone. AC needs as many passed as the
// driver counted before the first: a test that is skipped, excused or left early has not passed.
//
// The candidate is prompt + source, or the source after what stands before the entry point in the prompt, where the source
// defines the entry point itself. The driver runs prelude, prompt and tests; only names that none of them defines, and the
// entry point, are the candidate's, and never a built-in one.
//
// What travels: plain values and containers, iterators, exceptions by name, instances of classes that trusted text defines
// (ListNode and TreeNode are there for all), and lists, dicts and sets that a function without result changed in place.
// Other objects stay with the candidate, and the driver calls them there; they are never equal to a value of the driver's,
// and never see one that they are compared with. IE is for tests alone: text that cannot be run, modules that are not
// there, an argument that cannot travel (a function of the tests). No answer of a candidate leads to it.
Judgement judge_python_suite(Sandbox& sandbox, const std::string& source, const Suite& suite,
                             const Limits& limits);

}  // namespace grpo
