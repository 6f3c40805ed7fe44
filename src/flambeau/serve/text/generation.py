"""What the caller of a text model holds while its answer is written."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType
from typing import NamedTuple

from flambeau.serve.errors import DeadlineExceeded, ServeError


class Written(NamedTuple):
    """A token of the answer, for callers who asked for log-probabilities."""

    token: int
    data: bytes
    logprob: float
    top: tuple[tuple[int, float], ...]
    offset: int  # characters of the answer before this token


class Piece(NamedTuple):
    """The next part of one answer.

    Args:
        choice: which of the request's answers: prompt number times ``n`` plus choice.
        text: whole characters; nothing of a stop string.
        written: tokens written since the last piece.
        finish: None, or why the answer ends: ``"stop"`` or ``"length"``.
        tokens: the tokens of this part, where log-probabilities were asked for.
    """

    choice: int
    text: str
    written: int
    finish: str | None = None
    tokens: tuple[Written, ...] = ()


class Generation:
    """The answers to one request, as they are written; made by ``Scheduler.submit``.

    Use it as a context manager, so that the model stops when the caller does::

        with scheduler.submit([tokens]) as generation:
            async for piece in generation:
                print(piece.text, end="")

    Args:
        count: number of answers.
        timeout: seconds until the whole must be done.
        gap: most seconds without a piece.
    """

    def __init__(self, count: int, timeout: float | None, gap: float | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.arrived = time.monotonic()
        self.cancelled = False
        self.late = False
        self._unfinished = count
        self._pieces: deque[Piece] = deque()
        self._error: ServeError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._gap = gap
        self._heard = self.loop.time()
        self._deadline = None if timeout is None else self._heard + timeout
        self._timer: asyncio.TimerHandle | None = None
        self._watch()

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __aiter__(self) -> Generation:
        return self

    async def __anext__(self) -> Piece:
        if not self._pieces and not await self._wait():
            raise StopAsyncIteration
        return self._pieces.popleft()

    async def ready(self) -> list[Piece]:
        """Wait for a piece and return all that are there; empty when everything was written."""
        if not self._pieces:
            await self._wait()
        pieces = list(self._pieces)
        self._pieces.clear()
        return pieces

    def cancel(self) -> None:
        """Stop writing: the model leaves these answers out of its next step."""
        self.cancelled = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def push(self, piece: Piece | ServeError) -> None:
        """Hand over what the model's thread has made; called in the loop."""
        if self._error is not None:
            return
        if isinstance(piece, ServeError):
            self._error = piece
            self.cancel()
        else:
            self._heard = self.loop.time()
            self._pieces.append(piece)
            if piece.finish is not None:
                self._unfinished -= 1
                if not self._unfinished:
                    self.cancel()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> bool:
        """Wait for pieces; return whether there are any. Raises what went wrong after them."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if not self._unfinished:
                return False
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True

    def _watch(self) -> None:
        """Look at the clock when time may be up: one timer, not one for each piece."""
        due = self._deadline
        if self._gap is not None:
            due = min(self._heard + self._gap, due or float("inf"))
        if due is None:
            return
        if self.loop.time() < due:
            self._timer = self.loop.call_at(due, self._watch)
        else:
            self.late = True
            self.push(DeadlineExceeded("The answer was not ready in time. Ask for fewer tokens."))
