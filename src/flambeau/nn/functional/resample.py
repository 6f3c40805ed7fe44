"""Resizing: one pass per dimension, each a weighted sum of a few neighbours."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn._autocast import as_given
from flambeau.nn.functional.dtype_names import scalar_type

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

_NEEDS = {"linear": 3, "bilinear": 4, "trilinear": 5}
_MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"


class _Axis:
    """One dimension to resize: from ``size`` to ``out``, with how coordinates are mapped."""

    def __init__(self, size: int, out: int, factor: float | None, align_corners: bool) -> None:
        self.size = size
        self.out = out
        self.align_corners = align_corners
        self.ratio = size / out if not factor or factor <= 0 else 1.0 / factor
        if align_corners:
            self.ratio = (size - 1) / (out - 1) if out > 1 else 0.0

    def centres(self, dtype: Any, device: Any) -> Tensor:
        """Return the input coordinate of every output element, (out)."""
        positions = flambeau.arange(self.out, dtype=dtype, device=device)
        ratio = flambeau.tensor(self.ratio, dtype=dtype, device=device)
        return positions * ratio if self.align_corners else (positions + 0.5) * ratio - 0.5


def _weighted(x: Tensor, dim: int, taps: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the sum over ``taps`` of the elements at an index times a weight, along ``dim``."""
    shape = [1] * x.dim()
    shape[dim] = -1
    terms = [x.index_select(dim, index) * weight.view(shape) for index, weight in taps]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _nearest(x: Tensor, dim: int, axis: _Axis, exact: bool) -> Tensor:
    # Coordinates in float32, as they decide which neighbour is taken.
    ratio = flambeau.tensor(axis.ratio, dtype=flambeau.float32)
    positions = flambeau.arange(axis.out, dtype=flambeau.float32)
    places = (positions + 0.5) * ratio if exact else positions * ratio
    index = places.floor().to(flambeau.int64).clamp(max=axis.size - 1)
    return x.index_select(dim, index.to(x.device))


def _linear(x: Tensor, dim: int, axis: _Axis) -> Tensor:
    places = axis.centres(x.dtype, x.device).clamp(min=0)
    low = places.floor().to(flambeau.int64).clamp(max=axis.size - 1)
    high = (low + 1).clamp(max=axis.size - 1)
    weight = (places - low.to(x.dtype)).clamp(0, 1)
    return _weighted(x, dim, [(low, 1 - weight), (high, weight)])


def cubic_weights(t: Tensor, a: float = -0.75) -> list[Tensor]:
    """Return the weights of the 4 neighbours around fraction ``t`` (Keys 1981)."""

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(x: Tensor, dim: int, axis: _Axis) -> Tensor:
    places = axis.centres(x.dtype, x.device)
    low = places.floor()
    weights = cubic_weights(places - low)
    start = low.to(flambeau.int64) - 1
    return _weighted(x, dim, [((start + k).clamp(0, axis.size - 1), weights[k]) for k in range(4)])


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _keys(x: Tensor) -> Tensor:
    a = -0.5
    x = x.abs()
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return flambeau.where(x < 1, near, flambeau.where(x < 2, far, flambeau.zeros_like(x)))


def _lanczos(x: Tensor) -> Tensor:
    inside = (x >= -3) & (x < 3)
    return flambeau.where(inside, flambeau.sinc(x) * flambeau.sinc(x / 3), flambeau.zeros_like(x))


_FILTERS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "bilinear": (_triangle, 2),
    "bicubic": (_keys, 4),
    "lanczos": (_lanczos, 6),
}


@as_given
def _antialiased(x: Tensor, dim: int, axis: _Axis, mode: str) -> Tensor:
    """Average over as many neighbours as one output element covers: a product with a matrix."""
    kernel, width = _FILTERS[mode]
    stretch = max(axis.ratio, 1.0)
    support = width * 0.5 * stretch
    centre = axis.ratio * (flambeau.arange(axis.out, dtype=flambeau.float64) + 0.5)
    low = (centre - support + 0.5).to(flambeau.int64).clamp(min=0).unsqueeze(1)
    high = (centre + support + 0.5).to(flambeau.int64).clamp(max=axis.size).unsqueeze(1)
    places = flambeau.arange(axis.size)
    weights = kernel((places - centre.unsqueeze(1) + 0.5) / stretch)
    weights = weights.masked_fill((places < low) | (places >= high), 0)
    weights = weights / weights.sum(1, keepdim=True)
    matrix = weights.to(dtype=x.dtype, device=x.device)
    return flambeau.matmul(x.transpose(dim, -1), matrix.t()).transpose(dim, -1)


