// Runs a command on a host that denies something, so that the lower tiers of the sandbox can be tried on a host that
// denies nothing:
//
//   deny WORD... -- COMMAND...
//
//   userns    no namespaces: unshare, setns and clone with CLONE_NEW* say EPERM, clone3 says ENOSYS, and root keeps the
//             capabilities that Docker leaves it. As root the sandbox is then of tier T3, else T4.
//   proc      a part of /proc is covered, as in containers: a new /proc can no longer be mounted. Tier T2.
//   landlock  the kernel has no Landlock (ENOSYS)
//   seccomp   no seccomp filter can be put on (EINVAL)
//   memfd     no program can be executed from memory (ENFILE, as where the host has no descriptor left)
//   user      as an ordinary user: all ids become 65534, groups are dropped; nothing where we are none of root's
//
// Exits 125 when it cannot deny (the message says why: for example, not root and no user namespaces), else the command
// takes its place. In tests: denied_runner.h makes a runner of it for SandboxOptions::runner; by hand:
//
//   deny userns user -- build/release/bin/sandbox_attacks_test      # the whole test program as a user in T4
//   printf '#!/bin/sh\nexec deny userns -- grpo-runner\n' > r; GRPO_RUNNER=r ...    # only the runner is denied

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr uid_t kNobody = 65534;
constexpr unsigned kNewNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
constexpr long kLandlockCreateRuleset = 444;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "deny: %s: %s\n", what, std::strerror(errno));
  _exit(125);
}

void write_file(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY);
  if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail(path);
  close(file);
}

void cover_proc() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0) fail("a mount namespace");
  if (user != 0) {
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1\n");
    write_file("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1\n");
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) fail("private mounts");
  if (mount("none", "/proc/scsi", "tmpfs", MS_RDONLY, nullptr) != 0 &&
      mount("none", "/proc/tty", "tmpfs", MS_RDONLY, nullptr) != 0) {
    fail("covering /proc/scsi");
  }
  if (mount("/proc/sys", "/proc/sys", nullptr, MS_BIND | MS_REC, nullptr) != 0) fail("covering /proc/sys");
}

class Filter {
 public:
  Filter() {
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  }
  void refuse(long call, int error) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1));
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
  }
  // Where any of `bits` is set in argument `index`.
  void refuse_bits(long call, unsigned index, unsigned bits, int error) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 4));
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offsetof(seccomp_data, args)) + 8 * index);
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  // Where argument `index` is `value`.
  void refuse_value(long call, unsigned index, unsigned value, int error) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 4));
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offsetof(seccomp_data, args)) + 8 * index);
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error));
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  void put_on() {
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    sock_fprog program{.len = static_cast<unsigned short>(code_.size()), .filter = code_.data()};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
      fail("a seccomp filter");
    }
  }

 private:
  void add(int code, unsigned value) {
    code_.push_back(sock_filter{.code = static_cast<__u16>(code), .jt = 0, .jf = 0, .k = value});
  }
  std::vector<sock_filter> code_;
};

void put_on_filter(const std::set<std::string>& denied) {
  Filter filter;
  if (denied.contains("userns")) {
    filter.refuse_bits(SYS_unshare, 0, kNewNamespaces, EPERM);
    filter.refuse_bits(SYS_clone, 0, kNewNamespaces, EPERM);
    filter.refuse(SYS_clone3, ENOSYS);
    filter.refuse(SYS_setns, EPERM);
  }
  if (denied.contains("memfd")) filter.refuse(SYS_execveat, ENFILE);
  if (denied.contains("landlock")) filter.refuse(kLandlockCreateRuleset, ENOSYS);
  if (denied.contains("seccomp")) {
    filter.refuse_value(SYS_prctl, 0, PR_SET_SECCOMP, EINVAL);
    filter.refuse(SYS_seccomp, EINVAL);
  }
  filter.put_on();
}

// Root keeps what Docker leaves it.
void drop_capabilities() {
  if (geteuid() != 0) return;
  const std::set<int> kept = {CAP_CHOWN,       CAP_DAC_OVERRIDE,    CAP_FSETID, CAP_FOWNER,
                              CAP_MKNOD,       CAP_NET_RAW,         CAP_SETGID, CAP_SETUID,
                              CAP_SETFCAP,     CAP_SETPCAP,         CAP_KILL,   CAP_SYS_CHROOT,
                              CAP_AUDIT_WRITE, CAP_NET_BIND_SERVICE};
  unsigned long long mask = 0;
  for (int capability = 0; capability < 64; ++capability) {
    if (kept.contains(capability)) {
      mask |= 1ULL << capability;
    } else if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL) {
      fail("dropping capabilities");
    }
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  for (int half = 0; half < 2; ++half) {
    data[half].effective = data[half].permitted = static_cast<unsigned>(mask >> (32 * half));
  }
  if (syscall(SYS_capset, &header, data) != 0) fail("dropping capabilities");
}

void become_ordinary() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
      setresuid(kNobody, kNobody, kNobody) != 0) {
    fail("becoming user 65534");
  }
}

}  // namespace

int main(int count, char** words) {
  std::set<std::string> denied;
  int at = 1;
  for (; at < count && std::strcmp(words[at], "--") != 0; ++at) denied.insert(words[at]);
  for (const std::string& word : denied) {
    if (!std::set<std::string>{"userns", "proc", "landlock", "seccomp", "memfd", "user"}.contains(word)) {
      std::fprintf(stderr, "deny: unknown word %s\n", word.c_str());
      return 125;
    }
  }
  if (at + 1 >= count) {
    std::fprintf(stderr, "usage: deny [userns] [proc] [landlock] [seccomp] [memfd] [user] -- COMMAND...\n");
    return 125;
  }
  if (denied.contains("proc")) cover_proc();
  put_on_filter(denied);
  if (denied.contains("userns")) drop_capabilities();
  if (denied.contains("user")) become_ordinary();
  execvp(words[at + 1], words + at + 1);
  fail(words[at + 1]);
}
