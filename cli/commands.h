#pragma once
// The commands of the program, one source file each. A command adds its flags to the parser; when it is the
// one named on the command line, `chosen` becomes what main then runs: parse, call the rooms below, print.

#include <functional>

namespace CLI {
class App;
}

namespace grpo {

// Runs a command and returns its exit status. Throws Error for what the user can mend.
using Command = std::function<int()>;

void add_check_command(CLI::App& app, Command& chosen);
void add_env_command(CLI::App& app, Command& chosen);
void add_eval_command(CLI::App& app, Command& chosen);
void add_export_command(CLI::App& app, Command& chosen);
void add_replay_command(CLI::App& app, Command& chosen);
void add_generate_command(CLI::App& app, Command& chosen);
void add_inspect_command(CLI::App& app, Command& chosen);
void add_judge_command(CLI::App& app, Command& chosen);
void add_logprobs_command(CLI::App& app, Command& chosen);
void add_report_command(CLI::App& app, Command& chosen);
void add_run_command(CLI::App& app, Command& chosen);
void add_score_command(CLI::App& app, Command& chosen);
void add_tokenize_command(CLI::App& app, Command& chosen);

}  // namespace grpo
