#include "cli/judge_input.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/file.h"
#include "sandbox/judge/task_json.h"
#include "sandbox/languages/language.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

const ProgrammingLanguage& language_of(const std::string& path, const std::string& named) {
  const std::string end = fs::path(path).extension().string();
  const ProgrammingLanguage* language = find_language(!named.empty() ? named : end.empty() ? end : end.substr(1));
  if (language) return *language;
  std::vector<std::string> names;
  for (const ProgrammingLanguage& known : languages()) names.push_back(known.name);
  throw Error(named.empty() ? fmt::format("\"{}\" is the end of no known language's files", end)
                            : fmt::format("unknown language \"{}\"", named),
              named.empty() ? path : "--language",
              fmt::format("name one: --language {}", fmt::join(names, ", ")));
}

// What is expected for an input file.
fs::path expected_beside(const fs::path& input) {
  for (const char* end : {".out", ".ans"}) {
    fs::path expected = input;
    expected.replace_extension(end);
    if (fs::is_regular_file(expected)) return expected;
  }
  throw Error("the input has no expected output beside it", input.string(),
              fmt::format("add {}.out or {}.ans", input.stem().string(), input.stem().string()));
}

Task read_folder(const std::string& path) {
  std::vector<fs::path> inputs;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.is_regular_file() && entry.path().extension() == ".in") inputs.push_back(entry.path());
  }
  if (inputs.empty())
    throw Error("the folder holds no tests", path, "name inputs NAME.in, and outputs NAME.out");
  std::sort(inputs.begin(), inputs.end(),
            [](const fs::path& a, const fs::path& b) { return strverscmp(a.c_str(), b.c_str()) < 0; });
  OutputTests tests;
  for (const fs::path& input : inputs) {
    tests.tests.push_back({.name = input.stem().string(),
                           .input = Blob::of(read_file(input.string())),
                           .expected = Blob::of(read_file(expected_beside(input).string()))});
  }
  return {.tests = std::move(tests), .limits = {}};
}

}  // namespace

Submission read_submission(const std::string& path, const std::string& language) {
  std::string source = read_file(path);
  return {.language = language_of(path, language).name, .source = std::move(source)};
}

Task read_tests(const std::string& path) {
  if (fs::is_directory(path)) return read_folder(path);
  Json json = read_json_file(path);
  if (json.is_array()) json = Json{{"tests", std::move(json)}};
  ObjectReader reader(json, path);
  Task task = read_task(reader);
  reader.finish();
  return task;
}

}  // namespace grpo
