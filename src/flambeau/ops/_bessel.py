"""Bessel and gamma functions of arrays, in double precision.

Integrals of periodic or quickly falling functions by the trapezoidal rule, which then converges
exponentially (Trefethen and Weideman, The exponentially convergent trapezoidal rule, 2014), and
asymptotic series for large arguments (DLMF 10.17, 10.40).
"""

from __future__ import annotations

import math
from typing import Any

import numpy

_NODES = (numpy.arange(128) + 0.5) * (numpy.pi / 128)
_LARGE = 25.0
_EULER = 0.57721566490153286061


def _by_size(x: Any, small: Any, large: Any) -> Any:
    """One function up to 25, another above; NaN stays."""
    out = numpy.full(x.shape, numpy.nan)
    low, high = x <= _LARGE, x > _LARGE
    if low.any():
        out[low] = small(x[low])
    if high.any():
        out[high] = large(x[high])
    return out


def _hankel_terms(n: int, x: Any) -> Any:
    """``a_k(n) / x^k``, until they no longer shrink: DLMF 10.17.1."""
    term, terms = numpy.ones_like(x), [numpy.ones_like(x)]
    for k in range(1, 40):
        term = term * (4 * n * n - (2 * k - 1) ** 2) / (8 * k * x)
        terms.append(term)
    return terms


def bessel_j(n: int, x: Any) -> Any:
    """J_n of real x, n = 0 or 1 (or higher for |x| up to 25)."""
    sign = numpy.sign(x) if n % 2 else 1.0
    return sign * _by_size(numpy.abs(x), lambda z: _j_small(n, z), lambda z: _oscillating(n, z)[0])


def _j_small(n: int, x: Any) -> Any:
    angles = n * _NODES - x[..., None] * numpy.sin(_NODES)
    return numpy.cos(angles).mean(-1)


def _oscillating(n: int, x: Any) -> tuple[Any, Any]:
    """J_n and Y_n for large x."""
    terms = _hankel_terms(n, x)
    p = sum((-1) ** k * terms[2 * k] for k in range(10))
    q = sum((-1) ** k * terms[2 * k + 1] for k in range(10))
    with numpy.errstate(invalid="ignore"):
        angle = numpy.where(numpy.isfinite(x), x, 0) - (n / 2 + 0.25) * numpy.pi
    size = numpy.sqrt(2 / (numpy.pi * x))
    c, s = numpy.cos(angle), numpy.sin(angle)
    return size * (p * c - q * s), size * (p * s + q * c)


def bessel_y(n: int, x: Any) -> Any:
    """Y_n of real x, n = 0 or 1; -inf at 0, NaN below."""
    with numpy.errstate(divide="ignore", invalid="ignore"):
        made = _by_size(x, lambda z: _y_small(n, z), lambda z: _oscillating(n, z)[1])
    made[x < 0] = numpy.nan
    made[x == 0] = -numpy.inf
    return made


def _y_small(n: int, x: Any) -> Any:
    """Neumann's series (DLMF 10.8.3 for order 0) and the derivative of its terms."""
    log = numpy.log(numpy.abs(x) / 2) + _EULER
    made = 2 / numpy.pi * log * _j_small(n, x)
    if n == 1:
        made = made - 2 / (numpy.pi * x) * _j_small(0, x)
    for k in range(1, 45):
        if n == 0:
            term = -_j_small(2 * k, x) / k
        else:
            term = (_j_small(2 * k - 1, x) - _j_small(2 * k + 1, x)) / (2 * k)
        made = made + 4 / numpy.pi * (-1) ** k * term
    return made


def scaled_i(n: int, x: Any) -> Any:
    """``exp(-|x|) I_n(x)``, n = 0 or 1."""
    sign = numpy.sign(x) if n % 2 else 1.0
    return sign * _by_size(numpy.abs(x), lambda z: _i_small(n, z), lambda z: _i_large(n, z))


