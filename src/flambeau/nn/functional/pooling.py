"""Pooling made of other operators: power-average, fractional, and max pooling undone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor
from flambeau.nn._autocast import in_float32
from flambeau.nn.functional.dtype_names import scalar_type

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]


def _ntuple(value: Any, n: int) -> tuple[Any, ...]:
    return (value,) * n if isinstance(value, (int, float)) else tuple(value)


# ---- power-average pooling ------------------------------------------------------------


def _lp_pool(pooled: Tensor, norm_type: float, count: int) -> Tensor:
    """Turn the averages of the powers into norms, with the sign of the average."""
    return (flambeau.sign(pooled) * F.relu(flambeau.abs(pooled))).mul(count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return ``(sum of x^p over the window)^(1/p)`` for (N, C, L) or (C, L).

    Args:
        input (Tensor): see above.
        norm_type (float): p; 1 is sum pooling, infinity would be max pooling.
        kernel_size, stride (int): window and step (the window if omitted).
        ceil_mode (bool): keep windows that reach beyond the end.
    """
    pooled = F.avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _lp_pool(pooled, norm_type, math.prod(_ntuple(kernel_size, 1)))


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return :func:`lp_pool1d` for windows over (N, C, H, W) or (C, H, W)."""
    pooled = F.avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _lp_pool(pooled, norm_type, math.prod(_ntuple(kernel_size, 2)))


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return :func:`lp_pool1d` for windows over (N, C, D, H, W) or (C, D, H, W)."""
    pooled = F.avg_pool3d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return _lp_pool(pooled, norm_type, math.prod(_ntuple(kernel_size, 3)))


