"""Reads pickles without unpickling: an interpreter of its data instructions only.

A pickle is a program for a stack machine (described in CPython's Lib/pickletools.py). This one
knows the instructions that build plain data, looks global names up in a table instead of
importing them, and calls nothing that is not in that table. Its work and memory are bounded by
the length of the pickle.
"""

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

from flambeau.io.errors import UnpicklingError
from flambeau.io.files import Cursor

MAX_DEPTH = 500
MAX_KEY_PARTS = 1000
MAX_EQUAL_HASHES = 64
COPY_BUDGET = 64 << 20  # bytes that calls may copy beyond four times the pickle's length


class Global:
    """What a global name in a pickle stands for: a checked constructor.

    Args:
        name: Full dotted name, for messages.
        call: Called with the machine and the arguments from the file.
    """

    def __init__(self, name: str, call: "Callable[[Machine, tuple[Any, ...]], object]") -> None:
        self.name = name
        self.call = call


class Machine:
    """Runs one pickle.

    Args:
        cursor: Where the pickle starts; afterwards it stands behind the pickle.
        find_global: Turns module and name into a Global, a plain value or an allowed class.
        persistent_load: Turns a persistent id into an object.
        is_allowed: Whether a class or function outside of the table may be called.
        encoding: How strings of Python 2 are decoded; "bytes" keeps them as bytes.
    """

    def __init__(
        self,
        cursor: Cursor,
        find_global: Callable[[str, str], object],
        persistent_load: Callable[[object], object],
        is_allowed: Callable[[object], bool] = lambda target: False,
        encoding: str = "utf-8",
    ) -> None:
        self.cursor = cursor
        self.find_global = find_global
        self.persistent_load = persistent_load
        self.is_allowed = is_allowed
        self.encoding = encoding
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self._budget = COPY_BUDGET + 4 * cursor.remaining
        self._equal_hashes: dict[int, set[object]] = {}

    def run(self) -> object:
        """The object that the pickle describes."""
        take = self.cursor.take
        try:
            while (code := take(1)) != b".":
                if (step := STEPS.get(code)) is None:
                    raise UnpicklingError(f"load: unsupported pickle instruction {code!r}")
                step(self)
            result = self.stack.pop()
        except IndexError as error:
            raise UnpicklingError(
                "load: the pickle is corrupt: an instruction takes more values than there are"
            ) from error
        _check_result(result)
        return result

    def spend(self, nbytes: int) -> None:
        """Account for memory that grows faster than the pickle is long."""
        self._budget -= nbytes
        if self._budget < 0:
            raise UnpicklingError("load: the pickle blows up in memory; refusing to go on")

    def number(self, layout: str, width: int) -> Any:
        return struct.unpack(layout, self.cursor.take(width))[0]

    def pop_marked(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def check_key(self, key: object) -> None:
        """Refuse keys that cannot be hashed safely: cyclic, huge, or made to collide."""
        if type(key) in (str, bytes, bool, type(None)):
            return
        todo, parts = [key], 0
        while todo:
            part = todo.pop()
            parts += 1
            if isinstance(part, tuple):
                todo.extend(part[: MAX_KEY_PARTS + 1])
            elif isinstance(part, list | dict | set | bytearray | Global):
                raise UnpicklingError(f"load: a {type(part).__name__} cannot be a dict's key")
            if parts > MAX_KEY_PARTS:
                raise UnpicklingError("load: a dict's key is nested too deep or too large")
        if type(key) is not int or key.bit_length() > 60:
            equal = self._equal_hashes.setdefault(hash(key), set())
            equal.add(key)
            if len(equal) > MAX_EQUAL_HASHES:
                raise UnpicklingError("load: too many keys of a dict with the same hash")

    def update(self, target: object, items: list[Any]) -> None:
        """Put keys and values, in turn, into a dict."""
        if type(target) not in (dict, OrderedDict, Counter) and not self.is_allowed(type(target)):
            raise UnpicklingError(f"load: cannot set items of a {type(target).__name__}")
        if len(items) % 2:
            raise UnpicklingError("load: the pickle is corrupt: a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.check_key(key)
            target[key] = value  # type: ignore[index]

    def extend(self, target: object, items: list[Any]) -> None:
        if type(target) is not list and not self.is_allowed(type(target)):
            raise UnpicklingError(f"load: cannot append to a {type(target).__name__}")
        target.extend(items)  # type: ignore[attr-defined]

    def as_set(self, items: Iterable[Any]) -> set[Any]:
        found = set()
        for item in items:
            self.check_key(item)
            found.add(item)
        return found

    def text(self, data: bytes) -> str:
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise UnpicklingError(
                f"load: a string in the pickle is not UTF-8: {data[:40]!r}"
            ) from None

    def old_text(self, data: bytes) -> str | bytes:
        """A string of Python 2: text or bytes, nobody knows."""
        if self.encoding == "bytes":
            return data
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError:
            raise UnpicklingError(
                f"load: a string saved by Python 2 is not {self.encoding}: {data[:40]!r}; pass "
                "encoding='latin1' or encoding='bytes'"
            ) from None


def _check_result(result: object) -> None:
    """Refuse structures too deep for whoever walks them, and stray constructors."""
    todo: list[tuple[object, int]] = [(result, 0)]
    seen, kinds = set(), (dict, list, tuple, Global)
    while todo:
        value, depth = todo.pop()
        if isinstance(value, Global):
            raise UnpicklingError(f"load: the pickle uses {value.name} as data")
        if id(value) in seen or not isinstance(value, dict | list | tuple):
            continue
        if depth > MAX_DEPTH:
            raise UnpicklingError(f"load: the pickle nests more than {MAX_DEPTH} containers")
        seen.add(id(value))
        inner = value.values() if isinstance(value, dict) else value
        todo.extend((item, depth + 1) for item in inner if isinstance(item, kinds))


def _protocol(m: Machine) -> None:
    version = m.cursor.take(1)[0]
    if not 2 <= version <= 5:
        raise UnpicklingError(f"load: pickle protocol {version} is not supported, 2 to 5 are")


def _mark(m: Machine) -> None:
    m.marked.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.pop_marked()


def _long(m: Machine, length: int) -> None:
    if length > 1 << 16:
        raise UnpicklingError(f"load: an integer of {length} bytes in the pickle")
    m.stack.append(int.from_bytes(m.cursor.take(length), "little", signed=True))


def _pushed(build: Callable[[Machine], object]) -> Callable[[Machine], None]:
    def step(m: Machine) -> None:
        value = build(m)  # which may replace m.stack
        m.stack.append(value)

    return step


def _sized(layout: str, width: int, build: Callable[[Machine, bytes], object]) -> "Step":
    def step(m: Machine) -> None:
        m.stack.append(build(m, m.cursor.take(m.number(layout, width))))

    return step


def _last(count: int) -> "Step":
    def step(m: Machine) -> None:
        if len(m.stack) < count:
            raise IndexError
        m.stack[-count:] = [tuple(m.stack[-count:])]

    return step


def _dict(m: Machine) -> None:
    items, found = m.pop_marked(), dict[object, object]()
    m.update(found, items)
    m.stack.append(found)


def _append(m: Machine) -> None:
    item = m.stack.pop()
    m.extend(m.stack[-1], [item])


def _appends(m: Machine) -> None:
    items = m.pop_marked()
    m.extend(m.stack[-1], items)


def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.update(m.stack[-1], [key, value])


def _set_items(m: Machine) -> None:
    items = m.pop_marked()
    m.update(m.stack[-1], items)


def _add_items(m: Machine) -> None:
    items = m.pop_marked()
    if type(m.stack[-1]) is not set:
        raise UnpicklingError(f"load: cannot add items to a {type(m.stack[-1]).__name__}")
    m.stack[-1].update(m.as_set(items))


def _global(m: Machine) -> None:
    module, name = m.text(m.cursor.line()), m.text(m.cursor.line())
    m.stack.append(m.find_global(module, name))


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise UnpicklingError("load: the pickle is corrupt: a global's name is not a string")
    m.stack.append(m.find_global(module, name))


def _call(m: Machine) -> None:
    """REDUCE and NEWOBJ: call a constructor from the table, or an allowed class."""
    args, target = m.stack.pop(), m.stack.pop()
    if type(args) is not tuple:
        raise UnpicklingError("load: the pickle is corrupt: a call's arguments are not a tuple")
    if isinstance(target, Global):
        m.stack.append(target.call(m, args))
    elif m.is_allowed(target):
        m.stack.append(target(*args))
    else:
        raise UnpicklingError(f"load: refusing to call {str(target)[:200]}")


def _new(m: Machine) -> None:
    args, target = m.stack[-1], m.stack[-2]
    if isinstance(target, Global) or not m.is_allowed(target) or type(args) is not tuple:
        _call(m)
    else:
        m.stack[-2:] = [target.__new__(target, *args)]


def _build(m: Machine) -> None:
    """Give an OrderedDict its attributes (`_metadata` of a state_dict), or an object its state."""
    state, target = m.stack.pop(), m.stack[-1]
    if type(target) is OrderedDict:
        set_attributes(target, state)
    elif type(target).__module__.partition(".")[0] == "numpy":
        from flambeau.io.numpy_globals import set_state

        set_state(m, target, state)
    elif not m.is_allowed(type(target)):
        raise UnpicklingError(f"load: refusing to set the state of a {type(target).__name__}")
    elif hasattr(target, "__setstate__"):
        target.__setstate__(state)
    else:
        parts = state if type(state) is tuple and len(state) == 2 else (state,)
        for part in parts:  # attributes, then slots
            for name, value in dict(part or {}).items():
                setattr(target, name, value)


def set_attributes(target: object, state: object) -> None:
    """Set new attributes; what the class itself defines, methods above all, stays."""
    if not isinstance(state, dict):
        raise UnpicklingError(f"load: the state of a {type(target).__name__} must be a dict")
    for name, value in state.items():
        if type(name) is not str or hasattr(target, name):
            raise UnpicklingError(
                f"load: refusing to set {str(name)[:100]!r} of a {type(target).__name__}"
            )
        setattr(target, name, value)


def _get(m: Machine, index: int) -> None:
    if index not in m.memo:
        raise UnpicklingError(f"load: the pickle is corrupt: nothing was stored as {index}")
    m.stack.append(m.memo[index])


def _put(m: Machine, index: int) -> None:
    m.memo[index] = m.stack[-1]


Step = Callable[[Machine], None]
STEPS: dict[bytes, Step] = {
    b"\x80": _protocol,
    b"\x95": lambda m: _ignore(m.number("<Q", 8)),
    b"(": _mark,
    b"0": _pop,
    b"1": lambda m: _ignore(m.pop_marked()),
    b"2": _pushed(lambda m: m.stack[-1]),
    b"N": _pushed(lambda m: None),
    b"\x88": _pushed(lambda m: True),
    b"\x89": _pushed(lambda m: False),
    b"J": _pushed(lambda m: m.number("<i", 4)),
    b"K": _pushed(lambda m: m.cursor.take(1)[0]),
    b"M": _pushed(lambda m: m.number("<H", 2)),
    b"\x8a": lambda m: _long(m, m.cursor.take(1)[0]),
    b"\x8b": lambda m: _long(m, m.number("<I", 4)),
    b"G": _pushed(lambda m: m.number(">d", 8)),
    b"U": _sized("<B", 1, Machine.old_text),
    b"T": _sized("<I", 4, Machine.old_text),
    b"X": _sized("<I", 4, Machine.text),
    b"\x8c": _sized("<B", 1, Machine.text),
    b"\x8d": _sized("<Q", 8, Machine.text),
    b"C": _sized("<B", 1, lambda m, data: data),
    b"B": _sized("<I", 4, lambda m, data: data),
    b"\x8e": _sized("<Q", 8, lambda m, data: data),
    b"\x96": _sized("<Q", 8, lambda m, data: bytearray(data)),
    b")": _pushed(lambda m: ()),
    b"]": _pushed(lambda m: []),
    b"}": _pushed(lambda m: {}),
    b"\x8f": _pushed(lambda m: set()),
    b"t": _pushed(lambda m: tuple(m.pop_marked())),
    b"l": _pushed(lambda m: m.pop_marked()),
    b"d": _dict,
    b"\x85": _last(1),
    b"\x86": _last(2),
    b"\x87": _last(3),
    b"a": _append,
    b"e": _appends,
    b"s": _set_item,
    b"u": _set_items,
    b"\x90": _add_items,
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _call,
    b"\x81": _new,
    b"b": _build,
    b"Q": _pushed(lambda m: m.persistent_load(m.stack.pop())),
    b"q": lambda m: _put(m, m.cursor.take(1)[0]),
    b"r": lambda m: _put(m, m.number("<I", 4)),
    b"\x94": lambda m: _put(m, len(m.memo)),
    b"h": lambda m: _get(m, m.cursor.take(1)[0]),
    b"j": lambda m: _get(m, m.number("<I", 4)),
}


def _ignore(value: object) -> None:
    """Drop what the frames of protocol 4 say: they are only hints for buffering."""
