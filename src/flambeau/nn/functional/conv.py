"""Convolution over sequences whose first dimension is time."""

from __future__ import annotations

import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["conv_tbc"]


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Return a 1-d convolution of (T, N, C) by (width, C, C_out), with bias (C_out).

    Args:
        input (Tensor): time, batch, channels.
        weight (Tensor): see above.
        bias (Tensor): added to every output.
        pad (int): zeros added to both ends.
    """
    output = F.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return output.permute(2, 0, 1)
