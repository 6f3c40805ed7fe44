"""Rearranging elements: sliding patches and channels."""

from __future__ import annotations

from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["channel_shuffle", "fold", "native_channel_shuffle", "unfold"]


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels of (N, C, ...) to ``groups`` in turn (Zhang et al. 2017).

    Args:
        input (Tensor): at least 3 dimensions.
        groups (int): divides C.
    """
    if input.dim() <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    channels = input.size(1)
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and "
            f"{groups} groups."
        )
    grouped = input.unflatten(1, (groups, channels // groups))
    return grouped.transpose(1, 2).flatten(1, 2)


native_channel_shuffle = channel_shuffle


def _pair(value: Any, name: str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    pair = tuple(value)
    if len(pair) == 1:
        return pair[0], pair[0]
    if len(pair) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pair)}")
    return pair[0], pair[1]


class _Windows:
    """A sliding window over two dimensions."""

    def __init__(self, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> None:
        self.kernel = _pair(kernel_size, "kernel_size")
        self.dilation = _pair(dilation, "dilation")
        self.padding = _pair(padding, "padding")
        self.stride = _pair(stride, "stride")
        for name in ("kernel", "dilation", "stride"):
            first, second = getattr(self, name)
            if first <= 0 or second <= 0:
                raise RuntimeError(
                    f"{name} should be greater than zero, but got {name}_height: {first} "
                    f"{name}_width: {second}"
                )
        if min(self.padding) < 0:
            raise RuntimeError(
                "padding should be non-negative, but got pad_height: "
                f"{self.padding[0]} pad_width: {self.padding[1]}"
            )

    def counts(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the number of window positions over an image of ``size``."""
        height, width = (
            (size[d] + 2 * self.padding[d] - self.dilation[d] * (self.kernel[d] - 1) - 1)
            // self.stride[d]
            + 1
            for d in range(2)
        )
        return height, width

    def slices(self, counts: tuple[int, int]) -> list[tuple[Any, ...]]:
        """Return, for each element of the window, what it meets in the padded image."""
        return [
            (
                Ellipsis,
                *(
                    slice(
                        offset * self.dilation[d],
                        offset * self.dilation[d] + self.stride[d] * (counts[d] - 1) + 1,
                        self.stride[d],
                    )
                    for d, offset in enumerate((i, j))
                ),
            )
            for i in range(self.kernel[0])
            for j in range(self.kernel[1])
        ]

    def pad(self, input: Tensor) -> Tensor:
        vertical, horizontal = self.padding
        if not (vertical or horizontal):
            return input
        return F.pad(input, (horizontal, horizontal, vertical, vertical))


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Take out sliding patches (im2col): (N, C, H, W) -> (N, C prod(kernel), L).

    Args:
        input (Tensor): (N, C, H, W) or (C, H, W).
        kernel_size, dilation, padding, stride (int or tuple): of the window.

    Example::

        >>> import flambeau
        >>> flambeau.nn.functional.unfold(flambeau.randn(1, 3, 5, 5), 3).shape
        torch.Size([1, 27, 9])
    """
    windows = _Windows(kernel_size, dilation, padding, stride)
    if input.dim() not in (3, 4) or 0 in input.shape[1 if input.dim() == 4 else 0 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    counts = windows.counts((input.shape[-2], input.shape[-1]))
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(input.shape[-2:])}, "
            f"kernel_size={windows.kernel}, dilation={windows.dilation}, "
            f"padding={windows.padding}, calculated shape of the array of sliding blocks as "
            f"{counts}, but its components must be at least one."
        )
    padded = windows.pad(input)
    patches = flambeau.stack([padded[place] for place in windows.slices(counts)], -3)
    return patches.flatten(-2).flatten(-3, -2)


def fold(
    input: Tensor,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Tensor:
    """Add up sliding patches (col2im): (N, C prod(kernel), L) -> (N, C, H, W).

    Args:
        input (Tensor): (N, C prod(kernel), L) or without N, as :func:`unfold` makes it.
        output_size (int or tuple): (H, W).
        kernel_size, dilation, padding, stride (int or tuple): of the window.
    """
    windows = _Windows(kernel_size, dilation, padding, stride)
    size = _pair(output_size, "output_size")
    if input.dim() not in (2, 3) or 0 in input.shape[1 if input.dim() == 3 else 0 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    elements = windows.kernel[0] * windows.kernel[1]
    if input.size(-2) % elements:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={input.size(-2)} and kernel_size={windows.kernel}."
        )
    counts = windows.counts(size)
    if min(counts) < 1 or counts[0] * counts[1] != input.size(-1):
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={windows.kernel}, "
            f"dilation={windows.dilation}, padding={windows.padding}, stride={windows.stride}, "
            "expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {counts[0]} * {counts[1]} = {counts[0] * counts[1]}, but got "
            f"input.size(2)={input.size(-1)}."
        )
    channels = input.size(-2) // elements
    outer = input.shape[:-2]
    patches = input.reshape(*outer, channels, elements, *counts)
    vertical, horizontal = windows.padding
    image = flambeau.zeros(
        (*outer, channels, size[0] + 2 * vertical, size[1] + 2 * horizontal),
        dtype=input.dtype,
        device=input.device,
    )
    for patch, place in zip(patches.unbind(-3), windows.slices(counts), strict=True):
        image[place] += patch
    return image[..., vertical : vertical + size[0], horizontal : horizontal + size[1]]
