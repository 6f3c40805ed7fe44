"""The processes that run a model: a zygote, and the workers that are forked from it.

The zygote is forked from the server while that has few threads, does nothing but fork workers, and
tells when one has ended. A worker ends when the server's end of its connection is closed, and is
killed with its zygote; the zygote ends with the server.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import inspect
import os
import random
import select
import signal
import socket
import stat
import struct
import sys
import threading
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import Any, NoReturn

import flambeau as fb
from flambeau.serve.generators import AHEAD
from flambeau.serve.wire import Frame, WireError, pack

# Between the server and the zygote: what, which process, and how it ended.
NOTE = struct.Struct("<cii")
FORK, KILL = b"f", b"k"  # to the zygote
# From the zygote; the first comes with the connection to the worker.
FORKED, FAILED, ENDED = b"w", b"e", b"x"

# How often the zygote looks whether its parent is still there, in seconds.
_WATCH_INTERVAL = 2.0
# How long workers may take to end by themselves, in seconds.
_PATIENCE = 2.0
_PR_SET_PDEATHSIG = 1


def fork_zygote(
    make_run: Callable[[], Callable[..., Any]], threads: int
) -> tuple[int, socket.socket]:
    """Start a zygote.

    Args:
        make_run: returns what a worker runs; called in each.
        threads: of each worker.

    Returns:
        Its process and a socket to it.
    """
    ours, theirs = socket.socketpair()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # a child would write what is in its buffer once more
            stream.flush()
    parent = os.getpid()
    # The signal comes when the thread ends that forked, and only the main one stays.
    stays = threading.current_thread() is threading.main_thread()
    with warnings.catch_warnings():
        # Of other threads: the zygote starts none of what they might have left half done.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    status = 1
    try:
        ours.close()
        if stays:
            die_with_parent(parent)
        _Zygote(theirs, parent, make_run, threads).work()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _exit(status)


def _exit(status: int) -> NoReturn:
    """End a forked process without what its parent does at its end."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(status)


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent ends, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it has ended meanwhile
        os._exit(1)


def _ignore(number: int, frame: Any) -> None:
    """Do nothing; that a signal is ignored would be passed on to programs that a model starts."""


def _leave_server(kept: int) -> None:
    """Let go of what a forked process shares with a server that runs."""
    # The server decides when its processes end: it finishes what it has accepted before.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    signal.set_wakeup_fd(-1)
    asyncio._set_running_loop(None)
    asyncio.set_event_loop(None)
    # Connections must close when the server closes them, and its port must become free.
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        descriptor = int(name)
        if descriptor > 2 and descriptor not in (kept, null) and _is_of_server(descriptor):
            # In its place, so that who has the number does not close another's.
            os.dup2(null, descriptor)
    os.close(null)


def _is_of_server(number: int) -> bool:
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            return True
        return "eventpoll" in os.readlink(f"/dev/fd/{number}")
    except OSError:
        return False


