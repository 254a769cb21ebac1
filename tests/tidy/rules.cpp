#include "tests/tidy/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <set>
#include <sstream>
#include <string_view>

namespace grpo {
namespace {

const std::map<std::string, std::set<std::string>>& rooms() {
  static const std::map<std::string, std::set<std::string>> allowed = {
      {"core", {}},
      {"sandbox", {"core"}},
      {"rewards", {"sandbox", "core"}},
      {"policy", {"core"}},
      {"rollout", {"policy", "core"}},
      {"grpo", {"rollout", "rewards", "policy", "core"}},
      {"pipelines", {"grpo", "rollout", "rewards", "sandbox", "policy", "core"}},
      {"cli", {"pipelines", "grpo", "rollout", "rewards", "sandbox", "policy", "core"}},
  };
  return allowed;
}

std::string room_of(const std::string& path) {
  const size_t slash = path.find('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool is_header(const std::string& path) {
  return path.ends_with(".h") || path.ends_with(".cuh");
}

bool is_source(const std::string& path) {
  return is_header(path) || path.ends_with(".cpp") || path.ends_with(".cu") || path.ends_with(".c");
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

struct Include {
  int line = 0;
  bool quoted = false;  // "..." and not <...>
  std::string name;
};

std::vector<Include> includes_of(const SourceFile& file) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*([<"])([^>"]+)[>"])re");
  std::vector<Include> includes;
  int number = 0;
  for (const std::string& line : lines_of(file.text)) {
    ++number;
    std::smatch match;
    if (line.find("include") == std::string::npos) continue;
    if (std::regex_search(line, match, pattern)) includes.push_back({number, match[1] == "\"", match[2]});
  }
  return includes;
}

bool is_libtorch(const std::string& name) {
  for (const char* folder : {"ATen/", "c10/", "torch/", "caffe2/"}) {
    if (name.starts_with(folder)) return true;
  }
  return name == "policy/torch_pch.h";
}

// A bare word: not part of a longer one.
bool has_word(std::string_view line, std::string_view word) {
  const auto is_part = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_part(line[at - 1])) && (end == line.size() || !is_part(line[end]))) return true;
  }
  return false;
}

// "trainer", "trainer_step" and "evaluate" of grpo/trainer.cpp and so on, and what these two share.
bool is_trainer_or_evaluate(const std::string& path) {
  return std::regex_search(path, std::regex("^grpo/((trainer|evaluate)(_[a-z_]+)?|scored_rollout|reward_errors|collector|distill_(trainer|options))\\.(h|cpp)$"));
}

}  // namespace

Violations check_room_dependencies(const SourceFile& file) {
  Violations found;
  const std::string room = room_of(file.path);
  const auto entry = rooms().find(room);
  if (entry == rooms().end()) return found;
  for (const Include& include : includes_of(file)) {
    const std::string other = room_of(include.name);
    const bool ours = rooms().contains(other) || other == "tests" || other == "benchmarks";
    if (!include.quoted || !ours || other == room || entry->second.contains(other)) continue;
    found.push_back(fmt::format("{}:{}: {} may not include {}", file.path, include.line, room, other));
  }
  return found;
}

Violations check_no_libtorch(const SourceFile& file) {
  Violations found;
  const std::string room = room_of(file.path);
  if (room != "core" && room != "sandbox" && room != "rewards") return found;
  for (const Include& include : includes_of(file)) {
    if (is_libtorch(include.name)) {
      found.push_back(fmt::format("{}:{}: {} may not include LibTorch", file.path, include.line, room));
    }
  }
  if (file.path.ends_with("CMakeLists.txt") &&
      (has_word(file.text, "TORCH") || has_word(file.text, "libtorch"))) {
    found.push_back(fmt::format("{}: {} may not link LibTorch", file.path, room));
  }
  return found;
}

// Of grpo/: what turns rewards into advantages, which needs no tensors.
bool is_plain_arithmetic(const std::string& path) {
  for (const char* name : {"advantage", "deviation", "kl_estimator", "reward_kl", "trained_tokens"}) {
    for (const char* end : {".h", ".cpp", "_options.cpp"}) {
      if (path == std::string("grpo/") + name + end) return true;
    }
  }
  return false;
}

Violations check_inside_grpo(const SourceFile& file) {
  Violations found;
  if (room_of(file.path) != "grpo") return found;
  const bool sees_all = is_trainer_or_evaluate(file.path);
  const bool is_plain = is_plain_arithmetic(file.path);
  for (const Include& include : includes_of(file)) {
    const std::string room = room_of(include.name);
    const std::string where = fmt::format("{}:{}: ", file.path, include.line);
    if (!sees_all && include.quoted && (room == "rollout" || room == "rewards")) {
      found.push_back(where + "only trainer and evaluate may include " + room);
    }
    const bool foreign = is_libtorch(include.name) ||
                         (include.quoted && room != "core" && !is_plain_arithmetic(include.name));
    if (is_plain && foreign) found.push_back(where + "advantage sees core alone");
  }
  return found;
}

