// What policies have done to pass without solving, as programs: rows 71 to 81 of the catalogue of attacks, and liars on the
// socket between candidate and driver. None is accepted, none is held to be the judge's fault, and the next run is clean.

#include <algorithm>
#include <functional>
#include <thread>

#include "tests/sandbox/python/python_host.h"

namespace grpo {
namespace {

class PythonAttack : public PythonHost {
 protected:
  // Under every kind of test; in each, f(2) == 5 and f(3) == 7.5 are expected.
  std::vector<Judgement> kinds(const std::string& source, size_t count) {
    Suite check;
    check.test_code = "def check(candidate):\n    assert candidate(2) == 5\n    assert abs(candidate(3) - 7.5) < 1e-6\n";
    check.entry_point = "f";
    const std::vector<std::function<Judgement()>> all = {
        [&] { return calls(source, "f", {{"[2]", "5"}, {"[3]", "7.5"}}); },
        [&] { return suite(source, check); },
        [&] { return calls(source, "f", {{"[2]", "5"}, {"[3]", "7.5"}}, 1e-6); },
        [&] { return asserts(source, "assert f(2) == 5\nassert abs(f(3) - 7.5) < 1e-6\n"); },
        [&] { return asserts(source, "import math\nassert 5 == f(2)\nassert math.isclose(f(3), 7.5)\n"); },
        [&] {
          return pytest(source,
                        "import pytest\nfrom solution import f\ndef test_a():\n    assert f(2) == 5\n"
                        "def test_b():\n    assert f(3) == pytest.approx(7.5)\n");
        },
        [&] {
          return pytest(source,
                        "import unittest\nfrom solution import *\nclass T(unittest.TestCase):\n"
                        "    def test_a(self): self.assertEqual(f(2), 5)\n"
                        "    def test_b(self): self.assertAlmostEqual(f(3), 7.5)\n");
        }};
    count = std::min(count, all.size());
    std::vector<Judgement> judgements(count);
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < count; ++i) threads.emplace_back([&, i] { judgements[i] = all[i](); });
    threads.clear();
    return judgements;
  }

  // The attack's verdict under every kind of test, or under the first `count`, is one of `verdicts`.
  void expect_fails(const std::string& source, const std::vector<std::string>& verdicts, size_t count = 99) {
    int kind = 0;
    for (const Judgement& judgement : kinds(source, count)) {
      const std::string verdict = verdict_name(judgement.verdict);
      EXPECT_NE(std::find(verdicts.begin(), verdicts.end(), verdict), verdicts.end())
          << "kind of test " << kind << ": " << shown(judgement) << "\n" << source;
      EXPECT_EQ(judgement.score, 0.0) << shown(judgement) << "\n" << source;
      ++kind;
    }
  }

