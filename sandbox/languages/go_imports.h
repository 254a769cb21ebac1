#pragma once
// The imports of a Go file. Go compiles no file that imports what it does not use, nor one that uses what it does not
// import; tests and prompts are written for one file of both, and their imports must be made to fit each.

#include <string>

namespace grpo {

// One file, "package main", of the data set's text and the candidate's, which follows it. Its imports are those of both,
// each once: the candidate's own as they are, of those in `given` the ones that are used. Packages of the standard library
// that HumanEval-X imports by itself (fmt, math, sort, strings, ...) are added where they are used and not imported.
std::string go_file(const std::string& given, const std::string& own);

}  // namespace grpo