# ---- max pooling, with or without the places of the maxima --------------------------------


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window of (N, C, L) or (C, L).

    Args:
        input (Tensor): see above.
        kernel_size, stride (int or tuple): window and step (the window if omitted).
        padding (int or tuple): negative infinities on both sides.
        dilation (int or tuple): step between the elements of a window.
        ceil_mode (bool): keep windows that reach beyond the end.
        return_indices (bool): also return the flat index of each maximum.
    """
    pool = F.max_pool1d_with_indices if return_indices else flambeau.max_pool1d
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return :func:`max_pool1d` for windows over (N, C, H, W) or (C, H, W)."""
    pool = F.max_pool2d_with_indices if return_indices else flambeau.max_pool2d
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return :func:`max_pool1d` for windows over (N, C, D, H, W) or (C, D, H, W)."""
    pool = F.max_pool3d_with_indices if return_indices else flambeau.max_pool3d
    return pool(input, kernel_size, stride, padding, dilation, ceil_mode)


# ---- adaptive pooling ---------------------------------------------------------------------


def _output_sizes(input: Tensor, output_size: Any, spatial: int) -> Any:
    """Return one size per dimension; None stands for that of the input."""
    sizes = _ntuple(output_size, spatial)
    if None not in sizes or len(sizes) > input.dim():
        return sizes
    kept = input.shape[-len(sizes) :]
    return tuple(n if size is None else size for size, n in zip(sizes, kept, strict=True))


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Return the averages of windows that split (N, C, H, W) or (C, H, W) as evenly as can be.

    Args:
        input (Tensor): see above.
        output_size (int or tuple): size of the result; None keeps that of the input.
    """
    return flambeau._adaptive_avg_pool2d(input, _output_sizes(input, output_size, 2))


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Return :func:`adaptive_avg_pool2d` for (N, C, D, H, W) or (C, D, H, W)."""
    return flambeau._adaptive_avg_pool3d(input, _output_sizes(input, output_size, 3))


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return ``adaptive_max_pool2d`` and the flat index of each maximum."""
    return flambeau._adaptive_max_pool2d(input, _output_sizes(input, output_size, 2))


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """Return ``adaptive_max_pool3d`` and the flat index of each maximum."""
    return flambeau._adaptive_max_pool3d(input, _output_sizes(input, output_size, 3))


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maxima of windows that split (N, C, L) or (C, L) as evenly as can be.

    Args:
        input (Tensor): see above.
        output_size (int or tuple): size of the result.
        return_indices (bool): also return the flat index of each maximum.
    """
    pair = F.adaptive_max_pool1d_with_indices(input, output_size)
    return pair if return_indices else pair[0]


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return :func:`adaptive_max_pool1d` for (N, C, H, W) or (C, H, W)."""
    pair = adaptive_max_pool2d_with_indices(input, output_size)
    return pair if return_indices else pair[0]


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return :func:`adaptive_max_pool1d` for (N, C, D, H, W) or (C, D, H, W)."""
    pair = adaptive_max_pool3d_with_indices(input, output_size)
    return pair if return_indices else pair[0]


# ---- fractional max pooling -------------------------------------------------------------


def _window_starts(samples: Tensor, size: int, output: int, kernel: int) -> Tensor:
    """Return the pseudo-random window starts, (..., output), for ``samples`` in [0, 1)."""
    last = size - kernel
    if output == 1:
        return flambeau.full((*samples.shape, 1), last, dtype=flambeau.int64)
    alpha = flambeau.tensor(last, dtype=samples.dtype) / (output - 1)
    steps = flambeau.arange(output - 1, device=samples.device).to(samples.dtype)
    u = samples.unsqueeze(-1)
    starts = ((steps + u) * alpha).to(flambeau.int64) - (u * alpha).to(flambeau.int64)
    end = flambeau.full((*samples.shape, 1), last, dtype=flambeau.int64, device=starts.device)
    return flambeau.cat([starts, end], -1)


@in_float32
def _fractional_max_pool(
    name: str,
    spatial: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    random_samples: Tensor | None,
) -> tuple[Tensor, Tensor]:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"{name}(): Expected {spatial + 1}D or {spatial + 2}D tensor, "
            f"but got: {list(input.shape)}"
        )
    sizes = input.shape[-spatial:]
    if output_size is None:
        ratios = _ntuple(output_ratio, spatial)
        output_size = [int(size * ratio) for size, ratio in zip(sizes, ratios, strict=True)]
    kernels = _ntuple(kernel_size, spatial)
    outputs = _ntuple(output_size, spatial)
    batch = 1 if input.dim() == spatial + 1 else input.size(0)
    channels = input.size(-spatial - 1)
    if random_samples is None:
        random_samples = flambeau.rand(
            batch, channels, spatial, dtype=input.dtype, device=input.device
        )
    random_samples = random_samples[:batch]
    for axis, (size, kernel, output) in enumerate(zip(sizes, kernels, outputs, strict=True)):
        if output + kernel - 1 > size:
            side = ("time", "height", "width")[axis - spatial]
            raise RuntimeError(
                f"{name}(): pool {side} {kernel} too large relative to input {side} {size}"
            )
    # The flat index of every element of every window, built up dimension by dimension. Samples
    # count from the last dimension in 2d and from the first in 3d.
    places: Any = 0
    for axis in range(spatial):
        sample = random_samples[..., axis if spatial == 3 else spatial - 1 - axis]
        starts = _window_starts(sample, sizes[axis], outputs[axis], kernels[axis])
        offsets = starts.unsqueeze(-1) + flambeau.arange(kernels[axis], device=starts.device)
        shape = [batch, channels] + [1] * (2 * spatial)
        shape[2 + axis], shape[2 + spatial + axis] = outputs[axis], kernels[axis]
        places = places * sizes[axis] + offsets.reshape(shape)
    windows = places.expand(batch, channels, *outputs, *kernels).reshape(
        batch, channels, math.prod(outputs), math.prod(kernels)
    )
    flat = input.reshape(batch, channels, math.prod(sizes))
    taken = flat.gather(2, windows.flatten(2)).view(windows.shape)
    best, position = taken.max(-1)
    shape = [*input.shape[:-spatial], *outputs]
    indices = windows.gather(-1, position.unsqueeze(-1))
    return best.reshape(shape), indices.reshape(shape)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return fractional max pooling (Graham 2014) and the flat index of each maximum.

    Args:
        input (Tensor): (N, C, H, W) or (C, H, W).
        kernel_size (int or tuple): window.
        output_size (int or tuple): size of the result, or
        output_ratio (float or tuple): its ratio to the input's size.
        return_indices (bool): without effect here.
    """
    return _fractional_max_pool(
        "fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples
    )


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return fractional max pooling; with ``return_indices`` a pair."""
    pair = fractional_max_pool2d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return pair if return_indices else pair[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return fractional max pooling of (N, C, D, H, W) and the flat index of each maximum."""
    return _fractional_max_pool(
        "fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples
    )


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Return fractional max pooling; with ``return_indices`` a pair."""
    pair = fractional_max_pool3d_with_indices(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )
    return pair if return_indices else pair[0]


# ---- the inverse of max pooling ---------------------------------------------------------


def _unpool_output_size(
    input: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    output_size: Sequence[int] | None,
) -> list[int]:
    """Return the size before pooling: the smallest possible one if none is asked for."""
    spatial = len(kernel_size)
    default = [
        (input.size(d - spatial) - 1) * stride[d] + kernel_size[d] - 2 * padding[d]
        for d in range(spatial)
    ]
    if output_size is None:
        return default
    if len(output_size) == spatial + 2:
        output_size = output_size[2:]
    if len(output_size) != spatial:
        raise ValueError(
            "output_size should be a sequence containing "
            f"{spatial} or {spatial + 2} elements, but it has a length of '{len(output_size)}'"
        )
    for d in range(spatial):
        low, high = default[d] - stride[d], default[d] + stride[d]
        if not low < output_size[d] < high:
            raise ValueError(
                f'invalid output_size "{output_size}" (dim {d} must be between {low} and {high})'
            )
    return list(output_size)


def _max_unpool(
    spatial: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    kernel = _ntuple(kernel_size, spatial)
    step = kernel if stride is None else _ntuple(stride, spatial)
    size = _unpool_output_size(input, kernel, step, _ntuple(padding, spatial), output_size)
    name = f"max_unpooling{spatial}d_forward_out"
    if indices.dtype != flambeau.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {scalar_type(indices.dtype)}"
        )
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(input.shape)}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if input.dim() not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"Input to {name} should be a {spatial + 1}d or {spatial + 2}d Tensor, "
            f"but got tensor with dimension {input.dim()}"
        )
    outer = list(input.shape[:-spatial])
    total = math.prod(size)
    places = indices.flatten(-spatial)
    if places.numel():
        wrong = places[(places < 0) | (places >= total)]
        if wrong.numel():
            raise RuntimeError(
                f"Found an invalid max index: {int(wrong[0])} (output volumes are of size "
                f"{'x'.join(str(n) for n in size)})"
            )
    zeros = flambeau.zeros([*outer, total], dtype=input.dtype, device=input.device)
    return zeros.scatter(-1, places, input.flatten(-spatial)).view([*outer, *size])


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the maxima back to where ``max_pool1d`` found them, zeros elsewhere.

    Args:
        input (Tensor): maxima, (N, C, L) or (C, L).
        indices (Tensor): their places, from ``max_pool1d(..., return_indices=True)``.
        kernel_size, stride, padding (int or tuple): of the pooling.
        output_size (tuple): the size before pooling, where several are possible.
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@in_float32
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the maxima back to where ``max_pool2d`` found them; see :func:`max_unpool1d`."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@in_float32
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the maxima back to where ``max_pool3d`` found them; see :func:`max_unpool1d`."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
