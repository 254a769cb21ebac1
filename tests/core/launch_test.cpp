// What a started program is like is read from /proc by the test, once the program (mostly cat) has shown that it runs
// by echoing a byte: it is not asked about itself.

#include "core/launch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <thread>

#include "core/error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    close_reading();
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  int reading() const { return ends[0]; }
  int writing() const { return ends[1]; }
  void close_reading() { shut(ends[0]); }
  void close_writing() { shut(ends[1]); }

 private:
  static void shut(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// The next byte; 0 at the end, -1 after five seconds of nothing.
int next_byte(int descriptor) {
  pollfd wanted{.fd = descriptor, .events = POLLIN, .revents = 0};
  if (poll(&wanted, 1, 5'000) != 1) return -1;
  char byte = 0;
  return read(descriptor, &byte, 1) == 1 ? byte : 0;
}

// A cat with pipes as its stdin and stdout.
struct Cat {
  Pipe in;
  Pipe out;
  pid_t id = -1;

  ~Cat() {
    if (id > 0) {
      kill(id, SIGKILL);
      waitpid(id, nullptr, 0);
    }
  }
  Launch launch_of(std::vector<Launch::Descriptor> more = {}) const {
    more.push_back({.ours = in.reading(), .theirs = 0});
    more.push_back({.ours = out.writing(), .theirs = 1});
    return {.command = {"/bin/cat"}, .environment = {"ONE=1"}, .folder = "", .descriptors = more};
  }
  void start(const Launch& what) {
    id = launch(what);
    in.close_reading();
    out.close_writing();
  }
  // It runs, and has done so long enough to be in its own code.
  bool echoes() const { return write(in.writing(), "x", 1) == 1 && next_byte(out.reading()) == 'x'; }
  std::string proc(const std::string& name) const { return "/proc/" + std::to_string(id) + "/" + name; }
};

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What is open in a process: number -> what it is.
std::map<int, std::string> descriptors_of(const Cat& cat) {
  std::map<int, std::string> open;
  for (const auto& entry : fs::directory_iterator(cat.proc("fd"))) {
    open[std::stoi(entry.path().filename())] = fs::read_symlink(entry.path());
  }
  return open;
}

std::string own(int descriptor) {
  return fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor));
}

// "SigBlk" and the like, from a status file.
std::string status_of(const Cat& cat, const std::string& name) {
  std::istringstream status(content_of(cat.proc("status")));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return line.substr(line.find_first_not_of(" \t", name.size() + 1));
  }
  return "no " + name;
}

Error error_of(const Launch& what) {
  try {
    const pid_t id = launch(what);
    waitpid(id, nullptr, 0);
  } catch (const Error& error) {
    return error;
  }
  return {"nothing was thrown", ""};
}

