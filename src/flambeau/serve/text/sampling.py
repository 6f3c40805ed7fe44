"""Choosing the next tokens from logits, for a whole batch of requests with their own settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Up to this vocabulary a batch is sampled as one matrix: larger ones are faster row by row, whose
# temporaries stay in the cache.
_SMALL = 2048
# top_k and top_p sort only tokens of at least such a share of the best one's probability, if those
# are enough: sorting a large vocabulary takes milliseconds.
_SHARES = (1e-2, 1e-4, 1e-6)

_COLDEST = np.float32(1e-30)  # temperatures below are 0 in float32, or nearly


@dataclass(frozen=True)
class Sampling:
    """How one request wants its tokens chosen.

    Args:
        temperature: 0 takes the most probable token; 1 samples from the model's distribution.
        top_p: sample among the most probable tokens whose probabilities reach this sum.
        top_k: sample among so many most probable tokens; 0 means all.
        seed: makes the choice repeatable, whatever else is in the batch.
        frequency_penalty: subtracted from a token's logit for each time it was written.
        presence_penalty: subtracted from the logit of each token that was written.
        logit_bias: added to logits, by token.
        logprobs: how many alternatives to report beside each chosen token; None reports nothing.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None


class Choice(NamedTuple):
    """A chosen token; ``logprob`` and ``top`` (token, logprob) where the request wants them."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Sampler:
    """One request's settings with what they need to remember between its tokens."""

    def __init__(self, sampling: Sampling, index: int = 0) -> None:
        self.sampling = sampling
        self.greedy = sampling.temperature == 0.0
        self.filtered = sampling.top_p < 1.0 or sampling.top_k > 0
        self._penalized = bool(sampling.frequency_penalty or sampling.presence_penalty)
        self.adjusted = self._penalized or bool(sampling.logit_bias)
        seed = None if sampling.seed is None else (sampling.seed % 2**64, index)
        self._random = None if self.greedy else np.random.Generator(np.random.PCG64(seed))
        self._counts: dict[int, int] = {}

    def draw(self) -> float:
        """Return a number in [0, 1): one for each token."""
        assert self._random is not None
        return self._random.random()

    def note(self, token: int) -> None:
        """Remember that ``token`` was written."""
        if self._penalized:
            self._counts[token] = self._counts.get(token, 0) + 1

    def adjust(self, logits: NDArray[np.float32]) -> None:
        """Apply bias and penalties to one row, in place."""
        s = self.sampling
        for token, bias in s.logit_bias.items():
            logits[token] += bias
        if self._counts:
            tokens = np.fromiter(self._counts, np.int64, len(self._counts))
            counts = np.fromiter(self._counts.values(), np.float32, len(self._counts))
            logits[tokens] -= s.frequency_penalty * counts + s.presence_penalty


def sample(logits: Any, samplers: Sequence[Sampler]) -> list[Choice]:
    """Choose one token for each row.

    Args:
        logits: ``(len(samplers), vocabulary)``, a Tensor or an array; it is left unchanged.
        samplers: one for each row.

    Returns:
        The choices. Log-probabilities are the model's own: those before temperature, bias and
        penalties.

    Example::

        >>> import flambeau as fb
        >>> logits = fb.tensor([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]])
        >>> greedy = Sampler(Sampling(temperature=0.0))
        >>> biased = Sampler(Sampling(temperature=0.0, logit_bias={2: 100.0}))
        >>> [choice.token for choice in sample(logits, [greedy, biased])]
        [1, 2]
    """
    raw = as_array(logits)
    rows = raw
    adjusted = [row for row, sampler in enumerate(samplers) if sampler.adjusted]
    if adjusted:
        rows = raw.copy()
        for row in adjusted:
            samplers[row].adjust(rows[row])
    tokens = rows.argmax(axis=1)
    plain = [i for i, s in enumerate(samplers) if not s.greedy and not s.filtered]
    if plain and rows.shape[1] <= _SMALL:
        tokens[plain] = _draw_plain(rows[plain], [samplers[row] for row in plain])
    elif plain:
        for row in plain:
            tokens[row] = _draw_row(rows[row], samplers[row])
    for row, sampler in enumerate(samplers):
        if not sampler.greedy and sampler.filtered:
            tokens[row] = _draw_filtered(rows[row], sampler)
    choices = [Choice(token) for token in tokens.tolist()]
    for sampler, choice in zip(samplers, choices, strict=True):
        sampler.note(choice.token)
    for row, sampler in enumerate(samplers):
        if sampler.sampling.logprobs is not None:
            choices[row] = _with_logprobs(raw[row], choices[row].token, sampler.sampling.logprobs)
    return choices