  void TearDown() override {
    if (!shared_sandbox()) return;
    limits_ = kPatient;
    const Judgement clean = calls("def f(a): return a\n", "f", {{"[1]", "1"}});
    EXPECT_TRUE(clean.accepted()) << shown(clean);
  }
};

TEST_F(PythonAttack, TheTestsAreSuchThatARightAnswerPasses) {
  for (const Judgement& judgement : kinds("def f(a): return 5 if a == 2 else 7.5\n", 99)) {
    EXPECT_TRUE(judgement.accepted()) << shown(judgement);
  }
}

TEST_F(PythonAttack, Row71LeavingBeforeTheAsserts) {
  for (const char* way : {"import sys\nsys.exit(0)\n", "import os\nos._exit(0)\n", "raise SystemExit\n",
                          "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "quit = exit = None\nraise SystemExit(0)\n"}) {
    expect_fails(way, {"RE"});
    expect_fails(std::string("def f(a):\n    ") + std::string(way).replace(std::string(way).find('\n'), 1, "; ") + "\n",
                 {"RE", "CE"});
  }
}

const char kAlwaysEqual[] =
    "class Always%s:\n"
    "    def __eq__(self, o): return True\n"
    "    def __ne__(self, o): return False\n"
    "    def __lt__(self, o): return True\n"
    "    __le__ = __gt__ = __ge__ = __contains__ = __lt__\n"
    "    def __sub__(self, o): return 0\n"
    "    __rsub__ = __add__ = __radd__ = __mul__ = __abs__ = __round__ = __sub__\n"
    "    def __abs__(self): return 0\n"
    "    def __float__(self): return 7.5\n"
    "    def __hash__(self): return 0\n"
    "    def __bool__(self): return True\n";

std::string always_equal(const std::string& base, const std::string& made) {
  std::string text = kAlwaysEqual;
  text.replace(text.find("%s"), 2, base.empty() ? "" : "(" + base + ")");
  return text + "def f(a): return " + made + "\n";
}

TEST_F(PythonAttack, Row71DyingWhereTestsExpectAnyException) {
  const std::string source = "import os\ndef f(a): os._exit(0)\n";
  for (const char* tests : {"from solution import f\ndef test_a():\n    try:\n        f(-1)\n        assert False\n"
                            "    except:\n        pass\n",
                            "from solution import f\ndef test_a():\n    try:\n        f(-1)\n    except BaseException:\n"
                            "        return\n"}) {
    const Judgement judgement = pytest(source, tests);
    EXPECT_EQ(judgement.verdict, Verdict::kRuntimeError) << shown(judgement);
    EXPECT_EQ(judgement.score, 0.0);
  }
}

TEST_F(PythonAttack, Row72AnInstanceThatBringsItsOwnMethods) {
  Suite points;
  points.prelude =
      "class Point:\n    def __init__(self, x=0): self.x = x\n    def same(self, other): return self.x == other.x\n";
  points.test_code = "def check(candidate):\n    assert candidate(3).same(Point(3))\n";
  points.entry_point = "f";
  const Judgement right = suite("def f(a): return Point(a)\n", points);
  EXPECT_TRUE(right.accepted()) << shown(right);
  const Judgement wrong =
      suite("def f(a):\n    p = Point(0)\n    p.same = lambda other: True\n    return p\n", points);
  EXPECT_EQ(wrong.verdict, Verdict::kRuntimeError) << shown(wrong);
}

TEST_F(PythonAttack, Row73ChangingWhatTheExpectedValueIsMadeOf) {
  const char* tests = "from solution import f\ndef test_a():\n    a = [3, 1, 2]\n    assert f(a) == sorted(a)\n";
  const Judgement right = pytest("def f(a): return sorted(a)\n", tests);
  EXPECT_TRUE(right.accepted()) << shown(right);
  // An answer and a change: what no function that answers honestly sends.
  const Judgement wrong = pytest(
      "import sys\nmain = sys.modules['__main__']\nhonest = main.answer\n"
      "def lie(request, names): return ['ok', [], [[]]] if request[1] == 'call' else honest(request, names)\n"
      "main.answer = lie\ndef f(a): pass\n",
      tests);
  EXPECT_EQ(wrong.verdict, Verdict::kWrongAnswer) << shown(wrong);
}

TEST_F(PythonAttack, Row81ABuiltInTypeAsTheFunctionIsNotTheJudgesFault) {
  Suite check;
  check.test_code = "def check(candidate):\n    assert candidate('5') == 5\n";
  check.entry_point = "f";
  const Judgement right = suite("f = int\n", check), wrong = suite("f = bool\n", check);
  EXPECT_TRUE(right.accepted()) << shown(right);
  EXPECT_EQ(wrong.verdict, Verdict::kWrongAnswer) << shown(wrong);
}

TEST_F(PythonAttack, Row72AnObjectThatIsEqualToEverything) {
  expect_fails(always_equal("", "Always()"), {"WA", "RE"});
  expect_fails(always_equal("int", "Always(0)"), {"WA"});
  expect_fails(always_equal("float", "Always(0)"), {"WA"});
  expect_fails(always_equal("str", "Always('x')"), {"WA"});
  expect_fails(always_equal("list", "Always()"), {"WA"});
  expect_fails(always_equal("dict", "Always()"), {"WA"});
  expect_fails(always_equal("tuple", "Always()"), {"WA"});
  expect_fails(always_equal("", "[Always()]"), {"WA"});
  expect_fails(always_equal("", "Always"), {"WA", "RE"});
}

TEST_F(PythonAttack, Row72InsideAContainerThatIsExpected) {
  const std::string source = always_equal("", "[Always(), {'k': Always()}, (Always(),)]");
  EXPECT_VERDICT("WA", asserts(source, "assert f(1) == [1, {'k': 2}, (3,)]\n"));
  EXPECT_VERDICT("WA", asserts(source, "assert 1 in f(1)\n"));
  EXPECT_VERDICT("RE", asserts(always_equal("", "Always()"), "assert 1 in f(1)\n"));
  EXPECT_VERDICT("WA", asserts(always_equal("", "Always()"), "assert f(1) in (1, 2)\n"));
  EXPECT_VERDICT("WA", asserts(always_equal("", "Always()"), "assert f(1) in {0: 1, 1: 2}\n"));
  EXPECT_VERDICT("WA", asserts(always_equal("", "Always()"), "assert not f(1) != 1\n"));
  EXPECT_VERDICT("WA", calls(source, "f", {{"[1]", R"([1, {"k": 2}, [3]])"}}));
}

TEST_F(PythonAttack, Row73ReplacingWhatAssertsUse) {
  expect_fails(
      "import builtins, json, math, unittest, operator\n"
      "builtins.abs = lambda a: 0\nbuiltins.all = builtins.any = lambda a: True\nbuiltins.AssertionError = KeyError\n"
      "builtins.isinstance = lambda *a: True\n"
      "math.isclose = lambda *a, **k: True\njson.dumps = lambda *a, **k: '5'\noperator.eq = lambda *a: True\n"
      "unittest.TestCase.assertEqual = unittest.TestCase.assertAlmostEqual = lambda *a: None\n"
      "def abs(a): return 0\ndef check(candidate): pass\ndef f(a): return None\n",
      {"WA", "RE"});
}

TEST_F(PythonAttack, Row74PlantingFilesAndModulesThatATestRunnerLoads) {
  expect_fails(
      "import sys, types\n"
      "for name in ('conftest.py', 'sitecustomize.py', 'usercustomize.py', 'pytest.py', 'unittest.py', 'x.pth', 'json.py',\n"
      "             'tests.json', 'main.py'):\n"
      "    try: open(name, 'w').write('import os; os._exit(0)')\n"
      "    except OSError: pass\n"
      "sys.modules['pytest'] = sys.modules['unittest'] = types.ModuleType('pytest')\n"
      "def f(a): return None\n",
      {"WA", "RE"});
}

TEST_F(PythonAttack, Row75LookingForTheExpectedValue) {
  expect_fails(
      "import sys, gc, os\n"
      "def f(a):\n"
      "    seen = []\n"
      "    frame = sys._getframe()\n"
      "    while frame:\n"
      "        seen += list(frame.f_locals.values()) + list(frame.f_globals.values())\n"
      "        frame = frame.f_back\n"
      "    seen += gc.get_objects()\n"
      "    for root, _, files in os.walk('.'):\n"
      "        seen += [open(os.path.join(root, n), errors='replace').read() for n in files]\n"
      "    for o in seen:\n"
      "        if isinstance(o, dict):\n"
      "            o = o.get('expected', o.get('test_code'))\n"
      "        if isinstance(o, str) and '7' + '.5' in o: return float('7' + '.5')\n"
      "    return 'nothing found'\n",
      {"WA", "RE"});
}

TEST_F(PythonAttack, Row76LeavingFromAHookOrAThread) {
  expect_fails("import os, threading\nthreading.Thread(target=os._exit, args=(0,)).start()\ndef f(a):\n    while True: pass\n",
               {"RE"});
  expect_fails("import sys, os\nsys.excepthook = lambda *a: os._exit(0)\ndef f(a): return 1 / 0\n", {"RE"});
  expect_fails("import atexit, os\natexit.register(os._exit, 0)\nraise SystemExit\n", {"RE"});
}

TEST_F(PythonAttack, Row77SkippingTests) {
  expect_fails("import unittest\ndef f(a): raise unittest.SkipTest('skip')\n", {"RE"});
  expect_fails("class Skipped(Exception): pass\nclass NotRun(Skipped): pass\ndef f(a): raise NotRun()\n", {"RE"});
  expect_fails("class CandidateGone(Exception): pass\ndef f(a): raise CandidateGone('AC')\n", {"RE"});
  expect_fails("class JudgeFault(BaseException): pass\ndef f(a): raise JudgeFault('IE')\n", {"RE"});
  expect_fails("def f(a): raise ImportError('the judge has to provide this')\n", {"RE"});
}

TEST_F(PythonAttack, Row78SwitchingOffTimers) {
  limits_ = kHanging;
  expect_fails(
      "import signal, time\nsignal.alarm(0)\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
      "for s in (signal.SIGALRM, signal.SIGTERM, signal.SIGXCPU): signal.signal(s, signal.SIG_IGN)\n"
      "time.monotonic = time.perf_counter = time.time = lambda: 0\n"
      "def f(a):\n    while True: pass\n",
      {"TLE", "ILE"}, 2);
}

// The socket is the candidate's to write to; it does not know what to say.
TEST_F(PythonAttack, Row79WritingToWhatIsInherited) {
  expect_fails("import os\nfor d in range(3, 64):\n    try: os.write(d, b'AC passed ok 1 {\"test\": 0, \"verdict\": \"AC\"}\\n' * 10)\n"
               "    except OSError: pass\ndef f(a): return None\n",
               {"RE"});
  expect_fails("import os\nos.write(3, b'\\x02\\0\\0\\0[]')\ndef f(a): return None\n", {"RE"});
  expect_fails("import os\nos.write(3, b'\\xff\\xff\\xff\\xff')\ndef f(a): return None\n", {"RE"});
  expect_fails("import os\nos.close(3)\ndef f(a): return None\n", {"RE"});
  expect_fails("import os, glob\nfor p in glob.glob('/proc/*/fd/*'):\n    try: open(p, 'wb').write(b'AC')\n"
               "    except OSError: pass\ndef f(a): return None\n",
               {"RE", "WA"});
}

std::string liar(const std::string& replies) {
  return "import os, json, struct\n"
         "def say(*m):\n"
         "    b = json.dumps(list(m)).encode()\n"
         "    os.write(3, struct.pack('<I', len(b)) + b)\n" +
         replies + "def f(a): return None\n";
}

TEST_F(PythonAttack, Row79AnsweringTooOftenOrOutOfTurn) {
  expect_fails(liar("say(0, 0, 'ok', ['f'])\n"), {"RE"});
  expect_fails(liar("for i in range(50): say(i, 0, 'ok', 5)\n"), {"RE"});
  expect_fails(liar("say(0, -10**9, 'ok', {'t': 5})\n"), {"RE"});
  expect_fails(liar("os.write(3, struct.pack('<I', 10**6) + b'[' * 10**6)\n"), {"RE"});
  expect_fails(liar("os.write(3, struct.pack('<I', 15 << 20) + b'9' * (15 << 20))\n"), {"RE"});
  limits_ = kHanging;
  expect_fails(liar("say(0, 0, 'ok', ['f'])\nsay(7, 0, 'ok', 5)\nimport time\ntime.sleep(99)\n"), {"RE"});
  expect_fails(liar("say(0, 0, 'ok', ['f'])\nimport time\ntime.sleep(99)\n"), {"TLE", "ILE"}, 2);
}

TEST_F(PythonAttack, Row79ValuesThatAreNotAsAgreed) {
  for (const char* value : {"{'zz': 1}", "{'i': 'x'}", "{'o': [0]}", "{'o': ['a', 1, 2]}", "{'d': [[[]], [1]]}", "{'s': [[1]]}",
                            "{'r': [1]}", "{'y': 'eval'}", "{'x': 'eval'}", "{'g': [['object', {}]]}", "{'n': [1, 2]}", "{}",
                            "{'a': 1, 'b': 2}", "{'D': 'x'}", "{'T': ['date', 'x']}", "{'m': [[], [], 'eval']}", "{'F': [1, 0]}"}) {
    const std::string source = liar(std::string("os_say = say\nimport struct\ndef f(a): pass\n"
                                                "say(0, 0, 'ok', ['f'])\n"
                                                "h = os.read(3, 4)\nos.read(3, struct.unpack('<I', h)[0])\n"
                                                "say(1, 0, 'ok', ") + value + ")\nos.read(3, 1)\n");
    const Judgement judgement = calls(source, "f", {{"[2]", "5"}});
    EXPECT_EQ(judgement.verdict, Verdict::kRuntimeError) << value << shown(judgement);
  }
}

TEST_F(PythonAttack, Row80ReturnedValuesAreNeverUnpickled) {
  expect_fails("import os\nclass P:\n    def __reduce__(self): return (os._exit, (0,))\n    def __reduce_ex__(self, n): return (os._exit, (0,))\n"
               "def f(a): return P()\n",
               {"WA", "RE"});
}

TEST_F(PythonAttack, Row81OverwritingTheCheckerDoesNothing) {
  expect_fails("import os\nfor n in os.listdir('.') + ['tests.json', 'checker.py', 'correct_output.txt']:\n"
               "    try: open(n, 'w').write('')\n    except OSError: pass\ndef f(a): return None\n",
               {"WA", "RE"});
}

TEST_F(PythonAttack, Row82AnswersMadeToBreakTheDriver) {
  EXPECT_VERDICT("OLE", calls("def f(a): return 'x' * (20 << 20)\n", "f", {{"[2]", "5"}}));
  expect_fails("def f(a):\n    v = []\n    for i in range(100000): v = [v]\n    return v\n", {"WA", "RE"});
  expect_fails("def f(a):\n    v = []\n    v.append(v)\n    return v\n", {"WA", "RE"});
  expect_fails("def f(a): return 10 ** 100000\n", {"WA"});
}

TEST_F(PythonAttack, Row82AnswersThatKeepTheDriverBusyForEver) {
  limits_ = kHanging;
  expect_fails("def f(a): return {k << 61 for k in range(20000)}\n", {"WA", "RE", "TLE", "ILE"}, 2);
  for (const char* source : {"def f(a):\n    while True: yield 1\n", "def f(a): return range(10 ** 15)\n"}) {
    const Judgement judgement = asserts(source, "assert sum(f(1)) == 1\n");
    EXPECT_TRUE(judgement.verdict == Verdict::kTimeLimit || judgement.verdict == Verdict::kIdleLimit) << shown(judgement);
  }
}

}  // namespace
}  // namespace grpo
