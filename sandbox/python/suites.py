# Tests that are code: which they are is fixed from the trusted text before any of them runs. Follows pytest_shim.py.

import ast


class Test:
    def __init__(self, name):
        self.name = name
        self.verdict = None  # none: not run


def asserts_within(statement):
    """The assert statements of a statement, without those of functions and classes that it defines."""
    found, waiting = [], [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Assert):
            found.append(node)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return found


def checks_something(statement, checkers):
    asserts = asserts_within(statement)
    if asserts:
        return any(not isinstance(a.test, ast.Constant) or not a.test.value for a in asserts)
    return (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            and isinstance(statement.value.func, ast.Name) and statement.value.func.id in checkers)


def watched(statement, number):
    """try: STATEMENT except BaseException as e: tests.failed(number, e) else: tests.passed(number), if tests.begin(number)"""
    def call(method, *more):
        function = ast.Attribute(ast.Name("grpo_tests", ast.Load()), method, ast.Load())
        return ast.Call(function, [ast.Constant(number), *more], [])
    handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), "grpo_error",
                                [ast.Expr(call("failed", ast.Name("grpo_error", ast.Load())))])
    attempt = ast.Try([statement], [handler], [ast.Expr(call("passed"))], [])
    return ast.fix_missing_locations(ast.copy_location(ast.If(call("begin"), [attempt], []), statement))


def watch_statements(body, checkers):
    """Makes every statement that checks something a test of its own; returns the tests' names."""
    names = []
    for place, statement in enumerate(body):
        if checks_something(statement, checkers):
            body[place] = watched(statement, len(names))
            names.append("line %d" % statement.lineno)
    return names


def is_call_of(statement, name):
    return (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            and isinstance(statement.value.func, ast.Name) and statement.value.func.id == name)


def functions_that_check(tree):
    return {n.name for n in tree.body if isinstance(n, ast.FunctionDef)
            and any(isinstance(d, (ast.Assert, ast.Raise)) for d in ast.walk(n))}


def names_used(code):
    """All names that a code object and those within it mention."""
    names, waiting = set(), [code]
    while waiting:
        code = waiting.pop()
        names.update(code.co_names)
        waiting += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return names


def run_prompt(prompt, namespace):
    """Defines what a prompt defines; the function that it leaves unfinished gets no body."""
    for tail in ("", "\n    pass\n", "\n\tpass\n"):
        try:
            code = compile(prompt + tail, "prompt.py", "exec")
        except SyntaxError:
            continue
        exec(code, namespace)
        return
    begin = prompt.rfind("\ndef ")
    if begin > 0:
        run_prompt(prompt[:begin], namespace)


class CheckSuite:
    """check(candidate) of HumanEval and its kin, or a list of asserts."""

    def __init__(self, suite):
        self.tree = ast.parse(suite["test_code"], "tests.py")
        self.has_check = suite["style"] != "asserts"
        self.entry_point = suite["entry_point"]
        body = self.tree.body
        checkers = functions_that_check(self.tree)
        if self.has_check:
            found = [n for n in body if isinstance(n, ast.FunctionDef) and n.name == "check"]
            if not found:
                raise JudgeFault("the tests define no check(candidate)")
            self.tree.body = [n for n in body if not is_call_of(n, "check")]
            self.names = watch_statements(found[-1].body, checkers - {"check"})
        else:
            self.names = watch_statements(body, checkers)
        self.as_one = not self.names
        if self.as_one:
            if not any(isinstance(n, (ast.Assert, ast.Raise)) for n in ast.walk(self.tree)):
                raise JudgeFault("the tests check nothing")
            self.names = ["check"]
        self.code = compile(self.tree, "tests.py", "exec")
        self.uses = names_used(self.code)

    def run(self, namespace, tests, candidate):
        namespace["grpo_tests"] = tests
        given = namespace.get(self.entry_point)  # by the candidate
        if self.as_one and not self.has_check:
            tests.attempt(0, lambda: exec(self.code, namespace))
            return
        exec(self.code, namespace)
        if not self.has_check:
            return
        subject = self.subject(namespace, candidate, given)
        if self.as_one:
            tests.attempt(0, lambda: namespace["check"](subject))
        else:
            namespace["check"](subject)

    def subject(self, namespace, candidate, given):
        expression = self.entry_point
        if not expression.isidentifier():
            return lambda *arguments, **keywords: candidate.call(expression, arguments, keywords)
        subject = namespace.get(expression, Missing(expression))
        if subject is not given and type(subject) in (types.FunctionType, type):
            raise JudgeFault("the tests themselves define '%s', which they test" % expression)
        return subject


def names_bound(tree):
    """What a module binds itself at its top level, apart from what it imports from `solution`."""
    names = set()
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, ast.Import) or (isinstance(statement, ast.ImportFrom)
                                                   and statement.module != "solution"):
            names.update((a.asname or a.name).partition(".")[0] for a in statement.names)
        else:
            names.update(n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return names


class SolutionModule(types.ModuleType):
    """`solution`, as the tests import it: every name is the candidate's. `import *` brings nothing that the tests, the
    language or its library have under that name: no candidate replaces what an assert is made of."""

    def __init__(self, candidate, names):
        super().__init__("solution")
        self.__dict__["grpo_known"] = {}
        self.__dict__["grpo_candidate"] = candidate
        self.__dict__["__all__"] = names

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self.grpo_known:
            (found,) = self.grpo_candidate.values([name])
            self.grpo_known[name] = found[0] if found else Missing(name)
        return self.grpo_known[name]


class PytestSuite:
    def __init__(self, suite):
        tree = ast.parse(suite["test_code"], "test_solution.py")
        self.bound = names_bound(tree)
        self.code = compile(tree, "test_solution.py", "exec")
        self.uses = set()

    def prepare(self, namespace, candidate, names):
        library = getattr(sys, "stdlib_module_names", sys.modules)
        sys.modules["solution"] = SolutionModule(candidate, [
            n for n in names if not n.startswith("_") and not hasattr(builtins, n) and n not in library
            and n not in self.bound])
        sys.modules["pytest"] = pytest_module()
        exec(self.code, namespace)
        self.tests = pytest_tests(namespace)
        if not self.tests:
            raise JudgeFault("there is no test function")
        self.names = [name for name, _ in self.tests]

    def run(self, namespace, tests, candidate):
        for number, (_, function) in enumerate(self.tests):
            tests.attempt(number, function)
