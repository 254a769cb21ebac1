# The driver: holds the tests, calls the candidate, and says on its own stdout what came of each test. Runs in a box of its
# own. Follows suites.py.

import signal

# Modules that tests may use without importing them if the candidate has imported them: what they get is the driver's.
KNOWN_MODULES = ("math", "re", "itertools", "collections", "functools", "heapq", "bisect", "string", "random", "operator",
                 "typing", "copy", "json", "cmath", "datetime", "decimal", "fractions", "statistics", "sys")


class Quiet:
    """What tests print goes nowhere."""

    encoding = "utf-8"

    def write(self, text):
        return len(text)

    def flush(self):
        pass


class Report:
    """One line of JSON per event, to the descriptor that was stdout when the driver started."""

    def __init__(self):
        self.descriptor = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr = Quiet()

    def say(self, **event):
        event = {k: v.encode("utf-8", "replace").decode() if type(v) is str else v for k, v in event.items()}
        line = (json.dumps(event) + "\n").encode("ascii")
        while line:
            line = line[os.write(self.descriptor, line):]


def message_of_error(error):
    try:
        message = str(error)
    except BaseException:
        message = ""
    name = type(error).__name__
    return (name + ": " + message if message else name)[:500]


def verdict_of_error(error):
    if isinstance(error, CandidateGone):
        return error.verdict
    if isinstance(error, JudgeFault) or (isinstance(error, ImportError) and not isinstance(error, RemoteException)):
        return "IE"  # what a test imports is the judge's to provide
    if isinstance(error, NotRun):
        return "WA"
    return "RE" if isinstance(error, (RemoteException, NameError)) else "WA"


