#include "sandbox/runner/worker.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "sandbox/box/memory_group.h"
#include "sandbox/box/root.h"
#include "sandbox/box/seccomp_filter.h"
#include "sandbox/runner/run_programs.h"
#include "sandbox/runner/warm_python.h"
#include "sandbox/wire.h"

namespace grpo {
namespace {

void check(bool done, const char* what) {
  if (!done) throw std::system_error(errno, std::generic_category(), what);
}

// The box's plans want descriptors of 10 and above; what is opened from now on is.
void occupy_low_descriptors() {
  int opened = 0;
  while (opened >= 0 && opened < 9) {
    opened = open("/dev/null", O_RDWR | O_CLOEXEC);
    check(opened >= 0, "/dev/null");
  }
  if (opened > 9) close(opened);
}

int moved_up(int descriptor) {
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
  check(moved >= 0, "fcntl");
  close(descriptor);
  return moved;
}

int open_folder(const char* path) {
  const int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  check(folder >= 0, path);
  return folder;
}

// What the supervisor set up outside is complete when it says so; if it is gone, so are we.
void await_user_map(int handshake) {
  char byte = 0;
  check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
  if (read(handshake, &byte, 1) != 1) _exit(1);
}

// It may have died while the death signal was off.
bool supervisor_is_gone(int handshake) {
  char byte = 0;
  return recv(handshake, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

void enter_slot(const SlotSettings& settings) {
  if (!at_least(settings.tier, Tier::kT2)) {
    check(chdir("/") == 0, "/");
    return;
  }
  if (settings.started_by_root) {
    check(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0, "cannot become the root of the user namespace");
    check(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");  // changing the user id cleared it
  }
  check(sethostname("box", 3) == 0, "sethostname");
  enter_new_root({.folders = settings.folders,
                  .cache = settings.cache,
                  .python_library = settings.python_library,
                  .new_proc = settings.tier == Tier::kT1});
}

std::unique_ptr<Isolation> isolation_of(const SlotSettings& settings) {
  return at_least(settings.tier, Tier::kT2) ? make_namespace_isolation(settings)
                                            : make_host_isolation(settings);
}

// Those of the paths that there are.
std::vector<int> opened(const std::vector<std::string>& paths) {
  std::vector<int> descriptors;
  for (const std::string& path : paths) {
    const int descriptor = open(path.c_str(), O_PATH | O_CLOEXEC);
    if (descriptor >= 0) descriptors.push_back(descriptor);
  }
  return descriptors;
}

// In a root of their own programs may read all that there is; in the host's, what that root would show.
std::vector<int> readable(const SlotSettings& settings) {
  if (at_least(settings.tier, Tier::kT2)) return {open_folder("/")};
  std::vector<std::string> paths = {"/usr",
                                    "/bin",
                                    "/sbin",
                                    "/lib",
                                    "/lib32",
                                    "/lib64",
                                    "/libx32",
                                    "/etc/alternatives",
                                    "/etc/ld.so.cache"};
  paths.insert(paths.end(), settings.folders.begin(), settings.folders.end());
  for (const auto& entry : std::filesystem::directory_iterator("/etc")) {
    if (entry.path().filename().string().starts_with("java-")) paths.push_back(entry.path());
  }
  for (const std::string& path : {settings.cache, settings.python_library}) {
    if (!path.empty()) paths.push_back(path);
  }
  return opened(paths);
}

std::vector<int> devices(const SlotSettings& settings) {
  if (at_least(settings.tier, Tier::kT2)) return {open_folder("/dev")};
  return opened({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"});
}

void pin(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core), &cores);
  check(sched_setaffinity(0, sizeof(cores), &cores) == 0, "sched_setaffinity");
}

void prefer_for_out_of_memory(int proc) {
  const int file = openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  // Before everything else on the host, after the programs, which go to 1000.
  [[maybe_unused]] const ssize_t written = write(file, "900", 3);
  close(file);
}

[[noreturn]] void serve(const Workplace& workplace, int socket) {
  for (;;) {
    std::optional<Message> message = receive_message(socket);
    if (!message) _exit(0);
    RunResult result;
    {
      RunRequest request;
      try {
        request = decode_request(std::move(*message));
        result = run_programs(workplace, request, socket);
      } catch (const std::exception& error) {
        result.failure = std::string("a request that cannot be read: ") + error.what();
      }
    }
    result.tier = workplace.settings.tier;
    result.slot = workplace.settings.slot;
    std::vector<int> descriptors;
    std::vector<Blob> keep;
    const Json body = encode(result, descriptors, keep);
    send_message(socket, body, descriptors);
  }
}

[[noreturn]] void work_or_throw(const SlotSettings& settings, int socket, int handshake) {
  signal(SIGPIPE, SIG_IGN);
  await_user_map(handshake);
  const int host_proc = open_folder("/proc");
  if (settings.core >= 0) pin(settings.core);
  prefer_for_out_of_memory(host_proc);
  MemoryCap memory(settings.memory_group, host_proc);
  OwnMemory own_memory(host_proc);
  enter_slot(settings);
  const bool proc_is_own = settings.tier != Tier::kT2;
  const std::unique_ptr<Isolation> isolation = isolation_of(settings);
  const std::string& library = settings.python_library;
  WarmPython warm_python(library.empty() ? "" : "/runner" + library.substr(library.rfind('/')),
                         settings.folders);
  const Workplace workplace{.isolation = *isolation,
                            .warm_python = warm_python,
                            .memory = memory,
                            .own_memory = own_memory,
                            .proc = proc_is_own ? open_folder("/proc") : host_proc,
                            .proc_is_own = proc_is_own,
                            .landlock_abi = settings.landlock_abi,
                            .readable = readable(settings),
                            .devices = devices(settings),
                            .nothing = open("/dev/null", O_RDONLY | O_CLOEXEC),
                            .settings = settings};
  if (proc_is_own) close(host_proc);
  check(workplace.nothing >= 0, "/dev/null");
  put_filter_on_self(settings.worker_filter);
  if (supervisor_is_gone(handshake)) _exit(1);
  close(handshake);
  serve(workplace, socket);
}

}  // namespace

void work(const SlotSettings& settings, int socket, int handshake) {
  try {
    occupy_low_descriptors();
    socket = moved_up(socket);
    handshake = moved_up(handshake);
  } catch (const std::exception&) {
    _exit(1);
  }
  try {
    work_or_throw(settings, socket, handshake);
  } catch (const std::exception& error) {
    send(handshake, error.what(), strlen(error.what()), MSG_NOSIGNAL);
    _exit(1);
  }
}

}  // namespace grpo
