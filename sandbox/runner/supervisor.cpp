#include "sandbox/runner/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "sandbox/box/descriptor.h"
#include "sandbox/box/kernel.h"
#include "sandbox/box/memory_group.h"
#include "sandbox/box/seccomp_filter.h"
#include "sandbox/runner/boxes_folder.h"
#include "sandbox/runner/tier_probe.h"
#include "sandbox/runner/user_map.h"
#include "sandbox/runner/worker.h"
#include "sandbox/wire.h"

namespace grpo {
namespace {

struct Worker {
  MemoryGroup memory;  // goes last
  SlotSettings settings;
  pid_t id = -1;
  Descriptor process;    // pidfd
  Descriptor handshake;  // until it is ready
  Descriptor socket;     // the owner's end, until it is ready
};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::pair<Descriptor, Descriptor> socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<int> cores_allowed() {
  cpu_set_t cores;
  std::vector<int> allowed;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return allowed;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<size_t>(core), &cores)) allowed.push_back(core);
  }
  return allowed;
}

// What lies beside this program.
std::string beside(const char* name) {
  std::error_code none;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", none).parent_path() / name;
  return std::filesystem::exists(path, none) ? path.string() : "";
}

bool has_namespaces(Tier tier) {
  return at_least(tier, Tier::kT2);
}

std::vector<Worker> plan_workers(const Json& greeting, const HostTier& host, const std::string& boxes_folder,
                                 ReservedUsers& users) {
  const int slots = greeting.at("slots").get<int>();
  const std::vector<int> cores = cores_allowed();
  SlotSettings settings;
  settings.tier = host.tier;
  settings.landlock_abi = host.landlock_abi;
  settings.started_by_root = geteuid() == 0;
  settings.boxes_folder = boxes_folder;
  settings.folders = greeting.at("folders").get<std::vector<std::string>>();
  settings.cache = greeting.at("cache").get<std::string>();
  settings.python_library = beside("libgrpo_zygote.so");
  settings.worker_filter = worker_filter();
  settings.program_filter = program_filter();
  if (settings.started_by_root) users = reserve_users(2 * slots);
  std::vector<Worker> workers(static_cast<size_t>(slots));
  for (int i = 0; i < slots; ++i) {
    settings.slot = i;
    settings.core = cores.empty() ? -1 : cores[static_cast<size_t>(i) % cores.size()];
    settings.first_outer_user = users.first + static_cast<uid_t>(2 * i);
    workers[static_cast<size_t>(i)].memory = MemoryGroup::make(i);
    settings.memory_group = workers[static_cast<size_t>(i)].memory.path();
    workers[static_cast<size_t>(i)].settings = settings;
  }
  return workers;
}

// In the new worker: nothing of the supervisor's stays open, above all not the control socket.
[[noreturn]] void become_worker(const SlotSettings& settings, Descriptor socket, Descriptor handshake) {
  const int first = std::min(socket.get(), handshake.get()), second = std::max(socket.get(), handshake.get());
  kernel::close_range(3, static_cast<unsigned>(first) - 1, 0);
  if (second > first + 1) {
    kernel::close_range(static_cast<unsigned>(first) + 1, static_cast<unsigned>(second) - 1, 0);
  }
  kernel::close_range(static_cast<unsigned>(second) + 1, ~0U, 0);
  work(settings, socket.release(), handshake.release());
}

long clone_into_namespaces(int& process) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                    CLONE_NEWCGROUP | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(&process);
  arguments.exit_signal = SIGCHLD;
  return kernel::clone3(arguments);
}

void start(Worker& worker) {
  auto [owner_end, worker_end] = socket_pair();
  auto [our_handshake, its_handshake] = socket_pair();
  int process = -1;
  const bool namespaces = has_namespaces(worker.settings.tier);
  const long id = namespaces ? clone_into_namespaces(process) : kernel::clone_plain(SIGCHLD, process);
  if (id < 0) fail("cannot clone a worker into new namespaces");
  if (id == 0) become_worker(worker.settings, std::move(worker_end), std::move(its_handshake));
  worker.id = static_cast<pid_t>(id);
  worker.process = Descriptor(process);
  worker.handshake = std::move(our_handshake);
  worker.socket = std::move(owner_end);
  if (namespaces)
    write_user_maps(worker.id, worker.settings.started_by_root, worker.settings.first_outer_user);
  worker.memory.add(worker.id);  // before it has children; where it fails there is the watch
  if (send(worker.handshake.get(), "m", 1, MSG_NOSIGNAL) != 1) fail("a worker died at once");
}

