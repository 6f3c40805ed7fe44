"""Padding of the last dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import flambeau
from flambeau import Tensor
from flambeau.nn._autocast import in_float32

__all__ = ["pad"]

_pad_modes = flambeau._C._find_op("_pad_modes")
_pad_in_float32 = in_float32(_pad_modes)


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad the last dimensions.

    Args:
        input (Tensor): any shape; for modes other than ``"constant"`` 2 to 5 dimensions.
        pad (tuple[int, ...]): (before, after) for the last dimension, then for the one before
            it, and so on; negative numbers crop.
        mode (str): ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        value (float): fills in mode ``"constant"``. Default: 0.

    Example::

        >>> import flambeau
        >>> x = flambeau.tensor([[1, 2, 3]])
        >>> flambeau.nn.functional.pad(x, (1, 1), value=9)
        tensor([[9, 1, 2, 3, 9]])
    """
    amounts = list(pad)
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) > 2 * input.dim():
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but "
            f"got padding length {len(amounts)} and input of dimension {input.dim()}"
        )
    if mode == "constant":
        return flambeau.constant_pad_nd(input, amounts, 0 if value is None else value)
    if value not in (None, 0):
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    spatial = len(amounts) // 2
    if spatial not in (1, 2, 3) or input.dim() not in (spatial + 1, spatial + 2):
        raise NotImplementedError(
            f"Padding size {len(amounts)} is not supported for {input.dim()}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    _check(input, amounts, mode)
    # PyTorch's lists have neither circular padding nor the reflection of three dimensions.
    widened = mode == "replicate" or (mode == "reflect" and spatial < 3)
    return (_pad_in_float32 if widened else _pad_modes)(input, amounts, mode)


def _check(input: Tensor, amounts: Sequence[int], mode: str) -> None:
    shape = list(input.shape)
    spatial = len(amounts) // 2
    batch = input.dim() - spatial - 1
    if any(size == 0 for size in shape[batch:]):
        raise RuntimeError(
            f"Expected {spatial + 1}D or {spatial + 2}D (batch mode) tensor with possibly 0 "
            f"batch size and other non-zero dimensions for input, but got: {shape}"
        )
    for axis in range(spatial):
        dim = input.dim() - 1 - axis
        before, after = amounts[2 * axis], amounts[2 * axis + 1]
        size = shape[dim]
        if mode == "reflect" and (before >= size or after >= size):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {dim} of input "
                f"{shape}"
            )
        if mode == "circular" and (before > size or after > size):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if size + before + after < (0 if mode == "circular" else 1):
            raise RuntimeError(
                "Negative padding value is resulting in an empty dimension"
                if mode == "circular"
                else f"input ({'WHD'[axis]}: {size}) is too small. "
                f"Calculated output {'WHD'[axis]}: {size + before + after}"
            )