class _Zygote:
    """Forks workers when told to."""

    def __init__(
        self,
        control: socket.socket,
        parent: int,
        make_run: Callable[[], Callable[..., Any]],
        threads: int,
    ) -> None:
        self._control = control
        self._parent = parent
        self._make_run = make_run
        self._threads = threads
        self._children: set[int] = set()

    def work(self) -> None:
        _leave_server(self._control.fileno())
        # What is shared stays so: the collector does not write into it.
        gc.disable()
        gc.freeze()
        bell, rope = os.pipe()
        os.set_blocking(rope, False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
        while os.getppid() == self._parent:
            control = self._control.fileno()
            ready, _, _ = select.select([control, bell], [], [], _WATCH_INTERVAL)
            if bell in ready:
                os.read(bell, 512)
            self._reap()
            if control in ready and not self._obey(bell, rope):
                break
        self._control.close()
        end = time.monotonic() + _PATIENCE
        while self._children and time.monotonic() < end:
            self._reap()
            select.select([bell], [], [], 0.05)
        for child in self._children:
            os.kill(child, signal.SIGKILL)

    def _obey(self, bell: int, rope: int) -> bool:
        """Do what the server says; tell whether it is still there."""
        try:
            note = self._control.recv(NOTE.size, socket.MSG_WAITALL)
        except OSError:
            return False
        if len(note) < NOTE.size:
            return False
        what, pid, _ = NOTE.unpack(note)
        if what == KILL:
            if pid in self._children:
                os.kill(pid, signal.SIGKILL)
            return True
        zygote = os.getpid()
        try:
            ours, theirs = socket.socketpair()
            child = os.fork()
        except OSError as error:
            with suppress(OSError):
                self._control.sendall(NOTE.pack(FAILED, 0, error.errno or 0))
            return True
        if not child:
            ours.close()
            self._control.close()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(bell)
            os.close(rope)
            self._be_worker(theirs, zygote)
        theirs.close()
        self._children.add(child)
        with ours, suppress(OSError):
            socket.send_fds(self._control, [NOTE.pack(FORKED, child, 0)], [ours.fileno()])
        return True

    def _be_worker(self, connection: socket.socket, zygote: int) -> None:
        status = 1
        try:
            die_with_parent(zygote)
            _Worker(connection, self._make_run, self._threads).work()
            status = 0
        except (EOFError, ConnectionError):
            status = 0  # the server is gone, or wants no more
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            _exit(status)

    def _reap(self) -> None:
        for child in list(self._children):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                self._children.discard(pid)
                code = os.waitstatus_to_exitcode(status)
                with suppress(OSError):  # the server is gone
                    self._control.sendall(NOTE.pack(ENDED, pid, code))


# ---- a worker ---------------------------------------------------------------------


class _Worker:
    """Runs the model on what the server sends."""

    def __init__(
        self, connection: socket.socket, make_run: Callable[[], Callable[..., Any]], threads: int
    ) -> None:
        self._connection = connection
        self._make_run = make_run
        self._threads = threads
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of the stream that runs.
        self._credit = 0
        self._closed = False

    def work(self) -> None:
        gc.enable()
        fb.set_num_threads(self._threads)
        _seed()
        try:
            run: Any = self._make_run()
        except Exception as error:
            self._send(["failed", error])
            return
        self._send(["ready"])
        while True:
            what, *content = self._receive()
            if what == "run":
                self._answer(run, content[0])
            elif what == "stream":
                self._generate(run, content[0])
            # Else it is for a stream that has ended.
            del content

    def _answer(self, run: Any, items: list[Any]) -> None:
        try:
            results = run(items)
            if inspect.isawaitable(results):
                results = self._wait_for(results)
            self._send(["results", results])
        except ConnectionError:
            raise
        except BaseException as error:  # what ends a program fails a request here
            self._send(["error", error])

    def _generate(self, run: Any, item: Any) -> None:
        self._credit, self._closed = AHEAD, False
        try:
            with closing(self._parts(run(item))) as parts:
                for part in parts:
                    self._send(["part", part])
                    self._credit -= 1
                    if not self._may_go_on():
                        break
        except (EOFError, ConnectionError):
            raise
        except BaseException as error:
            self._send(["error", error])
        else:
            self._send(["done"])

    def _parts(self, made: Any) -> Generator[Any, None, None]:
        """Yield what a generator does, async or not, and close it in the end."""
        if inspect.isawaitable(made):
            made = self._wait_for(made)
        if not hasattr(made, "__anext__"):
            iterator = iter(made)
            try:
                yield from iterator
            finally:
                if close := getattr(iterator, "close", None):
                    close()
            return
        try:
            while True:
                try:
                    part = self._wait_for(anext(made))
                except StopAsyncIteration:
                    return
                yield part
        finally:
            if close := getattr(made, "aclose", None):
                self._wait_for(close())

    def _may_go_on(self) -> bool:
        """Take in what the reader has said, and wait if it is far behind."""
        while not self._closed:
            if self._credit and not select.select([self._connection], [], [], 0)[0]:
                break
            what, *_ = self._receive()
            self._credit += what == "credit"
            self._closed = what == "close"
        return not self._closed

    def _wait_for(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(wait())

    def _send(self, message: list[Any]) -> None:
        try:
            pieces = pack(message)
        except WireError as error:
            pieces = pack(["error", error])
        for piece in pieces:
            self._connection.sendall(piece)

    def _receive(self) -> Any:
        frame = Frame()
        while not frame.advance(receive_into(self._connection, frame.room)):
            pass
        return frame.value()


def _seed() -> None:
    """Let no two workers draw the same numbers. Python's own generator is seeded by the fork."""
    fb.manual_seed(random.getrandbits(62))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(random.getrandbits(32))


def receive_into(connection: socket.socket, room: memoryview) -> int:
    """Wait for bytes and return how many have come.

    Raises:
        EOFError: the other end is closed.
    """
    count = connection.recv_into(room)
    if not count:
        raise EOFError
    return count
