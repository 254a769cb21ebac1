#include "sandbox/languages/compiler.h"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "core/error.h"
#include "sandbox/languages/build_cache.h"
#include "sandbox/languages/compile_log.h"
#include "sandbox/languages/digest.h"
#include "sandbox/languages/java_source.h"
#include "sandbox/languages/precompiled_headers.h"

namespace grpo {
namespace {

const char* kPlace = "language";

const ProgrammingLanguage& language_of(const std::string& name) {
  if (const ProgrammingLanguage* language = find_language(name)) return *language;
  std::string known;
  for (const ProgrammingLanguage& language : languages()) known += (known.empty() ? "" : ", ") + language.name;
  throw Error("there is no language \"" + name + "\"", kPlace, "known are " + known);
}

Toolchain toolchain_of(const ProgrammingLanguage& language, Tier tier) {
  std::string missing;
  if (auto toolchain = usable_toolchain(language, tier, &missing)) return *toolchain;
  throw Error("programs in " + language.name + " cannot be judged here: " + missing, kPlace,
              "install it, or leave tasks in " + language.name + " out");
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// "node|nodejs" is called by its first name.
std::string tool_name(const std::string& tool) {
  return tool.substr(0, tool.find('|'));
}

std::string with_tools(std::string text, const ProgrammingLanguage& language, const Toolchain& toolchain) {
  for (size_t i = 0; i < language.tools.size(); ++i) {
    const std::string name = tool_name(language.tools[i]);
    const std::string& path = toolchain.paths[i];
    replace_all(text, "{tool:" + name + "}", path);
    replace_all(text, "{home:" + name + "}",
                std::filesystem::path(path).parent_path().parent_path().string());
  }
  return text;
}

std::vector<std::string> with_tools(std::vector<std::string> words, const ProgrammingLanguage& language,
                                    const Toolchain& toolchain) {
  for (std::string& word : words) word = with_tools(word, language, toolchain);
  return words;
}

bool includes_everything(const std::vector<SourceFile>& files) {
  return std::any_of(files.begin(), files.end(), [](const SourceFile& file) {
    return file.text.find("bits/stdc++.h") != std::string::npos;
  });
}

std::string digest_of_blob(const Blob& blob) {
  return Digest().add(blob.read()).hex();
}

// What a limit that fired means to who reads the log; empty for none.
std::string limit_message(const ProgramResult& run, const Limits& limits) {
  switch (run.limit) {
    case LimitFired::kCpu:
      return fmt::format("compile limit: more than {} ms of processor time\n", limits.cpu_ms);
    case LimitFired::kWall:
      return fmt::format("compile limit: not done after {} ms\n", limits.wall_limit_ms());
    case LimitFired::kMemory:
      return fmt::format("compile limit: more than {} MiB of memory\n", limits.memory_bytes >> 20);
    case LimitFired::kStdout:
    case LimitFired::kStderr:
      return fmt::format("compile limit: more than {} MiB of messages\n", limits.stderr_bytes >> 20);
    case LimitFired::kNone:
      break;
  }
  if (run.error.find("File size limit exceeded") != std::string::npos || run.signal == SIGXFSZ) {
    return fmt::format("compile limit: a file of more than {} MiB\n", limits.file_bytes >> 20);
  }
  if (run.near_memory_limit && !run.exited_with(0)) {
    return fmt::format("compile limit: more than {} MiB of memory\n", limits.memory_bytes >> 20);
  }
  if (run.signal != 0) return fmt::format("the compiler died of signal {}\n", run.signal);
  return "";
}

Program program_that_runs(const ProgrammingLanguage& language, const Toolchain& toolchain) {
  Program program;
  program.command = with_tools(language.run, language, toolchain);
  program.environment = with_tools(language.environment, language, toolchain);
  return program;
}

}  // namespace

struct Compiler::State {
  Sandbox& sandbox;
  CompilerOptions options;
  BuildCache cache;
  PrecompiledHeaders headers;

  State(Sandbox& sandbox, CompilerOptions options)
      : sandbox(sandbox), options(options), cache(options.cache_bytes), headers(sandbox) {}

