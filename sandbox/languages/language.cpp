#include "sandbox/languages/language.h"

#include <algorithm>
#include <cctype>

namespace grpo {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// Ten seconds of processor time and 1 GiB are several times what a long submission needs; what wants more is an
// attack on the compiler, and ends as a compile error.
Limits compile_limits() {
  Limits limits;
  limits.cpu_ms = 10'000;
  limits.wall_ms = 30'000;
  limits.memory_bytes = 1'024 * kMiB;
  limits.stack_bytes = 64 * kMiB;
  limits.processes = 32;
  limits.open_files = 256;
  limits.file_bytes = 64 * kMiB;
  limits.tmp_bytes = 256 * kMiB;
  limits.stdout_bytes = 4 * kMiB;
  limits.stderr_bytes = 16 * kMiB;
  limits.stderr_kept_bytes = 64 << 10;
  return limits;
}

// Compilers that are virtual machines themselves, or map hundreds of megabytes of libraries.
Limits roomy_compile_limits() {
  Limits limits = compile_limits();
  limits.reserve_freely = true;
  limits.processes = 64;
  return limits;
}

ProgrammingLanguage c() {
  ProgrammingLanguage language;
  language.name = "c";
  language.aliases = {"c11", "c17", "c99", "gcc", "gnu11", "gnu17"};
  language.source_file = "main.c";
  language.tools = {"gcc"};
  // gnu17: what people call C uses M_PI, strdup and the like.
  language.compile = {"{tool:gcc}", "-std=gnu17",     "-O2",    "-static",
                      "-pipe",      "-fmax-errors=3", "-w",     "-fdiagnostics-plain-output",
                      "-o",         "program",        "main.c", "-lm"};
  language.artefacts = {"program"};
  language.run = {"program"};
  language.runs_artefact = true;
  language.compile_limits = compile_limits();
  return language;
}

ProgrammingLanguage cpp() {
  ProgrammingLanguage language;
  language.name = "cpp";
  language.aliases = {"c++",   "cc",    "cxx",   "g++",   "cpp11",   "cpp14",   "cpp17", "cpp20",
                      "c++11", "c++14", "c++17", "c++20", "gnu++17", "gnu++20", "cpp23", "c++23"};
  language.source_file = "main.cpp";
  language.tools = {"g++"};
  language.compile = {"{tool:g++}",  "-std=c++20",
                      "-O2",         "-static",
                      "-pipe",       "-fmax-errors=3",
                      "-w",          "-fdiagnostics-plain-output",
                      "-I{headers}", "-o",
                      "program",     "main.cpp"};
  language.artefacts = {"program"};
  language.run = {"program"};
  language.runs_artefact = true;
  language.compile_limits = compile_limits();
  return language;
}

ProgrammingLanguage python() {
  ProgrammingLanguage language;
  language.name = "python";
  language.aliases = {"py", "python3", "py3", "python2.7", "pypy", "pypy3", "cpython"};
  language.source_file = "main.py";
  language.tools = {"python3"};
  language.run = {"main.py"};
  language.time_factor = 3.0;
  language.extra_memory_bytes = 64 * kMiB;
  return language;
}

ProgrammingLanguage javascript() {
  ProgrammingLanguage language;
  language.name = "javascript";
  language.aliases = {"js", "node", "nodejs", "node.js", "mjs", "ecmascript"};
  language.source_file = "main.js";
  language.tools = {"node|nodejs"};
  // Recursion as deep as the stack below allows, not as node's default of 1 MiB.
  language.run = {"{tool:node}", "--stack-size=15000", "main.js"};
  language.environment = {"OPENSSL_CONF=/dev/null"};  // the system's need not be readable, and node insists
  language.stack_bytes = 16 * kMiB;
  language.time_factor = 2.0;
  language.extra_memory_bytes = 192 * kMiB;
  language.reserve_freely = true;
  language.processes_min = 32;
  return language;
}

ProgrammingLanguage java() {
  ProgrammingLanguage language;
  language.name = "java";
  language.aliases = {"java8", "java11", "java17", "java21", "jdk", "openjdk"};
  language.source_file = "{main}.java";
  language.tools = {"javac", "java"};
  // Nobody knows beforehand how many classes there will be: one archive holds them.
  language.compile = {
      "/bin/sh", "-c",
      "{tool:javac} -J-Xmx512m -J-Xss16m -J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1 -J-XX:-UsePerfData "
      "-proc:none -nowarn -Xmaxerrs 3 -encoding UTF-8 -d classes \"$@\" && tar -cf classes.tar -C classes .",
      "javac", "{main}.java"};
  language.artefacts = {"classes.tar"};
  // The heap is what the memory limit (seen as RLIMIT_DATA, in KiB) leaves beside the machine itself.
  language.run = {
      "/bin/sh", "-c",
      "tar -xmf classes.tar && limit=$(ulimit -d) && "
      "case $limit in unlimited) heap=512 ;; *) heap=$((limit / 1024 - 192)) ;; esac && "
      "exec {tool:java} -Xmx${heap}m -Xss16m -XX:+UseSerialGC -Xshare:auto -XX:TieredStopAtLevel=1 "
      "-XX:-UsePerfData -XX:ReservedCodeCacheSize=64m -cp . \"$@\"",
      "java", "{main}"};
  language.environment = {"LD_LIBRARY_PATH={home:java}/lib"};  // where there is no /proc to find itself by
  language.stack_bytes = 16 * kMiB;
  language.time_factor = 2.0;
  language.extra_memory_bytes = 256 * kMiB;
  language.reserve_freely = true;
  language.processes_min = 32;
  language.compile_limits = roomy_compile_limits();
  return language;
}

ProgrammingLanguage rust() {
  ProgrammingLanguage language;
  language.name = "rust";
  language.aliases = {"rs", "rustc", "rust2021"};
  language.source_file = "main.rs";
  language.tools = {"rustc", "gcc"};
  language.compile = {"{tool:rustc}", "-O",
                      "--edition",    "2021",
                      "-A",           "warnings",
                      "--color",      "never",
                      "-C",           "linker={tool:gcc}",
                      "-C",           "target-feature=+crt-static",
                      "-C",           "codegen-units=1",
                      "-o",           "program",
                      "main.rs"};
  language.artefacts = {"program"};
  language.run = {"program"};
  language.runs_artefact = true;
  language.environment = {"LD_LIBRARY_PATH={home:rustc}/lib"};
  language.compile_limits = roomy_compile_limits();
  return language;
}

ProgrammingLanguage go() {
  ProgrammingLanguage language;
  language.name = "go";
  language.aliases = {"golang"};
  language.source_file = "main.go";
  language.tools = {"go"};
  language.compile = {"{tool:go}", "build", "-o", "program", "main.go"};
  language.artefacts = {"program"};
  language.run = {"program"};
  language.runs_artefact = true;
  language.environment = {"GOCACHE=/box/.cache", "GOPATH=/box/.go", "CGO_ENABLED=0",
                          "GOFLAGS=-mod=mod",    "GOPROXY=off",     "GOTOOLCHAIN=local",
                          "GO111MODULE=auto",    "GOMAXPROCS=1",    "GOTELEMETRY=off"};
  language.reserve_freely = true;
  language.extra_memory_bytes = 64 * kMiB;
  language.processes_min = 32;
  language.stack_bytes = 16 * kMiB;
  language.compile_limits = roomy_compile_limits();
  // The standard library is compiled with the program: its cache is as empty as the box.
  language.compile_limits.cpu_ms = 60'000;
  language.compile_limits.wall_ms = 120'000;
  language.compile_limits.tmp_files = 16'384;
  language.compile_limits.tmp_bytes = 512 * kMiB;
  return language;
}

ProgrammingLanguage bash() {
  ProgrammingLanguage language;
  language.name = "bash";
  language.aliases = {"sh", "shell", "zsh", "shellscript"};
  language.source_file = "main.sh";
  language.tools = {"bash"};
  language.run = {"{tool:bash}", "main.sh"};
  language.time_factor = 3.0;
  language.processes_min = 16;
  return language;
}

}  // namespace

const std::vector<ProgrammingLanguage>& languages() {
  static const std::vector<ProgrammingLanguage> table = {c(),    cpp(),  python(), javascript(),
                                              java(), rust(), go(),     bash()};
  return table;
}

const ProgrammingLanguage* find_language(const std::string& name) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const ProgrammingLanguage& language : languages()) {
    if (language.name == lower || std::count(language.aliases.begin(), language.aliases.end(), lower) > 0) {
      return &language;
    }
  }
  return nullptr;
}

}  // namespace grpo
