#include "core/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "core/error.h"

#include <boost/asio/io_context.hpp>
#include <boost/process/v2/posix/vfork_launcher.hpp>
#include <boost/process/v2/process.hpp>

namespace grpo {
namespace {

namespace fs = std::filesystem;
namespace process = boost::process::v2;

// No handler of ours may run in a child that shares our memory.
class WithoutSignals {
 public:
  WithoutSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~WithoutSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutSignals(const WithoutSignals&) = delete;
  WithoutSignals& operator=(const WithoutSignals&) = delete;

 private:
  sigset_t before_;
};

// Where the child writes what failed; closed by exec. The library has no such thing for vfork, and where a sanitizer
// makes a fork of that, nothing that the child notes in memory is seen here.
class Report {
 public:
  // Its end for the child lies above `last`.
  explicit Report(int last) {
    if (pipe2(ends_, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
    const int moved = fcntl(ends_[1], F_DUPFD_CLOEXEC, last + 1);
    const int error = errno;
    close(ends_[1]);
    ends_[1] = moved;
    if (moved >= 0) return;
    close(ends_[0]);
    throw std::system_error(error, std::generic_category());
  }
  ~Report() {
    close(ends_[0]);
    if (ends_[1] >= 0) close(ends_[1]);
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  int write_end() const { return ends_[1]; }
  // 0: the program runs. Otherwise what errno was.
  int read_all() {
    close(ends_[1]);
    ends_[1] = -1;
    int error = 0;
    ssize_t got = 0;
    while ((got = read(ends_[0], &error, sizeof error)) < 0 && errno == EINTR) {
    }
    return got == sizeof error ? error : 0;
  }

 private:
  int ends_[2] = {-1, -1};
};

// What happens between vfork and exec: system calls alone.
struct Setup {
  const Launch& launch;
  const char* const* environment;
  int* moved;  // one for each descriptor
  int last;    // the highest of their numbers
  int report;  // above it
  pid_t parent;

  template <typename Launcher>
  process::error_code on_setup(Launcher& launcher, const process::filesystem::path&, const char* const*&) {
    launcher.env = environment;
    for (int theirs = 3; theirs <= last; ++theirs) launcher.fd_whitelist.push_back(theirs);
    launcher.fd_whitelist.push_back(report);
    return {};
  }

  template <typename Launcher>
  process::error_code on_exec_setup(Launcher&, const process::filesystem::path&, const char* const*&) {
    if (!isolate()) return {errno, boost::system::system_category()};
    return {};
  }

  // Leaving by exit() would run our destructors in the child.
  template <typename Launcher>
  void on_exec_error(Launcher&, const process::filesystem::path&, const char* const*&,
                     const process::error_code& error) {
    const int number = error.value();
    [[maybe_unused]] const ssize_t written = write(report, &number, sizeof number);
    _exit(127);
  }
  // The library asks whether there is a function of five arguments, and then calls the one of four.
  template <typename Launcher>
  void on_exec_error(Launcher& launcher, const process::error_code&, const process::filesystem::path& path,
                     const char* const*& words, const process::error_code& error) {
    on_exec_error(launcher, path, words, error);
  }

 private:
  bool isolate() const {
    setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
    if (getppid() != parent) _exit(127);  // it died before it could take us with it
    if (!place_descriptors()) return false;
    if (!launch.folder.empty() && chdir(launch.folder.c_str()) != 0) return false;
    const rlimit no_core = {.rlim_cur = 1, .rlim_max = 1};  // 0 would still start the host's core handler
    setrlimit(RLIMIT_CORE, &no_core);                       // fails only where it is 0 for good
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
  }

  // First out of each other's way, then each to its place.
  bool place_descriptors() const {
    const size_t count = launch.descriptors.size();
    for (size_t i = 0; i < count; ++i) {
      moved[i] = fcntl(launch.descriptors[i].ours, F_DUPFD_CLOEXEC, report + 1);
      if (moved[i] < 0) return false;
    }
    const int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int nothing = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, report + 1);
    if (nothing < 0) return false;
    for (int theirs = 0; theirs <= last; ++theirs) {
      int source = theirs <= 2 ? nothing : -1;
      for (size_t i = 0; i < count; ++i) {
        if (launch.descriptors[i].theirs == theirs) source = moved[i];
      }
      if (source < 0) {
        close(theirs);
      } else if (dup2(source, theirs) < 0) {
        return false;
      }
    }
    close_between(last + 1, report - 1);
    close_between(report + 1, -1);
    return true;
  }

  // Last -1: all. (The launcher's own closing leaves open what lies below the last of those it keeps.)
  static void close_between(int first, int last) {
    if (last >= 0 && first > last) return;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, static_cast<unsigned>(first), static_cast<unsigned>(last), 0U) == 0) return;
#endif
    const long limit = sysconf(_SC_OPEN_MAX);
    const int end = last >= 0 ? last : static_cast<int>(limit > 0 ? limit : 65536);
    for (int descriptor = first; descriptor <= end; ++descriptor) close(descriptor);
  }
};

[[noreturn]] void fail(const Launch& launch, int error) {
  const std::string& program = launch.command[0];
  const std::string said = std::generic_category().message(error);
  std::error_code ignored;
  if (!launch.folder.empty() && !fs::is_directory(launch.folder, ignored)) {
    throw Error(fmt::format("cannot start {}: there is no folder {}", program, launch.folder), launch.folder);
  }
  if (error == ENOENT && fs::exists(program, ignored)) {
    throw Error(fmt::format("cannot start {}: the interpreter or loader that it asks for is not there", program),
                program, "look at its first line, or at what `file` says of it");
  }
  std::string fix;
  if (error == EACCES || error == ENOEXEC) fix = "is it a program, and may it be executed?";
  throw Error(fmt::format("cannot start {}: {}", program, said), program, fix);
}

// Returns 0 or what errno was.
int start(const Launch& launch, Setup setup, Report& report, pid_t& id) {
  boost::asio::io_context context;
  process::posix::vfork_launcher launcher;
  process::error_code failure;
  {
    const WithoutSignals guard;
    try {
      // Of the handle that the library makes only the id is wanted.
      auto child = launcher(context.get_executor(), failure, launch.command[0],
                            std::vector<std::string>(launch.command.begin() + 1, launch.command.end()), setup);
      if (!failure) child.detach();
    } catch (const boost::system::system_error&) {
      // No handle, for lack of descriptors or in an old kernel: the program runs without.
    }
  }
  if (launcher.pid <= 0) return failure ? failure.value() : EAGAIN;
  const int error = report.read_all();
  if (error != 0) {
    while (waitpid(launcher.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error;
  }
  id = launcher.pid;
  return 0;
}

}  // namespace

pid_t launch(const Launch& launch) {
  GRPO_CHECK(!launch.command.empty());
  int last = 2;
  for (const Launch::Descriptor& descriptor : launch.descriptors) {
    if (fcntl(descriptor.ours, F_GETFD) < 0) fail(launch, errno);  // later its number may be one of ours
    last = std::max(last, descriptor.theirs);
  }
  std::vector<const char*> environment;
  for (const std::string& variable : launch.environment) environment.push_back(variable.c_str());
  environment.push_back(nullptr);
  std::vector<int> moved(launch.descriptors.size(), -1);
  pid_t id = -1;
  int error = 0;
  try {
    Report report(last);
    error = start(launch,
                  Setup{.launch = launch,
                        .environment = environment.data(),
                        .moved = moved.data(),
                        .last = last,
                        .report = report.write_end(),
                        .parent = getpid()},
                  report, id);
  } catch (const std::system_error& no_pipe) {
    error = no_pipe.code().value();
  }
  if (error != 0) fail(launch, error);
  return id;
}

}  // namespace grpo
