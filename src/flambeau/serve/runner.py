"""The threads that models run on."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Protocol

# How often an idle thread looks whether anybody is left to work for, in seconds.
_WATCH_INTERVAL = 5.0
# How long the threads of a process that exits may take to end, in seconds.
_PATIENCE = 5.0


class Stoppable(Protocol):
    """Has a thread."""

    def stop(self) -> threading.Thread | None:
        """Let the thread end when it has done what it does, and return it."""


_running: weakref.WeakSet[Stoppable] = weakref.WeakSet()


def stop_at_exit(runner: Stoppable) -> None:
    """Stop a thread, if it is still there, when the process exits."""
    _running.add(runner)


@atexit.register
def _stop_all() -> None:
    """End the threads while the interpreter is still there: a kernel must not return to none."""
    threads = [runner.stop() for runner in list(_running)]
    end = time.monotonic() + _PATIENCE
    for thread in threads:
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(end - time.monotonic(), 0.0))


class ThreadRunner:
    """A thread that works whenever it is woken.

    Args:
        name: of the thread.
        work: does what there is to do and returns the seconds after which to be called again, or
            None: when woken.
        is_wanted: asked by the idle thread now and then; it ends when that returns False.
    """

    def __init__(
        self, name: str, work: Callable[[], float | None], is_wanted: Callable[[], bool]
    ) -> None:
        self._name = name
        self._work = work
        self._is_wanted = is_wanted
        self._calls: SimpleQueue[bool] = SimpleQueue()  # True: work, False: end
        self._idle = False
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the thread if it does not run."""
        with self._lock:
            if self._thread is not None:
                return
            calls: SimpleQueue[bool] = SimpleQueue()
            self._calls = calls
            self._idle = False
            self._thread = threading.Thread(
                target=self._main, args=(calls,), name=self._name, daemon=True
            )
            self._thread.start()
        stop_at_exit(self)

    def wake(self) -> None:
        """Let the thread work if it is idle; one that works looks again before it rests."""
        if self._idle:
            self._idle = False
            self._calls.put(True)

    def stop(self) -> threading.Thread | None:
        """Let the thread end when it has done what it does, and return it."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._calls.put(False)
            return thread

    def is_alive(self) -> bool:
        """Tell whether there is a thread that was not told to end."""
        return self._thread is not None

    def forget(self) -> None:
        """Take the thread as gone, as it is in a process that was forked."""
        self._lock = threading.Lock()
        self._thread = None

    def _main(self, calls: SimpleQueue[bool]) -> None:
        go_on = True
        while go_on:
            self._work()
            self._idle = True
            # What came between the work and this note has woken nobody.
            go_on = self._rest(calls, self._work())

    def _rest(self, calls: SimpleQueue[bool], pause: float | None) -> bool:
        """Wait for a call, or for the pause to end; tell whether to go on."""
        if pause is not None:
            try:
                return calls.get(timeout=max(pause, 0.0))
            except Empty:
                return True
        try:
            return calls.get(timeout=_WATCH_INTERVAL)
        except Empty:
            with self._lock:
                if self._calls is not calls:
                    return False
                if not self._is_wanted():
                    self._thread = None
                return self._thread is not None
