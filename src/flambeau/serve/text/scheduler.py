"""Continuous batching: many answers are written at once, and come and go at any step."""

from __future__ import annotations

import asyncio
import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import flambeau
from flambeau.serve.errors import ModelFailed, ServeError, Unavailable
from flambeau.serve.events import Events
from flambeau.serve.text.detokenize import Detokenizer
from flambeau.serve.text.embedding import Embedder, Job, split
from flambeau.serve.text.generation import Generation, Piece, Written
from flambeau.serve.text.protocol import abilities, check
from flambeau.serve.text.sampling import Choice, Sampler, Sampling, as_array, sample

_TURN = 0.005  # seconds that the model's thread waits for a busy event loop

_log = logging.getLogger("flambeau.serve")


class _Sequence:
    """One answer being written."""

    __slots__ = (
        "count", "detokenizer", "generation", "index", "last", "limit", "prompt", "read",
        "sampler", "slot", "tokens", "uncounted",
    )  # fmt: skip

    def __init__(
        self,
        generation: Generation,
        index: int,
        prompt: list[int],
        limit: int,
        sampler: Sampler,
        stop: Sequence[str],
    ) -> None:
        self.generation = generation
        self.index = index
        self.prompt = prompt
        self.limit = limit
        self.sampler = sampler
        self.detokenizer = Detokenizer(stop)
        self.slot = -1
        self.read = 0  # tokens of the prompt that the model has read
        self.last = 0  # the token written last
        self.count = 0  # tokens written
        self.uncounted = 0  # of these, not yet told in a piece
        self.tokens: list[Written] = []  # not yet told in a piece


