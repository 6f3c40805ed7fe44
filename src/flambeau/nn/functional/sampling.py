"""Sampling an image at given places (Jaderberg et al. 2015), composed of gathers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import product
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.nn._autocast import in_float32
from flambeau.nn.functional.dtype_names import scalar_type
from flambeau.nn.functional.resample import cubic_weights

__all__ = ["affine_grid", "grid_sample"]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Return the sampling places of an affine map, for :func:`grid_sample`.

    Args:
        theta (Tensor): maps of output to input coordinates, (N, 2, 3) or (N, 3, 4).
        size (tuple): of the output, (N, C, H, W) or (N, C, D, H, W).
        align_corners (bool): -1 and 1 are the centres of the corner pixels, not their edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), coordinates in x, y(, z) order.
    """
    if align_corners is None:
        _warn_default(3)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    spatial = len(size) - 2
    if theta.dim() != 3 or theta.shape[-2:] != (spatial, spatial + 1):
        raise ValueError(
            f"Expected a batch of {spatial}D affine matrices of shape "
            f"Nx{spatial}x{spatial + 1} for size {size}. Got {theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    options: dict[str, Any] = {"dtype": theta.dtype, "device": theta.device}
    sizes = tuple(size[2:])
    columns = []
    for d in reversed(range(spatial)):  # x is the last dimension
        steps = flambeau.linspace(-1, 1, sizes[d], **options)
        if sizes[d] == 1:
            steps = flambeau.zeros(1, **options)
        elif not align_corners:
            steps = steps * (sizes[d] - 1) / sizes[d]
        shape = [1] * spatial
        shape[d] = -1
        columns.append(steps.view(shape).expand(sizes))
    columns.append(flambeau.ones(sizes, **options))
    base = flambeau.stack(columns, -1).view(1, math.prod(sizes), spatial + 1)
    base = base.expand(size[0], -1, -1)
    return flambeau.bmm(base, theta.transpose(1, 2)).view(size[0], *sizes, spatial)


def _warn_default(stacklevel: int) -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed "
        "to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. "
        "See the documentation of grid_sample for details.",
        stacklevel=stacklevel,
    )


def _to_pixels(place: Tensor, size: int, align_corners: bool) -> Tensor:
    if align_corners:
        return (place + 1) / 2 * (size - 1)
    return ((place + 1) * size - 1) / 2


def _clip(place: Tensor, size: int) -> Tensor:
    """Clamp to the image; no gradient at or beyond its border."""
    inside = (place > 0) & (place < size - 1)
    return flambeau.where(inside, place, place.detach().clamp(0, size - 1))


def _reflect(place: Tensor, size: int, align_corners: bool) -> Tensor:
    """Mirror into the image, at the border pixels' centres or at their edges."""
    low, high = (0.0, float(size - 1)) if align_corners else (-0.5, size - 0.5)
    span = high - low
    if span == 0:
        return flambeau.zeros_like(place)
    distance = place - low
    distance = flambeau.where(distance < 0, -distance, distance)
    flips = (distance.detach() / span).floor()
    rest = distance - flips * span
    return flambeau.where(flips % 2 == 0, rest + low, span - rest + low)


