"""Connectionist temporal classification (Graves et al. 2006), vectorized over batch and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.nn import _reduction
from flambeau.nn._autocast import in_float32

__all__ = ["ctc_loss"]

_MINUS_INFINITY = float("-inf")
_CHECKING = "(while checking arguments for ctc_loss_allocate_outputs)"


def _as_lengths(lengths: Any, name: str, count: int) -> Tensor:
    made = lengths if isinstance(lengths, Tensor) else flambeau.tensor(list(lengths))
    made = made.to(device="cpu", dtype=flambeau.int64).reshape(-1)
    if made.numel() != count:
        raise RuntimeError(f"{name} must be of size batch_size")
    if made.numel() and int(made.min()) < 0:
        raise RuntimeError(f"{name} must be non-negative")
    return made


def _padded_targets(targets: Tensor, lengths: Tensor) -> Tensor:
    """Return targets as (N, longest); concatenated ones are cut apart."""
    longest = int(lengths.max()) if lengths.numel() else 0
    if targets.dim() == 2:
        if longest > targets.size(1):
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size "
                f"{targets.size(1)} for argument #2 'targets' {_CHECKING}"
            )
        return targets[:, :longest]
    if targets.size(0) != int(lengths.sum()):
        raise RuntimeError(
            f"Expected tensor to have size {int(lengths.sum())} at dimension 0, but got size "
            f"{targets.size(0)} for argument #2 'targets' {_CHECKING}"
        )
    starts = flambeau.cumsum(lengths, 0) - lengths
    places = starts.unsqueeze(1) + flambeau.arange(longest)
    return targets[places.clamp(max=max(targets.size(0) - 1, 0))] if longest else places


def _log_sum(terms: Sequence[Tensor]) -> Tensor:
    """Return log(sum(exp)) of the terms, minus infinity where all are."""
    stacked = flambeau.stack(list(terms))
    largest = stacked.amax(0)
    shift = flambeau.where(largest == _MINUS_INFINITY, flambeau.zeros_like(largest), largest)
    return (stacked - shift).exp().sum(0).log() + shift


def _shifted(values: Tensor, by: int) -> Tensor:
    """Shift (N, S) to the right (left if negative), filling with minus infinity."""
    count = min(abs(by), values.size(1))
    gap = flambeau.full_like(values[:, :count], _MINUS_INFINITY)
    if by > 0:
        return flambeau.cat([gap, values[:, : values.size(1) - count]], 1)
    return flambeau.cat([values[:, count:], gap], 1)


class _Lattice:
    """The alignments of a batch: labels with blanks between, and where they may skip one."""

    def __init__(
        self, log_probs: Tensor, labels: Tensor, inputs: Tensor, lengths: Tensor, blank: int
    ) -> None:
        batch, longest = labels.shape
        self.inputs, self.lengths = inputs, lengths
        self.states = flambeau.full((batch, 2 * longest + 1), blank, dtype=flambeau.int64)
        self.states[:, 1::2] = labels
        places = flambeau.arange(2 * longest + 1)
        self.valid = places < (2 * lengths + 1).unsqueeze(1)
        states = self.states.masked_fill(~self.valid, blank)
        self.skips = flambeau.zeros(states.shape, dtype=flambeau.bool)
        self.skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
        self.states = states
        emitted = log_probs.gather(2, states.expand(log_probs.size(0), -1, -1))
        self.emitted = emitted.masked_fill(~self.valid, _MINUS_INFINITY)

    def forward(self) -> Tensor:
        """Return alpha (T, N, S): log probability of all beginnings."""
        steps, batch, size = self.emitted.shape
        start = flambeau.full((batch, size), _MINUS_INFINITY, dtype=self.emitted.dtype)
        start[:, :2] = self.emitted[0, :, :2] if steps else start[:, :2]
        alphas = [start]
        for t in range(1, steps):
            last = alphas[-1]
            skipped = _shifted(last, 2).masked_fill(~self.skips, _MINUS_INFINITY)
            alphas.append(_log_sum([last, _shifted(last, 1), skipped]) + self.emitted[t])
        return flambeau.stack(alphas)

    def ends(self, values: Tensor) -> Tensor:
        """Return the log sum of the last blank and the last label of each sample."""
        last = 2 * self.lengths.unsqueeze(1)
        label = values.gather(1, (last - 1).clamp(min=0))
        label = label.masked_fill(last == 0, _MINUS_INFINITY)
        return _log_sum([values.gather(1, last), label]).squeeze(1)

    def backward(self) -> Tensor:
        """Return beta (T, N, S): log probability of all endings."""
        steps, batch, size = self.emitted.shape
        last = 2 * self.lengths.unsqueeze(1)
        places = flambeau.arange(size)
        is_end = (places == last) | ((places == last - 1) & (last > 0))
        final = flambeau.where(is_end, flambeau.zeros(()), flambeau.full((), _MINUS_INFINITY)).to(
            self.emitted.dtype
        )
        beta = flambeau.full((batch, size), _MINUS_INFINITY, dtype=self.emitted.dtype)
        may_skip = flambeau.zeros_like(self.skips)
        may_skip[:, :-2] = self.skips[:, 2:]
        betas = []
        for t in reversed(range(steps)):
            skipped = _shifted(beta, -2).masked_fill(~may_skip, _MINUS_INFINITY)
            onward = _log_sum([beta, _shifted(beta, -1), skipped])
            is_last = (self.inputs == t + 1).unsqueeze(1)
            beta = flambeau.where(is_last, final, onward) + self.emitted[t]
            betas.append(beta)
        return flambeau.stack(betas[::-1])


def _function() -> Any:
    """Return the autograd Function; made late, so that importing nn does not need autograd."""
    global _CTC
    if _CTC is not None:
        return _CTC
    from flambeau.autograd import Function

    class CtcLoss(Function):
        """Negative log likelihood per sample, with the gradient for log_softmax outputs."""

        @staticmethod
        def forward(ctx: Any, log_probs: Tensor, lattice: _Lattice, zero_infinity: bool) -> Tensor:
            alphas = lattice.forward()
            final = alphas[(lattice.inputs - 1).clamp(min=0), flambeau.arange(alphas.size(1))]
            loss = -lattice.ends(final)
            no_input = lattice.inputs == 0
            empty = flambeau.where(
                lattice.lengths == 0,
                flambeau.zeros_like(loss),
                flambeau.full_like(loss, float("inf")),
            )
            loss = flambeau.where(no_input, empty, loss)
            ctx.lattice, ctx.zero_infinity = lattice, zero_infinity
            ctx.save_for_backward(log_probs, alphas, loss)
            return loss

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> Any:
            log_probs, alphas, loss = ctx.saved_tensors
            lattice: _Lattice = ctx.lattice
            both = alphas + lattice.backward()
            largest = both.amax(2, keepdim=True)
            largest = largest.masked_fill(largest == _MINUS_INFINITY, 0)
            weights = (both - largest).exp()
            states = lattice.states.expand(weights.shape)
            summed = flambeau.zeros_like(log_probs).scatter_add(2, states, weights)
            posterior = summed.log() + largest + loss.view(1, -1, 1) - log_probs
            result = (log_probs.exp() - posterior.exp()) * grad.view(1, -1, 1)
            times = flambeau.arange(log_probs.size(0)).view(-1, 1, 1)
            result = result.masked_fill(times >= lattice.inputs.view(1, -1, 1), 0)
            if ctx.zero_infinity:
                result = result.masked_fill((loss == float("inf")).view(1, -1, 1), 0)
            return result, None, None

    _CTC = CtcLoss
    return _CTC


_CTC: Any = None


@in_float32
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return the negative log likelihood of the targets under all their alignments.

    Args:
        log_probs (Tensor): log probabilities, (T, N, C) or (T, C), from ``log_softmax``; the
            gradient assumes that.
        targets (Tensor): labels (N, S), or all of them one after the other; never ``blank``.
        input_lengths, target_lengths (Tensor or tuple): (N); at most T and S.
        blank (int): label of "no output".
        reduction (str): ``"none"``, ``"mean"`` (losses over target lengths) or ``"sum"``.
        zero_infinity (bool): count impossible alignments as zero, with zero gradient.
    """
    batched = log_probs.dim() == 3
    if not log_probs.is_floating_point():
        raise RuntimeError("log_probs must be a floating point tensor")
    rows = log_probs if batched else log_probs.unsqueeze(1)
    steps, batch, classes = rows.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    inputs = _as_lengths(input_lengths, "input_lengths", batch)
    lengths = _as_lengths(target_lengths, "target_lengths", batch)
    if inputs.numel() and int(inputs.max()) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value "
            f"{int(inputs.max())} {_CHECKING}"
        )
    labels = _padded_targets(targets.to(flambeau.int64), lengths)
    kept = flambeau.arange(labels.size(1)) < lengths.unsqueeze(1)
    if labels.numel() and bool((((labels < 0) | (labels >= classes)) & kept).any()):
        raise RuntimeError("targets must be labels from 0 to C - 1")
    labels = labels.masked_fill(~kept, blank)
    with flambeau.no_grad():
        lattice = _Lattice(rows.detach(), labels, inputs, lengths, blank)
    loss = _function().apply(rows, lattice, zero_infinity)
    if zero_infinity:
        loss = flambeau.where(loss == float("inf"), flambeau.zeros_like(loss), loss)
    if reduction == "mean":
        return (loss / lengths.clamp(min=1).to(loss.dtype)).mean()
    loss = _reduction.apply(loss, reduction)
    return loss if batched or reduction != "none" else loss.squeeze(0)
