#pragma once
// One program of a run while it runs: its pipes, its clock, its memory, and what ended it.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/box/memory_group.h"
#include "sandbox/box/output_pipe.h"
#include "sandbox/box/process_tree.h"
#include "sandbox/run.h"
#include "sandbox/runner/isolation.h"
#include "sandbox/runner/own_memory.h"
#include "sandbox/runner/warm_python.h"

namespace grpo {

using Clock = std::chrono::steady_clock;

// What all programs of a worker share.
struct Workplace {
  Isolation& isolation;
  WarmPython& warm_python;
  MemoryCap& memory;
  OwnMemory& own_memory;
  int proc;          // descriptor of a /proc that shows the boxes' processes
  bool proc_is_own;  // it numbers processes as the worker does
  int landlock_abi;
  std::vector<int> readable;  // descriptors of what Landlock lets programs read and execute, and all below
  std::vector<int> devices;   // and of what they may also write to
  int nothing;                // /dev/null
  const SlotSettings& settings;
};

class RunningProgram {
 public:
  // Makes files, pipes and rules. `input`: what becomes its stdin, borrowed; -1: program.input. Throws std::exception
  // if the sandbox fails.
  RunningProgram(const Workplace& workplace, const Program& program, int index);
  ~RunningProgram();  // kills it if it runs
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;

  // Uses these in place of its own stdin and stdout (to be called before start; owned by this object from now on).
  void connect_pipes(Descriptor input, Descriptor output);
  void connect_peer(Descriptor peer);
  // Whom it talks to, and waits for. Outlives every call of watch.
  void accompany(RunningProgram& companion) { companion_ = &companion; }

  void start();

  // For poll: -1 where there is nothing to wait for.
  int ended() const { return running_ ? start_.descriptor : -1; }
  int output() const { return is_heard() ? out_.reading() : -1; }
  int error() const { return is_heard() ? error_.reading() : -1; }
  bool running() const { return running_; }

  // Reads what the program wrote; ends it if that was too much.
  void read_output();
  void read_error();
  // Looks at clock and memory if it is time to; ends the program if it exceeds a limit. Returns when to look next.
  Clock::time_point watch(Clock::time_point now);
  // The program's stdout went elsewhere, and was too much.
  void end(LimitFired limit);
  // Ends the program, which has nobody left to talk to. Not a limit: how it ended by itself still counts, if it did.
  void dismiss();
  // The kernel killed processes of the slot because the slot's control group was full, and it was this program's doing.
  void note_kernel_kill();
  bool met_memory_limit() const { return result_.limit == LimitFired::kMemory; }
  // Reaps the box, after ended() became readable.
  void reap();

  // After reap: what came of it. Throws std::runtime_error if the sandbox failed.
  ProgramResult result();

 private:
  void fill_plan();
  BoxStart start_python(char* const* arguments, char* const* environment);
  const ProcessTree& tree();
  void look_at_memory(Clock::time_point now);
  void look_at_wall_clock(Clock::time_point now);
  std::chrono::microseconds waited();
  int64_t files_bytes() const;
  // What a program that is being killed has written waits in its pipes, which would be readable all the time, for result().
  bool is_heard() const { return running_ && result_.limit == LimitFired::kNone && !dismissed_; }

  const Workplace& workplace_;
  const Program& program_;
  const int index_;
  Descriptor files_;
  int64_t files_bytes_before_ = 0;
  Descriptor input_, peer_, ruleset_, output_elsewhere_;
  Descriptor report_reading_, report_writing_;
  OutputPipe out_, error_;
  // Read by the init and the program while they start: unchanged until the box is reaped.
  BoxPlan plan_;
  std::vector<std::string> command_, environment_;
  std::vector<char*> arguments_, variables_;
  BoxStart start_;
  bool running_ = false;
  bool dismissed_ = false;
  std::optional<ProcessTree> tree_;
  RunningProgram* companion_ = nullptr;
  Clock::time_point started_, next_cpu_, next_memory_, next_wall_;
  int64_t address_peak_ = 0;
  int64_t worker_bytes_ = 0;  // of the worker, when the program was started
  ProgramResult result_;
};

}  // namespace grpo
