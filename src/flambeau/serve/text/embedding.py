"""Vectors for texts: requests that come at the same time share a batch."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import Any

from flambeau.serve.errors import ModelFailed, ServeError
from flambeau.serve.text.sampling import as_array

_log = logging.getLogger("flambeau.serve")


class Job:
    """A part of a request: lists of tokens, and the future of their vectors."""

    def __init__(self, tokens: list[list[int]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Any] = self.loop.create_future()
        self.tokens = tokens
        self.cancelled = False

    def cost(self) -> int:
        """Return the tokens that the model computes, padding included."""
        return len(self.tokens) * max(map(len, self.tokens))

    def end(self, result: Any) -> None:
        """Hand over the vectors, or what went wrong; called in the model's thread."""
        try:
            self.loop.call_soon_threadsafe(self._set, result)
        except RuntimeError:  # the loop was closed, nobody listens
            self.cancelled = True

    def _set(self, result: Any) -> None:
        if self.answer.done():
            return
        if isinstance(result, ServeError):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


def split(tokens: list[list[int]], budget: int) -> list[list[list[int]]]:
    """Cut a request into parts of at most ``budget`` tokens, or one list each."""
    parts: list[list[list[int]]] = []
    longest = 0
    for item in tokens:
        longest = max(longest, len(item))
        if not parts or longest * (len(parts[-1]) + 1) > budget:
            parts.append([])
            longest = len(item)
        parts[-1].append(item)
    return parts


class Embedder:
    """The embedding requests of one model; ``step`` runs in the model's thread."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, jobs: list[Job]) -> None:
        """Let a request wait for the next steps."""
        with self._lock:
            self._jobs.extend(jobs)

    def step(self, budget: int) -> int:
        """Run the oldest requests together, within ``budget`` tokens; return the tokens read."""
        jobs: list[Job] = []
        cost = 0
        with self._lock:
            while self._jobs:
                job = self._jobs[0]
                if not job.cancelled:
                    if jobs and cost + job.cost() > budget:
                        break
                    cost += job.cost()
                    jobs.append(job)
                self._jobs.popleft()
        if jobs:
            self._run(jobs)
        return sum(len(tokens) for job in jobs for tokens in job.tokens)

    def end_all(self, error: ServeError) -> None:
        """Refuse everything that waits."""
        with self._lock:
            jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            job.end(error)

    def _run(self, jobs: list[Job]) -> None:
        lists = [tokens for job in jobs for tokens in job.tokens]
        try:
            vectors = as_array(self._model.embed(lists))
            if vectors.ndim != 2 or len(vectors) != len(lists):
                raise ValueError(f"expected vectors ({len(lists)}, size), but got {vectors.shape}")
        except Exception:
            if len(jobs) > 1:
                for job in jobs:
                    self._run([job])
                return
            _log.exception("model %s failed", self._model.name)
            jobs[0].end(ModelFailed("The model failed."))
            return
        first = 0
        for job in jobs:
            job.end(vectors[first : first + len(job.tokens)].copy())
            first += len(job.tokens)
