"""Cross entropy of a linear map's output."""

from __future__ import annotations

import math
from typing import Any

import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["linear_cross_entropy"]


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """Return ``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Args:
        input (Tensor): (N, in_features) or (in_features).
        linear_weight (Tensor): (C, in_features), or (C, d_1, ..., d_K, in_features).
        target (Tensor): class indices (N, d_1, ..., d_K), or probabilities (N, C, d_1, ...).
        linear_bias (Tensor): (C) or (C, d_1, ..., d_K).
        weight (Tensor): factor per class, (C).
        reduction (str): ``"none"``, ``"mean"`` or ``"sum"``.
        ignore_index (int): target index that costs nothing. Default: -100.
        label_smoothing (float): share of the target spread evenly over all classes.
        options (LinearCrossEntropyOptions): without effect on the result.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    outer = linear_weight.shape[:-1]
    if len(outer) > 1 and input.dim() != 2:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} "
            f"requires batched input, (N, {linear_weight.shape[-1]}), got unbatched input with "
            f"shape {tuple(input.shape)}"
        )
    flat_bias = None if linear_bias is None else linear_bias.reshape(math.prod(outer))
    logits = F.linear(input, linear_weight.reshape(math.prod(outer), -1), flat_bias)
    logits = logits.reshape(*input.shape[:-1], *outer)
    return F.cross_entropy(
        logits,
        target,
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )
