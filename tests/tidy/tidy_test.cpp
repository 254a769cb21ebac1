#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/tidy/rules.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// The files that are longer than the limit, with the lines they have. It only ever gets shorter.
const std::map<std::string, int> kLongFiles = {};

const std::vector<SourceFile>& project() {
  static const std::vector<SourceFile> files = [] {
    std::vector<SourceFile> read;
    for (const char* folder : {"core", "sandbox", "rewards", "policy", "rollout", "grpo", "pipelines", "cli",
                               "tests", "benchmarks", "cmake", "scripts"}) {
      const fs::path root = fs::path(GRPO_SOURCE_DIR) / folder;
      if (!fs::is_directory(root)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root)) {
        const fs::path& path = entry.path();
        const std::string kind = path.extension().string();
        const bool is_text = kind == ".h" || kind == ".cuh" || kind == ".cpp" || kind == ".cu" ||
                             kind == ".c" || path.filename() == "CMakeLists.txt";
        if (!entry.is_regular_file() || !is_text) continue;
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        read.push_back({fs::relative(path, GRPO_SOURCE_DIR).string(), text.str()});
      }
    }
    return read;
  }();
  return files;
}

std::string joined(const Violations& violations) {
  std::string text;
  for (const std::string& violation : violations) text += violation + "\n";
  return text;
}

template <typename Rule>
void expect_project_follows(Rule rule) {
  for (const SourceFile& file : project()) EXPECT_EQ(joined(rule(file)), "");
}

SourceFile including(const std::string& path, const std::string& include) {
  return {path, "#pragma once\n#include " + include + "\n"};
}

// --- every rule bites

TEST(TidyRules, ARoomMayIncludeOnlyTheRoomsBelowIt) {
  const auto breaks = [](const std::string& path, const std::string& include) {
    return !check_room_dependencies(including(path, include)).empty();
  };
  EXPECT_TRUE(breaks("core/a.h", "\"policy/policy.h\""));
  EXPECT_TRUE(breaks("rewards/a.cpp", "\"grpo/advantage.h\""));
  EXPECT_TRUE(breaks("policy/io/a.h", "\"rollout/engine.h\""));
  EXPECT_TRUE(breaks("rollout/a.h", "\"rewards/reward.h\""));
  EXPECT_TRUE(breaks("grpo/a.h", "\"sandbox/run.h\""));
  EXPECT_TRUE(breaks("pipelines/a.h", "\"cli/main.h\""));
  EXPECT_TRUE(breaks("core/a.h", "\"tests/throws_error.h\""));
  EXPECT_FALSE(breaks("core/a.h", "\"core/error.h\""));
  EXPECT_FALSE(breaks("core/a.h", "<fmt/format.h>"));
  EXPECT_FALSE(breaks("grpo/a.h", "\"rollout/engine.h\""));
  EXPECT_FALSE(breaks("cli/a.cpp", "\"sandbox/run.h\""));
  EXPECT_FALSE(breaks("tests/core/a.cpp", "\"cli/main.h\""));
  EXPECT_EQ(joined(check_room_dependencies(including("core/a.h", "\"policy/policy.h\""))),
            "core/a.h:2: core may not include policy\n");
}

TEST(TidyRules, GradersMayNotSeeLibTorch) {
  for (const char* room : {"core", "sandbox", "rewards"}) {
    const std::string folder = room;
    for (const char* include :
         {"<ATen/ATen.h>", "<torch/library.h>", "<c10/core/Device.h>", "<torch/torch.h>"}) {
      EXPECT_FALSE(check_no_libtorch(including(folder + "/a.h", include)).empty()) << folder << include;
    }
    EXPECT_FALSE(check_no_libtorch({folder + "/CMakeLists.txt", "grpo_room(x TORCH SOURCES a.cpp)"}).empty());
    EXPECT_FALSE(check_no_libtorch({folder + "/CMakeLists.txt", "DEPS libtorch::cpu)"}).empty());
    EXPECT_TRUE(check_no_libtorch({folder + "/CMakeLists.txt", "grpo_room(x SOURCES a.cpp)"}).empty());
    EXPECT_TRUE(check_no_libtorch(including(folder + "/a.h", "<vector>")).empty());
  }
  EXPECT_TRUE(check_no_libtorch(including("policy/a.h", "<ATen/ATen.h>")).empty());
}

