"""Shuffling channels."""

from __future__ import annotations

import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn.module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Deals the channels of (N, C, ...) to ``groups`` in turn (Zhang et al. 2017).

    Args:
        groups (int): divides C.
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