def _padded(place: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        place = _reflect(place, size, align_corners)
    return _clip(place, size)


class _Image:
    """The input, (N, C, prod(sizes)), to be read at integer places."""

    def __init__(self, input: Tensor) -> None:
        self.sizes = input.shape[2:]
        self.flat = input.flatten(2)

    def read(self, places: Sequence[Tensor]) -> Tensor:
        """Return the values at ``places``, one float tensor (N, ...) per dimension.

        Zero outside the image. Shape: (N, C, number of places).
        """
        index: Any = 0
        inside: Any = None
        for place, size in zip(places, self.sizes, strict=True):
            within = (place >= 0) & (place <= size - 1)
            inside = within if inside is None else inside & within
            # Places outside (and NaN) read the first element, which counts as zero.
            safe = flambeau.where(within, place.detach(), flambeau.zeros_like(place))
            index = index * size + safe.to(flambeau.int64)
        batch, channels = self.flat.shape[:2]
        index = index.reshape(batch, 1, -1).expand(-1, channels, -1)
        return self.flat.gather(2, index) * inside.reshape(batch, 1, -1).to(self.flat.dtype)


def _sample_linear(image: _Image, places: Sequence[Tensor]) -> Tensor:
    lows = [place.detach().floor() for place in places]
    total: Any = 0
    for corner in product((0, 1), repeat=len(places)):
        weight: Any = 1
        for place, low, side in zip(places, lows, corner, strict=True):
            weight = weight * (place - low if side else low + 1 - place)
        values = image.read([low + side for low, side in zip(lows, corner, strict=True)])
        total = total + values * weight.reshape(values.shape[0], 1, -1)
    return total


def _sample_cubic(
    image: _Image, places: Sequence[Tensor], padding_mode: str, align_corners: bool
) -> Tensor:
    lows = [place.detach().floor() for place in places]
    weights = [cubic_weights(place - low) for place, low in zip(places, lows, strict=True)]
    rows, columns = (
        [_padded(low + k - 1, size, padding_mode, align_corners) for k in range(4)]
        for low, size in zip(lows, image.sizes, strict=True)
    )
    total: Any = 0
    for i, j in product(range(4), repeat=2):
        values = image.read([rows[i], columns[j]])
        weight = weights[0][i] * weights[1][j]
        total = total + values * weight.reshape(values.shape[0], 1, -1)
    return total


def _check(input: Tensor, grid: Tensor, mode: str) -> None:
    if input.dim() not in (4, 5):
        raise RuntimeError(
            f"grid_sampler(): expected 4D or 5D input, but got input with sizes {list(input.shape)}"
        )
    spatial = input.dim() - 2
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input "
            f"with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.size(-1) != spatial:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {spatial} in last dimension, but got "
            f"grid with sizes {list(grid.shape)}"
        )
    if grid.dim() != input.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, "
            f"but got input with sizes {list(input.shape)} and grid with sizes "
            f"{list(grid.shape)}"
        )
    for d, size in enumerate(input.shape[2:], start=2):
        if size <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(input.shape)} with dimension {d} being empty"
            )
    if mode == "bicubic" and spatial != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype != grid.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_type(input.dtype)} but found {scalar_type(grid.dtype)}"
        )


@in_float32
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample ``input`` at the places of ``grid``.

    Args:
        input (Tensor): (N, C, H, W) or (N, C, D, H, W).
        grid (Tensor): places in x, y(, z) order from -1 to 1, (N, H', W', 2) or
            (N, D', H', W', 3).
        mode (str): ``"bilinear"``, ``"nearest"`` or ``"bicubic"`` (4-D input).
        padding_mode (str): outside the image ``"zeros"``, ``"border"`` or ``"reflection"``.
        align_corners (bool): -1 and 1 are the centres of the corner pixels, not their edges.

    Returns:
        (N, C, H', W') or (N, C, D', H', W').
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be "
            f"'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode "
            "to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    if align_corners is None:
        _warn_default(4)
        align_corners = False
    _check(input, grid, mode)
    image = _Image(input)
    places = [
        _to_pixels(place, size, align_corners)
        for place, size in zip(reversed(grid.unbind(-1)), image.sizes, strict=True)
    ]
    if mode == "bicubic":
        sampled = _sample_cubic(image, places, padding_mode, align_corners)
    else:
        places = [
            _padded(place, size, padding_mode, align_corners)
            for place, size in zip(places, image.sizes, strict=True)
        ]
        if mode == "nearest":
            sampled = image.read([place.round() for place in places])
            if grid.requires_grad:  # its gradient is zero, not missing
                never = flambeau.zeros_like(grid, dtype=flambeau.bool)
                sampled = sampled + flambeau.where(never, grid, flambeau.zeros_like(grid)).sum()
        else:
            sampled = _sample_linear(image, places)
    return sampled.view(*input.shape[:2], *grid.shape[1:-1])
