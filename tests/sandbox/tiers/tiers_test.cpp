// Each tier is found where its mechanism is denied, and gives there what sandbox/tier.h promises.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "core/error.h"
#include "tests/sandbox/owner/live_sandbox.h"
#include "tests/sandbox/tiers/denied_runner.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// A host that is made to allow a tier, as root or as an ordinary user.
struct Host {
  const char* name;
  std::initializer_list<const char*> denied;
  Tier tier;
  bool needs_root;
};

const Host kHosts[] = {
    {"T1", {}, Tier::kT1, false},        {"T1AsUser", {"user"}, Tier::kT1, true},
    {"T2", {"proc"}, Tier::kT2, false},  {"T2AsUser", {"proc", "user"}, Tier::kT2, true},
    {"T3", {"userns"}, Tier::kT3, true}, {"T4", {"userns", "user"}, Tier::kT4, false},
};

std::string described(const ProgramResult& result) {
  return "exit code " + std::to_string(result.exit_code) + ", signal " + std::to_string(result.signal) +
         ", limit " + limit_name(result.limit) + ", " + std::to_string(result.cpu_us) + " us of CPU, " +
         std::to_string(result.wall_us) + " us, out \"" + result.out + "\", error \"" + result.error + "\"";
}

void PrintTo(const Host& host, std::ostream* out) {
  *out << host.name;
}

class Tiers : public testing::TestWithParam<Host> {
 protected:
  void SetUp() override {
    const Host& host = GetParam();
    if (host.needs_root && geteuid() != 0) GTEST_SKIP() << "not root";
    // An ordinary user gets no better than T2 by covering /proc in a user namespace of his own, which he may lack.
    runner_.emplace(host.denied);
    if (const std::string why = runner_->impossible(host.tier); !why.empty()) GTEST_SKIP() << why;
    SandboxOptions options;
    options.slots = 1;
    options.minimum_tier = Tier::kT4;
    options.runner = runner_->path();
    options.cache = runner_->cache();
    sandbox_ = std::make_unique<Sandbox>(options);
  }
  void TearDown() override {
    sandbox_.reset();
    runner_.reset();
  }

  ProgramResult run(const RunRequest& request) {
    RunResult result = sandbox_->run(request);
    EXPECT_EQ(result.failure, "");
    EXPECT_EQ(result.tier, GetParam().tier);
    result.programs.resize(1);
    return std::move(result.programs[0]);
  }
  std::string out_of(const std::string& script) { return run(shell(script)).out; }

  std::optional<DeniedRunner> runner_;
  std::unique_ptr<Sandbox> sandbox_;
};

TEST_P(Tiers, IsFoundAndSaysWhatWasDenied) {
  EXPECT_EQ(sandbox_->tier(), GetParam().tier);
  EXPECT_EQ(sandbox_->why().empty(), GetParam().tier == Tier::kT1) << sandbox_->why();
}

TEST_P(Tiers, RunsAProgramWithItsFiles) {
  RunRequest request = shell("cat; cat in/a; echo made > out; mkdir d; echo $HOME > d/home; exit 4");
  request.programs[0].input = Blob::of("stdin\n");
  request.programs[0].files = {{"in/a", Blob::of("a file\n"), false}};
  request.programs[0].outputs = {"out", "in/a"};
  const ProgramResult result = run(request);
  EXPECT_TRUE(result.exited_with(4));
  EXPECT_EQ(result.out, "stdin\na file\n");
  ASSERT_EQ(result.outputs.size(), 2u);
  EXPECT_EQ(result.outputs[0].value().read(), "made\n");
  EXPECT_EQ(out_of("ls -A"), "");  // the next run finds an empty folder
}

TEST_P(Tiers, PathsBelowBoxInACommandAreFound) {
  RunRequest request;
  Program program;
  program.command = {"/bin/sh", "/box/script", "--to=/box/out"};
  program.files = {{"script", Blob::of("echo x > ${1#--to=}; cat $HOME/out $TMPDIR/out"), false}};
  program.limits.memory_bytes = int64_t{64} << 20;
  program.outputs = {"out"};
  request.programs.push_back(program);
  const ProgramResult result = run(request);
  EXPECT_EQ(result.out, "x\nx\n") << result.error;
  EXPECT_TRUE(result.outputs.at(0).has_value());
}

