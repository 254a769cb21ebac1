// Programs in the warm interpreter: they see what `python3 -I -S` shows, they end as it ends, and they are kept in as any
// other program is.

#include <functional>
#include <thread>

#include "tests/sandbox/python/python_host.h"

namespace grpo {
namespace {

class WarmPython : public PythonHost {
 protected:
  static ProgramResult run(const std::string& source, const std::string& input = "", Limits limits = {},
                           bool warm = true) {
    Program program;
    program.command = {"main.py", "one", "two words"};
    if (!warm) program.command.insert(program.command.begin(), {"/usr/bin/python3", "-I", "-S"});
    program.warm_python = warm;
    program.environment = {"NAME=value=1", "EMPTY="};
    program.files = {{.path = "main.py", .content = Blob::of(source)}};
    if (!input.empty()) program.input = Blob::of(input);
    program.limits = limits;
    RunRequest request;
    request.programs = {program};
    const RunResult result = sandbox().run(request);
    EXPECT_EQ(result.failure, "");
    return result.programs.empty() ? ProgramResult() : result.programs[0];
  }

  // Warm and fresh do the same: standard output and exit status, and of standard error the last line.
  static void expect_same(const std::string& source, const std::string& input = "") {
    const ProgramResult warm = run(source, input), fresh = run(source, input, {}, false);
    EXPECT_EQ(warm.out, fresh.out) << source;
    EXPECT_EQ(warm.exit_code, fresh.exit_code) << source << warm.error;
    EXPECT_EQ(warm.signal, fresh.signal) << source;
    EXPECT_EQ(warm.error, fresh.error) << source;
  }
};

TEST_F(WarmPython, AProgramReadsAndWrites) {
  const ProgramResult result = run("print(sum(map(int, input().split())))\n", "1 2 3\n");
  EXPECT_EQ(result.out, "6\n") << result.error;
  EXPECT_TRUE(result.exited_with(0));
}

TEST_F(WarmPython, EndsAsAFreshInterpreterDoes) {
  for (const char* source :
       {"print('x', end='')\n", "import sys\nsys.exit()\n", "import sys\nsys.exit(3)\n", "import sys\nsys.exit(-1)\n",
        "import sys\nsys.exit(300)\n", "import sys\nsys.exit('a message')\n", "raise SystemExit(True)\n", "1 / 0\n",
        "def f():\n    raise KeyError('k')\nf()\n", "def f(:\n", "x = '\n", "raise KeyboardInterrupt\n"
        , "import os\nos._exit(5)\n", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "import os\nos.abort()\n",
        "import atexit\natexit.register(print, 'bye')\nprint('hi')\n",
        "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()\n",
        "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1 / 0\n",
        "class A:\n    def __del__(self): print('gone')\na = A()\n", "import sys\nsys.stdout.close()\n",
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return f(n - 1) if n else 0\nprint(f(5000))\n",
        "def f(n): return f(n + 1)\ntry: f(0)\nexcept RecursionError: print('deep')\n", "print(input())\n"}) {
    expect_same(source);
  }
}

TEST_F(WarmPython, ShowsWhatAFreshInterpreterShows) {
  for (const char* source :
       {"import sys\nprint(sys.argv, sys.path, __name__, __file__, sys.executable, sys.getrecursionlimit())\n",
        "print(sorted(globals()), __builtins__.__name__, __doc__, __spec__, __package__)\n",
        "import os\nprint({k: v for k, v in os.environ.items() if k != 'LC_CTYPE'}, os.getcwd(), sorted(os.listdir()))\n",
        "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(s.encoding, s.errors, s.name, s.mode, s.line_buffering, s.isatty(), s.fileno(), s.buffer.name)\n",
        "import sys\nprint('ctypes' in sys.modules, '__main__' in sys.modules, sys.modules['__main__'].__dict__ is globals())\n",
        "import os\nprint(sorted(os.listdir('/proc/self/fd'))[:3], os.getuid(), os.getpgid(0) == os.getpid())\n",
        "import threading\nprint(threading.current_thread().name, threading.active_count(), threading.main_thread().is_alive())\n",
        "import signal\nprint(signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT))\n",
        "import gc\nprint(gc.isenabled(), gc.get_threshold())\n",
        "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_AS))\n",
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1\nprint(P(), P.__module__)\n",
        "import subprocess\nprint(subprocess.run(['/bin/echo', 'child'], capture_output=True).stdout)\n",
        "import multiprocessing as m\nif __name__ == '__main__':\n    q = 1\n    print(m.cpu_count() > 0)\n",
        "print('\\ud800'.encode('utf-8', 'surrogatepass'), chr(233))\n"}) {
    expect_same(source);
  }
  expect_same("import sys\nprint(repr(sys.stdin.read()))\n", "caf\xc3\xa9 \xff\r\nx\ry\n");
  expect_same("import sys\nprint(sys.stdin.buffer.read())\n", "caf\xc3\xa9 \xff\r\nx\ry\n");
  expect_same("for line in open(0): print(repr(line))\n", "a\nb");
}

TEST_F(WarmPython, LargeIntegersCanBePrinted) {
  EXPECT_EQ(run("print(len(str(10 ** 5000)))\n").out, "5001\n");
}

TEST_F(WarmPython, RunsAreRandomEachInItsOwnWay) {
  const std::string source = "import random\nprint(random.random())\n";
  EXPECT_NE(run(source).out, run(source).out);
}

TEST_F(WarmPython, NothingStaysFromARunForTheNext) {
  run("import sys, builtins, json, os\nbuiltins.print = None\njson.dumps = None\nsys.path.append('/box/x')\n"
      "os.environ['LEFT'] = '1'\nopen('left', 'w').write('x')\nopen('/tmp/left2', 'w').write('x')\n");
  const ProgramResult next =
      run("import sys, json, os\nprint(json.dumps([1]), sys.path.count('/box/x'), os.environ.get('LEFT'), os.listdir('/tmp'))\n");
  EXPECT_EQ(next.out, "[1] 0 None ['main.py']\n") << next.error;
}

TEST_F(WarmPython, TheInterpreterItselfCannotBeReached) {
  const ProgramResult result = run(
      "import os, signal\n"
      "me = os.getpid()\n"
      "others = [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, me)]\n"
      "print(others)\n"
      "for p in [os.getppid(), 1, -1]:\n"
      "    try: os.kill(p, signal.SIGKILL); print('signalled' if p != -1 else 'all of mine')\n"
      "    except OSError as e: print('no')\n"
      "for f in ('/proc/1/mem', '/proc/1/environ', '/runner/x'):\n"
      "    try: open(f, 'rb').read(1); print('read', f)\n"
      "    except OSError: pass\n"
      "for d in range(3, 100):\n"
      "    try: os.fstat(d); print('open', d)\n"
      "    except OSError: pass\n");
  EXPECT_EQ(result.out.find("read"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("open"), std::string::npos) << result.out;
  EXPECT_EQ(run("print('still here')\n").out, "still here\n");
}

// As an ordinary user a program may signal its init, which lives in the interpreter's memory.
TEST_F(WarmPython, SignalsToTheInitReachNobodyElse) {
  const ProgramResult result = run(
      "import os, signal, time\n"
      "for number in sorted(signal.valid_signals()):\n"
      "    try: os.kill(1, number)\n"
      "    except OSError: pass\n"
      "time.sleep(0.05)\n"
      "print('done')\n");
  EXPECT_EQ(result.out, "done\n") << result.error;
  // More runs than there are places for inits, in every slot.
  for (int64_t i = 0; i < 6 * sandbox().slots(); ++i) {
    const ProgramResult next = run(
        "import os, signal\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('not interrupted')\n"
        "except KeyboardInterrupt: print('interrupted once')\n");
    EXPECT_EQ(next.out, "interrupted once\n") << next.error;
    EXPECT_TRUE(next.exited_with(0));
  }
}

TEST_F(WarmPython, LimitsHoldAsForAnyProgram) {
  const Limits limits = {.cpu_ms = 300, .wall_ms = 6'000, .memory_bytes = int64_t{128} << 20, .processes = 16};
  EXPECT_EQ(run("while True: pass\n", "", limits).limit, LimitFired::kCpu);
  EXPECT_EQ(run("import time\ntime.sleep(60)\n", "", {.cpu_ms = 300, .wall_ms = 600}).limit, LimitFired::kWall);
  const ProgramResult bomb = run("a = []\nwhile True: a.append(bytearray(1 << 20))\n", "", limits);
  EXPECT_TRUE(bomb.limit == LimitFired::kMemory || bomb.near_memory_limit) << bomb.exit_code << bomb.error;
  EXPECT_EQ(run("while True: print('x' * 1000)\n", "", limits).limit, LimitFired::kStdout);
  EXPECT_EQ(run("import os\nwhile True: os.write(2, b'x' * 1000)\n", "", limits).limit, LimitFired::kStderr);
  const ProgramResult forks = run(
      "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(9)\n        n += 1\n"
      "except OSError: print(n < 17, flush=True)\nos._exit(0)\n",
      "", limits);
  EXPECT_EQ(forks.out, "True\n") << forks.error;
  const ProgramResult files = run("l = []\ntry:\n    while True: l.append(open('/dev/null'))\nexcept OSError: print(len(l) < 64)\n",
                                  "", limits);
  EXPECT_EQ(files.out, "True\n") << files.error;
  const ProgramResult large = run("open('big', 'wb').write(bytes(100 << 20))\n", "", {.tmp_bytes = 32 << 20});
  EXPECT_FALSE(large.exited_with(0));
}

TEST_F(WarmPython, WhatIsForbiddenIsForbidden) {
  const ProgramResult result = run(
      "import socket, os, ctypes\n"
      "def attempt(name, call):\n"
      "    try: call()\n"
      "    except OSError: return\n"
      "    print(name)\n"
      "attempt('socket', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))\n"
      "attempt('shadow', lambda: open('/etc/shadow').read())\n"
      "attempt('write /usr', lambda: open('/usr/x', 'w'))\n"
      "attempt('write /', lambda: os.mkdir('/x'))\n"
      "attempt('memfd', lambda: os.memfd_create('x'))\n"
      "attempt('setuid', lambda: os.setuid(0))\n"
      "attempt('chroot', lambda: os.chroot('/'))\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "for name, number in (('unshare', 272), ('mount', 165), ('ptrace', 101), ('bpf', 321), ('io_uring_setup', 425)):\n"
      "    if libc.syscall(number, 0x10000000, 0, 0, 0, 0) != -1: print(name)\n"
      "print([l for l in open('/proc/self/status') if l.startswith(('CapEff', 'NoNewPrivs', 'Seccomp:'))]"
      " if os.path.exists('/proc/self/status') else '')\n");
  if (sandbox().tier() == Tier::kT1) {
    EXPECT_EQ(result.out, "['CapEff:\\t0000000000000000\\n', 'NoNewPrivs:\\t1\\n', 'Seccomp:\\t2\\n']\n") << result.error;
  }
}

TEST_F(WarmPython, ManyAtOnceDoNotDisturbEachOther) {
  std::vector<std::jthread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) {
        const int number = i * 100 + j;
        right += run("print(int(input()) * 2)\n", std::to_string(number) + "\n").out == std::to_string(2 * number) + "\n";
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, 40);
}

}  // namespace
}  // namespace grpo
