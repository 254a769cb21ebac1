#include "sandbox/runner/running_program.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>

#include "sandbox/box/files.h"
#include "sandbox/box/landlock.h"
#include "sandbox/box/limits.h"

namespace grpo {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// No core fills memory faster; a program cannot grow past its limit unseen by more than this in one interval.
constexpr int64_t kFillBytesPerMs = int64_t{8} << 20;
constexpr int64_t kTmpfsSlackBytes = 64 << 10;
constexpr int64_t kTmpfsSlackInodes = 8;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// The bytes of a Blob from their beginning, with an offset of its own, and not writable.
Descriptor open_anew(int proc, int descriptor) {
  char path[48];
  snprintf(path, sizeof(path), "self/fd/%d", descriptor);
  Descriptor anew(openat(proc, path, O_RDONLY | O_CLOEXEC));
  if (!anew) fail("cannot open a memory file anew");
  return anew;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// What the execution of a program fails with when it is the host that has too little, whatever the program is.
bool is_shortage(int error) {
  return error == EAGAIN || error == ENOMEM || error == ENFILE || error == EMFILE;
}

const std::array<std::string, 4> kEnvironment = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/box",
                                                 "TMPDIR=/tmp", "LANG=C.UTF-8"};

}  // namespace

RunningProgram::RunningProgram(const Workplace& workplace, const Program& program, int index)
    : workplace_(workplace),
      program_(program),
      index_(index),
      out_(program.limits.stdout_bytes),
      error_(program.limits.stderr_kept_bytes) {
  if (program.command.empty()) throw std::runtime_error("a program without a command");
  const Limits& limits = program.limits;
  const Room room = room_of(program.files);
  files_ = workplace.isolation.make_files(index, limits.tmp_bytes + room.bytes + kTmpfsSlackBytes,
                                          limits.tmp_files + room.inodes + kTmpfsSlackInodes);
  BoxPlan who;
  workplace.isolation.complete(index, who);
  write_files(files_.get(), program.files, who.user, who.change_user);
  if (!program.files.empty()) files_bytes_before_ = files_bytes();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) fail("pipe2");
  report_reading_ = Descriptor(ends[0]);
  report_writing_ = Descriptor(ends[1]);
  const int write_below[] = {files_.get()};
  ruleset_ =
      Descriptor(make_ruleset(workplace.landlock_abi, {workplace.readable, write_below, workplace.devices}));
}

RunningProgram::~RunningProgram() {
  if (running_) {
    workplace_.isolation.kill(start_);
    reap();
  }
  if (start_.descriptor >= 0) close(start_.descriptor);
  workplace_.isolation.discard_files(index_);
}

void RunningProgram::connect_pipes(Descriptor input, Descriptor output) {
  input_ = std::move(input);
  output_elsewhere_ = std::move(output);
}

void RunningProgram::connect_peer(Descriptor peer) {
  peer_ = std::move(peer);
}

void RunningProgram::fill_plan() {
  plan_.files = files_.get();
  plan_.input = input_ ? input_.get() : workplace_.nothing;
  plan_.output = output_elsewhere_ ? output_elsewhere_.get() : out_.writing();
  plan_.error = error_.writing();
  plan_.peer = peer_.get();
  plan_.report = report_writing_.get();
  plan_.ruleset = ruleset_.get();
  plan_.executable = program_.executable ? program_.executable->descriptor() : -1;
  set_resource_limits(plan_, program_.limits, workplace_.isolation.uncounted_processes());
  const std::vector<sock_filter>& filter = workplace_.settings.program_filter;
  if (filter.size() > kPlanFilterMax) throw std::runtime_error("the program filter is too long");
  std::copy(filter.begin(), filter.end(), plan_.filter);
  plan_.num_filter = static_cast<int>(filter.size());
  workplace_.isolation.complete(index_, plan_);
}

