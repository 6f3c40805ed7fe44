"""Window functions, computed in double precision."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau.ops.record import no_gradient, op

_FACTORY = "ScalarType? dtype=None, Device? device=None) -> Tensor"
_SIZES = "0 | 1 | 2 | 7 | 8 False"


def _finished(array: Any, dtype: Any, device: Any) -> Any:
    dtype = flambeau.get_default_dtype() if dtype is None else dtype
    return flambeau.from_numpy(numpy.ascontiguousarray(array)).to(dtype=dtype, device=device)


def _check(name: str, n: int, dtype: Any) -> None:
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    if dtype is not None and not dtype.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")


def _positions(n: int, periodic: bool) -> Any:
    """n points of [0, 1]; a periodic window leaves out the last of n + 1."""
    if n <= 1:
        return numpy.full(n, 0.5)
    return numpy.arange(n) / (n if periodic else n - 1)


def _cosines(n: int, periodic: bool, a: Any) -> Any:
    """``sum_k (-1)^k a_k cos(2 pi k t)``; one point is 1."""
    if n == 1:
        return numpy.ones(1)
    t = 2 * numpy.pi * _positions(n, periodic)
    made = numpy.zeros(n)
    for k, factor in enumerate(a):
        made += (-1) ** k * factor * numpy.cos(k * t)
    return made


def _kaiser(n: int, periodic: bool, beta: float) -> Any:
    if n == 1:
        return numpy.ones(1)
    t = 2 * _positions(n, periodic) - 1
    return numpy.i0(beta * numpy.sqrt(numpy.maximum(1 - t * t, 0))) / numpy.i0(beta)


# --- torch.*_window -------------------------------------------------------------------------------


@op(
    f"hann_window(int window_length, bool periodic=True, *, {_FACTORY}",
    "hann_window",
    vjp=no_gradient,
    samples=_SIZES,
    errors="-1 -> RuntimeError: requires non-negative window_length",
)
def hann_window(n: int, periodic: bool, dtype: Any, device: Any) -> Any:
    """The Hann window ``(1 - cos(2 pi k / N)) / 2``.

    Args:
        window_length: number of points n.
        periodic: N = n, for spectra; else N = n - 1, symmetric.

    Example::

        >>> torch.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    _check("hann_window", n, dtype)
    return _finished(_cosines(n, periodic, (0.5, 0.5)), dtype, device)


@op(
    "hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, *,"
    f" {_FACTORY}",
    "hamming_window",
    vjp=no_gradient,
    samples=f"{_SIZES} | 5 True 0.6 0.4",
    errors="-1 -> RuntimeError: requires non-negative window_length",
)
def hamming_window(
    n: int, periodic: bool, alpha: float, beta: float, dtype: Any, device: Any
) -> Any:
    """The Hamming window ``alpha - beta cos(2 pi k / N)``; arguments as of ``hann_window``.

    Example::

        >>> torch.hamming_window(2)
        tensor([0.0800, 1.0000])
    """
    _check("hamming_window", n, dtype)
    return _finished(_cosines(n, periodic, (alpha, beta)), dtype, device)


@op(
    f"blackman_window(int window_length, bool periodic=True, *, {_FACTORY}",
    "blackman_window",
    vjp=no_gradient,
    samples=_SIZES,
    errors="-1 -> RuntimeError: requires non-negative window_length",
)
def blackman_window(n: int, periodic: bool, dtype: Any, device: Any) -> Any:
    """The Blackman window ``0.42 - 0.5 cos(2 pi k / N) + 0.08 cos(4 pi k / N)``.

    Arguments as of ``hann_window``.

    Example::

        >>> torch.blackman_window(5).narrow(0, 1, 2)
        tensor([0.2008, 0.8492])
    """
    _check("blackman_window", n, dtype)
    return _finished(numpy.abs(_cosines(n, periodic, (0.42, 0.5, 0.08))), dtype, device)


@op(
    f"bartlett_window(int window_length, bool periodic=True, *, {_FACTORY}",
    "bartlett_window",
    vjp=no_gradient,
    samples=_SIZES,
    errors="-1 -> RuntimeError: requires non-negative window_length",
)
def bartlett_window(n: int, periodic: bool, dtype: Any, device: Any) -> Any:
    """The triangle ``1 - |2 k / N - 1|``; arguments as of ``hann_window``.

    Example::

        >>> torch.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    _check("bartlett_window", n, dtype)
    return _finished(1 - numpy.abs(2 * _positions(n, periodic) - 1), dtype, device)


@op(
    f"kaiser_window(int window_length, bool periodic=True, float beta=12.0, *, {_FACTORY}",
    "kaiser_window",
    vjp=no_gradient,
    samples=f"{_SIZES} | 5 True 3.0",
    errors="-1 -> RuntimeError: requires non-negative window_length",
)
def kaiser_window(n: int, periodic: bool, beta: float, dtype: Any, device: Any) -> Any:
    """The Kaiser window ``I0(beta sqrt(1 - (2 k / N - 1)^2)) / I0(beta)``.

    Args:
        window_length: number of points n.
        periodic: N = n; else N = n - 1.
        beta: the larger, the narrower.

    Example::

        >>> torch.kaiser_window(3, periodic=False, beta=0.0)
        tensor([1., 1., 1.])
    """
    _check("kaiser_window", n, dtype)
    return _finished(_kaiser(n, periodic, beta), dtype, device)


# --- torch.signal.windows -------------------------------------------------------------------------


def _check_points(name: str, m: int, dtype: Any) -> None:
    if m < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={m}")
    if dtype is not None and dtype not in (flambeau.float32, flambeau.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")


def _named_cosines(name: str, m: int, a: Any, sym: bool, dtype: Any, device: Any) -> Any:
    _check_points(name, m, dtype)
    return _finished(_cosines(m, not sym, a), dtype, device)


@op(
    f"signal_windows_hann(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.hann",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
    errors="-1 -> ValueError: requires non-negative window length",
)
def windows_hann(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """The Hann window of M points, symmetric or periodic."""
    return _named_cosines("general_cosine", m, (0.5, 0.5), sym, dtype, device)


@op(
    f"signal_windows_hamming(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.hamming",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
)
def windows_hamming(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """The Hamming window of M points, symmetric or periodic."""
    return _named_cosines("general_cosine", m, (0.54, 0.46), sym, dtype, device)


@op(
    f"signal_windows_blackman(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.blackman",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
)
def windows_blackman(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """The Blackman window of M points, symmetric or periodic."""
    return _named_cosines("general_cosine", m, (0.42, 0.5, 0.08), sym, dtype, device)


@op(
    f"signal_windows_nuttall(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.nuttall",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
)
def windows_nuttall(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """Nuttall's window of least side lobes with four terms, of M points."""
    a = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _named_cosines("general_cosine", m, a, sym, dtype, device)


