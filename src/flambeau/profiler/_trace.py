"""The recording as a Chrome trace, for ui.perfetto.dev, chrome://tracing and TensorBoard."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from ._decode import Recording
from .events import FunctionEvent

_CATEGORIES = {0: "cpu_op", 1: "cpu_op", 7: "user_annotation"}


def write(path: str, recording: Recording, base: int, metadata: Mapping[str, Any]) -> None:
    """Write the trace; a path that ends in ``.gz`` is compressed.

    Args:
        path: where to.
        recording: what to write.
        base: bytes that were allocated when it began.
        metadata: further entries of the file.
    """
    head = json.dumps({**metadata, "schemaVersion": 1, "displayTimeUnit": "ms"})
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(head[:-1] + ', "traceEvents": [\n')
        file.write(",\n".join(map(json.dumps, _entries(recording, base))))
        file.write("\n]}\n")


def _entries(recording: Recording, base: int) -> Iterator[dict[str, Any]]:
    pid = os.getpid()
    yield from _titles(recording, pid)
    for event in recording.events:
        if event.name != "[memory]":
            yield _entry(event, pid)
    for call in recording.modules:
        yield {
            "ph": "X",
            "cat": "module",
            "name": call.path,
            "pid": pid,
            "tid": call.device_resource_id,
            **_time(call.time_range.start, call.time_range.end),
        }
    yield from _arrows(recording.events, pid)
    yield from _memory(recording, base, pid)


def _time(start: float, end: float) -> dict[str, float]:
    return {"ts": round(start, 3), "dur": round(end - start, 3)}


def _titles(recording: Recording, pid: int) -> Iterator[dict[str, Any]]:
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    meta = {"ph": "M", "ts": 0, "pid": pid}
    yield {**meta, "name": "process_name", "tid": 0, "args": {"name": "flambeau"}}
    numbers = {event.device_resource_id: event.thread for event in recording.events}
    for tid, number in numbers.items():
        title = names.get(tid, f"thread {number}")
        yield {**meta, "name": "thread_name", "tid": tid, "args": {"name": f"{title} ({tid})"}}
        yield {**meta, "name": "thread_sort_index", "tid": tid, "args": {"sort_index": number}}


def _entry(event: FunctionEvent, pid: int) -> dict[str, Any]:
    args: dict[str, Any] = {"External id": event.id}
    if event.sequence_nr >= 0:
        args["Sequence number"] = event.sequence_nr
    if event.scope == 1:
        args["Fwd thread id"] = event.fwd_thread
    if event.overload_name:
        args["Overload"] = event.overload_name
    if event.module:
        args["Module"] = event.module
    if event.stack:
        args["Call stack"] = ";".join(event.stack)
    if event.input_shapes:
        args["Input Dims"] = event.structured_input_shapes
        args["Input type"] = [dtype or "" for dtype in event.input_dtypes]
        args["Concrete Inputs"] = [
            "" if value is None else str(value) for value in event.concrete_inputs
        ]
    if event.cpu_memory_usage:
        args["Bytes"] = event.cpu_memory_usage
    return {
        "ph": "X",
        "cat": _CATEGORIES[event.scope],
        "name": event.name,
        "pid": pid,
        "tid": event.device_resource_id,
        **_time(event.time_range.start, event.time_range.end),
        "args": args,
    }


def _arrows(events: list[FunctionEvent], pid: int) -> Iterator[dict[str, Any]]:
    """Arrows from an operator to its derivative."""
    forward = {e.sequence_nr: e for e in events if e.scope == 0 and e.sequence_nr >= 0}
    for event in events:
        if event.scope != 1 or event.sequence_nr not in forward:
            continue
        for phase, end in (("s", forward[event.sequence_nr]), ("f", event)):
            yield {
                "ph": phase,
                "id": event.sequence_nr,
                "cat": "fwdbwd",
                "name": "fwdbwd",
                "pid": pid,
                "tid": end.device_resource_id,
                "ts": round(end.time_range.start, 3),
                **({"bp": "e"} if phase == "f" else {}),
            }


def _memory(recording: Recording, base: int, pid: int) -> Iterator[dict[str, Any]]:
    """The bytes that all threads together hold, wherever they change."""
    held: dict[int, int] = {}
    shown: int | None = None
    for at, thread, nbytes in recording.samples:
        held[thread] = nbytes
        total = base + sum(held.values())
        if total != shown:
            shown = total
            yield {
                "ph": "C",
                "name": "Memory",
                "pid": pid,
                "tid": 0,
                "ts": round(at, 3),
                "args": {"allocated": total},
            }