Violations check_words(const SourceFile& file) {
  Violations found;
  if (!is_source(file.path)) return found;
  // In two pieces, so that this file does not break its own rule.
  const std::vector<std::string> unfinished = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X",
      "HA"
      "CK"};
  const std::string room = room_of(file.path);
  const bool is_library = rooms().contains(room) && room != "cli";
  int number = 0;
  for (const std::string& line : lines_of(file.text)) {
    const std::string where = fmt::format("{}:{}: ", file.path, ++number);
    for (const std::string& word : unfinished) {
      if (has_word(line, word)) found.push_back(where + word + " is unfinished work");
    }
    const std::string code = line.substr(0, line.find("//"));
    if (is_header(file.path) && has_word(code, "using namespace")) {
      found.push_back(where + "a header may not open a namespace for whoever includes it");
    }
    if (is_library && (has_word(code, "cout") || has_word(code, "printf") || has_word(code, "puts"))) {
      found.push_back(where + "a library may not print to stdout");
    }
  }
  return found;
}

Violations check_pragma_once(const SourceFile& file) {
  if (!is_header(file.path)) return {};
  for (const std::string& line : lines_of(file.text)) {
    if (line.empty() || line.starts_with("//")) continue;
    if (line == "#pragma once") return {};
    break;
  }
  return {file.path + ": a header begins with #pragma once"};
}

Violations check_includes_exist(const SourceFile& file, const std::vector<std::string>& paths) {
  Violations found;
  if (!is_source(file.path)) return found;
  for (const Include& include : includes_of(file)) {
    if (include.quoted && std::find(paths.begin(), paths.end(), include.name) == paths.end()) {
      found.push_back(fmt::format("{}:{}: \"{}\" is not a file of the project; write it from the root",
                                  file.path, include.line, include.name));
    }
  }
  return found;
}

Violations check_folder_names(const std::string& path) {
  static const std::set<std::string> empty_words = {"util", "utils", "common", "helper", "helpers", "misc"};
  Violations found;
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '/');) {
    const std::string stem = part.substr(0, part.find('.'));
    if (empty_words.contains(stem)) found.push_back(path + ": \"" + stem + "\" names no concept");
  }
  return found;
}

Violations check_type_names(const std::vector<SourceFile>& files) {
  static const std::regex opens(R"(^(?:inline )?namespace(?: ([\w:]+))? \{$)");
  static const std::regex defines(R"(^(?:class|struct|union|enum|enum class) (\w+)(?: final)?(?: : [^;]*)? \{.*$)");
  std::map<std::string, std::string> places;
  Violations found;
  for (const SourceFile& file : files) {
    if (!is_source(file.path) || room_of(file.path) == "tests" || room_of(file.path) == "benchmarks") continue;
    std::vector<std::string> namespaces;
    int number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      std::smatch match;
      if (std::regex_match(line, match, opens)) {
        namespaces.push_back(match[1].matched ? match[1].str() : "");
      } else if (line.starts_with("}  // namespace") && !namespaces.empty()) {
        namespaces.pop_back();
      } else if (std::regex_match(line, match, defines)) {
        if (std::find(namespaces.begin(), namespaces.end(), "") != namespaces.end()) continue;
        const std::string name = fmt::format("{}::{}", fmt::join(namespaces, "::"), match[1].str());
        const std::string place = fmt::format("{}:{}", file.path, number);
        const auto [first, is_new] = places.emplace(name, place);
        if (!is_new) found.push_back(fmt::format("{}: {} is defined at {} too", place, name, first->second));
      }
    }
  }
  return found;
}

Violations check_sizes(const std::vector<SourceFile>& files, const std::map<std::string, int>& allowed) {
  Violations found;
  std::map<std::string, int> unused = allowed;
  for (const SourceFile& file : files) {
    if (!is_source(file.path)) continue;
    const auto lines = static_cast<int>(std::count(file.text.begin(), file.text.end(), '\n'));
    const int limit = is_header(file.path) ? kHeaderLinesMax : kSourceLinesMax;
    const auto entry = allowed.find(file.path);
    unused.erase(file.path);
    if (entry == allowed.end()) {
      if (lines > limit) {
        found.push_back(
            fmt::format("{}: {} lines, the limit is {}: split it by concept", file.path, lines, limit));
      }
    } else if (lines > entry->second) {
      found.push_back(
          fmt::format("{}: {} lines, it was allowed {} and may not grow", file.path, lines, entry->second));
    } else if (lines <= limit) {
      found.push_back(
          fmt::format("{}: {} lines are within the limit now: remove its entry", file.path, lines));
    } else if (lines < entry->second - kSizeSlack) {
      found.push_back(
          fmt::format("{}: it has shrunk: lower its entry from {} to {}", file.path, entry->second, lines));
    }
  }
  for (const auto& [path, lines] : unused)
    found.push_back(path + ": listed with a size, but it does not exist");
  return found;
}

}  // namespace grpo