class Scheduler:
    """Runs one text model on a thread of its own.

    Each step it admits waiting requests to free slots, lets the model read a bounded part of
    prompts, and lets it write one token of every answer. A request waits for no other to end, and
    a long prompt holds up nobody's stream for longer than ``prefill_tokens`` take.

    Args:
        model: a :class:`TextModel` or an :class:`EmbeddingModel`.
        queue: most requests that wait for a slot; more are refused with :class:`Unavailable`.
        prefill_tokens: most tokens of prompts, padding included, that are read in a step.
        events: told of the queue, of tokens and of first tokens.
    """

    def __init__(
        self,
        model: Any,
        *,
        queue: int = 256,
        prefill_tokens: int = 512,
        events: Events | None = None,
    ) -> None:
        check(model)
        self.model = model
        self.name: str = model.name
        self.steps = 0
        self._events = events or Events()
        self._queue = queue
        self._prefill_tokens = prefill_tokens
        writes = abilities(model).completion
        self._stop_tokens = frozenset(model.stop_tokens) if writes else frozenset()
        self._free = list(range(model.slots)) if writes else []
        self._slots = len(self._free)
        self._condition = threading.Condition()
        self._waiting: deque[_Sequence] = deque()
        self._reading: deque[_Sequence] = deque()
        self._writing: list[_Sequence] = []
        self._embedder = Embedder(model)
        self._outbox: dict[asyncio.AbstractEventLoop, list[tuple[Generation, Any]]] = {}
        self._handed: list[threading.Event] = []
        self._read_tokens = self._written_tokens = 0
        self._pace = 1.0  # seconds from a request's arrival to its end, smoothed
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._aborting = False

    # The callers' side, in their event loops.

    def submit(
        self,
        prompts: Sequence[list[int]],
        sampling: Sampling | None = None,
        *,
        n: int = 1,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        timeout: float | None = None,
        gap: float | None = None,
    ) -> Generation:
        """Ask for ``n`` answers to each prompt.

        Args:
            prompts: lists of tokens, none empty, each shorter than the model's context.
            sampling: how tokens are chosen.
            n: answers to each prompt.
            max_tokens: most tokens of an answer; the context bounds it in any case.
            stop: strings that end an answer.
            timeout: seconds until everything must be written.
            gap: most seconds from one piece to the next.

        Raises:
            Unavailable: too many requests wait, or the server stops.
        """
        generation = Generation(len(prompts) * n, timeout, gap)
        sampling = sampling or Sampling()
        sequences = []
        for number, prompt in enumerate(prompts):
            limit = self.model.context_length - len(prompt)
            limit = limit if max_tokens is None else min(limit, max_tokens)
            for choice in range(n):
                sampler = Sampler(sampling, choice)
                index = number * n + choice
                sequences.append(_Sequence(generation, index, prompt, limit, sampler, stop))
        try:
            self._enter(lambda: self._waiting.extend(sequences))
        except Unavailable:
            generation.cancel()
            raise
        return generation

    async def embed(self, tokens: list[list[int]]) -> Any:
        """Return the vectors of token lists, ``(len(tokens), size)`` float32 in NumPy."""
        jobs = [Job(part) for part in split(tokens, self._prefill_tokens)]
        self._enter(lambda: self._embedder.add(jobs))
        try:
            return np.concatenate(await asyncio.gather(*(job.answer for job in jobs)))
        finally:
            for job in jobs:
                job.cancelled = True

    @property
    def waiting(self) -> int:
        """Requests' answers that have no slot yet."""
        return len(self._waiting) + len(self._embedder)

    @property
    def running(self) -> int:
        """Answers that are being read for or written."""
        return len(self._reading) + len(self._writing)

    def sequences(self) -> list[_Sequence]:
        """Return what is being read for or written, for those who watch."""
        return [*self._reading, *self._writing]

    def start(self) -> None:
        """Start the model's thread; ``submit`` does it too."""
        with self._condition:
            self._stopping = self._aborting = False
            self._start()

    async def drain(self, seconds: float) -> None:
        """Refuse new requests, finish those accepted, and end the thread.

        Args:
            seconds: after so long the rest is given up, with :class:`Unavailable`.
        """
        with self._condition:
            self._stopping = True
            thread = self._thread
            self._condition.notify()
        if thread is None:
            return
        await asyncio.to_thread(thread.join, seconds)
        if thread.is_alive():
            self._aborting = True
            await asyncio.to_thread(thread.join, min(1.0, seconds))
        if thread.is_alive():  # it hangs in the model
            error = Unavailable("The server is stopping.", retry_after=1)
            for sequence in (*self.sequences(), *self._waiting):
                loop = sequence.generation.loop
                loop.call_soon_threadsafe(sequence.generation.push, error)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            name = f"flambeau-{self.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def _enter(self, add: Callable[[], None]) -> None:
        with self._condition:
            if self._stopping:
                self._events.refused(self.name, "stopping")
                raise Unavailable("The server is stopping.", retry_after=1)
            # Those for whom a slot is free only wait for the next step.
            if self.waiting >= self._queue + len(self._free):
                self._events.refused(self.name, "queue_full")
                turns = 1 + self.waiting / max(1, self._slots)
                raise Unavailable(
                    "Too many requests wait for this model. Try again later.",
                    retry_after=min(60.0, max(1.0, turns * self._pace)),
                )
            add()
            self._start()
            self._condition.notify()
        self._events.queued(self.name, self.waiting)

    # The model's thread.

    def _run(self) -> None:
        with flambeau.inference_mode():
            while self._wait():
                try:
                    self._step()
                except BaseException:
                    _log.exception("the scheduler of model %s failed", self.name)
                    self._end_all(ModelFailed("The model failed."))
                self._hand_out()

    def _wait(self) -> bool:
        """Wait for work; return False when there is none and none will come."""
        with self._condition:
            while not (self.waiting or self._reading or self._writing):
                if self._stopping:
                    self._thread = None
                    return False
                self._condition.wait()
        return True

    def _step(self) -> None:
        self.steps += 1
        if self._aborting:
            self._end_all(Unavailable("The server is stopping.", retry_after=1))
            return
        self._drop_cancelled()
        self._admit()
        if self._reading:
            self._prefill()
        if self._writing:
            self._decode()
        if len(self._embedder):
            self._read_tokens += self._embedder.step(self._prefill_tokens)
        if self._read_tokens or self._written_tokens:
            self._events.tokens(self.name, self._read_tokens, self._written_tokens)
            self._read_tokens = self._written_tokens = 0

    def _drop_cancelled(self) -> None:
        for sequence in [s for s in self._writing if s.generation.cancelled]:
            self._release(sequence)
            self._writing.remove(sequence)
        for sequence in [s for s in self._reading if s.generation.cancelled]:
            self._release(sequence)
            self._reading.remove(sequence)
        with self._condition:
            gone = [s for s in self._waiting if s.generation.cancelled]
            if gone:
                self._waiting = deque(s for s in self._waiting if not s.generation.cancelled)
        for sequence in gone:
            self._events.refused(self.name, "deadline" if sequence.generation.late else "cancelled")

    def _admit(self) -> None:
        admitted = False
        while self._free and self._waiting:
            with self._condition:
                sequence = self._waiting.popleft()
            # The lowest free slot, so that those in use stay close together.
            sequence.slot = heapq.heappop(self._free)
            self._reading.append(sequence)
            admitted = True
        if admitted:
            self._events.queued(self.name, self.waiting)

    def _prefill(self) -> None:
        """Read the next parts of prompts, in turn, within the step's budget."""
        parts: list[tuple[_Sequence, list[int]]] = []
        longest = 0
        for sequence in self._reading:
            part = sequence.prompt[sequence.read : sequence.read + self._prefill_tokens]
            longest = max(longest, len(part))
            if parts and longest * (len(parts) + 1) > self._prefill_tokens:
                break
            parts.append((sequence, part))
        sequences, logits = self._call(
            self.model.prefill,
            [sequence for sequence, _ in parts],
            [part for _, part in parts],
            [sequence.read for sequence, _ in parts],
        )
        for sequence, part in parts:
            self._reading.popleft()
            sequence.read += len(part)
            self._read_tokens += len(part)
        done = [i for i, s in enumerate(sequences) if s.read == len(s.prompt)]
        self._reading.extend(s for s in sequences if s.read < len(s.prompt))
        if done:
            self._writing += self._write([sequences[i] for i in done], logits[done])

    def _decode(self) -> None:
        tokens = [sequence.last for sequence in self._writing]
        positions = [len(sequence.prompt) + sequence.count - 1 for sequence in self._writing]
        sequences, logits = self._call(self.model.decode, self._writing, tokens, positions)
        self._writing = self._write(sequences, logits) if sequences else []

    def _call(
        self, method: Callable[..., Any], sequences: list[_Sequence], *columns: list[Any]
    ) -> tuple[list[_Sequence], NDArray[np.float32]]:
        """Run the model; return the sequences that did not fail and their logits.

        When a batch fails each sequence is tried alone: only those at fault end.
        """
        try:
            logits = as_array(method([sequence.slot for sequence in sequences], *columns))
            expected = (len(sequences), self.model.vocabulary)
            if logits.shape != expected:
                raise ValueError(f"expected logits {expected}, but got {logits.shape}")
            if not np.isfinite(logits.max(axis=1)).all():
                raise ValueError("logits are not finite")
            return sequences, logits
        except Exception:
            if len(sequences) == 1:
                _log.exception("model %s failed", self.name)
                self._end(sequences[0], ModelFailed("The model failed."))
                return [], np.empty((0, self.model.vocabulary), np.float32)
        alone = [
            self._call(method, [sequence], *([column[i]] for column in columns))
            for i, sequence in enumerate(sequences)
        ]
        return [s for part, _ in alone for s in part], np.concatenate([rows for _, rows in alone])

    def _write(self, sequences: list[_Sequence], logits: NDArray[np.float32]) -> list[_Sequence]:
        """Choose the next token of each sequence; return those that go on."""
        choices = sample(logits, [sequence.sampler for sequence in sequences])
        self._written_tokens += len(choices)
        pairs = zip(sequences, choices, strict=True)
        return [sequence for sequence, choice in pairs if self._add(sequence, choice)]

    def _add(self, sequence: _Sequence, choice: Choice) -> bool:
        """Add a token to an answer, tell those who wait, and return whether the answer goes on."""
        generation, token = sequence.generation, choice.token
        if not sequence.count and not sequence.index:
            self._events.first_token(self.name, time.monotonic() - generation.arrived)
        sequence.last = token
        sequence.count += 1
        sequence.uncounted += 1
        text, finish = "", None
        detokenizer = sequence.detokenizer
        if token in self._stop_tokens:
            finish = "stop"
        else:
            offset, data = detokenizer.length, self.model.token_bytes(token)
            text = detokenizer.push(data)
            if choice.logprob is not None:
                written = Written(token, data, choice.logprob, choice.top, offset)
                sequence.tokens.append(written)
            if detokenizer.stopped:
                finish = "stop"
            elif sequence.count >= sequence.limit:
                finish = "length"
        if finish:
            text += detokenizer.finish()
            if detokenizer.stopped:
                finish = "stop"
                sequence.tokens = [t for t in sequence.tokens if t.offset < detokenizer.length]
            self._release(sequence)
            self._pace += 0.2 * (time.monotonic() - generation.arrived - self._pace)
        if text or finish:
            tokens = tuple(sequence.tokens)
            self._tell(generation, Piece(sequence.index, text, sequence.uncounted, finish, tokens))
            sequence.uncounted = 0
            sequence.tokens = []
        return finish is None

    def _release(self, sequence: _Sequence) -> None:
        heapq.heappush(self._free, sequence.slot)
        sequence.slot = -1

    def _end(self, sequence: _Sequence, error: ServeError) -> None:
        self._release(sequence)
        sequence.generation.cancelled = True  # its other answers end with it
        self._tell(sequence.generation, error)

    def _end_all(self, error: ServeError) -> None:
        with self._condition:
            waiting, self._waiting = self._waiting, deque()
        for sequence in (*self.sequences(), *waiting):
            self._tell(sequence.generation, error)
        self._free = list(range(self._slots))
        self._reading.clear()
        self._writing = []
        self._embedder.end_all(error)

    def _tell(self, generation: Generation, what: Piece | ServeError) -> None:
        self._outbox.setdefault(generation.loop, []).append((generation, what))

    def _hand_out(self) -> None:
        """Wake each event loop once, whatever the number of pieces: waking costs a system call.

        Then wait for the loops to have sent the pieces before these, which they do while the
        model computes; where it computes without ever leaving the interpreter to others, they
        would get their turn, and callers their tokens, only each five milliseconds.
        """
        outbox, self._outbox = self._outbox, {}
        handed = []
        for loop, pieces in outbox.items():
            sent = threading.Event()
            try:
                loop.call_soon_threadsafe(_push_all, loop, pieces, sent)
                handed.append(sent)
            except RuntimeError:  # the loop was closed, nobody listens
                for generation, _ in pieces:
                    generation.cancelled = True
        for sent in self._handed:
            sent.wait(_TURN)
        self._handed = handed


def _push_all(
    loop: asyncio.AbstractEventLoop, pieces: list[tuple[Generation, Any]], sent: threading.Event
) -> None:
    for generation, piece in pieces:
        generation.push(piece)
    loop.call_soon(sent.set)  # after those who were woken
