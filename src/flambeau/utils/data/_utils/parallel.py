"""The iterator of a loader with worker processes."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import multiprocessing
import multiprocessing.context
import os
import signal
import time
import weakref
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, cast

from flambeau.utils.data._utils.transport import HELD, Inbox, Outbox, Parcel, open_memory
from flambeau.utils.data._utils.worker import (
    Failure,
    Free,
    Job,
    Reset,
    Result,
    Stop,
    Task,
    receive,
    run,
    send,
)
from flambeau.utils.data.dataloader import _BaseDataLoaderIter, _DatasetKind

if TYPE_CHECKING:
    from flambeau.utils.data.dataloader import DataLoader

# How long a worker that was told to stop may take to finish what it does, in seconds.
_PATIENCE = 5.0
# Iterators with workers, by id.
_running: dict[int, weakref.ref[_MultiProcessingDataLoaderIter]] = {}


@atexit.register
def _stop_all() -> None:
    """End the workers that are left at exit, while modules are still there to do it with."""
    for reference in list(_running.values()):
        if (iterator := reference()) is not None:
            iterator._shutdown_workers()


def check_context(context: Any) -> Any:
    """Return a multiprocessing context for a start method or a context."""
    if isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context not in methods:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{methods!r}, but got multiprocessing_context={context!r}"
            )
        context = multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            f"specifying the start method, but got multiprocessing_context={context}"
        )
    return context


class _Handle:
    """A worker as its parent sees it."""

    def __init__(
        self, process: BaseProcess, connection: Connection, descriptors: list[int]
    ) -> None:
        self.process = process
        self.connection = connection
        self.descriptors = descriptors
        self.inbox = Inbox(descriptors)
        self.active = True  # takes tasks
        self.stopped = False  # was told to end
        self.tasks = 0  # asked for and not yet returned

    def tell(self, message: Any) -> None:
        """Send a message; one that does not get through shows when an answer is waited for."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            send(self.connection, message)

    def return_files(self) -> None:
        """Give files back that nothing uses any more."""
        if files := self.inbox.take_done():
            self.tell(Free(files))

    def stop(self) -> None:
        """Tell the worker to end."""
        self.active = False
        if not self.stopped:
            self.stopped = True
            self.tell(Stop())


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Asks workers for batches ahead of time and returns them in order."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 with worker processes")
        self._prefetch_factor = loader.prefetch_factor
        self._in_order = loader.in_order
        self._shutdown = False
        self._handles: list[_Handle] = []
        self._epoch = 0
        self._pid = os.getpid()
        context: Any = loader.multiprocessing_context or multiprocessing.get_context()
        job = Job(
            workers=self._num_workers,
            dataset=self._dataset,
            iterable=self._dataset_kind == _DatasetKind.Iterable,
            auto_collation=self._auto_collation,
            collate_fn=self._collate_fn,
            drop_last=self._drop_last,
            base_seed=self._base_seed,
            init_fn=loader.worker_init_fn,
        )
        _running[id(self)] = weakref.ref(self)
        try:
            self._start(context, job)
        except BaseException:
            self._shutdown_workers()
            raise
        self._begin_pass()

    @property
    def _workers(self) -> list[BaseProcess]:
        return [handle.process for handle in self._handles]

    def _start(self, context: Any, job: Job) -> None:
        forks = context.get_start_method() == "fork"
        with contextlib.ExitStack() as stack:
            shared = job if forks else _share(job, stack)
            for number in range(self._num_workers):
                self._handles.append(self._start_one(context, shared, number, forks))

    def _start_one(self, context: Any, job: Any, number: int, forks: bool) -> _Handle:
        with contextlib.ExitStack() as failed:
            ours, theirs = context.Pipe()
            failed.callback(ours.close)
            descriptors: list[int] = []
            for _ in range(self._prefetch_factor + HELD):
                descriptors.append(open_memory())
                failed.callback(os.close, descriptors[-1])
            inherited = [ours, *(handle.connection for handle in self._handles)] if forks else []
            files = descriptors if forks else [_Descriptor(d) for d in descriptors]
            with theirs:
                process = context.Process(
                    target=run, args=(number, job, theirs, files, inherited), daemon=True
                )
                process.start()
            failed.pop_all()
        return _Handle(process, ours, descriptors)

    # ---- passes -------------------------------------------------------------------

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._epoch += 1
        for handle in self._handles:
            handle.active = True
            handle.tell(Reset(self._epoch))
        self._begin_pass()

    def _begin_pass(self) -> None:
        self._sent = 0  # number of the next task
        self._wanted = 0  # number of the next batch to return
        self._pending: dict[int, _Handle] = {}
        self._turns = itertools.cycle(self._handles)
        for handle in self._handles:
            handle.tasks = 0
        for _ in range(self._prefetch_factor * self._num_workers):
            self._ask()

    def _ask(self) -> None:
        """Give the next task to the worker whose turn it is."""
        try:
            index = self._next_index()
        except StopIteration:
            return
        handle = self._choose()
        if handle is not None:
            self._pending[self._sent] = handle
            handle.tasks += 1
            handle.return_files()
            handle.tell(Task(self._epoch, self._sent, index))
            self._sent += 1

    def _choose(self) -> _Handle | None:
        active = sum(handle.active for handle in self._handles)
        for handle in itertools.islice(self._turns, self._num_workers):
            if handle.active:
                share = self._prefetch_factor * self._num_workers // active
                if self._in_order or handle.tasks < share:
                    return handle
        return None

    # ---- results ------------------------------------------------------------------

    def _next_data(self) -> Any:
        while True:
            while self._wanted < self._sent and self._wanted not in self._pending:
                self._wanted += 1  # returned out of order, or of a stream that has ended
            if self._wanted >= self._sent:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if self._in_order:
                handles = [self._pending[self._wanted]]
            else:
                handles = list(dict.fromkeys(self._pending.values()))
            handle, result = self._receive(handles)
            if result.content is None:
                self._end_stream(handle)
                self._ask()
                continue
            del self._pending[result.number]
            handle.tasks -= 1
            self._ask()
            if isinstance(result.content, Failure):
                result.content.reraise()
            data = handle.inbox.unpack(cast(Parcel, result.content))
            handle.return_files()
            return data

    def _end_stream(self, handle: _Handle) -> None:
        """Expect nothing more of a worker whose stream has ended."""
        handle.active = False
        handle.tasks = 0
        self._pending = {k: h for k, h in self._pending.items() if h is not handle}
        if not self._persistent_workers:
            handle.stop()

    def _receive(self, handles: list[_Handle]) -> tuple[_Handle, Result]:
        """Wait for a result of this pass."""
        while True:
            handle = self._wait(handles)
            try:
                result: Result = receive(handle.connection)
            except (EOFError, ConnectionResetError):
                handle.process.join(_PATIENCE)
                self._report([handle])
            if result.epoch == self._epoch:
                return handle, result
            if isinstance(result.content, Parcel):
                handle.inbox.discard(result.content)
                handle.return_files()

    def _wait(self, handles: list[_Handle]) -> _Handle:
        for handle in handles:
            if handle.connection.poll():
                return handle
        for handle in handles:
            handle.return_files()
        by_connection = {handle.connection: handle for handle in handles}
        watched = [handle for handle in self._handles if not handle.stopped]
        sentinels = [handle.process.sentinel for handle in watched]
        timeout = self._timeout if self._timeout > 0 else None
        ready = wait([*by_connection, *sentinels], timeout)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        for item in ready:
            if item in by_connection:
                return by_connection[item]
        self._report([handle for handle in watched if handle.process.sentinel in ready])
        raise AssertionError("unreachable")

    def _report(self, dead: list[_Handle]) -> None:
        """Raise because of workers that ended without being told to."""
        for handle in dead:
            handle.process.join(_PATIENCE)
            handle.stopped = True
        pids = ", ".join(str(handle.process.pid) for handle in dead)
        causes = {_cause(handle.process.exitcode) for handle in dead}
        self._shutdown_workers(patience=_PATIENCE / 5)
        raise RuntimeError(
            f"DataLoader worker (pid(s) {pids}) exited unexpectedly: {', '.join(sorted(causes))}"
        )

    # ---- the end ------------------------------------------------------------------

    def _shutdown_workers(self, patience: float = _PATIENCE) -> None:
        # A forked process must not end what its parent started.
        if self._shutdown or os.getpid() != self._pid:
            return
        self._shutdown = True
        _running.pop(id(self), None)
        for handle in self._handles:
            handle.stop()
            handle.connection.close()
            for descriptor in handle.descriptors:
                os.close(descriptor)
        deadline = time.monotonic() + patience
        for handle in self._handles:
            handle.process.join(max(0.0, deadline - time.monotonic()))
        for end in (BaseProcess.terminate, BaseProcess.kill):
            late = [process for process in self._workers if process.is_alive()]
            for process in late:
                end(process)
            for process in late:
                process.join(_PATIENCE)

    def __del__(self) -> None:
        if getattr(self, "_handles", None):
            self._shutdown_workers()


def _share(job: Job, stack: contextlib.ExitStack) -> Any:
    """Put a job into memory that all workers map: a data set does not go through their pipes."""
    descriptor = open_memory()
    stack.callback(os.close, descriptor)
    try:
        return _Descriptor(descriptor), Outbox([descriptor]).pack(job)
    except Exception:
        return job  # holds locks, say, which travel only while a process is being started


class _Descriptor:
    """A file descriptor that reaches a process which is spawned."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> Any:
        from multiprocessing.reduction import DupFd

        return _received, (DupFd(self._descriptor),)


def _received(handle: Any) -> Any:
    return handle


def _cause(exit_code: int | None) -> str:
    if exit_code is None:
        return "it no longer answers"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = " (the system may be out of memory)" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"
