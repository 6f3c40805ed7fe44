"""Which requests are taken, until when they are waited for, and what the others are told."""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import time
from collections.abc import Callable
from typing import Any

from flambeau.serve.errors import DeadlineExceeded, ModelFailed, ServeError, Unavailable
from flambeau.serve.events import Events

log = logging.getLogger("flambeau.serve")

# How much the newest batch counts in the estimate of how long one takes.
_WEIGHT = 0.2
_LONGEST_RETRY = 60.0  # seconds


class Entry:
    """A request that waits or runs.

    Args:
        item: what the model gets.
        deadline: until when the answer must be there, by ``time.monotonic()``.
        future: is given the answer.
    """

    __slots__ = ("arrived", "deadline", "future", "item", "stop")

    def __init__(self, item: Any, deadline: float, future: asyncio.Future[Any]) -> None:
        self.item = item
        self.deadline = deadline
        self.future = future
        self.arrived = time.monotonic()
        self.stop: Callable[[ServeError], None] | None = None  # when it runs, where it can be

    def is_wanted(self, now: float) -> bool:
        """Tell whether the caller still waits; that the time is up it hears from the alarm."""
        return not self.future.done() and self.deadline > now


class Admission:
    """Takes requests for one model, and refuses them. Only the event loop calls it.

    Args:
        name: of the model.
        limit: most requests that wait.
        events: is told what happens.
        drop: takes a refused request out of where it waits.
    """

    def __init__(
        self, name: str, limit: int, events: Events, drop: Callable[[Entry], None]
    ) -> None:
        self._name = name
        self._limit = limit
        self._events = events
        self._drop = drop
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stopping = False
        self._taken: set[Entry] = set()  # waiting or running
        self._took: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf
        self._emptied: asyncio.Future[None] | None = None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve this loop, and forget what came on another."""
        self._loop = loop
        self._taken = set()
        self._alarm = self._emptied = None
        self._alarm_at = math.inf

    def tell(self, event: Callable[..., None], *what: Any) -> None:
        """Tell an event; what goes wrong there is nothing to the requests. Any thread may."""
        try:
            event(self._name, *what)
        except Exception:
            log.exception("events.%s failed", getattr(event, "__name__", event))

    def take(self, item: Any, deadline: float, waiting: int, batches: float) -> Entry:
        """Take a request, or raise why not.

        Args:
            item: what the model gets.
            deadline: until when its answer must be there.
            waiting: how many requests wait now.
            batches: how many batches run one after another until those have run.
        """
        if self.stopping:
            self.tell(self._events.refused, "stopping")
            raise self._stopped()
        if waiting >= self._limit:
            self.tell(self._events.refused, "queue_full")
            text = f"Too many requests wait for model {self._name!r}. Try again later."
            raise Unavailable(text, retry_after=self._seconds(batches))
        assert self._loop is not None
        entry = Entry(item, deadline, self._loop.create_future())
        if entry.arrived >= deadline:
            self.tell(self._events.refused, "deadline")
            raise self.late()
        self._taken.add(entry)
        if deadline < self._alarm_at:
            self._set_alarm(deadline)
        return entry

    def note(self, took: float) -> None:
        """Learn how long a batch took, in seconds."""
        self._took = took if self._took is None else self._took + _WEIGHT * (took - self._took)

    def _seconds(self, batches: float) -> float:
        took = self._took if self._took is not None else 1.0
        return min(took * batches, _LONGEST_RETRY)

    def finished(self, entry: Entry) -> None:
        """Forget a request that was answered or is waited for no longer."""
        self._taken.discard(entry)
        if not self._taken and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)

    def refuse(self, entry: Entry, error: ServeError, reason: str) -> None:
        """Tell the caller of a request that it gets no answer."""
        if not entry.future.done():
            entry.future.set_exception(error)
            self.tell(self._events.refused, reason)
        self._drop(entry)
        if entry.stop is not None:
            entry.stop(error)
        self.finished(entry)

    def left(self, entry: Entry) -> None:
        """The caller of a request has left."""
        self.tell(self._events.refused, "cancelled")
        self._drop(entry)
        if entry.stop is not None:
            entry.stop(Unavailable("The client has left."))
        self.finished(entry)

    def late(self) -> DeadlineExceeded:
        """Return what a caller is told for whom there is no answer in time."""
        return DeadlineExceeded(f"Model {self._name!r} did not answer in time.")

    def _stopped(self) -> Unavailable:
        return Unavailable("The server is stopping. Try again later.", retry_after=1.0)

    def failed(self, error: BaseException) -> ServeError:
        """Return what one caller is told of an error: no other caller gets the same object."""
        if isinstance(error, ServeError):
            own = copy.copy(error)
            own.__cause__ = error.__cause__
            return own
        failure = ModelFailed(f"Model {self._name!r} failed; the server's log says why.")
        failure.__cause__ = error
        return failure

    def report(self, failure: BaseException) -> None:
        """Write the traceback of a failure into the log.

        To be called by its caller's task: there the log knows which request it is.
        """
        if isinstance(failure, ModelFailed) and failure.__cause__ is not None:
            log.error("model %r failed", self._name, exc_info=failure.__cause__)
            failure.reported = True

    async def close(self, seconds: float) -> None:
        """Take no more, wait until those that were taken are answered, and refuse the rest."""
        self.stopping = True
        if self._taken and self._loop is asyncio.get_running_loop():
            self._emptied = self._emptied or self._loop.create_future()
            await asyncio.wait([self._emptied], timeout=max(seconds, 0.0))
            for entry in list(self._taken):
                self.refuse(entry, self._stopped(), "stopping")
        self._emptied = None

    # One timer for all: it rings at the earliest deadline, mostly to find that request answered.
    def _set_alarm(self, deadline: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = deadline
        self._alarm = None
        if deadline < math.inf and self._loop is not None:
            delay = max(deadline - time.monotonic(), 0.0)
            self._alarm = self._loop.call_later(delay, self._refuse_late)

    def _refuse_late(self) -> None:
        now = time.monotonic()
        for entry in [entry for entry in self._taken if entry.deadline <= now]:
            self.refuse(entry, self.late(), "deadline")
        self._set_alarm(min((entry.deadline for entry in self._taken), default=math.inf))
