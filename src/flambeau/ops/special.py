"""Special functions that are rare: in double precision on NumPy, or made of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops import _bessel
from flambeau.ops._matrices import compute
from flambeau.ops.record import composite, no_gradient, op


def _result_dtype(*tensors: Tensor) -> Any:
    dtype = tensors[0].dtype
    for t in tensors[1:]:
        dtype = flambeau.result_type(tensors[0], t)
    return dtype if dtype.is_floating_point else flambeau.get_default_dtype()


def _mapped(function: Callable[..., Any], *tensors: Tensor) -> Any:
    """A function of double precision arrays, broadcast, in the dtype of the tensors."""
    shape = tuple(flambeau.broadcast_shapes(*(t.shape for t in tensors)))
    doubles = [t.detach().to(flambeau.float64).expand(shape) for t in tensors]
    return compute(
        lambda *arrays: (function(*(numpy.array(a, ndmin=1) for a in arrays)).reshape(shape),),
        doubles,
        [(shape, _result_dtype(*tensors))],
    )[0]


# --- modified Bessel functions of the first kind --------------------------------------------------


def _i0_vjp(g: Any) -> None:
    g.set("input", g.dout() * i1(g.input("input")))


def _i0e_vjp(g: Any) -> None:
    x = g.input("input")
    g.set("input", g.dout() * (i1e(x) - x.sgn() * g.output()))


def _over(value: Tensor, x: Tensor) -> Tensor:
    """``value / x``, and 1/2 at 0: what I_1(x) / x becomes there."""
    zero = x == 0
    made: Tensor = flambeau.where(zero, 0.5, value / flambeau.where(zero, 1.0, x))
    return made


def _i1_vjp(g: Any) -> None:
    x = g.input("input")
    g.set("input", g.dout() * (i0(x) - _over(g.output(), x)))


def _i1e_vjp(g: Any) -> None:
    x, y = g.input("input"), g.output()
    g.set("input", g.dout() * (i0e(x) - x.sgn() * y - _over(y, x)))


def _unscaled(n: int) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        with numpy.errstate(over="ignore", invalid="ignore"):
            return _bessel.scaled_i(n, x) * numpy.exp(numpy.abs(x))

    return function


@op(
    "i0(Tensor input) -> Tensor",
    "i0, special.i0, Tensor.i0, Tensor.i0_",
    vjp=_i0_vjp,
    save="input",
    samples="(7,)@-5..5 | (0,) | (3,)@20..40 | ()",
)
def i0(x: Tensor) -> Any:
    """The modified Bessel function of the first kind of order 0.

    Example::

        >>> torch.special.i0(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """
    return _mapped(_unscaled(0), x)


@op(
    "special_i0e(Tensor input) -> Tensor", "special.i0e", vjp=_i0e_vjp, save="input, result",
    samples="(7,)@-5..5 | (3,)@20..40",
)  # fmt: skip
def i0e(x: Tensor) -> Any:
    """``exp(-|x|) I_0(x)``.

    Example::

        >>> torch.special.i0e(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """
    return _mapped(lambda a: _bessel.scaled_i(0, a), x)


@op(
    "special_i1(Tensor input) -> Tensor", "special.i1", vjp=_i1_vjp, save="input, result",
    samples="(7,)@-5..5 | (3,)@20..40",
)  # fmt: skip
def i1(x: Tensor) -> Any:
    """The modified Bessel function of the first kind of order 1.

    Example::

        >>> torch.special.i1(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """
    return _mapped(_unscaled(1), x)


@op(
    "special_i1e(Tensor input) -> Tensor", "special.i1e", vjp=_i1e_vjp, save="input, result",
    samples="(7,)@-5..5 | (3,)@20..40",
)  # fmt: skip
def i1e(x: Tensor) -> Any:
    """``exp(-|x|) I_1(x)``.

    Example::

        >>> torch.special.i1e(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """
    return _mapped(lambda a: _bessel.scaled_i(1, a), x)


# --- Bessel functions without derivatives, as in PyTorch ------------------------------------------

_PLAIN: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("bessel_j0", "The Bessel function of the first kind of order 0.",
     lambda x: _bessel.bessel_j(0, x)),
    ("bessel_j1", "The Bessel function of the first kind of order 1.",
     lambda x: _bessel.bessel_j(1, x)),
    ("bessel_y0", "The Bessel function of the second kind of order 0.",
     lambda x: _bessel.bessel_y(0, x)),
    ("bessel_y1", "The Bessel function of the second kind of order 1.",
     lambda x: _bessel.bessel_y(1, x)),
    ("modified_bessel_i0", "The modified Bessel function of the first kind of order 0.",
     _unscaled(0)),
    ("modified_bessel_i1", "The modified Bessel function of the first kind of order 1.",
     _unscaled(1)),
    ("modified_bessel_k0", "The modified Bessel function of the second kind of order 0.",
     lambda x: _bessel.scaled_k(0, x) * numpy.exp(-x)),
    ("modified_bessel_k1", "The modified Bessel function of the second kind of order 1.",
     lambda x: _bessel.scaled_k(1, x) * numpy.exp(-x)),
    ("spherical_bessel_j0", "``sin(x) / x``.", lambda x: numpy.sinc(x / numpy.pi)),
]  # fmt: skip


def _register_plain(name: str, doc: str, function: Callable[[Any], Any]) -> None:
    def forward(x: Tensor) -> Any:
        return _mapped(function, x)

    forward.__doc__ = doc
    schema = f"special_{name}(Tensor input) -> Tensor"
    op(schema, f"special.{name}", vjp=no_gradient, samples="(7,)@0.1..5 | (3,)@24..40")(forward)


for _entry in _PLAIN:
    _register_plain(*_entry)


def _register_scaled(n: int) -> None:
    def forward(x: Tensor) -> Any:
        return _mapped(lambda a: _bessel.scaled_k(n, a), x)

    forward.__doc__ = f"``exp(x) K_{n}(x)``, K_{n} the modified Bessel function of the second kind."
    name = f"scaled_modified_bessel_k{n}"
    schema = f"special_{name}(Tensor x) -> Tensor"
    op(schema, f"special.{name}", vjp=no_gradient, samples="(7,)@0.1..5 | (3,)@24..40")(forward)


for _n in (0, 1):
    _register_scaled(_n)

# --- around the normal distribution ---------------------------------------------------------------


def _erfcx_vjp(g: Any) -> None:
    slope = 2 * g.input("input") * g.output() - 2 / math.sqrt(math.pi)
    g.set("input", g.dout() * slope)


@op(
    "special_erfcx(Tensor input) -> Tensor", "special.erfcx", vjp=_erfcx_vjp, save="input, result",
    samples="(7,)@-2..5 | (3,)@20..60",
)  # fmt: skip
def erfcx(x: Tensor) -> Any:
    """``exp(x^2) erfc(x)``, without overflow.

    Example::

        >>> torch.special.erfcx(torch.tensor([0.0, 10.0]))
        tensor([1.0000, 0.0561])
    """
    return _mapped(_bessel.erfcx, x, flambeau.erfc(x.detach().to(flambeau.float64))).to(
        _result_dtype(x)
    )


def _floating(x: Tensor) -> Tensor:
    return x if x.dtype.is_floating_point else x.to(flambeau.get_default_dtype())


@op(
    "special_ndtr(Tensor input) -> Tensor", "special.ndtr", vjp=composite,
    samples="(7,)@-5..5 | (0,)",
)  # fmt: skip
def ndtr(x: Tensor) -> Any:
    """The distribution function of the standard normal: ``erfc(-x / sqrt(2)) / 2``.

    Example::

        >>> torch.special.ndtr(torch.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8413])
    """
    return flambeau.erfc(_floating(x) * -math.sqrt(0.5)) * 0.5


@op(
    "special_log_ndtr(Tensor input) -> Tensor", "special.log_ndtr", vjp=composite,
    samples="(7,)@-5..5 | (3,)@-60..-20",
)  # fmt: skip
def log_ndtr(x: Tensor) -> Any:
    """The logarithm of ``ndtr``, exact far below zero too.

    Example::

        >>> torch.special.log_ndtr(torch.tensor([0.0, -4.0]))
        tensor([ -0.6931, -10.3601])
    """
    x = _floating(x)
    low = x < -1
    t = x * math.sqrt(0.5)
    below = flambeau.log(erfcx(-flambeau.where(low, t, -1.0)) * 0.5) - t * t
    above = flambeau.log1p(flambeau.erfc(flambeau.where(low, 0.0, t)) * -0.5)
    return flambeau.where(low, below, above)


def _ndtri(p: Any) -> Any:
    """Newton's method for the logarithm, from the tails' first approximation."""
    q = numpy.minimum(p, 1 - p)
    with numpy.errstate(all="ignore"):
        t = numpy.sqrt(-2 * numpy.log(q))
        # Abramowitz and Stegun 26.2.23.
        x = -(t - (2.515517 + t * (0.802853 + t * 0.010328))
              / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))))  # fmt: skip
        for _ in range(4):
            log = log_ndtr(flambeau.from_numpy(x.copy())).numpy()
            slope = numpy.exp(-0.5 * x * x - log) / math.sqrt(2 * math.pi)
            x = x - (log - numpy.log(q)) / slope
    x = numpy.where(p > 0.5, -x, x)
    x = numpy.where(p == 0.5, 0.0, numpy.where(p == 0, -numpy.inf, x))
    x = numpy.where(p == 1, numpy.inf, x)
    return numpy.where((p < 0) | (p > 1) | numpy.isnan(p), numpy.nan, x)


def _ndtri_vjp(g: Any) -> None:
    y = g.output()
    g.set("input", g.dout() * math.sqrt(2 * math.pi) * flambeau.exp(y * y * 0.5))


@op(
    "special_ndtri(Tensor input) -> Tensor", "special.ndtri", vjp=_ndtri_vjp, save="result",
    samples="(7,)@0.01..0.99",
)  # fmt: skip
def ndtri(p: Tensor) -> Any:
    """The inverse of ``ndtr``.

    Example::

        >>> torch.special.ndtri(torch.tensor([0.25, 0.975]))
        tensor([-0.6745,  1.9600])
    """
    return _mapped(_ndtri, p)


def _entr_vjp(g: Any) -> None:
    g.set("input", g.dout() * (-flambeau.log(g.input("input")) - 1))


@op(
    "special_entr(Tensor input) -> Tensor", "special.entr", vjp=_entr_vjp, save="input",
    samples="(7,)@0.1..3 | (0,)",
)  # fmt: skip
def entr(x: Tensor) -> Any:
    """``-x log(x)``; 0 at 0, -inf below.

    Example::

        >>> torch.special.entr(torch.tensor([0.0, 1.0, 2.0]))
        tensor([ 0.0000, -0.0000, -1.3863])
    """
    x = _floating(x)
    made = flambeau.where(x == 0, 0.0, -x * flambeau.log(x))
    return flambeau.where(x < 0, -math.inf, made)


# --- gamma functions ------------------------------------------------------------------------------


def _gamma_slope(g: Any) -> Tensor:
    """Of P by its second argument; by the first PyTorch has none either."""
    if g.needs("input"):
        raise NotImplementedError("the derivative for 'igamma: input' is not implemented.")
    a, x = g.input("input"), g.input("other")
    slope: Tensor = g.dout() * flambeau.exp((a - 1) * flambeau.log(x) - x - flambeau.lgamma(a))
    return slope


def _gammainc_vjp(g: Any) -> None:
    g.set("other", _gamma_slope(g))


def _gammaincc_vjp(g: Any) -> None:
    g.set("other", -_gamma_slope(g))


def _gamma(a: Tensor, x: Tensor, upper: bool) -> Any:
    lgamma = flambeau.lgamma(a.detach().to(flambeau.float64))
    dtype = _result_dtype(a, x)
    return _mapped(lambda *arrays: _bessel.gamma_p(*arrays)[upper], a, x, lgamma).to(dtype)


@op(
    "igamma(Tensor input, Tensor other) -> Tensor",
    "igamma, special.gammainc, Tensor.igamma, Tensor.igamma_",
    vjp=_gammainc_vjp,
    samples="(3,4)@0.5..4 (3,4)@0.5..4",
    save="input, other",
)
def igamma(a: Tensor, x: Tensor) -> Any:
    """The regularised lower incomplete gamma function P(a, x).

    Args:
        input: a, not negative.
        other: x, not negative.

    Example::

        >>> torch.special.gammainc(torch.tensor([1.0]), torch.tensor([1.0]))
        tensor([0.6321])
    """
    return _gamma(a, x, False)


@op(
    "igammac(Tensor input, Tensor other) -> Tensor",
    "igammac, special.gammaincc, Tensor.igammac, Tensor.igammac_",
    vjp=_gammaincc_vjp,
    samples="(3,4)@0.5..4 (3,4)@0.5..4",
    save="input, other",
)
def igammac(a: Tensor, x: Tensor) -> Any:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x).

    Example::

        >>> torch.special.gammaincc(torch.tensor([1.0]), torch.tensor([1.0]))
        tensor([0.3679])
    """
    return _gamma(a, x, True)


@op(
    "mvlgamma(Tensor input, int p) -> Tensor",
    "mvlgamma, special.multigammaln, Tensor.mvlgamma, Tensor.mvlgamma_",
    vjp=composite,
    samples="(4,)@3..5 3 | (2,)@1..2 1",
    errors="(4,)@3..5 0 -> RuntimeError: p has to be greater than or equal to 1",
)
def mvlgamma(a: Tensor, p: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension p.

    ``p (p - 1) / 4 log(pi) + sum_j lgamma(a - j / 2)``, j = 0 ... p - 1.

    Example::

        >>> torch.special.multigammaln(torch.tensor([2.0]), 2)
        tensor([0.4516])
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    a = _floating(a)
    total = flambeau.lgamma(a)
    for j in range(1, p):
        total = total + flambeau.lgamma(a - 0.5 * j)
    return total + p * (p - 1) / 4 * math.log(math.pi)


# --- orthogonal polynomials -----------------------------------------------------------------------
# Each by its first two members and its recurrence p_{k+1} = f(k, x, p_k, p_{k-1}); DLMF 18.9.

_Recurrence = Callable[[int, Any, Any, Any], Any]


def _twice(k: int, x: Any, p: Any, before: Any) -> Any:
    return 2 * x * p - before


_POLYNOMIALS: dict[str, tuple[str, Callable[[Any], Any], _Recurrence]] = {
    "chebyshev_polynomial_t": ("Chebyshev polynomial of the first kind", lambda x: x, _twice),
    "chebyshev_polynomial_u": ("Chebyshev polynomial of the second kind", lambda x: 2 * x, _twice),
    "chebyshev_polynomial_v": (
        "Chebyshev polynomial of the third kind", lambda x: 2 * x - 1, _twice,
    ),
    "chebyshev_polynomial_w": (
        "Chebyshev polynomial of the fourth kind", lambda x: 2 * x + 1, _twice,
    ),
    "hermite_polynomial_h": (
        "physicist's Hermite polynomial", lambda x: 2 * x,
        lambda k, x, p, before: 2 * x * p - 2 * k * before,
    ),
    "hermite_polynomial_he": (
        "probabilist's Hermite polynomial", lambda x: x,
        lambda k, x, p, before: x * p - k * before,
    ),
    "laguerre_polynomial_l": (
        "Laguerre polynomial", lambda x: 1 - x,
        lambda k, x, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1),
    ),
    "legendre_polynomial_p": (
        "Legendre polynomial", lambda x: x,
        lambda k, x, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1),
    ),
}  # fmt: skip


def _polynomial(x: Any, n: Any, first: Callable[[Any], Any], follow: _Recurrence) -> Any:
    """The n-th polynomial of each element; 0 for negative n."""
    n = numpy.trunc(n)
    before, p = numpy.ones_like(x), first(x)
    made = numpy.where(n == 0, 1.0, numpy.where(n == 1, p, 0.0))
    with numpy.errstate(over="ignore", invalid="ignore"):
        for k in range(1, int(n.max(initial=0))):
            before, p = p, follow(k, x, p, before)
            made = numpy.where(n == k + 1, p, made)
    return made


def _register_polynomial(
    name: str, doc: str, first: Callable[[Any], Any], follow: _Recurrence, shift: bool
) -> None:
    def forward(x: Tensor, n: Tensor) -> Any:
        def function(points: Any, degrees: Any) -> Any:
            return _polynomial(2 * points - 1 if shift else points, degrees, first, follow)

        return _mapped(function, x, n)

    forward.__doc__ = f"The {doc} of degree n; 0 for negative n."
    op(
        f"special_{name}(Tensor|Number x, Tensor|Number n) -> Tensor",
        f"special.{name}",
        vjp=no_gradient,
        samples="(4,)@-1..1 3 | (4,)@-1..1 (4,):int64@0..5 | (2,) -1",
    )(forward)


for _name, (_doc, _first, _follow) in _POLYNOMIALS.items():
    _register_polynomial(_name, _doc, _first, _follow, False)
    if _name.startswith("chebyshev"):
        _register_polynomial(f"shifted_{_name}", f"{_doc} at 2 x - 1,", _first, _follow, True)