def as_array(logits: Any) -> NDArray[np.float32]:
    """Return logits as float32 in NumPy, without a copy where they are."""
    if hasattr(logits, "detach"):
        logits = logits.detach().float().cpu().numpy()
    return np.asarray(logits, dtype=np.float32)


def _draw_plain(rows: NDArray[np.float32], samplers: Sequence[Sampler]) -> NDArray[np.int64]:
    """Draw from the whole distribution of each row."""
    temperature = np.array([s.sampling.temperature for s in samplers], np.float32)
    weights = _weights(rows, rows.max(axis=1, keepdims=True), temperature[:, None])
    cumulative = weights.cumsum(axis=1, dtype=np.float64)
    draws = np.array([sampler.draw() for sampler in samplers])
    # Rounding may lift a target onto the total, which no column exceeds.
    totals = cumulative[:, -1]
    targets = np.minimum(draws * totals, np.nextafter(totals, 0.0))
    return np.asarray((cumulative <= targets[:, None]).sum(axis=1))


def _draw_row(row: NDArray[np.float32], sampler: Sampler) -> int:
    return _pick(_row_weights(row, sampler).cumsum(dtype=np.float64), sampler.draw())


def _draw_filtered(row: NDArray[np.float32], sampler: Sampler) -> int:
    """Draw among the ``top_k`` best tokens, of these among the fewest that reach ``top_p``."""
    weights = _row_weights(row, sampler)
    top_p, top_k = sampler.sampling.top_p, sampler.sampling.top_k
    top_k = top_k if 0 < top_k < len(row) else 0
    needed = 0.0 if top_k else top_p * float(weights.sum(dtype=np.float64))
    tokens, best = None, weights
    for share in _SHARES if len(row) > _SMALL else ():
        likely = np.flatnonzero(weights >= share)
        if len(likely) >= top_k and weights[likely].sum(dtype=np.float64) > needed:
            tokens, best = likely, weights[likely]
            break
    order = np.argsort(-best, kind="stable")[: top_k or None]
    cumulative = best[order].cumsum(dtype=np.float64)
    if top_k:
        needed = top_p * float(cumulative[-1])
    last = min(int(cumulative.searchsorted(needed)), len(cumulative) - 1)
    place = order[_pick(cumulative[: last + 1], sampler.draw())]
    return int(place if tokens is None else tokens[place])


def _row_weights(row: NDArray[np.float32], sampler: Sampler) -> NDArray[np.float32]:
    return _weights(row, row.max(), np.float32(sampler.sampling.temperature))


def _weights(logits: Any, best: Any, temperature: Any) -> NDArray[np.float32]:
    """Return unnormalized probabilities; the best one's is 1."""
    scaled = logits - best
    with np.errstate(over="ignore"):  # a tiny temperature: all but the best become 0
        scaled /= np.maximum(temperature, _COLDEST)
    return np.asarray(np.exp(scaled, out=scaled))


def _pick(cumulative: NDArray[np.float64], draw: float) -> int:
    """Return the first place at which the sum exceeds the draw's share of it."""
    place = int(cumulative.searchsorted(draw * float(cumulative[-1]), side="right"))
    # Rounding may lift the target onto the total: then the last that adds something to it.
    if place == len(cumulative):
        place = int(cumulative.searchsorted(cumulative[-1]))
    return place


def _with_logprobs(logits: NDArray[np.float32], token: int, count: int) -> Choice:
    """Return a choice with its log-probability, and the best alternatives with theirs."""
    best = logits.max()
    total = float(best) + math.log(float(np.exp(logits - best).sum(dtype=np.float64)))
    count = min(count, len(logits))
    top: tuple[tuple[int, float], ...] = ()
    if count:
        tokens = np.arange(len(logits))
        for drop in (4.0, 12.0):
            likely = np.flatnonzero(logits >= best - drop)
            if len(likely) >= count:
                tokens = likely
                break
        values = logits[tokens].astype(np.float64) - total
        order = np.argsort(-values, kind="stable")[:count]
        top = tuple(zip(tokens[order].tolist(), values[order].tolist(), strict=True))
    return Choice(token, float(logits[token]) - total, top)
