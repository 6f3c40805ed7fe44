"""Generators that are read by the event loop: a plain one runs on a thread, ahead of its reader."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from flambeau.serve.admission import Admission, Entry
from flambeau.serve.errors import DeadlineExceeded, ServeError
from flambeau.serve.events import Events
from flambeau.serve.runner import stop_at_exit

log = logging.getLogger("flambeau.serve")

# How many items a generator may be ahead of its reader.
AHEAD = 4


class Source(Protocol):
    """The items of a generator, one by one."""

    async def next(self, seconds: float) -> Any:
        """Return the next item.

        Raises:
            StopAsyncIteration: there are no more.
            TimeoutError: there was none for so long.
            GeneratorFailed: the generator raised what is its cause.
        """

    def close(self) -> None:
        """Let the generator end after the step that it takes. Any thread may call this."""

    def abort(self, error: ServeError) -> None:
        """Close it, and let the reader have this error."""


class GeneratorFailed(Exception):
    """A generator raised an exception, which is the cause of this one."""


def is_any(run: Callable[..., Any], *kinds: Callable[[Any], bool]) -> bool:
    """Tell whether a function, or an object's ``__call__``, is of one of the kinds."""
    call = getattr(run, "__call__", None)  # noqa: B004 - looked at, not called
    return any(is_kind(function) for is_kind in kinds for function in (run, call))


def open_source(
    run: Callable[[Any], Any], item: Any, deadline: float, ended: Callable[[], None]
) -> Source:
    """Begin a generator.

    Args:
        run: returns it.
        item: what it is given.
        deadline: when to end it at the latest, by ``time.monotonic()``.
        ended: called by the loop, once, when the generator has ended.
    """
    is_async = is_any(run, inspect.isasyncgenfunction, inspect.iscoroutinefunction)
    kind = LoopSource if is_async else ThreadSource
    return kind(run, item, deadline, ended)


class ThreadSource(Source):
    """A generator on a thread of its own: what it sets for its thread stays its own.

    It begins at once, and waits when it is :data:`AHEAD` items ahead.
    """

    def __init__(
        self, run: Callable[[Any], Any], item: Any, deadline: float, ended: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._run, self._item = run, item
        self._deadline = deadline
        self._ended = ended
        self._closed = False
        self._credits: SimpleQueue[bool] = SimpleQueue()
        for _ in range(AHEAD - 1):
            self._credits.put(True)
        # What the loop has of it.
        self._items: deque[Any] = deque()
        self._end: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._main,), name="flambeau-generator", daemon=True
        )
        self._thread.start()
        stop_at_exit(self)

    async def next(self, seconds: float) -> Any:
        if not self._items and self._end is None:
            self._reader = self._loop.create_future()
            timer = self._loop.call_later(max(seconds, 0.0), _set, self._reader)
            try:
                await self._reader
            finally:
                self._reader = None
                timer.cancel()
        if self._items:
            self._credits.put(True)
            return self._items.popleft()
        if self._end is None:
            raise TimeoutError
        raise self._end

    def close(self) -> None:
        self._closed = True
        self._credits.put(False)

    def abort(self, error: ServeError) -> None:
        self._end = error
        self._items.clear()
        _set(self._reader)
        self.close()

    def stop(self) -> threading.Thread:
        """Let the thread end and return it."""
        self.close()
        return self._thread

    def _main(self) -> None:
        end: BaseException = StopAsyncIteration()
        try:
            self._iterate()
        except BaseException as error:
            end = GeneratorFailed()
            end.__cause__ = error
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._finish, end)

    def _iterate(self) -> None:
        iterator = iter(self._run(self._item))
        try:
            for value in iterator:
                self._loop.call_soon_threadsafe(self._push, value)
                if not self._may_go_on():
                    break
        finally:
            if close := getattr(iterator, "close", None):
                close()

    def _may_go_on(self) -> bool:
        if self._closed:
            return False
        try:
            wanted = self._credits.get(timeout=max(self._deadline - time.monotonic(), 0.0))
        except Empty:  # the reader sees that time is up when it comes
            return False
        return wanted and not self._closed

    def _push(self, value: Any) -> None:
        if not self._closed:
            self._items.append(value)
            _set(self._reader)

    def _finish(self, end: BaseException) -> None:
        self._end = self._end or end
        _set(self._reader)
        self._ended()


