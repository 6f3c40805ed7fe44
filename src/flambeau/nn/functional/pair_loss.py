"""Losses that compare two tensors element by element."""

from __future__ import annotations

import warnings

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn import _reduction
from flambeau.nn._autocast import in_float32

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


def _warn_of_broadcasting(input: Tensor, target: Tensor) -> None:
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size "
        f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=3,
    )


def _weighted(loss: Tensor, input: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Return the elementwise ``loss`` weighted; ``"mean"`` divides by the weights' sum."""
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'."
        )
    loss = loss * weight
    if reduction == "none":
        return loss
    return loss.sum() if reduction == "sum" else loss.sum() / weight.sum()


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the squared difference ``(input - target)^2``, reduced.

    Args:
        input, target (Tensor): of the same shape; others broadcast, with a warning.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        weight (Tensor): factor per element, of input's shape; ``"mean"`` divides by its sum.
        size_average, reduce: old forms of ``reduction``.

    Example::

        >>> import flambeau
        >>> x, y = flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 4.0])
        >>> flambeau.nn.functional.mse_loss(x, y)
        tensor(2.)
    """
    if target.size() != input.size():
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    if weight is not None:
        return _weighted(F._mse_loss(input, target, "none"), input, weight, reduction)
    return F._mse_loss(input, target, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the absolute difference ``|input - target|``, reduced; see :func:`mse_loss`."""
    if target.size() != input.size():
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    if weight is not None:
        return _weighted(F._l1_loss(input, target, "none"), input, weight, reduction)
    return F._l1_loss(input, target, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return ``0.5 d^2 / beta`` where ``d = |input - target| < beta``, else ``d - 0.5 beta``.

    Args:
        input, target, reduction, size_average, reduce: see :func:`mse_loss`.
        beta (float): not negative; 0 gives :func:`l1_loss` (Girshick 2015).
    """
    if target.size() != input.size():
        _warn_of_broadcasting(input, target)
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    return F._smooth_l1_loss(input, target, reduction, beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return ``0.5 d^2`` where ``d = |input - target| <= delta``, else ``delta (d - 0.5 delta)``.

    Args:
        input, target, reduction: see :func:`mse_loss`.
        delta (float): positive; where the square ends (Huber 1964).
        weight (Tensor): factor per element, of input's shape.
    """
    if target.size() != input.size():
        _warn_of_broadcasting(input, target)
    if weight is not None:
        loss = _weighted(F._huber_loss(input, target, "none", delta), input, weight, "none")
        return _reduction.apply(loss, reduction)
    return F._huber_loss(input, target, reduction, delta)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-weight (target log(input) + (1 - target) log(1 - input))``, reduced.

    Logarithms are taken as -100 where they are less.

    Args:
        input (Tensor): probabilities, any shape.
        target (Tensor): probabilities, of input's shape and type.
        weight (Tensor): factor, broadcastable to input.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        size_average, reduce: old forms of ``reduction``.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    return F._binary_cross_entropy(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return ``binary_cross_entropy(sigmoid(input), target)`` without its overflow.

    Args:
        input (Tensor): unnormalized scores, any shape.
        target (Tensor): probabilities, of input's shape.
        weight (Tensor): factor, broadcastable to input.
        pos_weight (Tensor): factor of the positive term, broadcastable to input.
        reduction, size_average, reduce: see :func:`binary_cross_entropy`.
    """
    reduction = _reduction.resolve(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    return F._binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


@in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return the Kullback-Leibler divergence ``target (log(target) - input)``, reduced.

    Args:
        input (Tensor): log probabilities.
        target (Tensor): probabilities, or their logarithms if ``log_target``.
        reduction (str): ``"none"``, ``"batchmean"`` (the sum divided by ``input.size(0)``),
            ``"mean"`` or ``"sum"``.
        size_average, reduce: old forms of ``reduction``.
    """
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=3,
        )
    by_batch = reduction == "batchmean"
    number = _reduction.get_enum("sum" if by_batch else reduction)
    for kind, found in (
        ("Complex", input.is_complex() or target.is_complex()),
        ("Integral", not (input.is_floating_point() and target.is_floating_point())),
    ):
        if found:
            raise RuntimeError(f"kl_div: {kind} inputs not supported.")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        # 0 log 0 is 0; the inner choice keeps NaN out of the gradient.
        nothing = target == 0
        logarithm = flambeau.where(nothing, flambeau.ones_like(target), target).log()
        loss = target * logarithm - target * input
    loss = loss.mean() if number == 1 else loss.sum() if number == 2 else loss
    return loss / input.size(0) if by_batch and input.dim() > 0 else loss
