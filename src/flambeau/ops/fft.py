"""Frequencies of Fourier transforms, and shifts; the transforms are native (csrc/ops/fft*.cpp)."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.ops.record import composite, no_gradient, op


def _frequencies(count: Any, n: int, d: float, dtype: Any, device: Any) -> Any:
    dtype = flambeau.get_default_dtype() if dtype is None else dtype
    made = flambeau.tensor(count, dtype=flambeau.float64) / (n * d)
    return made.to(dtype=dtype, device=device)


@op(
    "fft_fftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
    "fft.fftfreq",
    vjp=no_gradient,
    samples="5 | 4 0.5",
)
def fft_fftfreq(n: int, d: float, dtype: Any, device: Any) -> Any:
    """The frequencies of the elements of ``fft``: ``[0, 1, ..., -2, -1] / (n d)``.

    Args:
        n: number of points.
        d: distance between them.

    Example::

        >>> torch.fft.fftfreq(4)
        tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    positive = (n + 1) // 2
    return _frequencies([*range(positive), *range(-(n // 2), 0)], n, d, dtype, device)


@op(
    "fft_rfftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
    "fft.rfftfreq",
    vjp=no_gradient,
    samples="5 | 4 0.5",
)
def fft_rfftfreq(n: int, d: float, dtype: Any, device: Any) -> Any:
    """The frequencies of the elements of ``rfft``: ``[0, 1, ..., n // 2] / (n d)``.

    Example::

        >>> torch.fft.rfftfreq(4)
        tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies([*range(n // 2 + 1)], n, d, dtype, device)


def _shifted(a: Tensor, dim: Any, part: Any) -> Any:
    dims = list(range(a.dim())) if dim is None else list(dim)
    if not dims:
        return a.clone()
    return flambeau.roll(a, [part(a.shape[d]) for d in dims], dims)


@op(
    "fft_fftshift(Tensor input, int[1]? dim=None) -> Tensor",
    "fft.fftshift",
    vjp=composite,
    samples="(5,) | (3,4) | (3,4) 1",
)
def fft_fftshift(a: Tensor, dim: Any) -> Any:
    """Moves frequency zero to the middle.

    Example::

        >>> torch.fft.fftshift(torch.tensor([0, 1, 2, -2, -1]))
        tensor([-2, -1,  0,  1,  2])
    """
    return _shifted(a, dim, lambda n: n // 2)


@op(
    "fft_ifftshift(Tensor input, int[1]? dim=None) -> Tensor",
    "fft.ifftshift",
    vjp=composite,
    samples="(5,) | (3,4) | (3,4) 1",
)
def fft_ifftshift(a: Tensor, dim: Any) -> Any:
    """Undoes ``fftshift``.

    Example::

        >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1, 2]))
        tensor([ 0,  1,  2, -2, -1])
    """
    return _shifted(a, dim, lambda n: -(n // 2))
