#pragma once
// The languages that submissions are written in. A language is one entry of a table (language.cpp): how it is compiled,
// how it is run, what it needs of the limits.

#include <optional>
#include <string>
#include <vector>

#include "sandbox/limits.h"
#include "sandbox/tier.h"

namespace grpo {

struct ProgrammingLanguage {
  std::string name;                    // "cpp"
  std::vector<std::string> aliases;    // "c++", "cpp17", "cc": also the tags of fenced code blocks
  std::string source_file;             // what the source is called in /box: "main.cpp"
  std::vector<std::string> tools;      // programs that must be there; the first that exists of "a|b"
  std::vector<std::string> compile;    // empty: not compiled. {tool:g++} stands for a tool's path
  std::vector<std::string> artefacts;  // files that the compiler leaves and the run needs
  std::vector<std::string> run;        // command line of the run
  bool runs_artefact = false;          // the only artefact is a native program, run from memory
  std::vector<std::string> environment;
  double time_factor = 1.0;        // of Limits::cpu_ms and wall_ms
  int64_t extra_memory_bytes = 0;  // what its run time needs beside the program
  bool reserve_freely = false;     // Limits::reserve_freely
  int64_t processes_min = 1;       // Limits::processes is at least this
  // Limits::stack_bytes is at most this; 0: as the task says. Run times that start threads reserve it for each of them.
  int64_t stack_bytes = 0;
  Limits compile_limits;
};

// All languages we know, installed or not.
const std::vector<ProgrammingLanguage>& languages();
// By name or alias, in any case; null if there is none.
const ProgrammingLanguage* find_language(const std::string& name);

// Where a language's tools are on this host.
struct Toolchain {
  std::vector<std::string> paths;    // one per ProgrammingLanguage::tools, resolved through links and version managers
  std::vector<std::string> folders;  // outside /usr, /bin and /lib, that the sandbox has to show
  std::string version;               // the first line of what the compiler says of itself
};
// none: something is missing; `missing`, where given, is told what and which package has it.
std::optional<Toolchain> find_toolchain(const ProgrammingLanguage& language, std::string* missing = nullptr);
// The same, none also where boxes of this tier could not read the tools (T3, and a toolchain in somebody's home).
std::optional<Toolchain> usable_toolchain(const ProgrammingLanguage& language, Tier tier,
                                          std::string* missing = nullptr);
// True if a file or folder can be read by whoever we are not, all folders above it included. In tier T3 programs run under
// user ids of their own, and see nothing else.
bool readable_by_others(const std::string& path);
// The folders of every installed language, for SandboxOptions::folders.
std::vector<std::string> toolchain_folders();

}  // namespace grpo