TEST_P(Tiers, TwoPythonProgramsTalkOverASocket) {
  if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  RunRequest request;
  request.connection = Connection::kSocket;
  for (const char* source : {"import os\nos.write(3, b'ping')\nprint(os.read(3, 9).decode())\n",
                             "import os\nprint(os.read(3, 9).decode())\nos.write(3, b'pong')\n"}) {
    Program program;
    program.command = {"main.py"};
    program.warm_python = true;
    program.files = {{"main.py", Blob::of(source), false}};
    program.limits.wall_ms = 10'000;
    request.programs.push_back(program);
  }
  const RunResult result = sandbox_->run(request);
  ASSERT_EQ(result.failure, "");
  EXPECT_EQ(result.programs.at(0).out, "pong\n") << described(result.programs.at(0));
  EXPECT_EQ(result.programs.at(1).out, "ping\n") << described(result.programs.at(1));
}

TEST_P(Tiers, TheHostsFilesAreOutOfReach) {
  const std::string secret = runner_->cache() + "/../secret";
  std::ofstream(secret) << "secret";
  fs::permissions(secret, fs::perms(0666));
  EXPECT_EQ(out_of("cat /etc/shadow " + secret + " /proc/1/environ 2>/dev/null"), "");
  EXPECT_EQ(out_of("for f in " + secret +
                   " /usr/x /etc/x /var/tmp/../lib/x /dev/x; do echo y 2>/dev/null > $f && "
                   "echo wrote $f; done"),
            "");
  EXPECT_EQ(out_of("rm -f " + secret + " 2>/dev/null && ! test -e " + secret + " && ls " + secret), "");
  run(shell("chmod 600 " + secret + "; touch -d 2001-01-01 " + secret));
  EXPECT_EQ(fs::status(secret).permissions(), fs::perms(0666));
  EXPECT_GT(fs::last_write_time(secret), fs::file_time_type::clock::now() - std::chrono::hours(1));
  std::string content;
  std::ifstream(secret) >> content;
  EXPECT_EQ(content, "secret");
}

TEST_P(Tiers, NoNetworkIsReached) {
  RunRequest request = shell(
      "exec 2>/dev/null; (exec 3<>/dev/tcp/127.0.0.1/1) && echo tcp; python3 -I -S -c 'import socket; "
      "socket.socket(socket.AF_UNIX)' && echo unix; echo end");
  request.programs[0].command[0] = "/bin/bash";
  EXPECT_EQ(run(request).out, "end\n");
}

TEST_P(Tiers, DaemonsEndWithTheRun) {
  const std::string marker = "sleep 73" + std::to_string(getpid());
  const ProgramResult result = run(shell("(setsid " + marker + " &) ; setsid " + marker + " & echo started"));
  EXPECT_EQ(result.out, "started\n");
  EXPECT_TRUE(processes_with(marker.substr(6)).empty());
}

