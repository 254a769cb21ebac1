// Suites in C and C++. The tests become an object of their own, compiled once per problem; so does the candidate, in a box
// that holds nothing of the tests. They meet in the linker, where the candidate shows the functions under test and
// nothing else: what it says of main, memcmp, operator new or std::operator== is its own affair.

#include <cctype>
#include <set>

#include "sandbox/languages/signature.h"
#include "sandbox/languages/suite.h"

namespace grpo {
namespace {

// Stands behind the tests. Their main is called by ours, which the linker puts in its place. The end word is read by
// the first thing that runs at all, and the descriptor it came from is gone before the candidate can look.
const char* const kEnd = R"(
#ifdef __cplusplus
extern "C" {
#endif
long grpo_suite_read(int, void*, unsigned long) __asm__("read");
long grpo_suite_write(int, const void*, unsigned long) __asm__("write");
int grpo_suite_pipe(int*) __asm__("pipe");
int grpo_suite_dup2(int, int) __asm__("dup2");
int grpo_suite_close(int) __asm__("close");
int __real_main(int, char**, char**);
static char grpo_suite_word[32];
static void grpo_suite_start(void) {
  long filled = 0;
  while (filled < 32) {
    long got = grpo_suite_read(0, grpo_suite_word + filled, (unsigned long)(32 - filled));
    if (got <= 0) break;
    filled += got;
  }
  int ends[2];
  if (grpo_suite_pipe(ends) == 0) {
    grpo_suite_dup2(ends[0], 0);
    grpo_suite_close(ends[0]);
    grpo_suite_close(ends[1]);
  }
}
__attribute__((section(".preinit_array"), used)) static void (*const grpo_suite_first)(void) = grpo_suite_start;
__attribute__((externally_visible)) int __wrap_main(int count, char** words, char** environment) {
  int status = __real_main(count, words, environment);
  if (status == 0) grpo_suite_write(1, grpo_suite_word, 32);
  return status;
}
#ifdef __cplusplus
}
#endif
)";

// "... f(int x) {" becomes "... f(int x);". Functions that have a body keep it: the tests have their own copy, which
// nobody else sees.
std::string as_declaration(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (!text.empty() && text.back() == '{') text.back() = ';';
  return text + "\n";
}

// Names in C have no types; those that the tests declare are the ones they may use.
std::set<std::string> declared_functions(const SuiteContext& context) {
  std::set<std::string> names;
  if (!context.suite.entry_point.empty()) names.insert(context.suite.entry_point);
  if (const auto signature = last_signature(declaration_of(context))) names.insert(signature->name);
  return names;
}

bool is_identifier(const std::string& name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return true;
}

struct Native {
  std::string tool;
  std::string flags;
  std::string extension;
};

Native native_of(const std::string& language) {
  if (language == "c") return {"{tool:gcc}", "-std=gnu17", ".c"};
  return {"{tool:g++}", "-std=c++20", ".cpp"};
}

// The flags of the table, which the precompiled header was made with.
std::vector<std::string> compile_words(const Native& native, const std::string& source,
                                       const std::string& object) {
  return {native.tool,   native.flags,
          "-O2",         "-static",
          "-pipe",       "-fmax-errors=3",
          "-w",          "-fdiagnostics-plain-output",
          "-I{headers}", "-c",
          source,        "-o",
          object};
}

Build tests_build(const SuiteContext& context, const Native& native) {
  const std::string file = "tests" + native.extension;
  Build build;
  build.command = compile_words(native, file, "tests.o");
  // All that the tests define is theirs alone, the templates of the standard library included.
  build.command.push_back("-fwhole-program");
  build.files = {{file, context.suite.prelude + "\n" + as_declaration(declaration_of(context)) +
                            context.suite.test_code + "\n" + kEnd}};
  build.artefacts = {"tests.o"};
  return build;
}

// What is under test stays visible: in C++ the functions of the global name space (_Z, a length, a name), whatever
// their types; in C those that are declared.
std::string visible_symbols(const SuiteContext& context) {
  if (context.language == "cpp") return " -w -G '_Z[0-9]*'";
  std::string options;
  for (const std::string& name : declared_functions(context)) {
    if (is_identifier(name)) options += " -G " + name;
  }
  return options;
}

Build candidate_build(const SuiteContext& context, const Native& native) {
  const std::string file = "main" + native.extension;
  std::string compile;
  for (const std::string& word : compile_words(native, file, "main.o"))
    compile += (compile.empty() ? "" : " ") + word;
  Build build;
  build.command = {"/bin/sh", "-c",
                   compile + " && ld -r --force-group-allocation -o candidate.o main.o && objcopy" +
                       visible_symbols(context) + " candidate.o"};
  build.files = {{file, candidate_text(context)}};
  build.artefacts = {"candidate.o"};
  return build;
}

// Whether all headers that the task puts before the candidate are on this host. The tests have shown it where they are
// told the same text.
std::optional<Judgement> judge_headers(const SuiteContext& context, const Native& native) {
  if (context.suite.declaration.empty() || context.suite.prompt.empty()) return std::nullopt;
  const std::string file = "head" + native.extension;
  Build build;
  build.command = {native.tool, native.flags, "-fdiagnostics-plain-output", "-I{headers}", "-E", file, "-o", "head.i"};
  build.files = {{file, context.suite.prelude + "\n" + context.suite.prompt + "\n"}};
  build.artefacts = {"head.i"};
  const Built built = context.compiler.build(context.language, build);
  if (!built.failure.empty()) return suite_failed_to_run(built.failure, context.sandbox.tier());
  if (!built.ok) return tests_did_not_compile(built.log, context.sandbox.tier());
  return std::nullopt;
}

}  // namespace

Judgement judge_native_suite(const SuiteContext& context) {
  const Native native = native_of(context.language);
  const Built tests = context.compiler.build(context.language, tests_build(context, native));
  if (!tests.failure.empty()) return suite_failed_to_run(tests.failure, context.sandbox.tier());
  if (!tests.ok) return tests_did_not_compile(tests.log, context.sandbox.tier());
  const Built candidate = context.compiler.build(context.language, candidate_build(context, native));
  if (auto judgement = judge_build(context, candidate)) {
    return candidate.failure.empty() ? judge_headers(context, native).value_or(*judgement) : *judgement;
  }

  Build link;
  link.command = {native.tool,       "-static",     "-fdiagnostics-plain-output",
                  "-Wl,--wrap=main", "-o",          "program",
                  "tests.o",         "candidate.o", "-lm"};
  link.objects = {{"tests.o", tests.artefacts[0]}, {"candidate.o", candidate.artefacts[0]}};
  link.artefacts = {"program"};
  const Built linked = context.compiler.build(context.language, link);
  if (auto judgement = judge_build(context, linked)) return *judgement;

  Program program;
  program.command = {"program"};
  program.executable = linked.artefacts[0];
  return run_suite(context, std::move(program), "tests" + native.extension);
}

}  // namespace grpo
