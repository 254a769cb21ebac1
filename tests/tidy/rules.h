#pragma once
// The taste of the project as functions: each takes a file and returns what is wrong with it, one sentence
// with "path:line" per violation. tidy_test.cpp shows that every rule bites, then applies all to the whole
// project.

#include <map>
#include <string>
#include <vector>

namespace grpo {

struct SourceFile {
  std::string path;  // from the root: "grpo/advantage.cpp"
  std::string text;
};

using Violations = std::vector<std::string>;

// Which room may include which. A room may always include itself; tests and benchmarks may include any room;
// no room includes tests or benchmarks.
Violations check_room_dependencies(const SourceFile& file);

// core, sandbox and rewards know nothing of LibTorch, neither in their sources nor in their CMake files.
Violations check_no_libtorch(const SourceFile& file);

// Inside grpo/ only the trainer and evaluate see rollout and rewards; advantage sees core alone, no tensors.
Violations check_inside_grpo(const SourceFile& file);

// Unfinished work, `using namespace` in headers, and printing to stdout from a library: stdout belongs to the
// results of the program's commands.
Violations check_words(const SourceFile& file);

// A header says #pragma once, before anything but comments.
Violations check_pragma_once(const SourceFile& file);

// Includes of ours are written from the root and name files that exist; `paths` are all files of the project.
Violations check_includes_exist(const SourceFile& file, const std::vector<std::string>& paths);

// No folder is called after what it is not about.
Violations check_folder_names(const std::string& path);

// A type has one definition. Two of one name in one namespace are one to the linker, which keeps the functions of either:
// no compiler sees both, and programs hang. Types in unnamed namespaces are their file's own.
Violations check_type_names(const std::vector<SourceFile>& files);

// Sizes are a signal to split by concept. `allowed` lists the files that are longer than the limit, each with
// the lines it may have: it may not grow, and when it has shrunk by more than kSizeSlack its entry must
// follow.
constexpr int kSourceLinesMax = 500;
constexpr int kHeaderLinesMax = 250;
constexpr int kSizeSlack = 20;
Violations check_sizes(const std::vector<SourceFile>& files, const std::map<std::string, int>& allowed);

}  // namespace grpo
