"""The worker process of a loader."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import flambeau as fb
from flambeau.utils.data._utils import collate
from flambeau.utils.data._utils.fetch import IterableFetcher, MapFetcher

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from flambeau.utils.data._utils.transport import Outbox, Parcel

# How often an idle worker looks whether its parent is still there, in seconds.
WATCH_INTERVAL = 5.0


# Of a traceback that a worker sends.
_LONGEST_TEXT = 32 << 10


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What :func:`get_worker_info` tells a worker about itself."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return the number, the count of workers, the seed and the data set copy of this worker.

    Returns:
        None in the main process.
    """
    return _worker_info


class Failure:
    """An exception on its way from a worker to its parent, as text.

    Args:
        error: the exception.
        where: completes "Caught ValueError ...".
    """

    def __init__(self, error: BaseException, where: str) -> None:
        self.kind: type[BaseException] | None = type(error)
        self.name = type(error).__name__
        self.text = "".join(traceback.format_exception(error))[-_LONGEST_TEXT:]
        self.where = where
        try:
            pickle.dumps(self.kind)
        except Exception:  # a class that the parent could not find
            self.kind = None

    def reraise(self) -> None:
        """Raise an exception of the same class, with the worker's traceback in its message."""
        text = f"Caught {self.name} {self.where}.\nOriginal {self.text}"
        kind: Any = self.kind or RuntimeError
        if issubclass(kind, KeyError):
            text = _Verbatim(text)
        if getattr(kind, "message", None):
            raise kind(message=text)
        try:
            error = kind(text)
        except Exception:  # it wants other arguments
            raise RuntimeError(text) from None
        raise error


class _Verbatim(str):
    """Text that a KeyError, which prints the repr of its argument, prints with line breaks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# ---- messages ---------------------------------------------------------------------


class Task(NamedTuple):
    """From parent to worker: fetch this."""

    epoch: int
    number: int
    index: Any


class Reset(NamedTuple):
    """From parent to worker: forget what was asked before and begin a new pass."""

    epoch: int


class Stop(NamedTuple):
    """From parent to worker: end."""


class Free(NamedTuple):
    """From parent to worker: these files may be written again."""

    files: list[int]


class Result(NamedTuple):
    """From worker to parent."""

    epoch: int
    number: int
    content: Parcel | Failure | None  # None: the worker's stream has ended


@dataclass
class Job:
    """What all workers of a loader need to know."""

    workers: int
    dataset: Any
    iterable: bool
    auto_collation: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool
    base_seed: int
    init_fn: Callable[[int], Any] | None


def send(connection: Connection, message: Any) -> None:
    """Send a message."""
    connection.send_bytes(pickle.dumps(message, protocol=5))


def receive(connection: Connection) -> Any:
    """Wait for a message."""
    return pickle.loads(connection.recv_bytes())


# ---- the worker -------------------------------------------------------------------


def run(
    number: int,
    job: Job | tuple[Any, Parcel],
    connection: Connection,
    files: Sequence[Any],
    inherited: Sequence[Connection],
) -> None:
    """Fetch batches until told to stop: the main function of a worker process.

    Args:
        number: of the worker.
        job: what to do, or a memory file with that.
        connection: to the parent.
        files: memory files for the batches: descriptors, or handles that ``detach()`` to one.
        inherited: the parent's ends of pipes, which a forked process has too.
    """
    from flambeau.utils.data._utils.transport import Inbox, Outbox

    for other in inherited:
        other.close()
    descriptors = [file if isinstance(file, int) else file.detach() for file in files]
    if not isinstance(job, Job):
        file, parcel = job
        unpacked: Job = Inbox([file.detach()]).unpack(parcel)
    else:
        unpacked = job
    # These come when the parent is gone, or it reports the interrupt itself.
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        _Worker(number, unpacked, connection, Outbox(descriptors)).work()


class _Worker:
    def __init__(self, number: int, job: Job, connection: Connection, outbox: Outbox) -> None:
        self._number = number
        self._job = job
        self._connection = connection
        self._outbox = outbox
        self._tasks: deque[Task] = deque()
        self._reset: Reset | None = None
        self._stopped = False
        self._parent = os.getppid()
        self._where = f"in DataLoader worker process {number}"
        self._init_failure: Failure | None = None
        self._fetcher: Any = None
        self._ended = False

    def work(self) -> None:
        global _worker_info
        job = self._job
        fb.set_num_threads(1)
        seed(job.base_seed, self._number)
        _worker_info = WorkerInfo(
            self._number, job.workers, job.base_seed + self._number, job.dataset
        )
        try:
            if job.init_fn is not None:
                job.init_fn(self._number)
            self._fetcher = self._new_fetcher()
        except Exception as error:
            self._init_failure = Failure(error, self._where)
        while not self._stopped:
            self._read(wait=not self._tasks)
            if self._reset is not None:
                self._begin_pass()
            while self._outbox.is_full() and not self._stopped:
                self._read(wait=True)
            if self._tasks and not self._stopped and self._reset is None:
                self._answer(self._tasks.popleft())

    def _read(self, wait: bool) -> None:
        """Take in all messages that have come; if told so, wait for one."""
        if wait:
            while not self._connection.poll(WATCH_INTERVAL):
                if os.getppid() != self._parent:
                    self._stopped = True
                    return
        while self._connection.poll(0):
            message = receive(self._connection)
            if isinstance(message, Task):
                self._tasks.append(message)
            elif isinstance(message, Free):
                self._outbox.give_back(message.files)
            elif isinstance(message, Reset):
                self._tasks.clear()
                self._reset = message
            else:
                self._stopped = True

    def _begin_pass(self) -> None:
        self._reset = None
        self._ended = False
        if self._init_failure is None:
            try:
                self._fetcher = self._new_fetcher()
            except Exception as error:
                self._init_failure = Failure(error, self._where)

    def _new_fetcher(self) -> Any:
        job = self._job
        make = IterableFetcher if job.iterable else MapFetcher
        fetcher: Any = make(job.dataset, job.auto_collation, job.collate_fn, job.drop_last)
        if job.collate_fn is collate.default_collate:
            fetcher.collate_fn = self._collate_in_place
        return fetcher

    def _collate_in_place(self, samples: Any) -> Any:
        """Collate by default, tensors straight into the file they are sent in.

        Only here: what a data set collates itself it might want to keep.
        """
        collate.shared_room = self._outbox.room_for
        try:
            return collate.default_collate(samples)
        finally:
            collate.shared_room = None

    def _answer(self, task: Task) -> None:
        if self._ended:
            return
        content: Parcel | Failure | None = self._init_failure
        if content is None:
            self._outbox.begin()
            try:
                content = self._outbox.pack(self._fetcher.fetch(task.index))
            except Exception as error:
                if self._job.iterable and isinstance(error, StopIteration):
                    self._ended = True
                else:
                    content = Failure(error, self._where)
        send(self._connection, Result(task.epoch, task.number, content))


def seed(base_seed: int, worker: int) -> None:
    """Seed the generators of this process: ours, Python's, and NumPy's if it is loaded."""
    import random

    fb.manual_seed(base_seed + worker)
    random.seed(base_seed + worker)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        words = [worker, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
        numpy.random.seed(numpy.random.SeedSequence(words).generate_state(4))
