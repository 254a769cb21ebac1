// Every row of the catalogue is tested: by an attack here, or by a test that the catalogue names.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/sandbox/attacks/catalogue.h"
#include "tests/sandbox/tiers/promises.h"

namespace grpo {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Catalogue, CoversEveryRowHereOrElsewhere) {
  std::set<int> here;
  std::set<int> elsewhere;
  for (const Attack& attack : attacks()) here.insert(attack.row);
  for (const Elsewhere& row : covered_elsewhere()) elsewhere.insert(row.row);
  for (int row = 1; row <= kRows; ++row) {
    EXPECT_EQ(here.count(row) + elsewhere.count(row), 1u) << "row " << row;
  }
  EXPECT_EQ(here.size() + elsewhere.size(), static_cast<size_t>(kRows));
}

TEST(Catalogue, NamesTestsThatExist) {
  for (const Elsewhere& row : covered_elsewhere()) {
    const std::string text = text_of(GRPO_SOURCE_DIR "/" + row.file);
    const std::string name = row.test.substr(row.test.find('.') + 1);
    const std::string suite = row.test.substr(0, row.test.find('.'));
    EXPECT_TRUE(text.find("(" + suite + ", " + name + ")") != std::string::npos)
        << row.test << " in " << row.file;
    EXPECT_TRUE(name.starts_with(fmt::format("Row{:02}", row.row))) << row.test;
  }
}

// Line ends and indentation as single spaces.
std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += (line.empty() ? "" : " ") + word;
  return line;
}

TEST(Catalogue, NamesWhatLowerTiersDoNotPromiseInTheWordsOfTheDocs) {
  const std::string docs = in_one_line(text_of(GRPO_SOURCE_DIR "/docs/sandbox.md"));
  for (const NotPromised& entry : not_promised()) {
    EXPECT_TRUE(docs.find(entry.why) != std::string::npos) << entry.why;
    const std::string suite = entry.test.substr(0, entry.test.find('.'));
    const std::string name = entry.test.substr(entry.test.find('.') + 1);
    const std::string declared = "(" + suite + ", " + (name == "*" ? "" : name + ")");
    EXPECT_TRUE(text_of(GRPO_SOURCE_DIR "/" + entry.file).find(declared) != std::string::npos)
        << entry.test << " in " << entry.file;
  }
}

// Their tests skip by what promises.h says, and where a tool or a sandbox cannot be had; by nothing else.
TEST(Catalogue, RowsOnCompilersAndJudgesHaveNoReasonsOfTheirOwnToSkip) {
  for (const Elsewhere& row : covered_elsewhere()) {
    if (row.row < 54 || row.row > 83) continue;
    EXPECT_TRUE(text_of(GRPO_SOURCE_DIR "/" + row.file).find("GTEST_SKIP") == std::string::npos) << row.file;
  }
}

TEST(Catalogue, NamesEachAttackOnce) {
  std::map<std::string, int> names;
  for (const Attack& attack : attacks()) EXPECT_EQ(++names[test_name(attack)], 1) << test_name(attack);
}

TEST(Catalogue, SaysInEachProgramWhichRowItIs) {
  for (const Attack& attack : attacks()) {
    const bool python = attack.program.ends_with(".py");
    const std::string path =
        GRPO_SOURCE_DIR "/tests/sandbox/attacks/programs/" + attack.program + (python ? "" : ".cpp");
    const std::string start = fmt::format("{} Row {}: ", python ? "#" : "//", attack.row);
    EXPECT_TRUE(text_of(path).starts_with(start)) << path;
  }
}

}  // namespace
}  // namespace grpo
