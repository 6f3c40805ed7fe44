"""From the native recording, which csrc/python/profile.cpp packs, to events."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .events import FunctionEvent, Interval

_RECORD = struct.Struct("=5q3i3I")
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
class Sample:
    """How many bytes a thread held more than when it was first seen, at one moment."""

    at: float
    thread: int
    nbytes: int


@dataclass(slots=True)
class Recording:
    """What one recording found, in microseconds since it began."""

    events: list[FunctionEvent]
    modules: list[ModuleCall]
    samples: list[Sample]


class _Arguments:
    """Reads the arguments of one operator after the other."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._at = 0

    def _take(self) -> int:
        word: int = self._words[self._at]
        self._at += 1
        return word

    def _take_many(self, count: int) -> list[int]:
        found: list[int] = self._words[self._at : self._at + count].tolist()
        self._at += count
        return found

    def read_into(self, event: FunctionEvent, begin: int, end: int) -> None:
        self._at = begin
        while self._at < end:
            shape, structure, dtype, value = self._read()
            event.input_shapes.append(shape)
            event.structured_input_shapes.append(structure)
            event.input_dtypes.append(dtype)
            event.concrete_inputs.append(value)

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


def decode(threads: list[tuple[int, bytes, list[str], bytes]], begun: int) -> Recording:
    """Make events of what ``_C._profile_stop()`` returned.

    Args:
        threads: number, records, names and arguments of each thread.
        begun: when the recording began, in ns of the same clock.
    """
    recording = Recording([], [], [])
    for number, thread in enumerate(threads, 1):
        _decode_thread(recording, number, thread, begun)
    recording.events.sort(key=lambda e: (e.time_range.start, -e.time_range.end))
    for identity, event in enumerate(recording.events, 1):
        event.id = identity
    recording.samples.sort(key=lambda sample: sample.at)
    _join_backward(recording.events)
    return recording


def _decode_thread(
    recording: Recording, number: int, thread: tuple[int, bytes, list[str], bytes], begun: int
) -> None:
    resource, packed, names, words = thread
    arguments = _Arguments(memoryview(words).cast("q"))
    events: list[FunctionEvent | None] = []  # by index; None for module calls
    around: list[FunctionEvent | None] = []  # the event that an index belongs into
    paths: list[str] = []  # the module that what is inside an index runs in
    top: list[tuple[FunctionEvent, int, int]] = []
    first: int | None = None
    for record in _RECORD.iter_unpack(packed):
        begin, end, before, after, sequence, name, detail, parent, start, stop, flags = record
        if first is None:
            first = before
        time_range = Interval((begin - begun) / 1e3, (end - begun) / 1e3)
        recording.samples.append(Sample(time_range.start, number, before - first))
        recording.samples.append(Sample(time_range.end, number, after - first))
        path = paths[parent] if parent >= 0 else ""
        outer = around[parent] if parent >= 0 else None
        kind = flags & 0xFF
        if kind == _MODULE:
            recording.modules.append(ModuleCall(names[name], time_range, resource))
            events.append(None)
            around.append(outer)
            paths.append(names[name])
            continue
        text = names[name]
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
            cpu_parent=outer,
        )
        arguments.read_into(event, start, stop)
        recording.events.append(event)
        events.append(event)
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
    """Give derivatives, and what runs inside them, the module of the operator they derive."""
    forward: dict[int, FunctionEvent] = {}
    for event in events:
        if event.scope == 0 and event.sequence_nr >= 0:
            forward.setdefault(event.sequence_nr, event)
        elif event.scope == 1 and event.sequence_nr in forward:
            derived = forward[event.sequence_nr]
            event.fwd_thread = derived.thread
            _set_module(event, derived.module)


def _set_module(event: FunctionEvent, module: str) -> None:
    waiting = [event]
    while waiting:
        event = waiting.pop()
        event.module = module
        waiting += event.cpu_children
