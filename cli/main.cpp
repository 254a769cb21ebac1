// The program `grpo`: finds the command that is named, runs it, and says what went wrong where one fails.
// Exit status: 0 done, 1 failed, 2 bad usage.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "cli/commands.h"
#include "cli/library_path.h"
#include "cli/thread_waiting.h"
#include "core/error.h"
#include "core/version.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

int run(const grpo::Command& command) {
  try {
    return command();
  } catch (const grpo::Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
  } catch (const std::exception& e) {
    // LibTorch puts a stack trace behind the first line.
    const std::string text = e.what();
    std::fprintf(stderr, "error: %s\n", text.substr(0, text.find('\n')).c_str());
  }
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  grpo::wait_briefly(argv);
  grpo::restore_library_path();
  std::signal(SIGXFSZ, SIG_IGN);  // a file beyond the limit (ulimit -f) is an error with a path, as a full disk is
  CLI::App app("Post-trains language models with GRPO.", "grpo");
  app.set_version_flag("--version", std::string("grpo ") + grpo::kVersion);
  app.require_subcommand(1);
  app.footer("grpo COMMAND --help says more, with an example.\nExit status: 0 done, 1 failed, 2 bad usage.");
  grpo::Command chosen;
  grpo::add_run_command(app, chosen);
  grpo::add_report_command(app, chosen);
  grpo::add_check_command(app, chosen);
  grpo::add_eval_command(app, chosen);
  grpo::add_generate_command(app, chosen);
  grpo::add_logprobs_command(app, chosen);
  grpo::add_score_command(app, chosen);
  grpo::add_judge_command(app, chosen);
  grpo::add_tokenize_command(app, chosen);
  grpo::add_inspect_command(app, chosen);
  grpo::add_export_command(app, chosen);
  grpo::add_replay_command(app, chosen);
  grpo::add_env_command(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kBadUsage;
  }
  return run(chosen);
}