void RunningProgram::start() {
  if (!input_ && !program_.input.empty()) input_ = open_anew(workplace_.proc, program_.input.descriptor());
  fill_plan();
  environment_.assign(kEnvironment.begin(), kEnvironment.end());
  environment_.insert(environment_.end(), program_.environment.begin(), program_.environment.end());
  const bool warm =
      program_.warm_python && workplace_.isolation.clones_from_outside() && workplace_.warm_python.prepare();
  command_ = program_.command;
  for (std::string& word : command_) word = workplace_.isolation.path_for(index_, word);
  for (std::string& word : environment_) word = workplace_.isolation.path_for(index_, word);
  if (program_.warm_python && !warm) {
    command_ = workplace_.warm_python.fresh_command(command_);
    environment_.insert(environment_.end(), {"PYTHONHASHSEED=0", "PYTHONINTMAXSTRDIGITS=0"});
  }
  arguments_ = pointers(command_);
  variables_ = pointers(environment_);
  worker_bytes_ = workplace_.own_memory.forget_peak();
  started_ = Clock::now();
  start_ = warm ? start_python(arguments_.data(), variables_.data())
                : workplace_.isolation.start(index_, plan_, arguments_.data(), variables_.data());
  if (start_.init < 0) {
    errno = start_.error;
    fail("cannot clone the init of a box");
  }
  running_ = true;
  input_.reset();
  peer_.reset();
  output_elsewhere_.reset();
  report_writing_.reset();
  out_.close_writing();
  error_.close_writing();
  next_cpu_ = started_ + milliseconds(program_.limits.cpu_ms);
  next_wall_ = started_ + milliseconds(program_.limits.wall_limit_ms());
  next_memory_ = started_ + milliseconds(program_.limits.memory_bytes / kFillBytesPerMs + 1);
}

BoxStart RunningProgram::start_python(char* const* arguments, char* const* environment) {
  std::optional<BoxStart> start = workplace_.warm_python.start(plan_, arguments, environment);
  if (!start && workplace_.warm_python.prepare())
    start = workplace_.warm_python.start(plan_, arguments, environment);
  if (!start) throw std::runtime_error("the warm Python interpreter does not live");
  return *start;
}

void RunningProgram::dismiss() {
  if (!running_ || dismissed_) return;
  dismissed_ = true;
  result_.cpu_us = tree().cpu_us();
  workplace_.isolation.kill(start_);
}

const ProcessTree& RunningProgram::tree() {
  if (!tree_) {
    tree_.emplace(workplace_.proc,
                  workplace_.proc_is_own ? start_.init : pid_in(workplace_.proc, start_.descriptor));
  }
  return *tree_;
}

void RunningProgram::end(LimitFired limit) {
  if (!running_ || result_.limit != LimitFired::kNone) return;
  result_.limit = limit;
  // The times of what dies with its init are lost to init's own account.
  result_.cpu_us = tree().cpu_us();
  workplace_.isolation.kill(start_);
}

void RunningProgram::read_output() {
  out_.drain(program_.limits.stdout_bytes);
  if (out_.bytes() > program_.limits.stdout_bytes) end(LimitFired::kStdout);
}

void RunningProgram::read_error() {
  error_.drain(program_.limits.stderr_bytes);
  if (error_.bytes() > program_.limits.stderr_bytes) end(LimitFired::kStderr);
}

int64_t RunningProgram::files_bytes() const {
  return workplace_.isolation.files_bytes(index_, files_.get());
}

void RunningProgram::look_at_memory(Clock::time_point now) {
  const ProcessTree::Memory memory = tree().memory();
  const int64_t files = files_bytes() - files_bytes_before_;
  int64_t bytes = memory.bytes + files;
  const int64_t limit = watched_memory_bytes(program_.limits);
  if (bytes > limit && memory.processes > 1) bytes = tree().proportional_bytes() + files;
  // Without a file system of its own, a box that holds too many files has more bytes than any number.
  result_.peak_memory_bytes =
      std::max(result_.peak_memory_bytes, bytes - files + std::min(files, program_.limits.tmp_bytes));
  address_peak_ = std::max(address_peak_, memory.address_peak);
  if (bytes > limit) end(LimitFired::kMemory);
  next_memory_ = now + milliseconds(std::clamp<int64_t>((limit - bytes) / kFillBytesPerMs, 2, 100));
}

microseconds RunningProgram::waited() {
  return microseconds(running_ ? tree().waited_us() : 0);
}

// A machine that is busy with other things must not make a program slow in our eyes: what it (or the one it waits for)
// lost to others is added to its time.
void RunningProgram::look_at_wall_clock(Clock::time_point now) {
  const Limits& limits = program_.limits;
  const auto lost = waited() + (companion_ != nullptr ? companion_->waited() : microseconds(0));
  next_wall_ = std::min<Clock::time_point>(started_ + milliseconds(limits.wall_limit_ms()) + lost,
                                           started_ + milliseconds(limits.wall_most_ms()));
  if (now >= next_wall_) end(LimitFired::kWall);
}

