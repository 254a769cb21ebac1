// grpo report: a run as one HTML page.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "pipelines/report/report.h"

namespace grpo {
namespace {

struct Options {
  std::string directory;
  std::string output;
};

int run(const Options& options) {
  const std::string output = options.output.empty() ? (std::filesystem::path(options.directory) / "report.html").string() : options.output;
  write_report(options.directory, output);
  std::fputs(fmt::format("{}\n", output).c_str(), stdout);
  return 0;
}

}  // namespace

void add_report_command(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("report", "a run as one HTML page");
  command->description(
      "Writes a page of a run's directory and prints its path: the pipeline, checkpoints against evaluation sets, time\n"
      "and tokens, and of every stage its curves and some samples. One file that opens from disk and asks the network\n"
      "for nothing. Of a run that is still going on it shows what there is.");
  command->add_option("directory", options->directory, "what grpo run was given as --out")->required()->check(CLI::ExistingDirectory);
  command->add_option("--output", options->output, "where to write the page [DIRECTORY/report.html]");
  command->footer("Example:\n  grpo report runs/quickstart");
  command->callback([options, &chosen] { chosen = [options] { return run(*options); }; });
}

}  // namespace grpo
