"""The profiler itself: when it records, and what becomes of the recording."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from enum import IntEnum
from types import TracebackType
from typing import Any

from flambeau import _C, memory

from . import _flops, _paths, _trace
from ._decode import Recording, Thread, decode
from .events import EventList
from .record import record_function
from .schedules import ProfilerAction


class ProfilerActivity(IntEnum):
    """What PyTorch can watch; here there is the CPU."""

    CPU = 0
    XPU = 1
    CUDA = 2
    MTIA = 3
    HPU = 4
    PrivateUse1 = 5


def supported_activities() -> set[ProfilerActivity]:
    """Return what can be watched."""
    return {ProfilerActivity.CPU}


def _check_activities(activities: Iterable[ProfilerActivity] | None) -> set[ProfilerActivity]:
    chosen = {ProfilerActivity.CPU} if activities is None else set(activities)
    if not chosen:
        raise AssertionError("No valid profiler activities found: name ProfilerActivity.CPU")
    for activity in chosen:
        if not isinstance(activity, ProfilerActivity):
            raise TypeError(
                f"profile: activities must be members of ProfilerActivity, but got {activity!r}"
            )
    others = sorted(chosen - supported_activities())
    for activity in others:
        name = activity.name
        warnings.warn(f"{name} is not available, disabling {name} profiling", stacklevel=3)
    if not chosen - set(others):
        raise AssertionError(
            "No activities specified for the profiler: only ProfilerActivity.CPU is available"
        )
    return chosen


class profile:
    """Record the operators that run inside a ``with`` block, or between ``start`` and ``stop``.

    One profiler records at a time, and it records all threads of the process.

    Args:
        activities: what to watch; only ``ProfilerActivity.CPU`` exists here. Others are left out
            with a warning.
        schedule: a function from the number of a step to a `ProfilerAction`, see `schedule`;
            then ``step()`` has to be called at the end of each step.
        on_trace_ready: called with the profiler when a cycle of the schedule, or the recording,
            is complete.
        record_shapes: keep the shapes, types and numbers among the operators' arguments.
        profile_memory: keep the bytes allocated and released.
        with_stack: keep where in the program operators were called; some microseconds each.
        with_flops: estimate the operations of products, convolutions and sums; implies
            ``record_shapes``.
        with_modules: keep the path of the module that an operator runs in.
        experimental_config, execution_trace_observer, custom_trace_id_callback,
            post_processing_timeout_s: accepted for PyTorch's sake, without effect.
        acc_events: keep the events of all cycles, not of the last one only.
        use_cuda: deprecated name for an activity that does not exist here.

    Raises:
        AssertionError: no activity is left.
        RuntimeError: a profiler is recording already.

    Example:
        >>> import flambeau as torch
        >>> with torch.profiler.profile(record_shapes=True) as prof:
        ...     y = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> event = prof.events()[-1]
        >>> event.name, event.input_shapes
        ('aten::matmul', [[2, 3], [3, 4]])
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        if use_cuda is not None:
            warnings.warn(
                "`use_cuda` is deprecated, use `activities` argument instead",
                FutureWarning,
                stacklevel=2,
            )
        self.activities = _check_activities(activities)
        self.schedule = schedule or (lambda _: ProfilerAction.RECORD)
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes or with_flops
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.with_modules = with_modules
        self.acc_events = acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._named_steps = schedule is not None
        self._step: record_function | None = None
        self._running = False  # between start and stop
        self._recording = False
        self._begun = 0
        self._base = 0
        self._raw: tuple[list[Thread], int] | None = None  # of the last cycle, until it is read
        self._result: Recording | None = None
        self._metadata: dict[str, Any] = {}

    # ---- when ----

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with the first step, and record if the schedule says so."""
        if self._running:
            raise RuntimeError("profile.start: this profiler has been started already")
        if _records(self.current_action):
            self._start_recording()
        self._running = True
        self._open_step()

    def stop(self) -> None:
        """End the recording; ``on_trace_ready`` is called if there was one."""
        if not self._running:
            raise AssertionError("Profiler must be initialized before stopping trace")
        self._running = False
        self._close_step()
        self._finish_recording()

    def step(self) -> None:
        """Say that a step of the program has ended and the next begins."""
        if not self._running:
            return
        self._close_step()
        last = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if last is ProfilerAction.RECORD_AND_SAVE or not _records(self.current_action):
            self._finish_recording()
        if _records(self.current_action) and not self._recording:
            self._start_recording()
        self._open_step()

    def _start_recording(self) -> None:
        _paths.forget()
        unix = time.time_ns()
        base = memory.current() if self.profile_memory else 0
        self._begun = _C._profile_start(
            bool(self.record_shapes),
            bool(self.profile_memory),
            bool(self.with_modules),
            bool(self.with_stack),
        )
        self._base = base
        self._metadata["baseTimeNanoseconds"] = unix
        self._recording = True

    def _finish_recording(self) -> None:
        if not self._recording:
            return
        self._recording = False
        if self.acc_events:
            self._read()
        self._raw = _C._profile_stop(), self._begun
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _open_step(self) -> None:
        if self._named_steps:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _close_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    # ---- what was found ----

    def _read(self) -> Recording | None:
        if self._raw is not None:
            read = decode(*self._raw)
            self._raw = None
            if self.with_flops:
                _flops.estimate(read.events)
            if self.acc_events and self._result is not None:
                read.events = self._result.events + read.events
            self._result = read
        return self._result

    def _found(self, what: str) -> Recording:
        if self._recording:
            raise RuntimeError(f"Profiler didn't finish running: stop it before {what}")
        found = self._read()
        if found is None:
            raise AssertionError(f"Profiler must be initialized before {what}")
        return found

    def events(self) -> EventList:
        """Return all events in the order they began.

        Raises:
            AssertionError: nothing was recorded yet.
            RuntimeError: the recording goes on.
        """
        return EventList(
            self._found("accessing events").events,
            profile_memory=self.profile_memory,
            with_flops=self.with_flops,
            with_modules=self.with_modules,
            export=self.export_chrome_trace,
        )

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
        group_by_module: bool = False,
    ) -> EventList:
        """Return the sums over events of one name, see `EventList.key_averages`.

        Args:
            group_by_input_shape: keep different shapes apart; needs ``record_shapes=True``.
            group_by_stack_n: keep different stacks apart.
            group_by_overload_name: keep signatures of one operator apart.
            group_by_module: keep modules apart; needs ``with_modules=True``.
        """
        self._found("getting key averages")
        return self.events().key_averages(
            group_by_input_shape, group_by_stack_n, group_by_overload_name, group_by_module
        )

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Write the last recording for https://ui.perfetto.dev or chrome://tracing.

        Args:
            path: where to; compressed if it ends in ``.gz``.
            use_python_export: accepted for PyTorch's sake.
        """
        recording = self._found("exporting chrome trace")
        metadata = {
            "record_shapes": int(self.record_shapes),
            "profile_memory": int(self.profile_memory),
            "with_modules": int(self.with_modules),
            "with_stack": int(self.with_stack),
            "traceName": os.fspath(path),
            **self._metadata,
        }
        _trace.write(os.fspath(path), recording, self._base, metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the stacks for a flame graph, see `EventList.export_stacks`."""
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the trace file."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Add a value, given as JSON, to the trace file.

        Raises:
            ValueError: it is no JSON.
        """
        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json


def _records(action: ProfilerAction) -> bool:
    return action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def tensorboard_trace_handler(
    dir_name: str,
    worker_name: str | None = None,
    use_gzip: bool = False,
    use_python_export: bool = False,
) -> Callable[[profile], None]:
    """Write each finished trace into a folder, for ``profile(on_trace_ready=...)``.

    Args:
        dir_name: the folder; made where it is missing.
        worker_name: the files' names begin with it; default: host name and process number.
        use_gzip: compress them.
        use_python_export: accepted for PyTorch's sake.

    Raises:
        RuntimeError: the folder cannot be made.
    """

    def handle(prof: profile) -> None:
        import socket

        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name}") from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handle
