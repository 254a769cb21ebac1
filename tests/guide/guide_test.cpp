// The pages of docs/guide do what they say: their files are written to a folder, their commands run there,
// and what these print is what the page shows.

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/file.h"
#include "tests/programs_and_ports.h"
#include "tests/guide/page.h"
#include "tests/sandbox/host_allows.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

std::string with(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Runs the commands of a block in one shell, in `folder`; what each printed on stdout.
std::vector<std::string> outputs_of(const PageCommands& commands, const TemporaryFolder& folder,
                                    const fs::path& bin) {
  std::string script = "export PATH='" + bin.string() +
                       "':\"$PATH\" GRPO_INCLUDE='" GRPO_SOURCE_DIR
                       "/rewards/plugins' CUDA_VISIBLE_DEVICES=\ncd '" +
                       folder.path() + "'\n";
  for (size_t i = 0; i < commands.size(); ++i) {
    // Every command's output in a file of its own; what runs in the background keeps none of ours open.
    script += "exec >'" + bin.string() + "/out" + std::to_string(i) + "'\n" + commands[i].command + "\n";
  }
  const fs::path file = bin / "script";
  std::ofstream(file) << script;
  const int status = std::system(("bash '" + file.string() + "' </dev/null 2>'" + bin.string() + "/err'").c_str());
  EXPECT_NE(status, -1);
  std::vector<std::string> outputs;
  for (size_t i = 0; i < commands.size(); ++i)
    outputs.push_back(read_file((bin / ("out" + std::to_string(i))).string()));
  return outputs;
}

// "your-own-reward" -> "YourOwnReward".
std::string page_name(const std::string& page) {
  std::string name;
  bool begins = true;
  for (const char c : page) {
    if (c != '-') name += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = c == '-';
  }
  return name;
}

class Guide : public ::testing::TestWithParam<std::string> {};

TEST_P(Guide, CommandsPrintWhatThePageShows) {
  for (const char* program : {"bash", "python3", "cc"}) {
    if (!has_program(program)) GTEST_SKIP() << "there is no " << program;
  }
  if (GetParam() == "code") {
    if (const std::string denied = host_denies(Tier::kT3); !denied.empty()) GTEST_SKIP() << denied;
  }
  const TemporaryFolder folder, tools;
  fs::create_symlink(GRPO_PROGRAM, tools.file("grpo"));
  // The page names a port that somebody else may be using.
  const std::string text =
      with(read_file(GRPO_SOURCE_DIR "/docs/guide/" + GetParam() + ".md"), "8321", unused_port());
  size_t num_commands = 0;
  for (const PageStep& step : read_page(text)) {
    if (const auto* file = std::get_if<PageFile>(&step)) {
      folder.write(file->name, file->text);
      continue;
    }
    const auto& commands = std::get<PageCommands>(step);
    const std::vector<std::string> outputs = outputs_of(commands, folder, tools.path());
    for (size_t i = 0; i < commands.size(); ++i) {
      ++num_commands;
      EXPECT_EQ(outputs[i], commands[i].output)
          << GetParam() << ".md:" << commands[i].line << ": " << commands[i].command << "\n"
          << read_file(tools.file("err"));
    }
  }
  EXPECT_GT(num_commands, 0u);
}

INSTANTIATE_TEST_SUITE_P(Pages, Guide, ::testing::Values("r1-zero", "your-own-reward", "distil", "code"),
                         [](const auto& page) { return page_name(page.param); });

TEST(GuidePage, HoldsFilesAndCommandsInTheirOrder) {
  const std::vector<PageStep> steps =
      read_page("text\n```python a.py\nx = 1\n```\n```json\n{}\n```\n```console\n$ one\n1\n2\n$ two\n```\n");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(std::get<PageFile>(steps[0]).name, "a.py");
  EXPECT_EQ(std::get<PageFile>(steps[0]).text, "x = 1\n");
  const auto& commands = std::get<PageCommands>(steps[1]);
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].line, 9);
  EXPECT_EQ(commands[0].command, "one");
  EXPECT_EQ(commands[0].output, "1\n2\n");
  EXPECT_EQ(commands[1].output, "");
}

}  // namespace
}  // namespace grpo
