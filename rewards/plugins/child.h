#pragma once
// A program that runs beside us and answers lines with lines: one request on its stdin, one reply on its
// stdout, whatever it has to say to people on its stderr. It may hang, crash, flood its pipes, eat memory or
// start processes of its own; nothing of that costs more than the deadline of the call, and when it goes
// everything it started goes.

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rewards/plugins/launch_thread.h"
#include "rewards/plugins/line_log.h"

namespace grpo {

using Deadline = std::chrono::steady_clock::time_point;

struct ChildOptions {
  std::vector<std::string> command;      // [0]: the absolute path of the program
  std::vector<std::string> environment;  // "NAME=value"; all it gets
  std::string folder;                    // where it runs; empty: our current directory
  int64_t memory_bytes_max = 0;          // of it and what it started, while a call waits; 0: no limit
};

class Child {
 public:
  static constexpr size_t kReplyBytesMax = size_t{64} << 20;

  // Starts the program, as core/launch.h does, with pipes for the three standard streams. `launcher` and `log`
  // must outlive it. Throws Error if it cannot be started.
  Child(const ChildOptions& options, LaunchThread& launcher, LineLog& log);
  // Closes its stdin, gives it a second to end by itself, and kills what is left of its tree.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Running, and silent since its last reply.
  bool is_well();

  struct Exchange {
    bool replied = false;
    std::string reply;     // the line, without its end
    std::string failure;   // what happened instead, as a sentence about "the program"
    bool retired = false;  // it ended by itself with status 0 and without a byte of a reply
    bool exited = false;   // it ended, however
  };
  // Sends a request (a line with its end; empty: nothing) and waits for a line. After a failure only kill()
  // and the destructor make sense. `time_limit` says in messages how long that was.
  Exchange exchange(std::string_view request, Deadline deadline, std::string_view time_limit);

  // Kills it and all it started, at once.
  void kill();

  // The last lines of its stderr in this call.
  std::string stderr_tail() const { return stderr_lines_.tail(); }
  pid_t pid() const { return pid_; }

 private:
  bool exited();                       // without taking its status
  bool read_stdout(Exchange& result);  // true: `result` is complete
  void read_stderr();
  void send(std::string_view& request);
  void wait_for_events(bool sending, Deadline until);
  std::string ending();  // takes its status
  void reap();
  void close_pipes();

  const ChildOptions options_;
  std::string mark_;
  StderrLines stderr_lines_;
  pid_t pid_ = -1;  // -1: its status is taken
  int wait_status_ = 0;
  int pid_file_ = -1;  // readable once it has ended; -1 where the kernel has no such thing
  int stdin_ = -1;
  int stdout_ = -1;
  int stderr_ = -1;
  std::string unread_;   // of its stdout
  size_t searched_ = 0;  // of unread_, for the end of a line
};

}  // namespace grpo
