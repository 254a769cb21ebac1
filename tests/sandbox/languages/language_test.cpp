#include "sandbox/languages/language.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "sandbox/languages/compile_log.h"

namespace grpo {
namespace {

TEST(Languages, AreFoundByTheTagsOfFencedBlocksAndDataSets) {
  const std::vector<std::pair<std::string, std::string>> tags = {{"c++", "cpp"},
                                                                 {"cpp17", "cpp"},
                                                                 {"C++20", "cpp"},
                                                                 {"cc", "cpp"},
                                                                 {"CPP", "cpp"},
                                                                 {"py", "python"},
                                                                 {"py3", "python"},
                                                                 {"Python3", "python"},
                                                                 {"PyPy", "python"},
                                                                 {"js", "javascript"},
                                                                 {"rs", "rust"},
                                                                 {"golang", "go"},
                                                                 {"nodejs", "javascript"},
                                                                 {"node", "javascript"},
                                                                 {"Java", "java"},
                                                                 {"sh", "bash"},
                                                                 {"c", "c"},
                                                                 {"C", "c"},
                                                                 {"JavaScript", "javascript"}};
  for (const auto& [tag, name] : tags) {
    const ProgrammingLanguage* language = find_language(tag);
    ASSERT_NE(language, nullptr) << tag;
    EXPECT_EQ(language->name, name) << tag;
  }
  for (const char* unknown : {"", "brainfuck", "c+", "text", "cpp "}) {
    EXPECT_EQ(find_language(unknown), nullptr) << unknown;
  }
}

TEST(Languages, NoTwoShareAName) {
  std::set<std::string> names;
  for (const ProgrammingLanguage& language : languages()) {
    EXPECT_TRUE(names.insert(language.name).second) << language.name;
    for (const std::string& alias : language.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
  }
}

TEST(Languages, CompiledOnesLeaveArtefactsAndHaveLimits) {
  for (const ProgrammingLanguage& language : languages()) {
    EXPECT_FALSE(language.run.empty()) << language.name;
    EXPECT_FALSE(language.tools.empty()) << language.name;
    EXPECT_EQ(language.compile.empty(), language.artefacts.empty()) << language.name;
    EXPECT_GE(language.time_factor, 1.0) << language.name;
    EXPECT_TRUE(!language.runs_artefact || language.artefacts.size() == 1) << language.name;
    EXPECT_TRUE(language.compile.empty() || language.compile_limits.cpu_ms >= 10'000) << language.name;
  }
}

TEST(Toolchains, EveryPathIsTheProgramItself) {
  for (const ProgrammingLanguage& language : languages()) {
    const auto toolchain = find_toolchain(language);
    if (!toolchain) continue;
    ASSERT_EQ(toolchain->paths.size(), language.tools.size()) << language.name;
    for (const std::string& path : toolchain->paths) {
      EXPECT_EQ(std::filesystem::canonical(path), path) << language.name;
      EXPECT_EQ(access(path.c_str(), X_OK), 0) << path;
      EXPECT_EQ(path.find("/shims/"), std::string::npos) << path;
      EXPECT_NE(std::filesystem::path(path).filename(), "rustup") << path;
    }
    EXPECT_NE(toolchain->version.find_first_of("0123456789"), std::string::npos) << language.name;
    for (const std::string& folder : toolchain->folders) {
      EXPECT_TRUE(std::filesystem::is_directory(folder)) << folder;
      EXPECT_NE(folder, "/") << language.name;
    }
  }
}

TEST(Toolchains, MissingOneNamesToolAndPackage) {
  ProgrammingLanguage language = *find_language("go");
  language.tools = {"gopher-that-is-not-there"};
  std::string missing;
  EXPECT_FALSE(find_toolchain(language, &missing));
  EXPECT_EQ(missing, "gopher-that-is-not-there is not installed");
  language.tools = {"bash", "nodejs-that-is-not-there|nor-this"};
  EXPECT_FALSE(find_toolchain(language, &missing));
  EXPECT_EQ(missing, "nodejs-that-is-not-there is not installed");
  std::string found = "untouched?";
  if (find_toolchain(*find_language("bash"), &found)) {
    EXPECT_EQ(found, "");
  }
  const ProgrammingLanguage& go = *find_language("go");
  if (!find_toolchain(go, &missing)) {
    EXPECT_EQ(missing, "go is not installed (Debian and Ubuntu: apt-get install golang-go)");
  }
}

TEST(CompileLog, HasNoEscapeSequencesAndNoControlCharacters) {
  EXPECT_EQ(clean_log("\x1b[01;31merror:\x1b[0m x\r\n\x1b]8;;http://e\x1b\\link\x1b]8;;\a\b\n"),
            "error: x\nlink\n");
  EXPECT_EQ(clean_log("a\x1b"), "a");
  EXPECT_EQ(clean_log("a\x1b[12"), "a");
  EXPECT_EQ(clean_log(std::string_view("a\0b\tc", 5)), "ab\tc");
  EXPECT_EQ(clean_log("\xff\xc3\xa9"), "\xff\xc3\xa9");
}

TEST(CompileLog, NamesFilesAsTheyWereHandedIn) {
  EXPECT_EQ(clean_log("/box/main.cpp:1:2: error: '/box/x.h'\n  in /box/y"),
            "main.cpp:1:2: error: 'x.h'\n  in y");
  EXPECT_EQ(clean_log("/sandbox/main /a/box/b"), "/sandbox/main /a/box/b");
}

TEST(CompileLog, DoesNotDependOnTheNamesOfTemporaryFiles) {
  EXPECT_EQ(clean_log("ld: /tmp/ccAb12Zz.o: in /tmp/rustc0x9Yq1/a.rlib"),
            "ld: (temporary).o: in (temporary)/a.rlib");
  EXPECT_EQ(clean_log("/tmp/ccx /tmp/rustc"), "/tmp/ccx /tmp/rustc");
}

TEST(CompileLog, DoesNotSayWhereABoxIsThatHasNoRootOfItsOwn) {
  const std::string box = "/tmp/grpo-boxes-120-I1c37u/slot-0/box-0-14/";
  EXPECT_EQ(clean_log("ld: " + box + "ccXEh5hj.o: in " + box + "main.cpp:1"), "ld: (temporary).o: in main.cpp:1");
  EXPECT_EQ(clean_log("/tmp/grpo-boxes-1/slot-0 /tmp/grpo-boxes"), "/tmp/grpo-boxes-1/slot-0 /tmp/grpo-boxes");
}

TEST(CompileLog, LongOneKeepsItsBeginningAndSaysWhatIsMissing) {
  const std::string clean = clean_log("first line\nsecond line\nthird", 15);
  EXPECT_EQ(clean, "first line\n[17 more bytes]\n");
  EXPECT_EQ(clean_log(std::string(100, 'x'), 10), std::string(10, 'x') + "\n[90 more bytes]\n");
}

}  // namespace
}  // namespace grpo
