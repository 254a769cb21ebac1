# The driver's side of the connection. What the candidate sends is data: a reply that is late, too many, or not as agreed
# ends the candidate. Objects that stay with the candidate are Remotes here. Follows values.py and nodes.py.

import builtins
import types

SOCKET = 3
REQUEST_BYTES_MAX = 256 << 20
CHUNK_MAX = 1024  # items of an iterator that are asked for at once


class CandidateGone(BaseException):
    """The candidate cannot go on: verdict is RE, TLE, OLE or WA. A test that catches all that there is does not pass
    either: see Tests.end."""

    first = None  # of this run

    def __init__(self, verdict, message):
        super().__init__(message)
        self.verdict = verdict
        CandidateGone.first = CandidateGone.first or self


class JudgeFault(BaseException):
    """A test wants what driver and candidate cannot do together: verdict IE."""


class Connection:
    """One request at a time over a stream; every wait has an end."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self.poll = select.poll()
        self.buffer = bytearray()
        self.deadline = 0.0

    def wait(self, event):
        left = self.deadline - time.monotonic()
        if left > 0:
            self.poll.register(self.descriptor, event)
            if self.poll.poll(left * 1000 + 1):
                return
        raise CandidateGone("TLE", "no answer in time")

    def send(self, frame):
        view = memoryview(frame)
        try:
            while view:
                try:
                    view = view[os.write(self.descriptor, view):]
                except BlockingIOError:
                    self.wait(select.POLLOUT)
        except (BrokenPipeError, ConnectionResetError):
            raise CandidateGone("RE", "the program ended before it was called") from None

    def read(self):
        """Adds what has arrived to the buffer, waiting if nothing has."""
        while True:
            try:
                part = os.read(self.descriptor, 1 << 20)
            except BlockingIOError:
                self.wait(select.POLLIN)
                continue
            except ConnectionResetError:
                part = b""
            if not part:
                raise CandidateGone("RE", "the program ended in the middle of a test")
            self.buffer += part
            return

    def receive(self):
        while len(self.buffer) < 4:
            self.read()
        length, = struct.unpack_from("<I", self.buffer)
        if length > FRAME_BYTES_MAX:
            raise CandidateGone("RE", "what the program sent is no answer")
        while len(self.buffer) < 4 + length:
            if time.monotonic() > self.deadline:
                raise CandidateGone("TLE", "no answer in time")
            self.read()
        body = bytes(self.buffer[4:4 + length])
        del self.buffer[:4 + length]
        return body

    def is_silent(self):
        """Nothing has come that was not asked for."""
        if not self.buffer:
            try:
                self.buffer += os.read(self.descriptor, 1)
            except (BlockingIOError, ConnectionResetError):
                pass
        return not self.buffer


class Candidate:
    """Calls into the candidate. cpu_us: what it says that it has used since begin(): for honest programs only."""

    def __init__(self, descriptor, seconds):
        self.connection = Connection(descriptor)
        self.seconds = seconds  # of one test
        self.number = 0
        self.cpu_us = 0
        self.shared = {}  # classes of trusted text, by name
        self.remotes = {}
        self.packer = Packer(self, DEPTH_MAX + 50)
        self.packer_of_answers = Packer(self, DEPTH_MAX)

    def begin(self):
        self.cpu_us = 0
        self.connection.deadline = time.monotonic() + self.seconds

    def hear(self):
        """The next reply, [id, cpu_us, status, ...]."""
        body = self.connection.receive()
        try:
            reply = message_of(body)
            if type(reply) is not list or len(reply) < 3 or type(reply[0]) is not int or reply[0] != self.number:
                raise ValueError("not the answer to request %d" % self.number)
            if type(reply[1]) is not int or type(reply[2]) is not str:
                raise ValueError("not an answer")
            self.cpu_us += max(reply[1], 0)
            return reply
        except (ValueError, RecursionError, MemoryError) as error:
            raise CandidateGone("RE", "what the program sent is no answer: %s" % error) from None

    def ask(self, operation, target, arguments=(), keywords=None, want_changes=False):
        """What the operation gave; raises what it raised."""
        if not self.connection.is_silent():
            raise CandidateGone("RE", "the program spoke without being asked")
        self.number += 1
        frame = frame_of([self.number, operation, target, arguments, keywords or {}, want_changes])
        if len(frame) > REQUEST_BYTES_MAX:
            raise CandidateGone("OLE", "arguments of %d bytes" % len(frame))
        self.connection.send(frame)
        reply = self.hear()
        status = reply[2]
        try:
            if status == "ok":
                value = self.packer_of_answers.unpack(reply[3])
                if want_changes and len(reply) == 5:
                    return value, self.packer_of_answers.unpack(reply[4])
                return (value, None) if want_changes else value
            if status == "raised":
                kinds, message = reply[3]
                raise remote_exception([text(k) for k in kinds[:50]], text(message))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, ArithmeticError,
                MemoryError) as error:
            if isinstance(error, RemoteException):
                raise
            raise CandidateGone("RE", "what the program sent is no answer: %s" % error) from None
        if status == "large":
            raise CandidateGone("OLE", "the answer is larger than %d bytes" % FRAME_BYTES_MAX)
        if status == "stuck":
            raise CandidateGone("WA", "the answer cannot be compared: %s" % reply[3:4])
        raise CandidateGone("RE", "what the program sent is no answer")

    def call(self, target, arguments, keywords=None):
        """Calls a function; lists, dicts and sets among the arguments that it changes in place are changed here, if it
        returns None, as functions that work in place do."""
        try:
            packed = [self.packer.pack(a) for a in arguments]
            named = {k: self.packer.pack(v) for k, v in keywords.items()} if keywords else None
        except CannotTravel as error:
            raise JudgeFault("an argument cannot be given to the program: %s" % error) from None
        if not any(type(a) in CHANGEABLE or type(a).__name__ in self.shared for a in arguments):
            return self.ask("call", target, packed, named)
        value, changed = self.ask("call", target, packed, named, True)
        if value is None and type(changed) is list and len(changed) == len(arguments):
            for old, new in zip(arguments, changed):
                change_in_place(old, new)
        return value

    def values(self, names):
        """One tuple per name: what the candidate has under it, or nothing."""
        found = self.ask("names", names, sorted(self.shared))
        if type(found) is not list or len(found) != len(names) or any(type(f) is not tuple or len(f) > 1 for f in found):
            raise CandidateGone("RE", "what the program sent is no answer")
        return found

    # What is not plain.

    def pack(self, value, depth):
        kind = type(value)
        if kind is Remote:
            return {"o": object.__getattribute__(value, "_number")}
        if kind.__name__ in self.shared:
            return pack_graph(value, self.shared, self.packer, depth)
        if kind is types.BuiltinFunctionType and getattr(builtins, value.__name__, None) is value:
            return {"x": value.__name__}
        if isinstance(value, ITERATORS):
            return {"I": self.packer.pack_items(list(value), depth)}
        if isinstance(value, VIEWS):
            return self.packer.pack_items(list(value), depth)
        raise CannotTravel("it is of type %s" % kind.__name__)

    def unpack(self, tag, body, depth):
        if tag == "o":
            number, name, is_class = body
            if type(number) is not int or type(name) is not str or type(is_class) is not bool:
                raise ValueError("not an object as agreed")
            known = self.remotes.get(number)
            if known is None:
                known = self.remotes[number] = Remote(self, number, name, is_class)
            return known
        if tag == "g":
            return unpack_graph(body, self.shared, self.packer_of_answers, depth)
        raise ValueError("unknown tag " + repr(tag))


CHANGEABLE = frozenset((list, dict, set, bytearray, collections.deque))
VIEWS = tuple(map(type, ({}.keys(), {}.values(), {}.items())))
ITERATORS = (collections.abc.Iterator,)


def change_in_place(old, new):
    if type(old) is not type(new) or type(old) not in CHANGEABLE:
        if type(old) is type(new) and hasattr(old, "__dict__") and type(old) is not Remote:
            vars(old).clear()
            vars(old).update(vars(new))
        return
    if type(old) in (list, bytearray):
        old[:] = new
    else:
        old.clear()
        (old.extend if type(old) is collections.deque else old.update)(new)


class RemoteException:
    """Mixed into what the candidate raised: an exception of the nearest built-in kind, under its own name."""


def remote_exception(kinds, message):
    base = Exception
    for name in kinds:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            base = kind
            break
    try:
        made = type(kinds[0] if kinds else "Exception", (RemoteException, base), {})
        error = made(message)
    except TypeError:  # UnicodeDecodeError and its like want more than a message
        error = type(kinds[0], (RemoteException, ValueError), {})(message)
    error.remote_kinds = kinds
    return error


def remote_only(operation):
    def method(self, other):
        if type(other) is not Remote:
            return NotImplemented
        return self._ask(operation, [other])
    return method


class Remote:
    """An object that stays with the candidate. Whatever it is compared with here must be an object of the candidate too:
    it is never shown a value that a test expects, and never decides whether it equals one."""

    __slots__ = ("_candidate", "_number", "_name", "_is_class", "_items", "_chunk", "_attributes")

    def __init__(self, candidate, number, name, is_class):
        for key, value in zip(Remote.__slots__, (candidate, number, name, is_class, [], 1, {})):
            object.__setattr__(self, key, value)

    def _ask(self, operation, values=()):
        try:
            packed = [self._candidate.packer.pack(v) for v in values]
        except CannotTravel as error:
            raise JudgeFault("a value cannot be given to the program: %s" % error) from None
        return self._candidate.ask(operation, self._number, packed)

    def __call__(self, *arguments, **keywords):
        return self._candidate.call(self._number, arguments, keywords)

    def __getattr__(self, name):
        return self._ask("get", [name])

    def __setattr__(self, name, value):
        self._ask("set", [name, value])

    def __getitem__(self, key):
        return self._ask("item", [key])

    def __setitem__(self, key, value):
        self._ask("put", [key, value])

    def __delitem__(self, key):
        self._ask("remove", [key])

    def __len__(self):
        return plain(self._ask("len"), int)

    def __str__(self):
        return plain(self._ask("str"), str)

    def __repr__(self):
        return plain(self._ask("repr"), str)

    def __bool__(self):
        return plain(self._ask("bool"), bool)

    def __hash__(self):
        return plain(self._ask("hash"), int)

    def __contains__(self, value):
        return any(value == item for item in self)

    def __iter__(self):
        iterator = self._ask("iter")
        if type(iterator) is not Remote:
            raise TypeError("not an iterator")
        return iterator

    def __next__(self):
        if not self._items:
            items = plain(self._ask("next", [self._chunk]), list)
            object.__setattr__(self, "_chunk", min(2 * self._chunk, CHUNK_MAX))
            object.__setattr__(self, "_items", items[::-1])
            if not items:
                raise StopIteration
        return self._items.pop()

    def __eq__(self, other):
        if self is other:
            return True
        return type(other) is Remote and self._ask("eq", [other])

    def __ne__(self, other):
        return not self == other

    def __instancecheck__(self, value):
        return type(value) is Remote and self._ask("isinstance", [value])

    def __subclasscheck__(self, value):
        return type(value) is Remote and self._ask("issubclass", [value])

    def __enter__(self):
        return self.__getattr__("__enter__")()

    def __exit__(self, *error):
        return self.__getattr__("__exit__")(None, None, None)

    def __neg__(self):
        return self._ask("neg")

    def __abs__(self):
        return self._ask("abs")

    for _name, _method in (("lt", "lt"), ("le", "le"), ("gt", "gt"), ("ge", "ge"), ("add", "add"), ("sub", "sub"),
                           ("mul", "mul"), ("truediv", "truediv"), ("floordiv", "floordiv"), ("mod", "mod"),
                           ("pow", "pow"), ("matmul", "matmul"), ("and", "and"), ("or", "or"), ("xor", "xor")):
        locals()["__%s__" % _name] = remote_only(_method)
    del _name, _method


def plain(value, kind):
    if type(value) is not kind:
        raise TypeError("%s expected, the program gave %s" % (kind.__name__, type(value).__name__))
    return value


class Missing:
    """A name that the tests use and the candidate does not define."""

    def __init__(self, name):
        self.__dict__["_missing"] = name

    def __call__(self, *arguments, **keywords):
        raise NameError("name '%s' is not defined" % self._missing)

    def __getattr__(self, name):
        raise NameError("name '%s' is not defined" % self._missing)
