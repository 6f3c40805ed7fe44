"""Losses composed of elementwise operators and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn import _reduction
from flambeau.nn._autocast import in_float32

__all__ = [
    "cosine_embedding_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _reduced(
    loss: Tensor, size_average: bool | None, reduce: bool | None, reduction: str
) -> Tensor:
    return _reduction.apply(loss, _reduction.resolve(size_average, reduce, reduction))


@in_float32
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``max(0, -target * (input1 - input2) + margin)``, reduced.

    Args:
        input1, input2 (Tensor): scores to be ranked, of the same number of dimensions.
        target (Tensor): 1 where ``input1`` shall rank higher, -1 where ``input2`` shall.
        margin (float): wanted distance.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    loss = (-target * (input1 - input2) + margin).clamp_min(0)
    return _reduced(loss, size_average, reduce, reduction)


@in_float32
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``input`` where target is 1 and ``max(0, margin - input)`` where it is -1."""
    zero = flambeau.zeros_like(input)
    apart = flambeau.where(target == 1, zero, (margin - input).clamp_min(0))
    together = flambeau.where(target == -1, zero, input)
    return _reduced(apart + together, size_average, reduce, reduction)


@in_float32
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``1 - cos(input1, input2)`` for target 1, ``max(0, cos - margin)`` for -1.

    Args:
        input1, input2 (Tensor): (N, D) or (D).
        target (Tensor): (N) or (), of 1 and -1.
        margin (float): in [-1, 1]; cosines below it cost nothing for target -1.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    dim = target.dim()
    if dim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != dim + 1 or input2.dim() != dim + 1:
        raise RuntimeError(
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    epsilon = 1e-12
    product = (input1 * input2).sum(dim)
    square1 = (input1 * input1).sum(dim) + epsilon
    square2 = (input2 * input2).sum(dim) + epsilon
    cosine = product / (square1 * square2).sqrt()
    zero = flambeau.zeros_like(cosine)
    together = flambeau.where(target == 1, 1 - cosine, zero)
    apart = flambeau.where(target == -1, (cosine - margin).clamp_min(0), zero)
    return _reduced(together + apart, size_average, reduce, reduction)


@in_float32
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``log(1 + exp(-target * input))`` for targets 1 and -1, reduced."""
    loss = (-target * input).exp().log1p()
    return _reduced(loss, size_average, reduce, reduction)


def _rows(input: Tensor) -> Tensor:
    """Return input, (N, C) or (C), as (N, C)."""
    if input.dim() > 2 or (input.dim() == 2 and input.size(1) == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    return input if input.dim() == 2 else input.reshape(1, -1)


@in_float32
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the multi-class hinge loss ``sum_j max(0, margin - x[y] + x[j])^p / C``, j != y.

    Args:
        input (Tensor): scores, (N, C) or (C).
        target (Tensor): class indices, (N) or ().
        p (int): 1 or 2.
        margin (float): wanted distance between the right score and every other.
        weight (Tensor): factor per class of the target, (C).
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    _reduction.get_enum(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    rows = _rows(input)
    count, classes = rows.shape
    if target.dim() > 1 or target.numel() != count:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of "
            f"input samples (batch size). Expected target size [{count}], but got "
            f"{list(target.shape)}. Input has shape {list(input.shape)}."
        )
    labels = target.reshape(count)
    if labels.numel() and (int(labels.min()) < 0 or int(labels.max()) >= classes):
        raise RuntimeError("target out of range")
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    labels = labels.unsqueeze(1)
    hinge = (margin - rows.gather(1, labels) + rows).clamp_min(0)
    loss = hinge * hinge if p == 2 else hinge
    if weight is not None:
        loss = loss * weight[labels]
    loss = loss.scatter(1, labels, 0).sum(1) / classes
    return _reduction.apply(loss.reshape(target.shape), reduction)


@in_float32
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``sum_ij max(0, 1 - (x[y_i] - x[j])) / C`` over labels y_i and all other j.

    Args:
        input (Tensor): scores, (N, C) or (C).
        target (Tensor): class indices, of input's shape; a row ends at its first -1.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    _reduction.get_enum(reduction)
    rows = _rows(input)
    classes = rows.size(1)
    if target.dim() > input.dim() or target.numel() != rows.numel():
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    labels = target.reshape(rows.shape)
    if labels.numel() and (int(labels.min()) < -1 or int(labels.max()) >= classes):
        raise RuntimeError("argument #2 'target' is out of range")
    counts = (labels >= 0).to(flambeau.int64).cumprod(1)
    chosen = labels.clamp(min=0)
    marked = flambeau.zeros_like(labels).scatter_add(1, chosen, counts) > 0
    gaps = 1 - rows.gather(1, chosen).unsqueeze(2) + rows.unsqueeze(1)
    kept = (counts > 0).unsqueeze(2) & ~marked.unsqueeze(1)
    hinge = flambeau.where(kept, gaps.clamp_min(0), flambeau.zeros_like(gaps))
    loss = hinge.sum((1, 2)) / classes
    return _reduction.apply(loss if input.dim() == 2 else loss.squeeze(0), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return binary cross entropy with logits, averaged over the last dimension, reduced."""
    loss = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(dim=-1) / input.size(-1)
    return _reduced(loss, size_average, reduce, reduction)


@in_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log likelihood of counts under a Poisson distribution.

    Args:
        input (Tensor): the rate, or its logarithm if ``log_input``; any shape.
        target (Tensor): counts, of input's shape.
        log_input (bool): ``exp(input) - target * input``, else
            ``input - target * log(input + eps)``.
        full (bool): add Stirling's approximation of ``log(target!)`` for counts above 1.
        eps (float): keeps the logarithm finite.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    if log_input:
        loss = flambeau.exp(input) - target * input
    else:
        loss = input - target * flambeau.log(input + eps)
    if full:
        stirling = target * flambeau.log(target) - target + 0.5 * flambeau.log(2 * math.pi * target)
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduction.apply(loss, reduction)


def _one_dimension_shared(variance: Tensor, input: Tensor) -> bool:
    """Tell whether the shapes agree but for one dimension, where ``variance`` has size 1."""
    if variance.ndim != input.ndim:
        return False
    sizes = zip(input.shape, variance.shape, strict=True)
    return sum(theirs for ours, theirs in sizes if ours != theirs) == 1


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log likelihood under a normal distribution.

    ``0.5 * (log(max(var, eps)) + (input - target)^2 / max(var, eps))``, plus ``0.5 * log(2 pi)``
    if ``full``.

    Args:
        input (Tensor): expected values, (N, ...).
        target (Tensor): samples, of input's shape or broadcastable to it.
        var (Tensor or float): variances: input's shape, or one dimension 1, or the last missing.
        full (bool): include the constant.
        eps (float): smallest variance; its clamping takes no part in the gradient.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    if isinstance(var, Tensor):
        variance, negative = var, bool((var < 0).any())
    else:
        variance, negative = flambeau.full_like(input, var), var < 0
    if negative:
        raise ValueError("var has negative entry/entries")
    if variance.size() != input.size():
        if input.size()[:-1] == variance.size():
            variance = variance.unsqueeze(-1)
        elif not _one_dimension_shared(variance, input):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    variance = variance.clone()
    with flambeau.no_grad():
        variance.clamp_(min=eps)
    loss = 0.5 * (flambeau.log(variance) + (input - target) ** 2 / variance)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduction.apply(loss, reduction)


@in_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, reduced.

    Args:
        anchor, positive, negative (Tensor): (N, D) or (D).
        margin (float): positive; wanted difference of the distances.
        p (float): norm of the distance (see :func:`pairwise_distance`).
        eps (float): added to the differences.
        swap (bool): take the smaller of d(anchor, negative) and d(positive, negative).
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _check_triplet(anchor, positive, negative)
    return _triplet(
        anchor,
        positive,
        negative,
        lambda x, y: F.pairwise_distance(x, y, p, eps),
        margin,
        swap,
        reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Return :func:`triplet_margin_loss` for any ``distance_function(x, y)``."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if distance_function is None:
        distance_function = F.pairwise_distance
    _check_triplet(anchor, positive, negative)
    return _triplet(anchor, positive, negative, distance_function, margin, swap, reduction)


def _check_triplet(anchor: Tensor, positive: Tensor, negative: Tensor) -> None:
    dims = anchor.ndim, positive.ndim, negative.ndim
    if len(set(dims)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have "
            f"the same number of dimensions, but got: anchor {dims[0]}D, "
            f"positive {dims[1]}D, and negative {dims[2]}D inputs"
        )


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    near = distance(anchor, positive)
    far = distance(anchor, negative)
    if swap:
        far = flambeau.minimum(far, distance(positive, negative))
    return _reduction.apply((margin + near - far).clamp_min(0), reduction)