// The worker is ready, or says why it is not.
void finish_handshake(Worker& worker, int control) {
  char text[4096];
  const ssize_t got = recv(worker.handshake.get(), text, sizeof(text), 0);
  if (got > 0)
    throw Error(std::string(text, static_cast<size_t>(got)), "sandbox: a worker that sets up its slot");
  worker.handshake.reset();
  // Its end of the handshake also closes when it dies.
  pollfd alive{worker.process.get(), POLLIN, 0};
  if (got < 0 || poll(&alive, 1, 0) != 0) throw Error("a worker died while it set up its slot", "sandbox");
  const int socket = worker.socket.get();
  send_message(control, {{"slot", worker.settings.slot}}, {&socket, 1});
  worker.socket.reset();
}

bool is_worker(const std::vector<Worker>& workers, pid_t id) {
  return std::any_of(workers.begin(), workers.end(), [id](const Worker& worker) { return worker.id == id; });
}

bool has_orphans(const std::vector<Worker>& workers) {
  std::ifstream children("/proc/thread-self/children");
  for (pid_t id = 0; children >> id;) {
    if (!is_worker(workers, id)) return true;
  }
  return false;
}

void reap(Worker& worker) {
  while (waitpid(worker.id, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  worker.id = -1;
  worker.process.reset();
}

// Without namespaces, the inits of a worker that died are handed to us; they end what is below them, and then
// themselves. Waits for that: the next worker of the slot uses the same user ids.
void reap_orphans(const std::vector<Worker>& workers) {
  for (int waited_ms = 0; waited_ms < 2'000; ++waited_ms) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0) return;
    if (info.si_pid == 0) {
      if (!has_orphans(workers)) return;
      usleep(1'000);
    } else if (is_worker(workers, info.si_pid)) {
      return;  // a worker has died: serve() sees to it first, and comes back here
    } else {
      waitpid(info.si_pid, nullptr, __WALL);
    }
  }
}

void end_all(std::vector<Worker>& workers) {
  for (Worker& worker : workers) {
    if (worker.id > 0) kill(worker.id, SIGKILL);
  }
  for (Worker& worker : workers) {
    if (worker.id > 0) reap(worker);
  }
  reap_orphans(workers);
}

// What the owner says: that a slot's worker hangs. It is killed, and seen to as any that died. False: the owner is gone.
bool listen_to_owner(int control, const std::vector<Worker>& workers) {
  const std::optional<Message> message = receive_message(control);
  if (!message) return false;
  const int slot = message->body.value("replace", -1);
  for (const Worker& worker : workers) {
    if (worker.settings.slot == slot && worker.id > 0) kill(worker.id, SIGKILL);
  }
  return true;
}

// Until the owner closes the control socket.
void serve(int control, std::vector<Worker>& workers) {
  for (Worker& worker : workers) start(worker);
  std::vector<pollfd> waiting;
  for (;;) {
    waiting.assign(1, {control, POLLIN | POLLRDHUP, 0});
    for (const Worker& worker : workers) {
      waiting.push_back({worker.handshake.get(), POLLIN, 0});
      waiting.push_back({worker.process.get(), POLLIN, 0});
    }
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) fail("poll");
    if (waiting[0].revents != 0 && !listen_to_owner(control, workers)) return;
    for (size_t i = 0; i < workers.size(); ++i) {
      Worker& worker = workers[i];
      if (waiting[1 + 2 * i].revents != 0) {
        finish_handshake(worker, control);
      } else if (waiting[2 + 2 * i].revents != 0) {
        reap(worker);
        if (!has_namespaces(worker.settings.tier)) reap_orphans(workers);
        start(worker);
      }
    }
  }
}

void say(int control, const Json& message) {
  try {
    send_message(control, message, {});
  } catch (const std::exception&) {
    // The owner is gone, and with it the reason to tell.
  }
}

}  // namespace

int supervise(int control) {
  std::optional<BoxesFolder> boxes_folder;
  ReservedUsers users;
  std::vector<Worker> workers;
  try {
    const std::optional<Message> greeting = receive_message(control);
    if (!greeting) return 0;
    const HostTier host = probe_tier();
    const int minimum = greeting->body.at("minimum_tier").get<int>();
    if (!host.possible || static_cast<int>(host.tier) > minimum) {
      say(control,
          {{"error", "the host allows tier " + tier_name(host.tier) + " at best"}, {"why", host.why}});
      return 1;
    }
    if (!has_namespaces(host.tier)) {
      boxes_folder.emplace();
      // Not killed with its owner, but told by the end of the control socket: there is a folder to remove.
      prctl(PR_SET_PDEATHSIG, 0);
      prctl(PR_SET_CHILD_SUBREAPER, 1);
    }
    workers = plan_workers(greeting->body, host, boxes_folder ? boxes_folder->path() : "", users);
    say(control, {{"tier", static_cast<int>(host.tier)}, {"why", host.why}});
    serve(control, workers);
    end_all(workers);
    return 0;
  } catch (const std::exception& error) {
    end_all(workers);
    say(control, {{"error", error.what()}});
    return 1;
  }
}

}  // namespace grpo
