// The parts of a box, each by itself.

#include "sandbox/box/box.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sandbox/box/files.h"
#include "sandbox/box/kernel.h"
#include "sandbox/box/landlock.h"
#include "sandbox/box/limits.h"
#include "sandbox/box/memory_group.h"
#include "sandbox/box/output_pipe.h"
#include "sandbox/box/plan_message.h"
#include "sandbox/box/process_tree.h"
#include "sandbox/box/raw_call.h"
#include "sandbox/box/seccomp_filter.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
 public:
  TemporaryFolder() : path((fs::temp_directory_path() / "grpo-box-XXXXXX").string()) {
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    descriptor = Descriptor(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string path;
  Descriptor descriptor;
};

// The wait status of a child that does this.
template <typename Work>
int status_of(const Work& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(RawCall, ReturnsWhatTheKernelSaysAndLeavesErrnoAlone) {
  errno = 77;
  EXPECT_EQ(raw_call(SYS_getpid), getpid());
  EXPECT_EQ(raw_call(SYS_close, -1), -EBADF);
  EXPECT_EQ(raw_call(SYS_prlimit64, 0, 12345, nullptr, nullptr), -EINVAL);
  EXPECT_TRUE(errno == 77 || !kRawCalls);
}

TEST(OutputPipe, CountsAllAndKeepsTheBeginning) {
  OutputPipe pipe(5);
  EXPECT_EQ(write(pipe.writing(), "abcdefgh", 8), 8);
  pipe.drain(100);
  EXPECT_GE(pipe.reading(), 0);
  EXPECT_EQ(write(pipe.writing(), "ij", 2), 2);
  pipe.close_writing();
  pipe.drain(100);
  pipe.drain(100);
  EXPECT_EQ(pipe.reading(), -1);
  EXPECT_EQ(pipe.bytes(), 10);
  EXPECT_EQ(pipe.take(), "abcde");
}

TEST(OutputPipe, ReadsNoMoreThanOneByteBeyondItsLimit) {
  OutputPipe pipe(100);
  EXPECT_EQ(write(pipe.writing(), "abcdefgh", 8), 8);
  pipe.drain(3);
  EXPECT_EQ(pipe.bytes(), 4);
  pipe.drain(3);
  EXPECT_EQ(pipe.bytes(), 4);
}

TEST(BoxFiles, AreWrittenBelowTheFolderOnly) {
  TemporaryFolder folder;
  write_files(folder.descriptor.get(), {{"a/./b//c", Blob::of("deep"), true}, {"a/d", Blob(), false}}, 0,
              false);
  struct stat status {};
  EXPECT_EQ(stat((folder.path + "/a/b/c").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 4);
  EXPECT_TRUE(status.st_mode & S_IXUSR);
  EXPECT_EQ(stat((folder.path + "/a/d").c_str(), &status), 0);
  EXPECT_FALSE(status.st_mode & S_IXUSR);
  for (const char* path : {"/x", "../x", "a/../../x", "", ".", "a/"}) {
    EXPECT_THROW(write_files(folder.descriptor.get(), {{path, Blob::of("x"), false}}, 0, false),
                 std::invalid_argument)
        << path;
  }
  fs::create_directory_symlink("/", folder.path + "/link");
  EXPECT_THROW(write_files(folder.descriptor.get(), {{"link/x", Blob::of("x"), false}}, 0, false),
               std::system_error);
}

TEST(BoxFiles, SparseOnesComeBackSparse) {
  constexpr int64_t kBytes = int64_t{60} << 20, kAt = int64_t{20} << 20;
  const Descriptor folder(open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const std::string name = "grpo-sparse-" + std::to_string(getpid());
  const Descriptor file(openat(folder.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) GTEST_SKIP() << "nothing can be written below /dev/shm";
  ASSERT_EQ(ftruncate(file.get(), kBytes), 0);
  ASSERT_EQ(pwrite(file.get(), "word", 4, kAt), 4);
  ASSERT_EQ(pwrite(file.get(), "!", 1, kBytes - 1), 1);
  const std::optional<Blob> output = read_output(folder.get(), name, kBytes);
  unlinkat(folder.get(), name.c_str(), 0);
  ASSERT_TRUE(output.has_value());
  for (const Blob& blob : {*output, output->copy()}) {
    struct stat status {};
    ASSERT_EQ(fstat(blob.descriptor(), &status), 0);
    EXPECT_EQ(status.st_size, kBytes);
    EXPECT_LE(status.st_blocks * 512, 8 << 20) << "a page or a huge page for each of two places";
    const std::string bytes = blob.read();
    EXPECT_EQ(bytes.substr(kAt, 5), std::string("word\0", 5));
    EXPECT_EQ(bytes.back(), '!');
    EXPECT_EQ(bytes.find_first_not_of('\0'), static_cast<size_t>(kAt));
  }
}

TEST(BoxFiles, TakeRoomByPageAndByInode) {
  const Room room =
      room_of({{"a/b/c", Blob::of("x"), false}, {"d", Blob::of(std::string(5000, 'x')), false}});
  EXPECT_EQ(room.bytes, 3 * 4096);
  EXPECT_EQ(room.inodes, 4);
}

TEST(BoxFiles, ComeBackOnlyIfRegularAndReachedWithoutLinks) {
  TemporaryFolder folder;
  const int at = folder.descriptor.get();
  fs::create_directory(folder.path + "/d");
  std::ofstream(folder.path + "/d/f") << "content";
  std::ofstream(folder.path + "/empty");
  fs::create_symlink("d/f", folder.path + "/link");
  fs::create_directory_symlink("d", folder.path + "/through");
  EXPECT_EQ(mkfifo((folder.path + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_output(at, "d/f", 100).value().read(), "content");
  EXPECT_TRUE(read_output(at, "empty", 100).value().empty());
  EXPECT_TRUE(read_output(at, "d/f", 7).has_value());
  EXPECT_FALSE(read_output(at, "d/f", 6).has_value());
  for (const char* path :
       {"link", "through/f", "fifo", "d", "absent", "../x", "/etc/passwd", "d/../../etc/passwd", ""}) {
    EXPECT_FALSE(read_output(at, path, 100).has_value()) << path;
  }
}

TEST(BoxLimits, AreTheKernelsFormOfLimits) {
  const auto value_of = [](const BoxPlan& plan, int resource) -> int64_t {
    for (int i = 0; i < plan.num_limits; ++i) {
      EXPECT_EQ(plan.limits[i].value.rlim_cur, plan.limits[i].value.rlim_max);
      if (plan.limits[i].resource == resource) return static_cast<int64_t>(plan.limits[i].value.rlim_cur);
    }
    return -7;
  };
  BoxPlan plan;
  set_resource_limits(plan, {.cpu_ms = 2'500, .memory_bytes = 1 << 30, .processes = 9, .open_files = 11}, 4);
  EXPECT_EQ(value_of(plan, RLIMIT_NPROC), 13);
  EXPECT_EQ(value_of(plan, RLIMIT_NOFILE), 11);
  EXPECT_EQ(value_of(plan, RLIMIT_AS), (1 << 30) + (32 << 20));
  EXPECT_EQ(value_of(plan, RLIMIT_DATA), -7);
  EXPECT_EQ(value_of(plan, RLIMIT_STACK), static_cast<int64_t>(RLIM_INFINITY));
  EXPECT_EQ(value_of(plan, RLIMIT_CPU), 4);
  EXPECT_EQ(value_of(plan, RLIMIT_CORE), 1);
  set_resource_limits(plan, {.memory_bytes = 1 << 30, .reserve_freely = true, .stack_bytes = 1 << 20}, 0);
  EXPECT_EQ(value_of(plan, RLIMIT_DATA), 1 << 30);
  EXPECT_EQ(value_of(plan, RLIMIT_AS), -7);
  EXPECT_EQ(value_of(plan, RLIMIT_STACK), 1 << 20);
  EXPECT_LE(plan.num_limits, kPlanLimits);
}

TEST(BoxFilter, DeniesWhatItListsAndNothingMore) {
  const std::vector<sock_filter> all = worker_filter(), own = program_filter();
  EXPECT_LE(own.size(), static_cast<size_t>(kPlanFilterMax));
  const int status = status_of([&] {
    put_filter_on_self(all);
    put_filter_on_self(own);
    const auto denied = [](long result, int error) { return result == -error; };
    if (!denied(raw_call(SYS_ptrace, 0, 0, 0, 0), EPERM)) return 1;
    if (!denied(raw_call(SYS_unshare, 0), EPERM)) return 2;
    if (!denied(raw_call(SYS_mount, "", "", "", 0, nullptr), EPERM)) return 3;
    if (!denied(raw_call(SYS_socket, AF_UNIX, SOCK_STREAM, 0), EPERM)) return 4;
    if (!denied(raw_call(SYS_clone3, nullptr, 0), ENOSYS)) return 5;
    if (!denied(raw_call(SYS_clone, 0x10000000, 0, 0, 0, 0), EPERM)) return 6;
    if (!denied(raw_call(999), ENOSYS)) return 7;
    if (!denied(raw_call(SYS_memfd_create, "x", 0), EPERM)) return 8;
    if (raw_call(SYS_flock, 0, LOCK_SH) != 0) return 9;
    if (!denied(raw_call(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x"), EPERM)) return 10;
    // The upper half of a command is not looked at by the kernel either.
    if (!denied(raw_call(SYS_ioctl, 0, 0x100005412, "x"), EPERM)) return 11;
    int pair[2];
    if (raw_call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 12;
    if (raw_call(SYS_getpid) <= 0 || raw_call(SYS_close, pair[0]) != 0) return 13;
    return 0;
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

#ifdef __x86_64__
TEST(BoxFilter, KillsCallsOfOtherArchitectures) {
  const std::vector<sock_filter> all = worker_filter();
  const int x32 = status_of([&] {
    put_filter_on_self(all);
    raw_call(0x40000000 | SYS_getpid);
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(x32) && WTERMSIG(x32) == SIGSYS);
  const int old = status_of([&] {
    put_filter_on_self(all);
    long result = 20;  // getpid
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result > 0 ? 0 : 1;
  });
  EXPECT_FALSE(WIFEXITED(old) && WEXITSTATUS(old) == 0);
}
#endif

TEST(BoxLandlock, LeavesOneFolderToWriteTo) {
  const int abi = landlock_abi();
  if (abi == 0) GTEST_SKIP() << "this kernel has no Landlock";
  TemporaryFolder own, other;
  const Descriptor root(open("/", O_PATH | O_CLOEXEC)), devices(open("/dev", O_PATH | O_CLOEXEC));
  const int read_below[] = {root.get()}, write_below[] = {own.descriptor.get()},
            device_files[] = {devices.get()};
  const Descriptor ruleset(make_ruleset(abi, {read_below, write_below, device_files}));
  ASSERT_TRUE(ruleset);
  const int status = status_of([&] {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (raw_call(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return 1;
    if (open((own.path + "/new").c_str(), O_WRONLY | O_CREAT, 0600) < 0) return 2;
    if (open((other.path + "/new").c_str(), O_WRONLY | O_CREAT, 0600) >= 0) return 3;
    if (open("/proc/self/status", O_RDONLY) < 0) return 4;
    if (open("/dev/null", O_RDWR) < 0) return 5;
    if (abi >= 6 && kill(getppid(), 0) == 0) return 6;
    return 0;
  });
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(PlanMessage, CarriesThePlanItsDescriptorsAndText) {
  int ends[2], files[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  ASSERT_EQ(pipe2(files, O_CLOEXEC), 0);
  BoxPlan sent;
  sent.input = files[0];
  sent.report = files[1];
  sent.user = 1234;
  sent.num_filter = 2;
  sent.filter[1] = BPF_STMT(BPF_RET | BPF_K, 5);
  ASSERT_TRUE(send_plan(ends[0], sent, "a\0b", 3));
  BoxPlan got;
  std::vector<char> text(kPlanTextMax);
  size_t bytes = 0;
  ASSERT_TRUE(receive_plan(ends[1], got, text.data(), bytes));
  EXPECT_EQ(std::string(text.data(), bytes), std::string("a\0b", 3));
  EXPECT_EQ(got.user, 1234u);
  EXPECT_EQ(got.filter[1].k, 5u);
  EXPECT_EQ(got.peer, -1);
  EXPECT_GE(got.input, 10);
  EXPECT_GE(got.report, 10);
  EXPECT_TRUE(fcntl(got.input, F_GETFD) & FD_CLOEXEC);
  // They are the two ends of the same pipe.
  char byte = 0;
  EXPECT_EQ(write(got.report, "!", 1), 1);
  EXPECT_EQ(read(got.input, &byte, 1), 1);
  EXPECT_EQ(byte, '!');
  close_plan(got);
  EXPECT_EQ(got.input, -1);
  BoxStart start{.init = 7, .descriptor = files[0], .error = 3}, back;
  ASSERT_TRUE(send_start(ends[1], start));
  ASSERT_TRUE(receive_start(ends[0], back));
  EXPECT_EQ(back.init, 7);
  EXPECT_EQ(back.error, 3);
  EXPECT_NE(back.descriptor, files[0]);
  close(back.descriptor);
  EXPECT_FALSE(send_plan(ends[0], sent, text.data(), kPlanTextMax + 1));
  close(ends[0]);
  EXPECT_FALSE(receive_plan(ends[1], got, text.data(), bytes));
  for (const int each : {ends[1], files[0], files[1]}) close(each);
}

TEST(ProcessTree, IsWalkedHoweverDeepAndWideWithFewDescriptors) {
  constexpr int kDeep = 60, kWide = 700;  // the ids of so many children take more than a page
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t init = fork();
  if (init == 0) {
    setpgid(0, 0);
    for (int i = 0; i < kWide; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        for (;;) pause();
      }
      if (child < 0) break;
    }
    for (int depth = 0; depth < kDeep && fork() == 0; ++depth) {
      if (depth + 1 == kDeep) (void)!write(ready[1], "!", 1);
    }
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const Descriptor proc(open("/proc", O_PATH | O_CLOEXEC));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit few{static_cast<rlim_t>(proc.get()) + 6, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  const int processes = ProcessTree(proc.get(), init).memory().processes;
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(processes, kDeep + kWide);
  kill(-init, SIGKILL);
  waitpid(init, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(ProcessTree, SumsWhatIsBelowAnInit) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  constexpr size_t kBytes = size_t{30} << 20;
  const pid_t init = fork();
  if (init == 0) {
    if (fork() == 0) {
      void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(memory, 1, kBytes);
      const clock_t end = clock() + CLOCKS_PER_SEC / 5;
      while (clock() < end) {
      }
      if (fork() == 0) {  // shares the pages
        (void)!write(ready[1], "!", 1);
        for (;;) pause();
      }
      for (;;) pause();
    }
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const Descriptor proc(open("/proc", O_PATH | O_CLOEXEC));
  const ProcessTree tree(proc.get(), init);
  const ProcessTree::Memory memory = tree.memory();
  EXPECT_EQ(memory.processes, 2);
  EXPECT_GE(memory.bytes, static_cast<int64_t>(kBytes + kBytes / 2));
  EXPECT_GE(memory.address_peak, static_cast<int64_t>(kBytes));
#ifndef __SANITIZE_ADDRESS__  // which keeps what tests before this one have freed, and it is in the copies too
  EXPECT_LT(tree.proportional_bytes(), static_cast<int64_t>(kBytes + kBytes / 2));
#endif
  EXPECT_GE(tree.cpu_us(), 170'000);
  EXPECT_LT(tree.cpu_us(), 1'000'000);
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, init, 0));
  EXPECT_EQ(pid_in(proc.get(), pidfd), init);
  std::ifstream children("/proc/" + std::to_string(init) + "/task/" + std::to_string(init) + "/children");
  pid_t child = 0, grandchild = 0;
  children >> child;
  std::ifstream("/proc/" + std::to_string(child) + "/task/" + std::to_string(child) + "/children") >>
      grandchild;
  for (const pid_t each : {grandchild, child, init}) kill(each, SIGKILL);
  waitpid(init, nullptr, 0);
  EXPECT_EQ(tree.memory().processes, 0);
  for (const int each : {ready[0], ready[1], pidfd}) close(each);
}

TEST(MemoryGroup, BoundsWhatItsProcessesUseTogether) {
  MemoryGroup group = MemoryGroup::make(0);
  if (group.path().empty()) GTEST_SKIP() << "this host lets us make no control group for memory";
  const std::string path = group.path();
  MemoryCap cap(path);
  cap.set(int64_t{16} << 20);
  EXPECT_EQ(cap.kills(), 0);
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    (void)!read(go[0], &byte, 1);
    constexpr size_t kBytes = size_t{300} << 20;
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, kBytes);
    _exit(0);
  }
  EXPECT_TRUE(group.add(child));
  EXPECT_EQ(write(go[1], "!", 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(cap.kills(), 1);
  group = MemoryGroup();
  for (int i = 0; i < 100 && fs::exists(path); ++i) usleep(10'000);
  close(go[0]);
  close(go[1]);
}

TEST(MemoryGroup, OfAKilledRunnerIsRemovedByWhoStartedIt) {
  int said[2];
  ASSERT_EQ(pipe(said), 0);
  const pid_t runner = fork();
  if (runner == 0) {
    const MemoryGroup first = MemoryGroup::make(0), second = MemoryGroup::make(1);
    (void)!write(said[1], first.path().data(), first.path().size());
    close(said[1]);
    for (;;) pause();
  }
  close(said[1]);
  std::string path(4096, '\0');
  path.resize(static_cast<size_t>(std::max<ssize_t>(read(said[0], path.data(), path.size()), 0)));
  const bool there = fs::exists(path);
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  close(said[0]);
  if (path.empty()) GTEST_SKIP() << "this host lets us make no control group for memory";
  EXPECT_TRUE(there);
  EXPECT_TRUE(fs::exists(path));
  remove_memory_groups(runner);
  EXPECT_FALSE(fs::exists(path));
}

TEST(MemoryGroup, IsRemovedInTheEnd) {
  std::string path;
  {
    const MemoryGroup group = MemoryGroup::make(1);
    path = group.path();
    if (path.empty()) GTEST_SKIP() << "this host lets us make no control group for memory";
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace grpo