bool has_no_children() { return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

TEST(Launch, GivesTheDescriptorsThatAreNamedAndNoOther) {
  std::vector<int> ours;  // as a careless library opens them: left open by exec
  for (int i = 0; i < 8; ++i) ours.push_back(open("/proc/self/status", O_RDONLY));
  ours.push_back(fcntl(ours[0], F_DUPFD, 400));
  Cat cat;
  Pipe seventh;
  const std::string seven = own(seventh.writing()), in = own(cat.in.reading()), out = own(cat.out.writing());
  cat.start(cat.launch_of({{.ours = seventh.writing(), .theirs = 7}}));
  ASSERT_TRUE(cat.echoes());
  const std::map<int, std::string> expected = {{0, in}, {1, out}, {2, "/dev/null"}, {7, seven}};
  EXPECT_EQ(descriptors_of(cat), expected);
  for (const int descriptor : ours) close(descriptor);
}

TEST(Launch, NumbersMayChangePlaces) {
  Cat cat;
  Pipe one, other;
  const std::string a = own(one.writing()), b = own(other.writing());
  cat.start(cat.launch_of({{.ours = one.writing(), .theirs = other.writing()},
                           {.ours = other.writing(), .theirs = one.writing()}}));
  ASSERT_TRUE(cat.echoes());
  const std::map<int, std::string> open = descriptors_of(cat);
  EXPECT_EQ(open.at(other.writing()), a);
  EXPECT_EQ(open.at(one.writing()), b);
  EXPECT_EQ(open.size(), 5u);
}

// In a process of its own: the standard streams are missing, so whatever is opened gets their numbers.
TEST(Launch, WorksInAProcessWithoutStandardStreams) {
  for (const bool named : {true, false}) {
    Pipe told;
    const pid_t owner = fork();
    if (owner == 0) {
      for (const int stream : {0, 1, 2}) close(stream);
      Pipe word;  // 0 and 1
      const int marked = fcntl(told.writing(), F_DUPFD_CLOEXEC, 20);
      std::vector<Launch::Descriptor> given = {{.ours = marked, .theirs = 3}};
      if (named) given.push_back({.ours = word.reading(), .theirs = 2});
      const pid_t id = launch({.command = {"/bin/sh", "-c", "ls -l /proc/$$/fd | sed 's/.* \\([0-9]* ->\\)/\\1/' >&3"},
                               .environment = {"PATH=/usr/bin:/bin"},
                               .folder = "",
                               .descriptors = given});
      int status = 0;
      waitpid(id, &status, 0);
      _exit(WEXITSTATUS(status));
    }
    told.close_writing();
    std::string text;
    for (int byte = 0; (byte = next_byte(told.reading())) > 0;) text += static_cast<char>(byte);
    int status = -1;
    waitpid(owner, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_NE(text.find("0 -> /dev/null"), std::string::npos) << text;
    EXPECT_NE(text.find("1 -> /dev/null"), std::string::npos) << text;
    EXPECT_NE(text.find(named ? "2 -> pipe:" : "2 -> /dev/null"), std::string::npos) << text;
    EXPECT_NE(text.find("3 -> pipe:"), std::string::npos) << text;
  }
}

TEST(Launch, TheProgramLeadsASessionOfItsOwn) {
  Cat cat;
  cat.start(cat.launch_of());
  ASSERT_TRUE(cat.echoes());
  EXPECT_EQ(getsid(cat.id), cat.id);
  EXPECT_EQ(getpgid(cat.id), cat.id);
  EXPECT_NE(getsid(0), cat.id);
  std::istringstream stat(content_of(cat.proc("stat")));
  std::string word;
  for (int field = 1; field <= 7; ++field) stat >> word;
  EXPECT_EQ(word, "0") << "a terminal";
}

TEST(Launch, SignalsAreAtTheirDefaultsThereAndUntouchedHere) {
  std::map<int, struct sigaction> before;  // without the two that the C library keeps to itself
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action;
    if (sigaction(number, nullptr, &action) == 0) before[number] = action;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, [](int) {});
  signal(SIGCHLD, [](int) {});
  sigset_t some, mask_before, mask;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  sigaddset(&some, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &some, &mask_before);
  std::map<int, struct sigaction> ours = before;
  for (auto& [number, action] : ours) sigaction(number, nullptr, &action);
  {
    Cat cat;
    cat.start(cat.launch_of());
    ASSERT_TRUE(cat.echoes());
    for (const char* mask_name : {"SigBlk", "SigIgn", "SigCgt"}) {
      EXPECT_EQ(status_of(cat, mask_name), "0000000000000000") << mask_name;
    }
  }
  for (const auto& [number, action] : ours) {
    struct sigaction now;
    sigaction(number, nullptr, &now);
    EXPECT_EQ(now.sa_handler, action.sa_handler) << number;
  }
  pthread_sigmask(SIG_SETMASK, &mask_before, &mask);
  for (int number = 1; number < 32; ++number) {
    EXPECT_EQ(sigismember(&mask, number), sigismember(&some, number) | sigismember(&mask_before, number)) << number;
  }
  for (const auto& [number, action] : before) {
    if (number != SIGKILL && number != SIGSTOP) sigaction(number, &action, nullptr);
  }
}

TEST(Launch, EnvironmentArgumentsAndFolderAreThoseNamed) {
  Cat cat;
  Launch what = cat.launch_of();
  what.command = {"/bin/cat", "-u", "-"};
  what.environment = {"ONE=1", "EMPTY=", "TWO=a b"};
  what.folder = "/usr";
  setenv("GRPO_LAUNCH_TEST_SECRET", "1", 1);
  cat.start(what);
  unsetenv("GRPO_LAUNCH_TEST_SECRET");
  ASSERT_TRUE(cat.echoes());
  using namespace std::string_literals;
  EXPECT_EQ(content_of(cat.proc("environ")), "ONE=1\0EMPTY=\0TWO=a b\0"s);
  EXPECT_EQ(content_of(cat.proc("cmdline")), "/bin/cat\0-u\0-\0"s);
  EXPECT_EQ(fs::read_symlink(cat.proc("cwd")), fs::canonical("/usr"));
}

TEST(Launch, AnEmptyFolderIsOurs) {
  Cat cat;
  cat.start(cat.launch_of());
  ASSERT_TRUE(cat.echoes());
  EXPECT_EQ(fs::read_symlink(cat.proc("cwd")), fs::current_path());
}

TEST(Launch, LeavesNoCoreDumps) {
  Cat cat;
  cat.start(cat.launch_of());
  ASSERT_TRUE(cat.echoes());
  rlimit core;
  ASSERT_EQ(prlimit(cat.id, RLIMIT_CORE, nullptr, &core), 0);
  EXPECT_LE(core.rlim_cur, 1u);  // bytes; no file, and 1 keeps the kernel from calling a handler as well
  EXPECT_LE(core.rlim_max, 1u);
}

TEST(Launch, TheProgramDiesWithTheThreadThatStartedIt) {
  Cat cat;
  std::thread owner([&] {
    cat.start(cat.launch_of());
    EXPECT_TRUE(cat.echoes());
  });
  owner.join();
  int status = 0;
  ASSERT_EQ(waitpid(cat.id, &status, 0), cat.id);  // cat itself would wait for ever: its stdin is open
  cat.id = -1;
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

TEST(Launch, TheProgramDiesWithAProcessThatIsKilled) {
  Cat cat;
  const pid_t owner = fork();
  if (owner == 0) {
    cat.start(cat.launch_of());
    pause();
    _exit(0);
  }
  cat.out.close_writing();
  ASSERT_TRUE(cat.echoes());
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  EXPECT_EQ(next_byte(cat.out.reading()), 0) << "cat still has its stdout open";
}

TEST(Launch, WhatCannotBeStartedIsAnErrorThatNamesTheFile) {
  const fs::path folder = fs::temp_directory_path() / ("launch-" + std::to_string(getpid()));
  fs::create_directory(folder);
  const auto file = [&](const std::string& name, const std::string& text, mode_t mode) {
    const std::string path = folder / name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  };
  const auto expect = [](const std::string& program, const std::string& folder_of_it, const std::string& said,
                         const std::string& where) {
    const Error error =
        error_of({.command = {program}, .environment = {}, .folder = folder_of_it, .descriptors = {}});
    EXPECT_NE(error.summary().find(program), std::string::npos) << error.what();
    EXPECT_NE(error.summary().find(said), std::string::npos) << error.what();
    EXPECT_EQ(error.where(), where);
  };
  const std::string absent = folder / "absent";
  const std::string plain = file("plain", "#!/bin/sh\n", 0644);
  const std::string rubbish = file("rubbish", "\x7f rubbish", 0755);
  const std::string script = file("script", "#!" + absent + "\n", 0755);
  expect(absent, "", "No such file", absent);
  expect(plain, "", "Permission denied", plain);
  expect(folder, "", "Permission denied", folder);
  expect(rubbish, "", "Exec format error", rubbish);
  expect(script, "", "interpreter", script);
  expect("/bin/cat", absent, "no folder " + absent, absent);
  expect("/bin/cat", plain, "no folder " + plain, plain);
  EXPECT_TRUE(has_no_children());
  fs::remove_all(folder);
}

TEST(Launch, ADescriptorThatIsNotOpenIsAnError) {
  Pipe closed;
  const int number = closed.reading();
  closed.close_reading();
  const Error error = error_of({.command = {"/bin/cat"},
                                .environment = {},
                                .folder = "",
                                .descriptors = {{.ours = number, .theirs = 0}}});
  EXPECT_NE(error.summary().find("Bad file descriptor"), std::string::npos) << error.what();
  EXPECT_TRUE(has_no_children());
}

TEST(Launch, WithoutDescriptorsLeftItIsAnErrorAndNothingRuns) {
  const pid_t owner = fork();  // whose limit may be spoiled
  if (owner == 0) {
    const rlimit few = {.rlim_cur = 3, .rlim_max = 3};
    setrlimit(RLIMIT_NOFILE, &few);
    const Error error = error_of({.command = {"/bin/cat"}, .environment = {}, .folder = "", .descriptors = {}});
    _exit(error.summary().find("Too many open files") != std::string::npos && has_no_children() ? 0 : 1);
  }
  int status = -1;
  waitpid(owner, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Launch, LeavesNoDescriptorBehind) {
  const auto count = [] { return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()); };
  const auto before = count();
  for (int i = 0; i < 3; ++i) {
    waitpid(launch({.command = {"/bin/true"}, .environment = {}, .folder = "", .descriptors = {}}), nullptr, 0);
    error_of({.command = {"/absent"}, .environment = {}, .folder = "", .descriptors = {}});
  }
  EXPECT_EQ(count(), before);
}

TEST(Launch, SeveralThreadsMayStartProgramsAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 8; ++i) {
        Cat cat;
        const std::string in = own(cat.in.reading()), out = own(cat.out.writing());
        cat.start(cat.launch_of());
        ASSERT_TRUE(cat.echoes());
        const std::map<int, std::string> expected = {{0, in}, {1, out}, {2, "/dev/null"}};
        EXPECT_EQ(descriptors_of(cat), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A fork would copy the page tables of what this process has: half a second for these on a slow machine.
TEST(Launch, CostsTheSameFromALargeProcess) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer makes a fork of every vfork";
#endif
  const auto best_ms = [] {
    double best = 1e9;
    for (int i = 0; i < 10; ++i) {
      const auto start = std::chrono::steady_clock::now();
      waitpid(launch({.command = {"/bin/true"}, .environment = {}, .folder = "", .descriptors = {}}), nullptr, 0);
      best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
  };
  const double small = best_ms();
  const size_t size = size_t{1} << 30;
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  madvise(pages, size, MADV_NOHUGEPAGE);
  if (madvise(pages, size, 23 /* MADV_POPULATE_WRITE */) != 0) GTEST_SKIP() << "this kernel does not populate pages";
  const double large = best_ms();
  munmap(pages, size);
  RecordProperty("small_us", static_cast<int>(small * 1e3));
  RecordProperty("large_us", static_cast<int>(large * 1e3));
  EXPECT_LT(large, small + 3) << "milliseconds";
}

}  // namespace
}  // namespace grpo
