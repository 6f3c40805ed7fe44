"""Choosing the next tokens from logits, for a whole batch of requests with their own settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Rows are sorted among this many best candidates first: sorting a large vocabulary takes
# milliseconds, and what top_k and top_p keep is nearly always among them.
_CANDIDATES = 1024


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
    if plain:
        tokens[plain] = _draw_plain(rows[plain], [samplers[row] for row in plain])
    filtered = [i for i, s in enumerate(samplers) if not s.greedy and s.filtered]
    if filtered:
        tokens[filtered] = _draw_filtered(rows[filtered], [samplers[row] for row in filtered])
    choices = [Choice(token) for token in tokens.tolist()]
    for sampler, choice in zip(samplers, choices, strict=True):
        sampler.note(choice.token)
    reported = [row for row, s in enumerate(samplers) if s.sampling.logprobs is not None]
    if reported:
        counts = [samplers[row].sampling.logprobs or 0 for row in reported]
        told = _with_logprobs(raw[reported], [choices[row].token for row in reported], counts)
        for row, choice in zip(reported, told, strict=True):
            choices[row] = choice
    return choices


def as_array(logits: Any) -> NDArray[np.float32]:
    """Return logits as float32 in NumPy, without a copy where they are."""
    if hasattr(logits, "detach"):
        logits = logits.detach().float().cpu().numpy()
    return np.asarray(logits, dtype=np.float32)


def _weights(rows: NDArray[np.float32], samplers: Sequence[Sampler]) -> NDArray[np.float32]:
    """Return unnormalized probabilities; the largest of each row is 1."""
    temperature = np.array([s.sampling.temperature for s in samplers], np.float32)
    with np.errstate(over="ignore"):  # a tiny temperature: all but the best become 0
        scaled = (rows - rows.max(axis=1, keepdims=True)) / temperature[:, None]
        return np.asarray(np.exp(scaled))


def _pick(cumulative: NDArray[np.float64], totals: Any, draws: list[float]) -> NDArray[np.int64]:
    """Return the first column of each row at which the sum exceeds the draw's share of it."""
    targets = np.asarray(draws) * totals
    # Rounding may lift a target onto the total, which no column exceeds.
    targets = np.minimum(targets, np.nextafter(totals, 0.0))
    return np.asarray((cumulative <= targets[:, None]).sum(axis=1))


def _draw_plain(rows: NDArray[np.float32], samplers: Sequence[Sampler]) -> NDArray[np.int64]:
    cumulative = _weights(rows, samplers).cumsum(axis=1, dtype=np.float64)
    return _pick(cumulative, cumulative[:, -1], [sampler.draw() for sampler in samplers])


def _draw_filtered(rows: NDArray[np.float32], samplers: Sequence[Sampler]) -> NDArray[np.int64]:
    draws = [sampler.draw() for sampler in samplers]
    weights = _weights(rows, samplers)
    top_p = np.array([sampler.sampling.top_p for sampler in samplers])
    top_k = np.array([sampler.sampling.top_k or rows.shape[1] for sampler in samplers])
    if rows.shape[1] <= _CANDIDATES:
        return _nucleus(weights, weights.sum(axis=1, dtype=np.float64), top_p, top_k, draws)
    nearly = np.argpartition(-weights, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    nearly.sort(axis=1)  # equal weights keep the order of their tokens, as in the full sort
    best = np.take_along_axis(weights, nearly, axis=1)
    totals = weights.sum(axis=1, dtype=np.float64)
    reached = best.sum(axis=1, dtype=np.float64) * (1 - 1e-9) > top_p * totals
    enough = (top_k < _CANDIDATES) | (reached & (top_k >= rows.shape[1]))
    tokens = np.empty(len(rows), np.int64)
    for chosen, full in ((np.flatnonzero(enough), False), (np.flatnonzero(~enough), True)):
        if len(chosen):
            part = weights[chosen] if full else best[chosen]
            wanted = [draws[row] for row in chosen]
            columns = _nucleus(part, totals[chosen], top_p[chosen], top_k[chosen], wanted)
            tokens[chosen] = columns if full else nearly[chosen, columns]
    return tokens


def _nucleus(
    weights: NDArray[np.float32],
    totals: NDArray[np.float64],
    top_p: NDArray[np.float64],
    top_k: NDArray[np.int64],
    draws: list[float],
) -> NDArray[np.int64]:
    """Draw among the ``top_k`` best columns, of these among the fewest that reach ``top_p``."""
    order = np.argsort(-weights, axis=1, kind="stable")
    cumulative = np.take_along_axis(weights, order, axis=1).cumsum(axis=1, dtype=np.float64)
    rows = np.arange(len(weights))
    last = np.minimum(top_k, weights.shape[1]) - 1
    within = np.where(top_k < weights.shape[1], cumulative[rows, last], totals)
    reached = (cumulative < (top_p * within)[:, None]).sum(axis=1)
    last = np.minimum(reached, last)
    columns = np.minimum(_pick(cumulative, cumulative[rows, last], draws), last)
    return np.asarray(order[rows, columns])


def _with_logprobs(
    logits: NDArray[np.float32], tokens: list[int], counts: list[int]
) -> list[Choice]:
    """Return the choices of rows with their log-probabilities and the best alternatives."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    logprobs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    chosen = logprobs[np.arange(len(tokens)), tokens].tolist()
    most = min(max(counts), logprobs.shape[1])
    best = np.argpartition(-logprobs, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(logprobs, best, axis=1)
    order = np.lexsort((best, -values), axis=1)  # equal ones by token
    ranked = np.take_along_axis(best, order, axis=1).tolist()
    values = np.take_along_axis(values, order, axis=1).tolist()
    tops = [list(zip(*pair, strict=True)) for pair in zip(ranked, values, strict=True)]
    return [
        Choice(token, logprob, tuple(top[:count]))
        for token, logprob, top, count in zip(tokens, chosen, tops, counts, strict=True)
    ]