@op(
    f"signal_windows_general_hamming(int M, *, float alpha=0.54, bool sym=True, {_FACTORY}",
    "signal.windows.general_hamming",
    vjp=no_gradient,
    samples="1 | 6 alpha=0.6 | 7 sym=False",
)
def windows_general_hamming(m: int, alpha: float, sym: bool, dtype: Any, device: Any) -> Any:
    """``alpha - (1 - alpha) cos(2 pi k / N)``, of M points."""
    return _named_cosines("general_cosine", m, (alpha, 1 - alpha), sym, dtype, device)


@op(
    f"signal_windows_general_cosine(int M, *, float[] a, bool sym=True, {_FACTORY}",
    "signal.windows.general_cosine",
    vjp=no_gradient,
    samples="1 a=[0.5,0.5] | 6 a=[0.4,0.3,0.3] | 7 a=[0.6,0.4] sym=False",
)
def windows_general_cosine(m: int, a: Any, sym: bool, dtype: Any, device: Any) -> Any:
    """``sum_k (-1)^k a_k cos(2 pi k t)`` at M points t of [0, 1]."""
    if not a:
        raise ValueError("Coefficients cannot be empty")
    return _named_cosines("general_cosine", m, a, sym, dtype, device)


@op(
    f"signal_windows_bartlett(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.bartlett",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
)
def windows_bartlett(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """The triangle from 0 to 1 and back, of M points."""
    _check_points("bartlett", m, dtype)
    return _finished(1 - numpy.abs(2 * _positions(m, not sym) - 1), dtype, device)


@op(
    f"signal_windows_cosine(int M, *, bool sym=True, {_FACTORY}",
    "signal.windows.cosine",
    vjp=no_gradient,
    samples="0 | 1 | 6 | 7 sym=False",
)
def windows_cosine(m: int, sym: bool, dtype: Any, device: Any) -> Any:
    """``sin(pi (k + 1/2) / N)``, of M points."""
    _check_points("cosine", m, dtype)
    n = m if sym or m <= 1 else m + 1
    return _finished(numpy.sin(numpy.pi * (numpy.arange(m) + 0.5) / max(n, 1)), dtype, device)


@op(
    f"signal_windows_gaussian(int M, *, float std=1.0, bool sym=True, {_FACTORY}",
    "signal.windows.gaussian",
    vjp=no_gradient,
    samples="0 | 1 | 6 std=2.0 | 7 sym=False",
    errors="5 std=-1.0 -> ValueError: Standard deviation must be positive",
)
def windows_gaussian(m: int, std: float, sym: bool, dtype: Any, device: Any) -> Any:
    """``exp(-(k - N / 2)^2 / (2 std^2))``, of M points."""
    _check_points("gaussian", m, dtype)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = ((m if sym or m <= 1 else m + 1) - 1) / 2
    return _finished(numpy.exp(-0.5 * ((numpy.arange(m) - middle) / std) ** 2), dtype, device)


@op(
    "signal_windows_exponential(int M, *, float? center=None, float tau=1.0, bool sym=True,"
    f" {_FACTORY}",
    "signal.windows.exponential",
    vjp=no_gradient,
    samples="0 | 1 | 6 tau=2.0 | 7 sym=False | 5 center=1.0 sym=False",
    errors="5 tau=-1.0 -> ValueError: Tau must be positive",
)
def windows_exponential(
    m: int, center: float | None, tau: float, sym: bool, dtype: Any, device: Any
) -> Any:
    """``exp(-|k - center| / tau)``, of M points."""
    _check_points("exponential", m, dtype)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if center is None:
        center = ((m if sym or m <= 1 else m + 1) - 1) / 2
    return _finished(numpy.exp(-numpy.abs(numpy.arange(m) - center) / tau), dtype, device)


@op(
    f"signal_windows_kaiser(int M, *, float beta=12.0, bool sym=True, {_FACTORY}",
    "signal.windows.kaiser",
    vjp=no_gradient,
    samples="0 | 1 | 6 beta=2.0 | 7 sym=False",
    errors="5 beta=-1.0 -> ValueError: beta must be non-negative",
)
def windows_kaiser(m: int, beta: float, sym: bool, dtype: Any, device: Any) -> Any:
    """``I0(beta sqrt(1 - (2 k / N - 1)^2)) / I0(beta)``, of M points."""
    _check_points("kaiser", m, dtype)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _finished(_kaiser(m, not sym, beta), dtype, device)