class Tests:
    """The tests of one suite, as they run. A test that fails does not end the suite; a candidate that is gone does."""

    def __init__(self, report, candidate, cpu_us, stop_early):
        self.report, self.candidate, self.cpu_us, self.stop_early = report, candidate, cpu_us, stop_early
        self.started = 0.0
        self.running = self.ended = False

    def begin(self, number):
        if self.ended:
            return False
        if self.running:
            raise JudgeFault("the tests call themselves")
        self.running = True
        self.report.say(begin=number)
        self.candidate.begin()
        self.started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, self.candidate.seconds + 0.2)
        # For what no handler interrupts, a loop within the interpreter: nothing handles this one.
        signal.setitimer(signal.ITIMER_VIRTUAL, self.candidate.seconds + 1.0)
        return True

    def end(self, number, verdict, message):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.running = False
        wall_us = int((time.monotonic() - self.started) * 1e6)
        if verdict == "AC" and CandidateGone.first is not None:
            verdict, message = CandidateGone.first.verdict, str(CandidateGone.first)
        if verdict == "AC" and self.candidate.cpu_us > self.cpu_us:
            verdict, message = "TLE", "%d ms of processor time" % (self.candidate.cpu_us // 1000)
        self.report.say(test=number, verdict=verdict, message=message, wall_us=wall_us, cpu_us=self.candidate.cpu_us)
        if self.stop_early and verdict != "AC":
            self.ended = True

    def passed(self, number):
        self.end(number, "AC", "")

    def failed(self, number, error):
        self.end(number, verdict_of_error(error), message_of_error(error))
        if isinstance(error, CandidateGone):
            self.ended = True
            raise error

    def attempt(self, number, function):
        if not self.begin(number):
            return
        try:
            function()
        except BaseException as error:
            self.failed(number, error)
        else:
            self.passed(number)


def out_of_time(*_):
    raise CandidateGone("TLE", "the test took too long")


def load(candidate, report):
    """Waits until the candidate has loaded its source; returns the names that it defines, or none if it could not."""
    candidate.begin()
    try:
        reply = candidate.hear()
        if reply[2] == "ok":
            return [text(n) for n in reply[3]]
        kinds, message = reply[3]
        report.say(load="CE" if reply[2] == "syntax" else "RE", message=("%s: %s" % (kinds[0], message))[:500])
    except CandidateGone as error:
        report.say(load=error.verdict, message=str(error))
    except (TypeError, ValueError, IndexError, KeyError) as error:
        report.say(load="RE", message="what the program sent is no answer: %s" % error)
    return None


# Tests by calls.

def same_json(got, want, tolerance):
    """got: what the candidate returned. Tuples count as lists, keys that are numbers as their text (want is from JSON);
    else as == has it, for which True is 1 and 1.0 is 1."""
    if isinstance(got, (list, tuple)):
        return (type(want) is list and len(got) == len(want)
                and all(same_json(g, w, tolerance) for g, w in zip(got, want)))
    if isinstance(got, dict):
        if type(want) is not dict or len(got) != len(want):
            return False
        keys = {str(k) if type(k) in (int, float) else k: v for k, v in got.items()}
        return len(keys) == len(got) and all(k in keys and same_json(keys[k], w, tolerance) for k, w in want.items())
    if tolerance and type(got) in (int, float) and type(want) in (int, float):
        return got == want or (abs(want) != math.inf and abs(got - want) <= tolerance * max(1.0, abs(want)))
    return bool(got == want)


def short(value):
    try:
        shown = repr(value)
    except BaseException:
        shown = type(value).__name__
    return shown if len(shown) <= 120 else shown[:117] + "..."


def run_calls(task, tests, candidate):
    for number, test in enumerate(task["tests"]):
        def call():
            try:
                arguments, want = of_json(test["arguments"]), of_json(test["expected"])
            except ValueError as error:
                raise JudgeFault("the test is no JSON: %s" % error) from None
            if type(arguments) is not list:
                raise JudgeFault("the arguments are no JSON array")
            packed = [candidate.packer.pack(a) for a in arguments]
            got = candidate.ask("call", task["function"], packed)
            if not same_json(got, want, task["float_tolerance"]):
                raise AssertionError("expected %s, found %s" % (short(want), short(got)))
        tests.attempt(number, call)
        if tests.ended:
            return


# Suites.

def trusted_namespace(task):
    namespace = {"__name__": "tests", "__builtins__": builtins}
    if task["nodes"]:
        exec(STANDARD_NODES + STANDARD_NODE_HELPERS, namespace)
    exec(compile(task["prelude"], "prelude.py", "exec"), namespace)
    if task["prompt"]:
        run_prompt(task["prompt"], namespace)
    return namespace


def run_suite(task, tests, candidate, report):
    try:
        suite = PytestSuite(task) if task["style"] == "pytest" else CheckSuite(task)
        namespace = trusted_namespace(task)
    except Exception as error:
        raise JudgeFault("the tests cannot be read: %s" % message_of_error(error)) from None
    root = task["entry_point"].partition("(")[0].partition(".")[0]
    candidate.shared = {n: v for n, v in namespace.items()
                        if isinstance(v, type) and v.__module__ == "tests" and n != root}
    if task["style"] != "pytest":
        report.say(total=len(suite.names), names=suite.names)
    defined = load(candidate, report)
    if defined is None:
        return
    report.say(loaded=True)
    if root:
        namespace.pop(root, None)
    for name in KNOWN_MODULES:
        if name in suite.uses and name in defined and name not in namespace and name != root:
            namespace[name] = __import__(name)
    wanted = sorted(n for n in suite.uses.union([root]).intersection(defined)
                    if n == root or (n not in namespace and not hasattr(builtins, n)))
    candidate.begin()
    for name, found in zip(wanted, candidate.values(wanted)):
        if found:
            namespace[name] = found[0]
    if task["style"] == "pytest":
        suite.prepare(namespace, candidate, defined)
        report.say(total=len(suite.names), names=suite.names)
    suite.run(namespace, tests, candidate)


def main():
    report = Report()
    with open("tests.json", encoding="utf-8") as file:
        task = json.load(file)
    candidate = Candidate(SOCKET, task["seconds"])
    tests = Tests(report, candidate, task["cpu_us"], task["stop_early"])
    signal.signal(signal.SIGALRM, out_of_time)
    try:
        if task["style"] == "calls":
            report.say(total=len(task["tests"]), names=[t["name"] for t in task["tests"]])
            if load(candidate, report) is not None:
                report.say(loaded=True)
                run_calls(task, tests, candidate)
        else:
            run_suite(task, tests, candidate, report)
        if not candidate.connection.is_silent():
            report.say(spoke=True)
    except CandidateGone as error:
        report.say(gone=error.verdict, message=str(error))
    except BaseException as error:  # of the trusted text: nothing of the candidate is behind it
        report.say(stopped=verdict_of_error(error), message=message_of_error(error))
    report.say(end=True)
    os._exit(0)


if __name__ == "__main__":
    main()