  std::string headers_folder(const ProgrammingLanguage& language, const Toolchain& toolchain, const Build& build);
  Built run(const ProgrammingLanguage& language, const Toolchain& toolchain, const Build& build);
};

// Only programs that ask for bits/stdc++.h gain by it, and only they make it.
std::string Compiler::State::headers_folder(const ProgrammingLanguage& language, const Toolchain& toolchain,
                                            const Build& build) {
  std::string folder;
  const bool shown = sandbox.tier() != Tier::kT3 || readable_by_others(sandbox.options().cache);
  if (language.name == "cpp" && shown && includes_everything(build.files)) {
    folder = headers.folder(toolchain.paths[0], toolchain.version, header_flags(language.compile));
  }
  return folder.empty() ? "/box/none" : folder;
}

Built Compiler::State::run(const ProgrammingLanguage& language, const Toolchain& toolchain, const Build& build) {
  RunRequest request;
  Program& program = request.programs.emplace_back();
  program.command = with_tools(build.command, language, toolchain);
  const bool has_headers =
      std::any_of(program.command.begin(), program.command.end(),
                  [](const std::string& word) { return word.find("{headers}") != std::string::npos; });
  if (has_headers) {
    const std::string folder = headers_folder(language, toolchain, build);
    for (std::string& word : program.command) replace_all(word, "{headers}", folder);
  }
  program.environment = with_tools(language.environment, language, toolchain);
  for (const SourceFile& file : build.files) program.files.push_back({file.path, Blob::of(file.text)});
  program.files.insert(program.files.end(), build.objects.begin(), build.objects.end());
  program.outputs = build.artefacts;
  program.limits = options.limits.value_or(language.compile_limits);
  RunResult result = sandbox.run(request);

  Built built;
  built.failure = result.failure;
  if (!built.failure.empty()) return built;
  ProgramResult& run = result.programs.at(0);
  built.cpu_us = run.cpu_us;
  built.log = limit_message(run, program.limits) + clean_log(run.error + run.out);
  built.ok = run.exited_with(0);
  built.keep = run.limit != LimitFired::kWall;
  for (size_t i = 0; i < build.artefacts.size() && built.ok; ++i) {
    if (i < run.outputs.size() && run.outputs[i] && !run.outputs[i]->empty()) {
      built.artefacts.push_back(std::move(*run.outputs[i]));
    } else {
      built.ok = false;
      built.log += "the compiler left no " + build.artefacts[i] + "\n";
    }
  }
  if (!built.ok) built.artefacts.clear();
  return built;
}

Compiler::Compiler(Sandbox& sandbox, CompilerOptions options)
    : state_(std::make_unique<State>(sandbox, options)) {}

Compiler::~Compiler() = default;

Built Compiler::build(const std::string& name, const Build& build) {
  const ProgrammingLanguage& language = language_of(name);
  const Toolchain toolchain = toolchain_of(language, state_->sandbox.tier());
  Digest key;
  key.add(language.name).add(toolchain.version);
  for (const std::string& path : toolchain.paths) key.add(path);
  for (const std::string& word : build.command) key.add(word);
  key.add("files");
  for (const SourceFile& file : build.files) key.add(file.path).add(file.text);
  key.add("objects");
  for (const File& object : build.objects) key.add(object.path).add(digest_of_blob(object.content));
  key.add("artefacts");
  for (const std::string& artefact : build.artefacts) key.add(artefact);
  return state_->cache.get(key.hex(), [&] { return state_->run(language, toolchain, build); });
}

Compiled Compiler::compile(const std::string& name, const std::vector<SourceFile>& files) {
  const ProgrammingLanguage& language = language_of(name);
  const Toolchain toolchain = toolchain_of(language, state_->sandbox.tier());
  Compiled compiled;
  compiled.program = program_that_runs(language, toolchain);
  compiled.program.warm_python = language.name == "python";
  if (language.compile.empty()) {
    for (const SourceFile& file : files) compiled.program.files.push_back({file.path, Blob::of(file.text)});
    compiled.ok = true;
    return compiled;
  }
  std::string file_name = "Main";
  std::string main_class = "Main";
  if (language.name == "java" && !files.empty()) {
    const JavaSource source = read_java_source(files[0].text);
    file_name = source.file_name();
    main_class = source.main_class();
  }
  // The first file stands where the table has its own; the others follow it.
  Build build{language.compile, files, {}, language.artefacts};
  const auto source = std::find(build.command.begin(), build.command.end(), language.source_file);
  GRPO_CHECK(source != build.command.end());
  std::vector<std::string> sources;
  for (size_t i = 0; i < build.files.size(); ++i) {
    if (i == 0) replace_all(build.files[i].path, "{main}", file_name);
    sources.push_back(build.files[i].path);
  }
  const auto behind = build.command.erase(source);
  build.command.insert(behind, sources.begin(), sources.end());
  for (std::string& word : compiled.program.command) replace_all(word, "{main}", main_class);

  Built built = this->build(name, build);
  compiled.ok = built.ok;
  compiled.failure = std::move(built.failure);
  compiled.log = std::move(built.log);
  compiled.cpu_us = built.cpu_us;
  if (!compiled.ok) return compiled;
  if (language.runs_artefact) {
    compiled.program.executable = built.artefacts.at(0);
    return compiled;
  }
  for (size_t i = 0; i < built.artefacts.size(); ++i) {
    compiled.program.files.push_back({language.artefacts[i], built.artefacts[i]});
  }
  return compiled;
}

Compiled Compiler::compile(const std::string& name, const std::string& source) {
  return compile(name, {{language_of(name).source_file, source}});
}

std::vector<std::string> Compiler::command(const std::string& name, std::vector<std::string> words) const {
  const ProgrammingLanguage& language = language_of(name);
  return with_tools(std::move(words), language, toolchain_of(language, state_->sandbox.tier()));
}

std::vector<std::string> Compiler::environment(const std::string& name) const {
  const ProgrammingLanguage& language = language_of(name);
  return with_tools(language.environment, language, toolchain_of(language, state_->sandbox.tier()));
}

Limits Compiler::limits_for(const std::string& name, const Limits& limits) const {
  const ProgrammingLanguage& language = language_of(name);
  Limits result = limits;
  const auto scaled = [&](int64_t ms) {
    return static_cast<int64_t>(static_cast<double>(ms) * language.time_factor);
  };
  result.cpu_ms = scaled(limits.cpu_ms);
  result.wall_ms = scaled(limits.wall_ms);
  result.memory_bytes += language.extra_memory_bytes;
  // Without one the stack may take all of the memory, and threads have the C library's: a number would be reserved for each.
  if (language.stack_bytes > 0) result.stack_bytes = std::min(limits.stack_limit_bytes(), language.stack_bytes);
  result.reserve_freely = limits.reserve_freely || language.reserve_freely;
  result.processes = std::max(limits.processes, language.processes_min);
  return result;
}

Compiler::Counts Compiler::counts() const {
  return state_->cache.counts();
}

}  // namespace grpo