def _set(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


class LoopSource(Source):
    """An async generator, which runs while its reader waits."""

    def __init__(
        self, run: Callable[[Any], Any], item: Any, deadline: float, ended: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._run, self._item = run, item
        self._iterator: AsyncIterator[Any] | None = None
        self._timer: asyncio.Timeout | None = None  # of the step that is taken
        self._abort: BaseException | None = None
        self._ended: Callable[[], None] | None = ended
        self._closing: asyncio.Task[None] | None = None

    async def next(self, seconds: float) -> Any:
        if self._abort is not None:
            raise self._abort
        try:
            async with asyncio.timeout(max(seconds, 0.0)) as self._timer:
                if self._iterator is None:
                    made = self._run(self._item)
                    self._iterator = aiter(await made if inspect.isawaitable(made) else made)
                return await anext(self._iterator)
        except StopAsyncIteration:
            self._finish()
            raise
        except Exception as error:
            if self._timer is not None and self._timer.expired():
                raise self._abort or TimeoutError from None
            raise GeneratorFailed from error
        finally:
            self._timer = None

    def close(self) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._begin_close)

    def abort(self, error: ServeError) -> None:
        self._abort = error
        if self._timer is not None:
            self._timer.reschedule(self._loop.time())  # the reader closes it
        else:
            self._begin_close()

    def _begin_close(self) -> None:
        if self._ended is not None and self._closing is None:
            self._closing = self._loop.create_task(self._close())

    async def _close(self) -> None:
        try:
            if close := getattr(self._iterator, "aclose", None):
                await close()
        except Exception:
            log.warning("a generator failed when it was closed", exc_info=True)
        finally:
            self._finish()

    def _finish(self) -> None:
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended()


class Stream(AsyncIterator[Any]):
    """The answer to a request in parts: ``async for part in stream``.

    Awaiting it first waits until it may begin, and raises if it may not; reading it does that,
    too. Close it: ``await stream.aclose()``; the generator then ends within one step.

    Args:
        begin: waits for a place and returns the generator.
        deadline: when all must be there, by ``time.monotonic()``.
        pause: most seconds between two parts.
        tell: turns what went wrong into what to raise.
    """

    def __init__(
        self,
        begin: Callable[[], Any],
        deadline: float,
        pause: float,
        tell: Callable[[BaseException], ServeError],
    ) -> None:
        self._begin = begin
        self._deadline = deadline
        self._pause = pause
        self._tell = tell
        self._source: Source | None = None
        self._closed = False

    def __await__(self) -> Generator[Any, None, Stream]:
        yield from self._open().__await__()
        return self

    async def _open(self) -> Source:
        if self._source is None:
            self._source = await self._begin()
        return self._source

    async def __anext__(self) -> Any:
        if self._closed:
            raise StopAsyncIteration
        try:
            source = await self._open()
        except BaseException:
            self._closed = True
            raise
        try:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            return await source.next(min(left, self._pause))
        except StopAsyncIteration:
            self._close()
            raise
        except (TimeoutError, GeneratorFailed, ServeError) as error:
            self._close()
            told = self._tell(error)
            raise told from told.__cause__
        except BaseException:
            self._close()
            raise

    async def aclose(self) -> None:
        """Let the generator end."""
        self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            if self._source is not None:
                self._source.close()

    def __del__(self) -> None:
        self._close()


class Streams:
    """The generators of one model that run, and the requests that wait for a place.

    Args:
        admission: of the model.
        events: is told what happens.
        places: tells how many may run.
        run: returns the function that gives generators.
    """

    def __init__(
        self,
        admission: Admission,
        events: Events,
        places: Callable[[], int],
        run: Callable[[], Callable[[Any], Any]],
    ) -> None:
        self._admission = admission
        self._events = events
        self._places = places
        self._run = run
        self._running = 0
        self._queue: deque[Entry] = deque()

    def bind(self) -> None:
        """Forget what came on another loop."""
        self._running = 0
        self._queue = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def drop(self, entry: Entry) -> None:
        """Forget one that waits."""
        with suppress(ValueError):
            self._queue.remove(entry)

    async def open(self, entry: Entry) -> Source:
        """Wait for a place and begin."""
        if self._running < self._places():
            self._begin(entry)
        else:
            self._queue.append(entry)
            self._admission.tell(self._events.queued, len(self._queue))
        try:
            source: Source = await entry.future
            return source
        except asyncio.CancelledError:
            if entry.future.cancelled():
                self._admission.left(entry)
            else:
                entry.future.result().close()
            raise

    def _begin(self, entry: Entry) -> None:
        started = time.monotonic()

        def ended() -> None:
            took = time.monotonic() - started
            self._admission.note(took)
            self._admission.tell(self._events.batch, 1, started - entry.arrived, took)
            self._admission.finished(entry)
            self._running -= 1
            self._begin_next()

        self._running += 1
        source = open_source(self._run(), entry.item, entry.deadline, ended)
        entry.stop = source.abort
        entry.future.set_result(source)

    def _begin_next(self) -> None:
        while self._queue and self._running < self._places():
            entry = self._queue.popleft()
            if entry.is_wanted(time.monotonic()):
                self._begin(entry)
        self._admission.tell(self._events.queued, len(self._queue))

    def error(self, error: BaseException) -> ServeError:
        """Return what the reader is told of an error."""
        if isinstance(error, GeneratorFailed) and error.__cause__ is not None:
            failure = self._admission.failed(error.__cause__)
            self._admission.report(failure)
            return failure
        told = error if isinstance(error, ServeError) else self._admission.late()
        reason = "deadline" if isinstance(told, DeadlineExceeded) else "stopping"
        self._admission.tell(self._events.refused, reason)
        return told
