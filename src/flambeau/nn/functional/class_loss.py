"""Losses of class indices: cross entropy and negative log likelihood."""

from __future__ import annotations

import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn import _reduction

__all__ = ["cross_entropy", "nll_loss"]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return ``-log(softmax(input)[target])``: the cost of ``target`` under the scores ``input``.

    Args:
        input (Tensor): unnormalized scores, (N, C), (C), or (N, C, d_1, ..., d_K).
        target (Tensor): int64 class indices (N), () or (N, d_1, ..., d_K), or probabilities of
            input's shape.
        weight (Tensor): factor per class, (C), of input's type. ``"mean"`` divides by the sum of
            the targets' weights.
        ignore_index (int): target index that costs nothing.
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        label_smoothing (float): in [0, 1], share of the target spread evenly over all classes
            (Szegedy et al. 2016).
        size_average, reduce: old forms of ``reduction``.

    Raises:
        IndexError: a class index is out of bounds.

    Example::

        >>> import flambeau
        >>> scores = flambeau.tensor([[0.0, 0.0], [0.0, 0.0]])
        >>> flambeau.nn.functional.cross_entropy(scores, flambeau.tensor([0, 1]))
        tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    return F._cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-weight[target] * input[target]`` for log probabilities ``input``.

    Args:
        input (Tensor): log probabilities, (N, C), (C), or (N, C, d_1, ..., d_K).
        target (Tensor): int64 class indices, (N), () or (N, d_1, ..., d_K).
        weight, ignore_index, reduction, size_average, reduce: see :func:`cross_entropy`.

    Raises:
        IndexError: a class index is out of bounds.
    """
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    return F._nll_loss(input, target, weight, ignore_index, reduction)