TEST(TidyRules, InsideGrpoOnlyTrainerAndEvaluateSeeRolloutAndRewards) {
  const auto breaks = [](const std::string& path, const std::string& include) {
    return !check_inside_grpo(including(path, include)).empty();
  };
  EXPECT_TRUE(breaks("grpo/packing.h", "\"rollout/engine.h\""));
  EXPECT_TRUE(breaks("grpo/policy_loss.cpp", "\"rewards/rubric.h\""));
  EXPECT_TRUE(breaks("grpo/retrainer.cpp", "\"rewards/rubric.h\""));
  EXPECT_FALSE(breaks("grpo/trainer.h", "\"rollout/engine.h\""));
  EXPECT_FALSE(breaks("grpo/trainer_step.cpp", "\"rewards/rubric.h\""));
  EXPECT_FALSE(breaks("grpo/evaluate.cpp", "\"rewards/rubric.h\""));
  EXPECT_FALSE(breaks("grpo/scored_rollout.h", "\"rollout/engine.h\""));
  EXPECT_TRUE(breaks("grpo/rollout.h", "\"rollout/engine.h\""));
  EXPECT_FALSE(breaks("grpo/packing.h", "\"policy/policy.h\""));
}

TEST(TidyRules, AdvantageSeesCoreAlone) {
  const auto breaks = [](const std::string& include) {
    return !check_inside_grpo(including("grpo/advantage.cpp", include)).empty();
  };
  EXPECT_TRUE(breaks("<ATen/ATen.h>"));
  EXPECT_TRUE(breaks("\"policy/policy.h\""));
  EXPECT_TRUE(breaks("\"grpo/packing.h\""));
  EXPECT_FALSE(breaks("\"core/types.h\""));
  EXPECT_FALSE(breaks("\"grpo/advantage.h\""));
  EXPECT_FALSE(breaks("<vector>"));
}

TEST(TidyRules, UnfinishedWorkIsFound) {
  for (const std::string word : {"TO"
                                 "DO",
                                 "FIX"
                                 "ME",
                                 "XX"
                                 "X",
                                 "HA"
                                 "CK"}) {
    EXPECT_EQ(check_words({"core/a.cpp", "int a;  // " + word + ": later\n"}).size(), 1u) << word;
    EXPECT_TRUE(check_words({"core/a.cpp", "int " + word + "S;\n"}).empty()) << word;
  }
}

TEST(TidyRules, AHeaderMayNotOpenANamespace) {
  EXPECT_EQ(check_words({"core/a.h", "using namespace std;\n"}).size(), 1u);
  EXPECT_TRUE(check_words({"core/a.h", "// never using namespace std;\n"}).empty());
  EXPECT_TRUE(check_words({"core/a.cpp", "using namespace std;\n"}).empty());
}

TEST(TidyRules, ALibraryMayNotPrintToStdout) {
  for (const std::string line : {"std::cout << 1;", "std::printf(\"1\");", "puts(\"1\");"}) {
    EXPECT_EQ(check_words({"rollout/a.cpp", line + "\n"}).size(), 1u) << line;
    EXPECT_TRUE(check_words({"cli/a.cpp", line + "\n"}).empty()) << line;
    EXPECT_TRUE(check_words({"tests/core/a_test.cpp", line + "\n"}).empty()) << line;
  }
  EXPECT_TRUE(check_words({"core/a.cpp", "std::fprintf(stderr, \"1\"); snprintf(b, 1, \"1\");\n"}).empty());
}

TEST(TidyRules, AHeaderBeginsWithPragmaOnce) {
  EXPECT_TRUE(check_pragma_once({"a/b.h", "#pragma once\nint a;\n"}).empty());
  EXPECT_TRUE(check_pragma_once({"a/b.h", "// What it is.\n\n#pragma once\n"}).empty());
  EXPECT_FALSE(check_pragma_once({"a/b.h", "#include <vector>\n#pragma once\n"}).empty());
  EXPECT_FALSE(check_pragma_once({"a/b.h", ""}).empty());
  EXPECT_TRUE(check_pragma_once({"a/b.cpp", "int a;\n"}).empty());
}

TEST(TidyRules, IncludesAreWrittenFromTheRoot) {
  const std::vector<std::string> paths = {"core/error.h", "core/error.cpp"};
  EXPECT_TRUE(check_includes_exist(including("core/error.cpp", "\"core/error.h\""), paths).empty());
  EXPECT_FALSE(check_includes_exist(including("core/error.cpp", "\"error.h\""), paths).empty());
  EXPECT_FALSE(check_includes_exist(including("core/error.cpp", "\"../core/error.h\""), paths).empty());
  EXPECT_TRUE(check_includes_exist(including("core/error.cpp", "<anything.h>"), paths).empty());
}

