"""Models in processes of their own, which are replaced when they are lost."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import weakref
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

import flambeau as fb
from flambeau.serve.errors import DeadlineExceeded, Unavailable
from flambeau.serve.events import Events
from flambeau.serve.wire import Frame, Pieces, pack
from flambeau.serve.worker import ENDED, FAILED, FORK, FORKED, KILL, NOTE, fork_zygote

log = logging.getLogger("flambeau.serve")

# How long to wait before a process is started that replaces one of several lost in a row.
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 30.0
# With no process, callers are told so if there is none for longer than that, in seconds.
_SHORT_WAIT = 0.25
# Bytes that are written at a time.
_CHUNK = 256 << 10


class ProcessRunner:
    """Runs batches in worker processes: what a :class:`Batcher` is given as ``run``.

    The processes are forked when the batcher starts, or when one was lost. Those who wait for an
    answer of a process that is lost are told :class:`Unavailable`. One that takes longer than
    ``timeout`` is killed.

    Args:
        make_run: returns what a worker runs: a function of a list of items that returns a list of
            results, or of one item that returns a generator, async or not. Called in each worker;
            what it refers to is shared with the server's memory until it is written to.
        workers: how many processes.
        name: of the model.
        timeout: most seconds that a batch may take.
        start_timeout: most seconds that ``make_run`` may take.
        threads: of each worker; by default they share those of the server.
        events: is told of lost workers.

    Example:
        >>> from flambeau.serve.batching import Batcher
        >>> batcher = Batcher(ProcessRunner(lambda: lambda items: [-i for i in items], 2))
        >>> async def main():
        ...     batcher.start()
        ...     answer = await batcher.submit(3, time.monotonic() + 30)
        ...     await batcher.drain(10)
        ...     return answer.result
        >>> asyncio.run(main())
        -3
    """

    def __init__(
        self,
        make_run: Callable[[], Callable[..., Any]],
        workers: int,
        *,
        name: str = "default",
        timeout: float = 30.0,
        start_timeout: float = 300.0,
        threads: int | None = None,
        events: Events | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"ProcessRunner: workers must be at least 1, but got {workers}")
        self.concurrency = workers
        self.name = name
        self.timeout = timeout
        self.start_timeout = start_timeout
        self._make_run = make_run
        self._threads = threads
        self._events = events or Events()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._closing = False
        self._zygote: _Zygote | None = None
        self._workers: dict[int, _Worker] = {}  # that are there, by process
        self._idle: deque[_Worker] = deque()
        self._waiting: deque[asyncio.Future[_Worker]] = deque()
        self._losses = 0  # since a batch was answered
        self._next_start = 0.0  # of a process
        self._connecting: set[asyncio.Task[None]] = set()

    # ---- life --------------------------------------------------------------------

    def start(self) -> None:
        """Start the processes, for the running event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is loop and not self._closing:
            return
        self._abandon()
        self._loop, self._pid, self._closing = loop, os.getpid(), False
        for _ in range(self.concurrency):
            self._start_worker()

    def _abandon(self) -> None:
        """Let go of what belongs to another loop, or to the process that this was forked from."""
        if self._zygote is not None and self._pid == os.getpid():
            self._zygote.close()
        self._zygote = None
        self._workers, self._idle, self._waiting = {}, deque(), deque()
        self._connecting = set()
        self._losses = 0

    async def drain(self, seconds: float) -> None:
        """Wait until no process works, and end them all.

        Args:
            seconds: after which those that still work are killed.
        """
        if self._loop is not asyncio.get_running_loop():
            return
        self._closing = True
        end = time.monotonic() + seconds
        while self._works() and time.monotonic() < end:
            await asyncio.sleep(0.002)
        self._refuse_waiting(self._lost_error(1.0))
        for worker in list(self._workers.values()):
            worker.end()
        if self._zygote is not None:
            zygote, self._zygote = self._zygote, None
            self._loop.remove_reader(zygote.control)
            zygote.close()
            while not zygote.has_ended() and time.monotonic() < end + _END_PATIENCE:
                await asyncio.sleep(0.002)
            zygote.kill()
        self._loop = None

    def _works(self) -> bool:
        busy = any(worker.is_busy for worker in self._workers.values())
        return busy or bool(self._waiting and self._workers)

    @property
    def is_ready(self) -> bool:
        """Whether a process has started."""
        return any(worker.is_ready for worker in self._workers.values())

    # ---- batches -----------------------------------------------------------------

    async def __call__(self, items: list[Any]) -> list[Any]:
        """Run a batch in a process that is idle."""
        self._start_once()
        frame = pack(["run", items])
        worker = await self._take()
        results: list[Any] = await worker.request(frame)
        return results

    async def stream(self, item: Any) -> AsyncIterator[Any]:
        """Yield what the generator does that a process makes of an item."""
        self._start_once()
        frame = pack(["stream", item])
        worker = await self._take()
        async with aclosing(worker.parts(frame)) as parts:
            async for part in parts:
                yield part

    def _start_once(self) -> None:
        """Start if nobody has; what was drained only :meth:`start` starts again."""
        if self._loop is not asyncio.get_running_loop() and not self._closing:
            self.start()
        if self._closing and not self._workers:
            raise self._lost_error(1.0)

    async def _take(self) -> _Worker:
        """Wait for an idle worker."""
        if self._idle:
            return self._idle.popleft()
        assert self._loop is not None
        if not self._workers and (delay := self._next_start - time.monotonic()) > _SHORT_WAIT:
            raise self._lost_error(delay)
        waiting: asyncio.Future[_Worker] = self._loop.create_future()
        self._waiting.append(waiting)
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.cancelled():
                with suppress(ValueError):
                    self._waiting.remove(waiting)
            elif waiting.exception() is None:
                self.release(waiting.result())
            raise

    def release(self, worker: _Worker) -> None:
        """Take back a worker that has done its work."""
        if worker.pid not in self._workers:
            return
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(worker)
                return
        self._idle.append(worker)

    def _refuse_waiting(self, error: Unavailable) -> None:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)

    def _lost_error(self, seconds: float) -> Unavailable:
        text = f"The process that runs model {self.name!r} was lost. Try again."
        return Unavailable(text, retry_after=seconds)

    # ---- processes ---------------------------------------------------------------

    def _start_worker(self) -> None:
        if self._closing or self._loop is None:
            return
        try:
            if self._zygote is None:
                self._zygote = _Zygote(self._make_run, self._threads_of_each())
                self._loop.add_reader(self._zygote.control, self._hear, self._zygote)
            self._zygote.send(FORK)
        except OSError as error:
            self._not_started(error)

    def _not_started(self, error: OSError) -> None:
        log.error("model %r: no process could be started: %s", self.name, error)
        self._losses += 1
        self._start_later()

    def _threads_of_each(self) -> int:
        return self._threads or max(fb.get_num_threads() // self.concurrency, 1)

    def _start_later(self) -> None:
        """Start a process, the later the more were lost in a row."""
        delay = 0.0
        if self._losses > 1:
            delay = min(_FIRST_DELAY * 2.0 ** min(self._losses - 2, 20), _LONGEST_DELAY)
        assert self._loop is not None
        self._next_start = time.monotonic() + delay
        self._loop.call_later(delay, self._start_worker)
        if not self._workers and delay > _SHORT_WAIT:
            self._refuse_waiting(self._lost_error(delay))

    def _hear(self, zygote: _Zygote) -> None:
        """Take in what the zygote tells."""
        try:
            data, descriptors, _, _ = socket.recv_fds(zygote.control, NOTE.size, 1)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        if len(data) < NOTE.size:
            self._lose_zygote(zygote)
            return
        what, pid, status = NOTE.unpack(data)
        if what == FORKED:
            zygote.starting -= 1
            connection = socket.socket(fileno=descriptors[0])
            connection.set_inheritable(False)
            assert self._loop is not None
            task = self._loop.create_task(self._connect(pid, connection))
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)
        elif what == FAILED:
            zygote.starting -= 1
            self._not_started(OSError(status, os.strerror(status)))
        elif what == ENDED and status and not self._closing:
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            log.warning("model %r: process %d ended %s", self.name, pid, how)

    async def _connect(self, pid: int, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        worker = _Worker(self, pid)
        self._workers[pid] = worker
        connection.setblocking(False)
        await loop.create_unix_connection(lambda: worker, sock=connection)

    def _lose_zygote(self, zygote: _Zygote) -> None:
        """Start again: with the zygote its workers are killed, too."""
        assert self._loop is not None
        self._loop.remove_reader(zygote.control)
        zygote.kill()
        if self._zygote is not zygote:
            return
        self._zygote = None
        log.error("model %r: the process that starts its processes was lost", self.name)
        for _ in range(zygote.starting):
            self._losses += 1
            self._start_later()
        for worker in list(self._workers.values()):
            worker.abort()

    def kill(self, worker: _Worker) -> None:
        """Kill a worker."""
        if self._zygote is not None:
            with suppress(OSError):
                self._zygote.send(KILL, worker.pid)
        worker.abort()

    def succeeded(self) -> None:
        """A worker has answered."""
        self._losses = 0

    def lost(self, worker: _Worker) -> None:
        """Replace a worker whose connection is closed."""
        if self._workers.get(worker.pid) is not worker:
            return
        del self._workers[worker.pid]
        with suppress(ValueError):
            self._idle.remove(worker)
        if self._closing or self._loop is not asyncio.get_running_loop():
            return
        self._losses += 1
        try:
            self._events.worker_lost(self.name)
        except Exception:
            log.exception("events.worker_lost failed")
        self._start_later()

    def lost_error(self) -> Unavailable:
        """Return what those are told who wait for an answer of a lost worker."""
        return self._lost_error(1.0)


# How long the processes may take to end, in seconds.
_END_PATIENCE = 5.0


class _Zygote:
    """The process that workers are forked from, as the server sees it."""

    def __init__(self, make_run: Callable[[], Callable[..., Any]], threads: int) -> None:
        _reap()
        self.pid, self.control = fork_zygote(make_run, threads)
        self.control.setblocking(False)
        self.starting = 0  # workers that were asked for
        self._ended = False
        # It ends when its connection is closed.
        self._finalizer = weakref.finalize(self, _close, self.control, self.pid, os.getpid())

    def send(self, what: bytes, pid: int = 0) -> None:
        """Tell it what to do."""
        self.control.send(NOTE.pack(what, pid, 0))
        self.starting += what == FORK

    def close(self) -> None:
        """Let it and its workers end."""
        self._finalizer()

    def has_ended(self) -> bool:
        """Tell whether the process is gone."""
        if not self._ended:
            try:
                self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
            except ChildProcessError:
                self._ended = True
        return self._ended

    def kill(self) -> None:
        """End it at once, if it is still there."""
        self.close()
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._ended = True


# Zygotes that were told to end and that nobody waited for.
_ending: set[int] = set()


def _close(control: socket.socket, zygote: int, owner: int) -> None:
    if os.getpid() == owner:
        control.close()
        _ending.add(zygote)


def _reap() -> None:
    for pid in list(_ending):
        with suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        _ending.discard(pid)


class _Worker(asyncio.BufferedProtocol):
    """A worker process, as the server sees it."""

    def __init__(self, runner: ProcessRunner, pid: int) -> None:
        self.pid = pid
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._frame = Frame()
        self._transport: Any = None
        self.is_ready = False
        self._lost = False
        self._reply: asyncio.Future[Any] | None = None
        self._parts: asyncio.Queue[tuple[str, Any]] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._timer: asyncio.TimerHandle | None = None
        self._arm(runner.start_timeout)

    @property
    def is_busy(self) -> bool:
        """Whether it works on something."""
        return self._reply is not None or self._parts is not None

    def _arm(self, seconds: float | None) -> None:
        """Set how long it may take."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._hangs)

    def _hangs(self) -> None:
        runner = self._runner
        log.error("model %r: process %d hangs and is killed", runner.name, self.pid)
        self._fail(DeadlineExceeded(f"Model {runner.name!r} did not answer in time."))
        runner.kill(self)

    async def request(self, frame: Pieces) -> Any:
        """Send a batch and wait for its results."""
        if self._lost:
            raise self._runner.lost_error()
        self._reply = reply = self._loop.create_future()
        self._arm(self._runner.timeout)
        self._write(frame)
        return await reply

    async def parts(self, frame: Pieces) -> AsyncGenerator[Any, None]:
        """Send an item and yield the parts of its answer."""
        if self._lost:
            raise self._runner.lost_error()
        parts: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._parts = parts
        self._write(frame)
        ended = False
        try:
            while True:
                what, content = await parts.get()
                if what != "part":
                    ended = True
                    if what == "error":
                        raise content
                    return
                self._tell("credit")
                yield content
        finally:
            if not ended and not self._lost:
                self._tell("close")
                self._arm(self._runner.timeout)

    def _tell(self, what: str) -> None:
        self._write(pack([what]))

    def _write(self, frame: Pieces) -> None:
        if self._writing is None and sum(map(len, frame)) <= _CHUNK:
            self._transport.writelines(frame)
            return
        # A frame is written to its end, even when nobody waits for the answer any more.
        self._writing = self._loop.create_task(self._write_long(frame, self._writing))

    async def _write_long(self, frame: Pieces, before: asyncio.Task[None] | None) -> None:
        """Write in pieces, as fast as they are read: a transport is slow when it keeps much."""
        if before is not None:
            await before
        for piece in frame:
            for start in range(0, len(piece), _CHUNK):
                await self._drained.wait()
                if self._lost:
                    return
                self._transport.write(memoryview(piece)[start : start + _CHUNK])
        if self._writing is asyncio.current_task():
            self._writing = None

    def pause_writing(self) -> None:
        self._drained.clear()

    def resume_writing(self) -> None:
        self._drained.set()

    def abort(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def end(self) -> None:
        """Let the process end."""
        self._fail(self._runner.lost_error())
        self._arm(None)
        self.abort()

    # ---- what comes ----

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=_CHUNK)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._frame.room

    def buffer_updated(self, nbytes: int) -> None:
        try:
            if not self._frame.advance(nbytes):
                return
            what, *content = self._frame.value()
        except Exception:
            log.exception("model %r: process %d sent nonsense", self._runner.name, self.pid)
            self._runner.kill(self)
            return
        self._frame = Frame()
        self._take(what, content[0] if content else None)

    def _take(self, what: str, content: Any) -> None:
        if what == "part":
            if self._parts is not None:
                self._parts.put_nowait((what, content))
            return
        self._arm(None)
        if what == "failed":
            log.error("model %r: its process does not start", self._runner.name, exc_info=content)
            return
        if what == "ready":
            self.is_ready = True
        elif self._parts is not None:
            parts, self._parts = self._parts, None
            parts.put_nowait((what, content))
            self._runner.succeeded()
        elif self._reply is not None:
            reply, self._reply = self._reply, None
            if reply.done():
                pass
            elif what == "error":
                reply.set_exception(content)
            else:
                reply.set_result(content)
            self._runner.succeeded()
        self._runner.release(self)

    def _fail(self, error: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)
        if self._parts is not None:
            self._parts.put_nowait(("error", error))
        self._reply = self._parts = None

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._drained.set()
        self._arm(None)
        self._fail(self._runner.lost_error())
        self._runner.lost(self)
