"""Dynamic batching: requests gather while the model runs, and it gets all that wait at once.

A model that is idle starts at once with what is there; what comes while it runs is its next batch.
So the batches grow with the load, and a single request waits for nobody.

A function that is not async runs on a thread of its own, one for each model. An async one runs on
the event loop. A batch that fails is not the end of its requests: each is run alone once, so that a
bad one does not fail its neighbours. The function must allow that.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import math
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from flambeau.serve.admission import Admission, Entry
from flambeau.serve.errors import DeadlineExceeded, ModelFailed, ServeError, Unavailable
from flambeau.serve.events import Events
from flambeau.serve.generators import Source, Stream, Streams, is_any
from flambeau.serve.runner import ThreadRunner

log = logging.getLogger("flambeau.serve")

# How long what was replaced may take to finish its batch, in seconds.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Batch:
    """How requests are gathered.

    Args:
        max_size: most requests that run together; for generators: most that run side by side.
        wait_ms: how long a request may wait for others, in milliseconds. With 0 a model that is
            idle starts at once; what comes while it runs gathers all the same.
    """

    max_size: int = 32
    wait_ms: float = 0.0

    def __post_init__(self) -> None:
        if self.max_size < 1:
            raise ValueError(f"Batch: max_size must be at least 1, but got {self.max_size}")
        if not 0 <= self.wait_ms < math.inf:
            raise ValueError(f"Batch: wait_ms must be finite and not negative, got {self.wait_ms}")


class Answer(NamedTuple):
    """What became of a request.

    Args:
        result: what the model made of it.
        waited: seconds until the model began.
        took: seconds that the model ran.
        size: how many requests ran together.
    """

    result: Any
    waited: float
    took: float
    size: int


class _Target(NamedTuple):
    """What runs batches."""

    run: Callable[..., Any]
    is_async: bool

    @staticmethod
    def of(run: Callable[..., Any]) -> _Target:
        return _Target(run, is_any(run, inspect.iscoroutinefunction))


class Batcher:
    """Runs a model on batches of requests.

    Args:
        run: takes a list of items and returns a list of as many results; a result that is an
            exception is raised to its own caller. If it is async it runs on the event loop, and
            its attribute ``concurrency`` says how many batches at a time (1). For :meth:`stream`
            it takes one item and returns a generator. If it has ``start()``, ``async drain()``,
            they are called with the batcher's.
        batch: how requests are gathered.
        name: of the model, for events and the log.
        queue: most requests that wait.
        events: is told what happens.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        batch: Batch | None = None,
        *,
        name: str = "default",
        queue: int = 256,
        events: Events | None = None,
    ) -> None:
        if queue < 1:
            raise ValueError(f"Batcher: queue must be at least 1, but got {queue}")
        self.name = name
        self.batch = batch or Batch()
        self._max_size = self.batch.max_size
        self._wait = self.batch.wait_ms / 1000
        self._events = events or Events()
        self._target = _Target.of(run)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[Entry] = deque()
        self._admission = Admission(name, queue, self._events, self._drop)
        self._streams = Streams(self._admission, self._events, self._places, self._generator)
        self._gathering = False  # it is waited for more requests
        self._tasks: set[asyncio.Task[None]] = set()  # batches of an async function
        self._tasks_of_old: set[asyncio.Task[None]] = set()
        self._pump: asyncio.TimerHandle | asyncio.Handle | None = None
        self._thread = ThreadRunner(f"flambeau-{name}", self._work, self._is_wanted)
        _all.add(self)

    # ---- life --------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve the running event loop. It may be called twice, and after a drain."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and self._loop.is_running():
                raise RuntimeError(f"Batcher {self.name!r} already serves another event loop")
            self._bind(loop)
        self._admission.stopping = False
        self._start_run()

    def _start_run(self) -> None:
        if start := getattr(self._target.run, "start", None):
            start()
        if not self._target.is_async:
            self._thread.start()

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget the loop before, which is closed, and all that waited there."""
        self._loop = loop
        self._queue.clear()
        self._admission.bind(loop)
        self._streams.bind()
        self._tasks = set()
        self._pump = None
        self._gathering = False

    def _forget(self) -> None:
        """In a forked process: the threads and the loop belong to the parent."""
        self._thread.forget()
        self._loop = None
        self._queue = deque()

    def _is_wanted(self) -> bool:
        return self._loop is not None and not self._loop.is_closed()

    async def drain(self, seconds: float) -> None:
        """Take no more requests, finish those that were taken, and end the thread.

        Args:
            seconds: after which what has not finished is refused.
        """
        end = time.monotonic() + seconds
        self._admission.stopping = True
        if self._loop is asyncio.get_running_loop():
            self._wake()
        await self._admission.close(seconds)
        thread = self._thread.stop()
        while thread is not None and thread.is_alive() and time.monotonic() < end:
            await asyncio.sleep(0.001)
        if self._tasks_of_old:
            await asyncio.wait(self._tasks_of_old, timeout=max(end - time.monotonic(), 0.0))
        await _drain_run(self._target.run, end)

    def replace(self, run: Callable[..., Any]) -> None:
        """Run another function from the next batch on. Any thread may call this.

        The function before finishes its batch; if it has ``drain()`` that is called.
        """
        old, self._target = self._target, _Target.of(run)
        if self._is_wanted() and not self._admission.stopping:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._begin, old.run)

    def _begin(self, old: Callable[..., Any]) -> None:
        self._start_run()
        self._wake()
        if old is not self._target.run and hasattr(old, "drain"):
            assert self._loop is not None
            task = self._loop.create_task(_drain_run(old, time.monotonic() + _PATIENCE))
            self._tasks_of_old.add(task)
            task.add_done_callback(self._tasks_of_old.discard)

    @property
    def is_ready(self) -> bool:
        """Whether what runs batches is there: processes take a moment to start."""
        return bool(getattr(self._target.run, "is_ready", True))

    # ---- requests ----------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue) + self._streams.waiting

    async def submit(self, item: Any, deadline: float) -> Answer:
        """Let a request run and wait for its answer. Cancelling this drops the request.

        Args:
            item: one element of what the function gets.
            deadline: until when the answer must be there, by ``time.monotonic()``, which is what
                event loops tell as ``time()``.

        Raises:
            Unavailable: too many wait, or the server stops.
            DeadlineExceeded: the answer was not ready in time.
            ModelFailed: the function raised.
        """
        entry = self._accept(item, deadline)
        self._queue.append(entry)
        self._admission.tell(self._events.queued, len(self._queue))
        self._wake()
        try:
            answer: Answer = await entry.future
            return answer
        except ModelFailed as failure:
            self._admission.report(failure)
            raise
        except asyncio.CancelledError:
            self._admission.left(entry)
            raise

    def stream(self, item: Any, deadline: float, *, pause: float = math.inf) -> Stream:
        """Let the function generate an answer in parts.

        Args:
            item: what the function gets.
            deadline: until when all parts must be there, by ``time.monotonic()``.
            pause: most seconds between two parts.

        Returns:
            What to iterate over with ``async for``. Awaiting it first waits until the generator
            may begin: as many run as a batch may have requests, others wait in the queue. Both
            raise what :meth:`submit` raises. ``await stream.aclose()`` ends the generator within
            one step.
        """

        async def begin() -> Source:
            return await self._streams.open(self._accept(item, deadline))

        return Stream(begin, deadline, pause, self._streams.error)

    def _accept(self, item: Any, deadline: float) -> Entry:
        if self._loop is not asyncio.get_running_loop() and not self._admission.stopping:
            self.start()
        # Whole rounds of all that wait, and the one that runs.
        rounds = len(self._queue) // (self._max_size * self._concurrency()) + 2
        return self._admission.take(item, deadline, self.waiting, rounds)

    def _concurrency(self) -> int:
        run, is_async = self._target
        return max(int(getattr(run, "concurrency", 1)), 1) if is_async else 1

    def _places(self) -> int:
        """Return how many generators may run."""
        return int(getattr(self._target.run, "concurrency", self._max_size))

    def _generator(self) -> Callable[[Any], Any]:
        run: Any = self._target.run
        return getattr(run, "stream", run)  # type: ignore[no-any-return]

    def _drop(self, entry: Entry) -> None:
        """Forget a request that nobody waits for."""
        with suppress(ValueError):
            self._queue.remove(entry)
        self._streams.drop(entry)

    # ---- batches -----------------------------------------------------------------

    def _wake(self) -> None:
        """See to it that what waits is run."""
        if self._gathering and len(self._queue) < self._max_size and not self._admission.stopping:
            return
        if self._pump is None or self._gathering:
            if self._pump is not None:
                self._pump.cancel()
            assert self._loop is not None
            # Not at once: others may come in the same turn of the loop.
            self._pump = self._loop.call_soon(self._start_batches)

    def _pause(self) -> float:
        """Return how long to wait for more requests."""
        if not self._wait or self._admission.stopping or len(self._queue) >= self._max_size:
            return 0.0
        try:
            oldest = self._queue[0]
        except IndexError:  # it was dropped meanwhile
            return 0.0
        return oldest.arrived + self._wait - time.monotonic()

    def _take(self, most: int) -> list[Entry]:
        """Take the next batch from the queue."""
        entries: list[Entry] = []
        now = time.monotonic()
        with suppress(IndexError):
            while len(entries) < most:
                entry = self._queue.popleft()
                if entry.is_wanted(now):
                    entries.append(entry)
        self._admission.tell(self._events.queued, len(self._queue))
        return entries

    def _steps(self, entries: list[Entry], post: _Post) -> Generator[list[Entry], _Outcome, None]:
        """Run a batch: yield what to run and be sent what became of it."""
        started = time.monotonic()
        outcome = yield entries
        if len(entries) == 1 or not _may_be_ones_fault(outcome):
            post(entries, outcome, started, time.monotonic())
            return
        answered = 0
        for entry in entries:
            started = time.monotonic()
            if entry.is_wanted(started):
                alone = yield [entry]
                answered += not isinstance(alone, BaseException)
                post([entry], alone, started, time.monotonic())
        if answered == len(entries):
            text = "model %r failed on %d requests together and on none of them alone"
            log.error(text, self.name, len(entries), exc_info=outcome)  # type: ignore[arg-type]

    def _deliver(
        self, entries: list[Entry], outcome: _Outcome, started: float, ended: float
    ) -> None:
        """Give results to those who wait for them."""
        took, size = ended - started, len(entries)
        self._admission.note(took)
        results = [outcome] * size if isinstance(outcome, BaseException) else outcome
        for entry, result in zip(entries, results, strict=True):
            future = entry.future
            if not future.done():
                if isinstance(result, BaseException):
                    future.set_exception(self._admission.failed(result))
                else:
                    future.set_result(Answer(result, started - entry.arrived, took, size))
            self._admission.finished(entry)
        waited = started - entries[0].arrived
        self._admission.tell(self._events.batch, size, waited, took)

    # ---- on the thread ----

    def _work(self) -> float | None:
        """Run batches as long as there are any: what the thread does."""
        while not (target := self._target).is_async:
            if not self._queue:
                # Who came before this was cleared has woken nobody.
                self._gathering = False
                if not self._queue:
                    break
            if (pause := self._pause()) > 0:
                self._gathering = True
                return pause
            self._gathering = False
            if entries := self._take(self._max_size):
                self._run_on_thread(target.run, entries)
        return None

    def _run_on_thread(self, run: Callable[..., Any], entries: list[Entry]) -> None:
        steps = self._steps(entries, self._post)
        with suppress(StopIteration):
            part = next(steps)
            while True:
                try:
                    outcome = _checked(run([entry.item for entry in part]), len(part))
                except BaseException as error:  # what ends a program fails a request here
                    part = steps.send(error)
                else:
                    part = steps.send(outcome)

    def _post(self, entries: list[Entry], *rest: Any) -> None:
        """Deliver from the thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            entries[0].future.get_loop().call_soon_threadsafe(self._deliver, entries, *rest)

    # ---- on the loop ----

    def _start_batches(self) -> None:
        self._pump = None
        self._gathering = False
        run, is_async = self._target
        if not is_async:
            self._thread.wake()
            return
        loop = self._loop
        while self._queue and loop is not None:
            idle = self._concurrency() - len(self._tasks)
            if idle <= 0:
                return
            if (pause := self._pause()) > 0:
                self._gathering = True
                self._pump = loop.call_later(pause, self._start_batches)
                return
            share = math.ceil(len(self._queue) / idle)
            if entries := self._take(min(self._max_size, share)):
                task = loop.create_task(self._run_on_loop(run, entries))
                self._tasks.add(task)
                task.add_done_callback(self._batch_ended)
                for entry in entries:
                    entry.stop = functools.partial(_cancel_unwanted, task, entries)

    def _batch_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._queue and task.get_loop() is self._loop:
            self._wake()

    async def _run_on_loop(self, run: Callable[..., Any], entries: list[Entry]) -> None:
        steps = self._steps(entries, self._deliver)
        with suppress(StopIteration):
            part = next(steps)
            while True:
                try:
                    outcome = _checked(await run([entry.item for entry in part]), len(part))
                except asyncio.CancelledError as error:
                    task = asyncio.current_task()
                    if task is not None and task.cancelling():  # all callers have left
                        return
                    part = steps.send(error)
                except Exception as error:
                    part = steps.send(error)
                else:
                    part = steps.send(outcome)


_Outcome = list[Any] | BaseException
_Post = Callable[[list[Entry], _Outcome, float, float], None]


def _checked(results: Any, count: int) -> list[Any]:
    if not isinstance(results, list | tuple) or len(results) != count:
        got = f"{len(results)}" if isinstance(results, list | tuple) else type(results).__name__
        raise TypeError(f"run: expected a list of {count} results, one for each item, got {got}")
    return list(results)


def _may_be_ones_fault(outcome: _Outcome) -> bool:
    return isinstance(outcome, BaseException) and not isinstance(
        outcome, Unavailable | DeadlineExceeded
    )


def _cancel_unwanted(task: asyncio.Task[None], entries: list[Entry], error: ServeError) -> None:
    """Stop a batch on the loop when its callers have all left."""
    if all(entry.future.done() for entry in entries):
        task.cancel()


async def _drain_run(run: Callable[..., Any], end: float) -> None:
    if drain := getattr(run, "drain", None):
        await drain(max(end - time.monotonic(), 0.0))


_all: weakref.WeakSet[Batcher] = weakref.WeakSet()


def _forget_all() -> None:
    for batcher in _all:
        batcher._forget()


os.register_at_fork(after_in_child=_forget_all)
