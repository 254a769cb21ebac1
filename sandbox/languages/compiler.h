#pragma once
// Turns source text into something the sandbox can run. Compilers run in the sandbox like everything else: a source may
// include what it likes, and finds what a program could read: /usr, /cache and the folders that the sandbox shows.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/languages/language.h"
#include "sandbox/run.h"
#include "sandbox/sandbox.h"

namespace grpo {

struct SourceFile {
  std::string path;  // relative to /box
  std::string text;
};

struct Compiled {
  bool ok = false;
  // The sandbox failed, not the source (verdict IE).
  std::string failure;
  std::string log;  // of the compiler, its first kilobytes
  Program program;  // ready to run but for its input and limits: command, executable, files, environment
  int64_t cpu_us = 0;
};

// One call of a compiler that is not the plain one of its language: a suite's.
struct Build {
  // {tool:g++} stands for a tool's path, {home:java} for the folder that holds its bin/, {headers} for the folder with
  // the language's precompiled headers.
  std::vector<std::string> command;
  std::vector<SourceFile> files;
  std::vector<File> objects;           // results of earlier builds
  std::vector<std::string> artefacts;  // files it has to leave
};

struct Built {
  bool ok = false;      // it exited with 0, and all artefacts are there
  std::string failure;  // of the sandbox
  std::string log;
  std::vector<Blob> artefacts;
  int64_t cpu_us = 0;
  bool keep = true;  // false: it met the limit on the wall, which says as much of the host; the next time may end otherwise
};

struct CompilerOptions {
  int64_t cache_bytes = int64_t{256} << 20;  // programs and logs that are kept
  std::optional<Limits> limits;              // in place of ProgrammingLanguage::compile_limits
};

class Compiler {
 public:
  // The sandbox must outlive the compiler.
  explicit Compiler(Sandbox& sandbox, CompilerOptions options = {});
  ~Compiler();

  // Compiles one source, or returns what came of it the last time: results are kept by a hash of source, language,
  // flags and compiler, the least recently used go first. Two callers with the same source compile it once. Safe to call
  // from many threads. Languages that are not compiled get a Program that runs the source. Throws Error on a language
  // that is unknown or not installed.
  Compiled compile(const std::string& language, const std::string& source);
  // The same for a program of several files (a test suite beside the candidate). files[0] is named as it likes.
  Compiled compile(const std::string& language, const std::vector<SourceFile>& files);

  // The same for a build that a suite is made of; kept in the same way. Throws Error as compile does.
  Built build(const std::string& language, const Build& build);
  // A command line of `language` with {tool:...} and {home:...} filled in. Throws Error as compile does.
  std::vector<std::string> command(const std::string& language, std::vector<std::string> words) const;
  // ProgrammingLanguage::environment, likewise.
  std::vector<std::string> environment(const std::string& language) const;

  // What a task's limits become for a program of this language.
  Limits limits_for(const std::string& language, const Limits& limits) const;

  struct Counts {
    int64_t compiled = 0;
    int64_t found = 0;  // answered from what was kept, or with what another caller was just compiling
  };
  Counts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace grpo