def _resize(
    input: Tensor,
    mode: str,
    sizes: Sequence[int],
    factors: Sequence[float] | None,
    align_corners: bool,
    antialias: bool,
) -> Tensor:
    spatial = input.dim() - 2
    _check_sizes(input, sizes)
    narrow = input.dtype in (flambeau.uint8, flambeau.float16, flambeau.bfloat16)
    if narrow and mode not in ("nearest", "nearest-exact"):
        # Computed in float32 and rounded once.
        resized = _resize(
            input.to(flambeau.float32), mode, sizes, factors, align_corners, antialias
        )
        if input.dtype == flambeau.uint8:
            resized = resized.round().clamp(0, 255)
        return resized.to(input.dtype)
    if not (input.is_floating_point() or input.dtype == flambeau.uint8):
        name = "nearest" if mode.startswith("nearest") else mode
        raise NotImplementedError(
            f"\"upsample_{name}{spatial}d\" not implemented for '{scalar_type(input.dtype)}'"
        )
    x = input
    # The last dimension first: it is the cheapest to walk along while the rest is small.
    for d in reversed(range(spatial)):
        factor = None if factors is None else factors[d]
        axis = _Axis(input.size(d + 2), sizes[d], factor, align_corners)
        if mode in ("nearest", "nearest-exact"):
            x = _nearest(x, d + 2, axis, exact=mode == "nearest-exact")
        elif antialias:
            x = _antialiased(x, d + 2, axis, mode)
        elif mode == "bicubic":
            x = _cubic(x, d + 2, axis)
        else:
            x = _linear(x, d + 2, axis)
    return x


def _check_sizes(input: Tensor, sizes: Sequence[int]) -> None:
    names = "DHW"[-len(sizes) :]
    given = input.shape[2:]
    if min(given) <= 0 or min(sizes) <= 0:
        before = ", ".join(f"{name}: {size}" for name, size in zip(names, given, strict=True))
        after = ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True))
        raise RuntimeError(
            "Input and output sizes should be greater than 0, "
            f"but got input ({before}) output ({after})"
        )
    if input.numel() == 0 and input.size(0) != 0:
        raise RuntimeError(
            f"Non-empty {input.dim()}D data tensor expected but got a tensor with sizes "
            f"{list(input.shape)}"
        )


def _per_dimension(value: Any, input: Tensor, name: str, what: str) -> list[Any]:
    spatial = input.dim() - 2
    if not isinstance(value, (list, tuple)):
        return [value] * spatial
    if len(value) != spatial:
        symbol = name[0]
        form = f"({symbol}1, {symbol}2, ...,{symbol}K)"
        raise ValueError(
            "Input and "
            f"{'output' if name == 'output size' else name} must have the same number of spatial "
            f"dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and "
            f"{what} {value}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            f"{name} in {form} format."
        )
    return list(value)


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resize the spatial dimensions.

    Args:
        input (Tensor): (N, C, L), (N, C, H, W) or (N, C, D, H, W).
        size (int or tuple): output size, or
        scale_factor (float or tuple): factor per dimension.
        mode (str): ``"nearest"``, ``"nearest-exact"``, ``"linear"`` (3-D input), ``"bilinear"``,
            ``"bicubic"``, ``"lanczos"`` (4-D), ``"trilinear"`` (5-D) or ``"area"``.
        align_corners (bool): map corner centres to corner centres, for the linear and cubic modes.
        recompute_scale_factor (bool): derive the factors from the rounded output size.
        antialias (bool): average over what one output pixel covers, for the 4-D modes.

    Example::

        >>> import flambeau
        >>> x = flambeau.tensor([[[1.0, 2.0]]])
        >>> flambeau.nn.functional.interpolate(x, scale_factor=2)
        tensor([[[1., 1., 2., 2.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the "
                "interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    spatial = input.dim() - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    sizes = factors = None
    if size is not None:
        sizes = _per_dimension(size, input, "output size", "output size of")
    else:
        factors = _per_dimension(scale_factor, input, "scale_factor", "scale_factor of shape")
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in _FILTERS and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "lanczos" and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if spatial not in (1, 2, 3) or mode not in _MODES.split(" | "):
        raise _unsupported(input, mode)
    if sizes is None and factors is not None:
        sizes = [math.floor(input.size(d + 2) * float(factors[d])) for d in range(spatial)]
        if mode == "area" or recompute_scale_factor:
            factors = None
    if sizes is None:
        raise AssertionError("unreachable: size or scale_factor is given")
    if mode == "area":
        pool = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
        return pool[spatial - 1](input, sizes)
    needed = _NEEDS.get(mode)
    if needed is not None and needed != input.dim():
        raise NotImplementedError(
            f"Got {input.dim()}D input, but {mode} mode needs {needed}D input"
        )
    if mode in ("bicubic", "lanczos") and input.dim() != 4:
        raise _unsupported(input, mode)
    return _resize(input, mode, sizes, factors, bool(align_corners), antialias)


def _unsupported(input: Tensor, mode: str) -> NotImplementedError:
    return NotImplementedError(
        "Input Error: Only 3D, 4D and 5D input Tensors supported "
        f"(got {input.dim()}D) for the modes: {_MODES} (got {mode})"
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Old name of :func:`interpolate`."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Old name of :func:`interpolate` with nearest neighbours."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Old name of bilinear :func:`interpolate` with aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
