"""From the native recording, which csrc/python/profile.cpp packs, to events."""

from __future__ import annotations

import gc
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .events import FunctionEvent, Interval

_RECORD = struct.Struct("=5q4i4I")
_DTYPES = (
    "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
    "complex128", "bool", "bfloat16", "undefined",
)  # fmt: skip
_OPERATOR, _BACKWARD, _MODULE, _USER = range(4)
_SCOPES = {_OPERATOR: 0, _BACKWARD: 1, _USER: 7}


@dataclass(slots=True)
class ModuleCall:
    """One call of a module, for the trace."""

    path: str
    time_range: Interval
    device_resource_id: int


@dataclass(slots=True)
class Recording:
    """What one recording found, in microseconds since it began."""

    events: list[FunctionEvent]
    modules: list[ModuleCall]
    # Time, thread and how many bytes that thread held more than when it was first seen.
    samples: list[tuple[float, int, int]]


_Described = tuple[list[list[int]], list[Any], list[str | None], list[Any]]
_NOTHING: _Described = ([], [], [], [])


class _Arguments:
    """Reads descriptions of operators' arguments; equal ones are read once and shared."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._words = memoryview(packed).cast("q")
        self._at = 0
        self._known: dict[bytes, _Described] = {}

    def between(self, begin: int, end: int) -> _Described:
        """Return shapes, structured shapes, dtypes and numbers."""
        if begin == end:
            return _NOTHING
        packed = self._packed[begin * 8 : end * 8]
        found = self._known.get(packed)
        if found is None:
            self._at = begin
            parts = []
            while self._at < end:
                parts.append(self._read())
            shapes, structured, dtypes, numbers = map(list, zip(*parts, strict=True))
            found = self._known[packed] = (shapes, structured, dtypes, numbers)
        return found

    def _take(self) -> int:
        word: int = self._words[self._at]
        self._at += 1
        return word

    def _take_many(self, count: int) -> list[int]:
        found: list[int] = self._words[self._at : self._at + count].tolist()
        self._at += count
        return found

    def _read(self) -> tuple[list[int], Any, str | None, Any]:
        word = self._take()
        tag, length = word & 0xFF, word >> 8
        if tag == 2:  # a tensor
            dtype = _DTYPES[self._take()]
            shape = self._take_many(length)
            return shape, shape, dtype, None
        if tag == 3:  # a list of tensors
            return [], [self._read()[0] for _ in range(length)], None, None
        if tag == 4:
            return [], [], None, self._take()
        if tag == 5:
            return [], [], None, struct.unpack("=d", struct.pack("=q", self._take()))[0]
        if tag == 6:
            return [], [], None, bool(length)
        if tag == 7:
            return [], [], None, self._take_many(length)
        return [], [], None, None


Thread = tuple[int, bytes, list[str], bytes]


def decode(threads: list[Thread], begun: int) -> Recording:
    """Make events of what ``_C._profile_stop()`` returned.

    Args:
        threads: number, records, names and arguments of each thread.
        begun: when the recording began, in ns of the same clock.
    """
    recording = Recording([], [], [])
    collects = gc.isenabled()
    gc.disable()  # it would go through all the events again and again
    try:
        for number, thread in enumerate(threads, 1):
            _decode_thread(recording, number, thread, begun)
        recording.events.sort(key=lambda e: (e.time_range.start, -e.time_range.end))
        for identity, event in enumerate(recording.events, 1):
            event.id = identity
        recording.samples.sort()
        _join_backward(recording.events)
    finally:
        if collects:
            gc.enable()
    return recording


def _decode_thread(recording: Recording, number: int, thread: Thread, begun: int) -> None:
    resource, packed, names, words = thread
    arguments = _Arguments(words)
    stacks = lru_cache(None)(lambda index: names[index].split("\n"))
    around: list[FunctionEvent | None] = []  # the event that what is inside an index belongs to
    paths: list[str] = []  # and the module that it runs in
    top: list[tuple[FunctionEvent, int, int]] = []
    first: int | None = None
    for record in _RECORD.iter_unpack(packed):
        begin, end, before, after, sequence, name, detail, trail, parent, start, stop, flags, _ = (
            record
        )
        if first is None:
            first = before
        time_range = Interval((begin - begun) / 1e3, (end - begun) / 1e3)
        recording.samples.append((time_range.start, number, before - first))
        recording.samples.append((time_range.end, number, after - first))
        path, outer = (paths[parent], around[parent]) if parent >= 0 else ("", None)
        kind, text = flags & 0xFF, names[name]
        if kind == _MODULE:
            recording.modules.append(ModuleCall(text, time_range, resource))
            around.append(outer)
            paths.append(text)
            continue
        shapes, structured, dtypes, numbers = arguments.between(start, stop)
        event = FunctionEvent(
            id=0,
            name=f"aten::{text}{'_' if flags >> 8 else ''}" if kind == _OPERATOR else text,
            time_range=time_range,
            thread=number,
            device_resource_id=resource,
            scope=_SCOPES[kind],
            overload_name=names[detail] if detail >= 0 else "",
            sequence_nr=sequence,
            module=path,
            cpu_memory_usage=after - before,
            is_user_annotation=kind == _USER,
            input_shapes=shapes,
            structured_input_shapes=structured,
            input_dtypes=dtypes,
            concrete_inputs=numbers,
            stack=stacks(trail) if trail >= 0 else outer.stack if outer is not None else [],
            cpu_parent=outer,
        )
        recording.events.append(event)
        around.append(event)
        paths.append(path)
        if outer is None:
            top.append((event, before, after))
        else:
            outer.cpu_children.append(event)
    recording.events.extend(_between(top))


def _between(top: list[tuple[FunctionEvent, int, int]]) -> Iterator[FunctionEvent]:
    """What was allocated or released between two operators, as PyTorch shows it."""
    for (last, _, after), (_, before, _) in itertools.pairwise(top):
        if before != after:
            at = last.time_range.end
            yield FunctionEvent(
                id=0,
                name="[memory]",
                time_range=Interval(at, at),
                thread=last.thread,
                device_resource_id=last.device_resource_id,
                cpu_memory_usage=before - after,
            )


def _join_backward(events: list[FunctionEvent]) -> None:
    """Give derivatives the module and the stack of the operator they derive."""
    forward: dict[int, FunctionEvent] = {}
    for event in events:
        if event.scope == 0 and event.sequence_nr >= 0:
            forward.setdefault(event.sequence_nr, event)
        elif event.scope == 1 and event.sequence_nr in forward:
            derived = forward[event.sequence_nr]
            event.fwd_thread = derived.thread
            _set_origin(event, derived)


def _set_origin(event: FunctionEvent, derived: FunctionEvent) -> None:
    """The same for all that ran inside."""
    waiting = [event]
    while waiting:
        event = waiting.pop()
        event.module, event.stack = derived.module, derived.stack
        waiting += event.cpu_children
