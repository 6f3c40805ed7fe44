"""Normalization across channels."""

from __future__ import annotations

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["local_response_norm"]


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return ``x_c / (k + alpha / size * sum x_c'^2)^beta`` over the channels c' around c.

    Args:
        input (Tensor): (N, C, ...), at least 3 dimensions.
        size (int): number of channels in the sum; missing ones count as zero.
        alpha, beta, k (float): see the formula.
    """
    if input.dim() < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          "
            f"input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = (input * input).flatten(2).unsqueeze(1)
    padded = F.pad(squares, (0, 0, size // 2, (size - 1) // 2))
    mean = F.avg_pool2d(padded, (size, 1), stride=1).squeeze(1).view(input.shape)
    return input / flambeau.pow(mean * alpha + k, beta)
