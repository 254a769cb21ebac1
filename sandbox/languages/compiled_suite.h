#pragma once
// Suites of compiled languages (HumanEval-X, MBXP): the tests are source text in the candidate's language. A suite has passed
// when the tests ran to their end and said so in a way that the candidate does not know, not when a process exits with 0:
// the program is handed 32 random digits as its stdin (new in every run), reads and closes it before anything of the
// candidate runs, and writes them when the last test is over. exit, _exit, abort handlers and threads that end the program
// early end it without them.
//
// What a Suite has to hold:
//   prelude, prompt   stand before the candidate's source (prompt: the source continues it, as published completions do)
//   declaration       what the tests see of the candidate, up to "{" or ";"; empty: the prompt
//   test_code         C, C++: has main, fails by assert, an exception or a status. Java: a class with main that throws.
//                     JavaScript: statements; console.assert counts. Rust: #[test] functions. Go: a _test file.
//
// How far candidate and tests are kept apart:
//   c, cpp      Objects of their own, compiled in boxes of their own: what the candidate includes, or defines as macros, is
//               nothing to the tests, and the tests are nowhere when it is compiled. Of the candidate only the functions
//               under test are linked by name, so a main, memcmp, operator new or specialisation of std templates of its own
//               changes nothing of the tests'; functions with a body in the declaration are the tests' own copies.
//               They run in one process: code that searches the memory of the tests for what they expect, or for the
//               digits, is not stopped.
//   java        The candidate is in another package, called by reflection through a class of ours that has its name; what it
//               returns is copied into plain classes of the library, so names and equals of its own mean nothing. One
//               virtual machine: as above, and it could read the class files of the tests.
//   javascript  Two boxes; only plain values travel between them (compare sandbox/python/python_tests.h). Nothing is shared.
//   rust        Crates of their own; the tests call a function with the declared types. Words that put a candidate's symbols
//               in the place of the C library's (no_mangle and the like) are a compile error. One process. An enum that
//               the candidate defines and the declared function returns is compared by an equality of the tests' own; tests
//               that never call the declared function find another by its name, if its result is of standard types.
//   go          One package, as `go test` has it, the imports made to fit (go_imports.h). One process, one name space: the
//               weakest of them.

#include "sandbox/judge/task.h"
#include "sandbox/judge/verdict.h"
#include "sandbox/languages/compiler.h"

namespace grpo {

// Languages: cpp, c, java, javascript, rust, go, or their aliases. `limits` are the task's; those of the language are
// applied here. The suite counts as one test; WA is an assertion of the tests that does not hold, or an end before theirs;
// IE also where the task's own text does not compile without the candidate, for a header, class or module that is not on this
// host or for a fault of its own (its log is in compile_log); in Go that cannot be told apart, and is CE; so is, in Rust, a
// crate that only the candidate's half of the task names. What is compiled is kept by the compiler:
// in C and C++ the tests of a problem once for all its candidates. Never throws on what the candidate does. Throws Error on
// any other language, one that is not installed, and a suite without what is asked for above.
Judgement judge_compiled_suite(Compiler& compiler, Sandbox& sandbox, const Submission& submission,
                               const Suite& suite, const Limits& limits);

}  // namespace grpo
