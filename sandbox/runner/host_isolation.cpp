#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "sandbox/box/folder_tree.h"
#include "sandbox/box/host_box.h"
#include "sandbox/box/kernel.h"
#include "sandbox/runner/isolation.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr int kScopesAbi = 6;  // from here on Landlock itself keeps signals inside

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Where a program shares its user with the rest of the system: what files and processes of that user must not suffer,
// and what Landlock does not see.
std::vector<sock_filter> filter_of_shared_user(int landlock_abi) {
  std::vector<std::pair<int, unsigned>> calls;
  // Changing modes has no effect and says nothing: linkers and unpackers do it to their own files.
  for (const int call : {SYS_chmod, SYS_fchmod, SYS_fchmodat, 452 /* fchmodat2 */})
    calls.emplace_back(call, 0);
  for (const int call : {SYS_chown,
                         SYS_fchown,
                         SYS_lchown,
                         SYS_fchownat,
                         SYS_utime,
                         SYS_utimes,
                         SYS_futimesat,
                         SYS_utimensat,
                         SYS_setxattr,
                         SYS_lsetxattr,
                         SYS_fsetxattr,
                         SYS_removexattr,
                         SYS_lremovexattr,
                         SYS_fremovexattr,
                         463 /* setxattrat */,
                         466 /* removexattrat */,
                         SYS_setpriority,
                         SYS_ioprio_set,
                         SYS_sched_setscheduler,
                         SYS_sched_setparam,
                         SYS_sched_setattr}) {
    calls.emplace_back(call, EPERM);
  }
  if (landlock_abi < kScopesAbi) {
    for (const int call : {SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
                           SYS_pidfd_send_signal}) {
      calls.emplace_back(call, EPERM);
    }
  }
  std::vector<sock_filter> code = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const auto& [call, error] : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  // prlimit64 of another process.
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 3));
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
  code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  return code;
}

// Tasks of this user, which the kernel counts against the limit of each of his processes.
int64_t tasks_of_user(uid_t user) {
  int64_t tasks = 0;
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename().string();
    if (name[0] < '0' || name[0] > '9') continue;
    std::ifstream status(entry.path() / "status");
    long uid = -1, threads = 0;
    for (std::string line; std::getline(status, line);) {
      std::sscanf(line.c_str(), "Uid: %ld", &uid);
      if (std::sscanf(line.c_str(), "Threads: %ld", &threads) == 1) break;
    }
    if (uid == static_cast<long>(user)) tasks += threads;
  }
  return tasks;
}

// The text with `inside` replaced by `host` wherever it stands as a path: at its start or after one of =:, and before a
// slash or an end.
std::string replace_path(std::string text, const std::string& inside, const std::string& host) {
  for (size_t at = text.find(inside); at != std::string::npos; at = text.find(inside, at)) {
    const size_t end = at + inside.size();
    const bool starts = at == 0 || std::string_view("=:,").find(text[at - 1]) != std::string_view::npos ||
                        (at == 2 && text[0] == '-');  // -I/box, -L/box
    const bool ends = end == text.size() || std::string_view("/:,").find(text[end]) != std::string_view::npos;
    if (starts && ends) {
      text.replace(at, inside.size(), host);
      at += host.size();
    } else {
      at = end;
    }
  }
  return text;
}

class HostIsolation final : public Isolation {
 public:
  explicit HostIsolation(const SlotSettings& settings)
      : settings_(settings), place_(settings.boxes_folder + "/slot-" + std::to_string(settings.slot)) {
    // What a worker of this slot that was killed left behind.
    Descriptor all(open(settings.boxes_folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!all) fail("the folder of the boxes");
    remove_tree(all.get(), ("slot-" + std::to_string(settings.slot)).c_str());
    std::error_code there;
    fs::create_directory(place_, there);
    slot_ = Descriptor(open(place_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!slot_ || fchmod(slot_.get(), own_users() ? 0711 : 0700) != 0) fail("the folder of a slot");
    if (!own_users()) filter_ = filter_of_shared_user(settings.landlock_abi);
  }

  Descriptor make_files(int index, int64_t bytes, int64_t inodes) override {
    Box& box = boxes_[static_cast<size_t>(index)];
    box = {"box-" + std::to_string(index) + "-" + std::to_string(++runs_), bytes, inodes};
    if (mkdirat(slot_.get(), box.name.c_str(), 0700) != 0) fail("the folder of a box");
    Descriptor folder(openat(slot_.get(), box.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!folder || (own_users() && fchown(folder.get(), user(index), user(index)) != 0))
      fail("the folder of a box");
    return folder;
  }

  void discard_files(int index) override {
    Box& box = boxes_[static_cast<size_t>(index)];
    if (!box.name.empty()) remove_tree(slot_.get(), box.name.c_str());
    box = {};
  }

  int64_t files_bytes(int index, int folder) const override {
    const Box& box = boxes_[static_cast<size_t>(index)];
    const int64_t bytes = tree_bytes(folder, box.inodes);
    return bytes > box.bytes ? INT64_MAX / 2 : bytes;
  }

  void complete(int index, BoxPlan& plan) override {
    plan.namespaces = false;
    plan.user = own_users() ? user(index) : getuid();
    plan.change_user = own_users();
    if (filter_.empty()) return;
    if (static_cast<size_t>(plan.num_filter) + filter_.size() > kPlanFilterMax) {
      throw std::runtime_error("the program filter is too long");
    }
    // In front. The other part reads all that it looks at itself.
    std::copy_backward(plan.filter, plan.filter + plan.num_filter,
                       plan.filter + plan.num_filter + filter_.size());
    std::copy(filter_.begin(), filter_.end(), plan.filter);
    plan.num_filter += static_cast<int>(filter_.size());
  }

  std::string path_for(int index, std::string text) const override {
    const std::string folder = place_ + "/" + boxes_[static_cast<size_t>(index)].name;
    text = replace_path(std::move(text), "/tmp", folder);  // first: the folder's own path begins so
    text = replace_path(std::move(text), "/box", folder);
    if (!settings_.cache.empty()) text = replace_path(std::move(text), "/cache", settings_.cache);
    return text;
  }

  BoxStart start(int, const BoxPlan& plan, char* const* arguments, char* const* environment) override {
    const BoxStart start = start_box(plan, Next::kExecutes);
    if (start.init == 0) execute_program(plan, arguments, environment);
    return start;
  }

  void kill(const BoxStart& start) override { kernel::pidfd_send_signal(start.descriptor, SIGTERM); }

  bool clones_from_outside() const override { return false; }

  int64_t uncounted_processes() const override { return own_users() ? 0 : tasks_of_user(getuid()); }

 private:
  struct Box {
    std::string name;
    int64_t bytes = 0;
    int64_t inodes = 0;
  };

  bool own_users() const { return settings_.tier == Tier::kT3; }
  uid_t user(int index) const { return settings_.first_outer_user + static_cast<uid_t>(index); }

  const SlotSettings& settings_;
  const std::string place_;
  Descriptor slot_;
  std::array<Box, 2> boxes_;
  int64_t runs_ = 0;
  std::vector<sock_filter> filter_;  // put before the common one
};

}  // namespace

std::unique_ptr<Isolation> make_host_isolation(const SlotSettings& settings) {
  return std::make_unique<HostIsolation>(settings);
}

}  // namespace grpo