TEST_P(Tiers, ChainsOfProcessesThatForkAndExitEndWithTheRun) {
  if (access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  RunRequest request = shell("");
  request.programs[0].command = {"/usr/bin/python3", "-S", "-c",
                                 "import os\n"
                                 "for i in range(6):\n"
                                 "    if os.fork() == 0:\n"
                                 "        while True:\n"
                                 "            if os.fork(): os._exit(0)\n"
                                 "            if i % 2: os.setsid()\n"
                                 "print('left', flush=True)\n"
                                 "os._exit(0)\n",
                                 "chain" + std::to_string(getpid())};
  request.programs[0].limits.wall_ms = 20'000;
  const ProgramResult result = run(request);
  EXPECT_EQ(result.out, "left\n") << described(result);
  EXPECT_EQ(result.limit, LimitFired::kNone) << described(result);
  EXPECT_TRUE(processes_with("chain" + std::to_string(getpid())).empty());
}

TEST_P(Tiers, ALimitEndsTheWholeTree) {
  const std::string marker = "sleep 74" + std::to_string(getpid());
  const ProgramResult result =
      run(shell("(setsid " + marker + " &) ; sh -c 'trap \"\" TERM; " + marker + "' & " + marker, 300));
  EXPECT_EQ(result.limit, LimitFired::kWall) << described(result);
  EXPECT_TRUE(processes_with(marker.substr(6)).empty());
}

TEST_P(Tiers, TimeOutputAndMemoryHaveLimits) {
  RunRequest busy = shell("while :; do :; done");
  busy.programs[0].limits.cpu_ms = 300;
  const ProgramResult spun = run(busy);
  EXPECT_EQ(spun.limit, LimitFired::kCpu) << described(spun);
  RunRequest loud = shell("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done");
  loud.programs[0].limits.stdout_bytes = 100'000;
  const ProgramResult flood = run(loud);
  EXPECT_EQ(flood.limit, LimitFired::kStdout) << limit_name(flood.limit);
  const ProgramResult bomb = run(shell("x=0123456789abcdef; while :; do x=$x$x; done"));
  EXPECT_FALSE(bomb.exited_with(0));
  EXPECT_LE(bomb.peak_memory_bytes, int64_t{160} << 20);
}

TEST_P(Tiers, ForksEndAtTheLimit) {
  RunRequest forks = shell("i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; echo all", 8'000);
  forks.programs[0].limits.processes = 8;
  const ProgramResult result = run(forks);
  EXPECT_NE(result.out, "all\n");
  EXPECT_NE(result.error.find("fork"), std::string::npos) << result.error;
}

TEST_P(Tiers, FillingTheDiskEndsAtTheLimit) {
  RunRequest fill = shell(
      "i=0; while [ $i -lt 40 ]; do head -c 1000000 /dev/zero > f$i || exit 9; i=$((i+1)); done; "
      "sleep 2; echo all");
  fill.programs[0].limits.tmp_bytes = 8 << 20;
  fill.programs[0].limits.memory_bytes = int64_t{64} << 20;
  const ProgramResult result = run(fill);
  EXPECT_NE(result.out, "all\n");
  EXPECT_EQ(out_of("ls -A"), "");
}

TEST_P(Tiers, OtherProcessesAreOutOfReach) {
  const std::string owner = std::to_string(getpid());
  if (at_least(GetParam().tier, Tier::kT2)) {
    EXPECT_EQ(out_of("kill -9 -1 2>/dev/null; echo alive"), "alive\n");
    return;
  }
  // Here they have the same numbers inside.
  EXPECT_EQ(out_of("kill -0 " + owner +
                   " 2>/dev/null && echo reached; kill -0 $PPID 2>/dev/null && echo init; "
                   "cat /proc/" +
                   owner + "/cmdline 2>/dev/null; echo end"),
            "end\n");
}

TEST_P(Tiers, NothingIsLeftOfAnEndedSandbox) {
  const pid_t runner = sandbox_->runner_process();
  run(shell("touch a b; mkdir -p c/d/e; ln -s / f; echo x > c/d/e/g; chmod 000 c"));
  sandbox_.reset();
  for (const auto& entry : fs::directory_iterator("/tmp")) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("grpo-boxes-" + std::to_string(runner) + "-"));
  }
  EXPECT_TRUE(processes_with(runner_->path()).empty());
}

TEST_P(Tiers, BelowTheMinimumNothingStarts) {
  if (GetParam().tier == Tier::kT1) return;
  SandboxOptions options;
  options.slots = 1;
  options.runner = runner_->path();
  options.cache = runner_->cache();
  options.minimum_tier = static_cast<Tier>(static_cast<int>(GetParam().tier) - 1);
  try {
    Sandbox sandbox(options);
    FAIL() << "it started in " << tier_name(sandbox.tier());
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find(tier_name(GetParam().tier)), std::string::npos) << text;
    EXPECT_NE(text.find("denied"), std::string::npos) << text;
    EXPECT_NE(error.fix().find("minimum_tier"), std::string::npos) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(On, Tiers, testing::ValuesIn(kHosts),
                         [](const auto& host) { return std::string(host.param.name); });

// What the host has too little of is said to be that, and is no behaviour of a program.
TEST(NoTier, WhereNoProgramCanBeExecutedTheSandboxIsWhatFailed) {
  const DeniedRunner runner({"memfd"});
  if (const std::string why = runner.impossible(Tier::kT4); !why.empty()) GTEST_SKIP() << why;
  SandboxOptions options;
  options.slots = 1;
  options.minimum_tier = Tier::kT4;
  options.runner = runner.path();
  options.cache = runner.cache();
  try {
    Sandbox sandbox(options);
    FAIL() << "it started in " << tier_name(sandbox.tier());
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("the self-test could not run: the host cannot execute a program: Too many open files in system"),
              std::string::npos)
        << text;
  }
}

// Where there is nothing to build a sandbox of, there is none.
TEST(NoTier, WithoutNamespacesAndLandlockNothingStarts) {
  for (const std::initializer_list<const char*> denied :
       {std::initializer_list<const char*>{"userns", "landlock"},
        {"userns", "landlock", "user"},
        {"seccomp"}}) {
    const DeniedRunner runner(denied);
    if (const std::string why = runner.impossible(); !why.empty()) GTEST_SKIP() << why;
    SandboxOptions options;
    options.slots = 1;
    options.minimum_tier = Tier::kT4;
    options.runner = runner.path();
    options.cache = runner.cache();
    EXPECT_THROW(Sandbox{options}, Error);
  }
}

}  // namespace
}  // namespace grpo