Clock::time_point RunningProgram::watch(Clock::time_point now) {
  if (!running_) return Clock::time_point::max();
  const Limits& limits = program_.limits;
  if (now >= next_wall_) look_at_wall_clock(now);
  if (result_.limit != LimitFired::kNone) return Clock::time_point::max();
  if (now >= next_cpu_ || now >= next_memory_) {
    if (now >= next_cpu_) {
      // All of a slot runs on one core: what is left of the CPU time cannot be used up in less time than that.
      const int64_t left_us = limits.cpu_ms * 1'000 - tree().cpu_us();
      if (left_us <= 0) end(LimitFired::kCpu);
      next_cpu_ = now + microseconds(std::max<int64_t>(left_us, 2'000));
    }
    if (now >= next_memory_) look_at_memory(now);
  }
  return std::min({next_wall_, next_cpu_, next_memory_});
}

void RunningProgram::reap() {
  int status = 0;
  rusage used{};
  while (wait4(start_.init, &status, __WALL, &used) < 0 && errno == EINTR) {
  }
  running_ = false;
  const auto wall = Clock::now() - started_;
  result_.wall_us = std::chrono::duration_cast<microseconds>(wall).count();
  const auto us = [](const timeval& t) { return static_cast<int64_t>(t.tv_sec) * 1'000'000 + t.tv_usec; };
  result_.cpu_us = std::max(result_.cpu_us, us(used.ru_utime) + us(used.ru_stime));
  // Up to the worker's own peak it may be the worker's.
  const int64_t peak = static_cast<int64_t>(used.ru_maxrss) * 1024;
  result_.peak_memory_bytes =
      std::max(result_.peak_memory_bytes,
               peak > OwnMemory::peak_bytes() ? peak : std::min(peak, worker_bytes_));
}

void RunningProgram::note_kernel_kill() {
  if (result_.limit == LimitFired::kNone) result_.limit = LimitFired::kMemory;
}

ProgramResult RunningProgram::result() {
  // Nobody is left to write: what the pipes hold is all. Somebody else's copy of a writing end would not keep us.
  read_output();
  read_error();
  const Limits& limits = program_.limits;
  if (result_.limit == LimitFired::kNone) {
    if (out_.bytes() > limits.stdout_bytes) result_.limit = LimitFired::kStdout;
    if (error_.bytes() > limits.stderr_bytes) result_.limit = LimitFired::kStderr;
    if (result_.cpu_us > limits.cpu_ms * 1'000) result_.limit = LimitFired::kCpu;
  }
  BoxReport report;
  const bool reported = read(report_reading_.get(), &report, sizeof(report)) == sizeof(report);
  if (!reported && result_.limit == LimitFired::kNone && !dismissed_) {
    throw std::runtime_error("the init of a box died without a word");
  }
  if (reported && (report.kind == BoxReport::kNotIsolated || report.kind == BoxReport::kNotRestricted)) {
    throw std::runtime_error("a box failed in " + std::string(box_step_name(report.step)) + ": " +
                             std::generic_category().message(report.status));
  }
  if (reported && report.kind == BoxReport::kNotExecuted && is_shortage(report.status)) {
    throw std::runtime_error("the host cannot execute a program: " + std::generic_category().message(report.status));
  }
  result_.out = out_.take();
  result_.error = error_.take();
  if (reported && report.kind == BoxReport::kNotExecuted) {
    result_.exit_code = 127;
    result_.error =
        "cannot execute " + program_.command[0] + ": " + std::generic_category().message(report.status);
  } else if (reported && WIFEXITED(report.status)) {
    result_.exit_code = WEXITSTATUS(report.status);
  } else if (reported && result_.limit == LimitFired::kNone) {
    result_.signal = WTERMSIG(report.status);
  }
  if (!reported && dismissed_) result_.signal = SIGKILL;
  result_.out_bytes = out_.bytes();
  result_.error_bytes = error_.bytes();
  // The kernel's own clock, where a single process got there before the worker's.
  if (result_.signal == SIGXCPU) {
    result_.signal = 0;
    result_.limit = LimitFired::kCpu;
  }
  if (result_.limit == LimitFired::kNone && result_.signal == 0 &&
      result_.peak_memory_bytes > limits.memory_bytes) {
    result_.limit = LimitFired::kMemory;
  }
  // Virtual machines reserve addresses that they never use: theirs say nothing.
  const int64_t peak = std::max(result_.peak_memory_bytes, limits.reserve_freely ? 0 : address_peak_);
  result_.near_memory_limit = peak >= limits.memory_bytes / 20 * 19;
  for (const std::string& path : program_.outputs) {
    result_.outputs.push_back(grpo::read_output(files_.get(), path, limits.file_bytes));
  }
  return std::move(result_);
}

}  // namespace grpo