TEST(TidyRules, FoldersAndFilesAreNamedAfterAConcept) {
  for (const std::string path :
       {"core/utils/a.h", "common/a.h", "core/helpers.h", "policy/misc/a.h", "core/util.cpp"}) {
    EXPECT_FALSE(check_folder_names(path).empty()) << path;
  }
  EXPECT_TRUE(check_folder_names("core/common_prefix.h").empty());
}

TEST(TidyRules, ALongFileMayShrinkButNotGrow) {
  const auto lines = [](const std::string& path, int count) {
    return std::vector<SourceFile>{{path, std::string(static_cast<size_t>(count), '\n')}};
  };
  EXPECT_TRUE(check_sizes(lines("a/b.cpp", kSourceLinesMax), {}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.cpp", kSourceLinesMax + 1), {}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.h", kHeaderLinesMax + 1), {}).empty());
  EXPECT_TRUE(check_sizes(lines("a/b.cpp", 600), {{"a/b.cpp", 600}}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.cpp", 601), {{"a/b.cpp", 600}}).empty());
  EXPECT_TRUE(check_sizes(lines("a/b.cpp", 600 - kSizeSlack), {{"a/b.cpp", 600}}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.cpp", 599 - kSizeSlack), {{"a/b.cpp", 600}}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.cpp", 100), {{"a/b.cpp", 600}}).empty());
  EXPECT_FALSE(check_sizes(lines("a/b.cpp", 100), {{"a/gone.cpp", 600}}).empty());
}

TEST(Tidy, ATypeHasOneDefinition) {
  const auto in = [](const std::string& path, const std::string& body) {
    return SourceFile{path, "namespace grpo {\n" + body + "}  // namespace grpo\n"};
  };
  const SourceFile reader = in("rewards/words.h", "class Reader {\n};\nenum class Kind : char { kA };\nstruct Later;\n");
  EXPECT_EQ(check_type_names({reader, in("sandbox/words.h", "struct Reader {\n};\n")}).size(), 1u);
  EXPECT_EQ(check_type_names({reader, in("sandbox/words.h", "struct Kind {\n};\nclass Reader : public Kind {\n};\n")}).size(), 2u);
  EXPECT_TRUE(check_type_names({reader}).empty());
  EXPECT_TRUE(check_type_names({reader, in("a/b.h", "class Reader;\nstruct Reader::Impl {\n};\nstruct Later {\n};\n")}).empty());
  EXPECT_TRUE(check_type_names({reader, in("a/b.cpp", "namespace {\nstruct Reader {\n};\n}  // namespace\n")}).empty());
  EXPECT_TRUE(check_type_names({reader, in("a/b.h", "namespace math {\nstruct Reader {\n};\n}  // namespace math\n")}).empty());
  EXPECT_TRUE(check_type_names({reader, in("tests/b.h", "struct Reader {\n};\n")}).empty());
}

// --- and the project follows them

TEST(Tidy, TheProjectIsFound) {
  const auto& files = project();
  EXPECT_GT(files.size(), 50u) << "in " << GRPO_SOURCE_DIR;
  EXPECT_TRUE(
      std::any_of(files.begin(), files.end(), [](const auto& f) { return f.path == "core/error.h"; }));
}

TEST(Tidy, RoomsIncludeOnlyTheRoomsBelowThem) {
  expect_project_follows(check_room_dependencies);
}

TEST(Tidy, CoreSandboxAndRewardsKnowNothingOfLibTorch) {
  expect_project_follows(check_no_libtorch);
}

TEST(Tidy, InsideGrpoOnlyTrainerAndEvaluateSeeRolloutAndRewards) {
  expect_project_follows(check_inside_grpo);
}

TEST(Tidy, NoWorkIsLeftUnfinishedAndNoLibraryPrints) {
  expect_project_follows(check_words);
}

TEST(Tidy, EveryHeaderBeginsWithPragmaOnce) {
  expect_project_follows(check_pragma_once);
}

TEST(Tidy, EveryIncludeNamesAFileFromTheRoot) {
  std::vector<std::string> paths;
  for (const SourceFile& file : project()) paths.push_back(file.path);
  expect_project_follows([&](const SourceFile& file) { return check_includes_exist(file, paths); });
}

TEST(Tidy, FoldersAndFilesAreNamedAfterAConcept) {
  expect_project_follows([](const SourceFile& file) { return check_folder_names(file.path); });
}

TEST(Tidy, NoTypeIsDefinedTwice) { EXPECT_EQ(joined(check_type_names(project())), ""); }

TEST(Tidy, NoFileIsTooLong) {
  EXPECT_EQ(joined(check_sizes(project(), kLongFiles)), "");
}

}  // namespace
}  // namespace grpo