def _i_small(n: int, x: Any) -> Any:
    quadrature = numpy.exp(x[..., None] * (numpy.cos(_NODES) - 1)) * numpy.cos(n * _NODES)
    # Near zero the odd integrand cancels: the power series does not.
    series, term = numpy.zeros_like(x), numpy.ones_like(x)
    for k in range(12):
        series = series + term
        term = term * (x * x / 4) / ((k + 1) * (k + 1 + n))
    series = series * (x / 2) ** n * numpy.exp(-x)
    return numpy.where(x < 1, series, quadrature.mean(-1))


def _i_large(n: int, x: Any) -> Any:
    terms = _hankel_terms(n, x)
    total = sum((-1) ** k * terms[k] for k in range(25))
    return total / numpy.sqrt(2 * numpy.pi * x)


_STEP = 0.1
_COSH = numpy.cosh(numpy.arange(1, 360) * _STEP)


def scaled_k(n: int, x: Any) -> Any:
    """``exp(x) K_n(x)``, n = 0 or 1: the integral of ``exp(-x (cosh t - 1)) cosh(n t)``."""
    with numpy.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        falling = numpy.exp(-x[..., None] * (_COSH - 1)) * (_COSH if n else 1.0)
        made = _STEP * (0.5 + falling.sum(-1))
        terms = _hankel_terms(n, x)
        large = sum(terms[k] for k in range(25)) * numpy.sqrt(numpy.pi / (2 * x))
    made = numpy.where(x > _LARGE, large, made)
    made[x < 0] = numpy.nan
    made[x == 0] = numpy.inf
    return made


def erfcx(x: Any, erfc: Any) -> Any:
    """``exp(x^2) erfc(x)``; ``erfc`` is given for the arguments where it does not underflow."""
    with numpy.errstate(over="ignore", invalid="ignore"):
        direct = numpy.exp(x * x) * erfc
        fraction = numpy.maximum(x, 2.0)
        tail = numpy.zeros_like(fraction)
        for k in range(120, 0, -1):  # Laplace's continued fraction: DLMF 7.9.1
            tail = (k / 2) / (fraction + tail)
        tail = 1 / (math.sqrt(math.pi) * (fraction + tail))
    return numpy.where(x < 2.0, direct, numpy.where(numpy.isnan(x), numpy.nan, tail))


def gamma_p(a: Any, x: Any, lgamma: Any) -> tuple[Any, Any]:
    """The regularised incomplete gamma functions P and Q: series or continued fraction."""
    with numpy.errstate(all="ignore"):
        front = numpy.exp(a * numpy.log(x) - x - lgamma)
        series = x < a + 1
        p = numpy.where(series, front * _gamma_series(a, numpy.where(series, x, 0.0)), 0.0)
        q = front * _gamma_fraction(a, numpy.where(series, a + 2, x))
        p = numpy.where(series, p, 1 - q)
        q = numpy.where(series, 1 - p, q)
    infinite = numpy.isinf(x)
    p = numpy.where(x == 0, 0.0, numpy.where(infinite, 1.0, p))
    p = numpy.where(a == 0, numpy.where(x > 0, 1.0, numpy.nan), p)
    wrong = (a < 0) | (x < 0) | numpy.isnan(a) | numpy.isnan(x) | (infinite & numpy.isinf(a))
    q = numpy.where((x == 0) | infinite | (a == 0), 1 - p, q)
    return numpy.where(wrong, numpy.nan, p), numpy.where(wrong, numpy.nan, q)


def _gamma_series(a: Any, x: Any) -> Any:
    term = 1 / a
    total, n = term, a
    for _ in range(2000):
        n = n + 1
        term = term * x / n
        total = total + term
        if not (numpy.abs(term) > 1e-17 * numpy.abs(total)).any():
            break
    return total


def _gamma_fraction(a: Any, x: Any) -> Any:
    """Lentz's method for DLMF 8.9.2."""
    b = x + 1 - a
    c, d = numpy.full_like(b, 1e300), 1 / b
    h = d
    for i in range(1, 2000):
        step = -i * (i - a)
        b = b + 2
        d = 1 / (step * d + b)
        c = b + step / c
        h = h * d * c
        if not (numpy.abs(d * c - 1) > 1e-16).any():
            break
    return h
