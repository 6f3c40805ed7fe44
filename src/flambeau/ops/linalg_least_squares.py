"""Pseudo-inverses and least squares."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops import _lapack
from flambeau.ops._matrices import adjoint, check_dtype, check_matrix, compute, eye_like
from flambeau.ops.linalg_factor import linalg_qr, linalg_svdvals
from flambeau.ops.linalg_solve import linalg_solve_triangular
from flambeau.ops.record import composite, op


def tolerances(a: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """Absolute and relative bounds up to which singular values count as zero."""
    if rtol is None:
        no_atol = atol is None or (not isinstance(atol, Tensor) and atol == 0)
        size = max(a.shape[-2:]) * flambeau.finfo(a.dtype).eps
        if isinstance(atol, Tensor):
            rtol = flambeau.where(atol > 0, 0.0, size)
        else:
            rtol = size if no_atol else 0.0
    return (0.0 if atol is None else atol), rtol


def _pinv_vjp(g: Any) -> None:
    a, p, dp = g.input("A"), g.output(), g.dout()
    ph, dph = adjoint(p), adjoint(dp)
    left = dph @ p
    first = left @ ph - a @ (p @ (left @ ph))
    right = ph @ (p @ dph)
    second = right - (right @ p) @ a
    g.set("A", first + second - ph @ dp @ ph)


@op(
    "_linalg_pinv(Tensor A, Tensor atol, Tensor rtol, bool hermitian) -> Tensor",
    "",
    vjp=_pinv_vjp,
    save="A, result",
)
def _linalg_pinv(a: Tensor, atol: Tensor, rtol: Tensor, hermitian: bool) -> Any:
    """The pseudo-inverse, with bounds of each matrix of the batch."""
    shape = (*a.shape[:-2], a.shape[-1], a.shape[-2])

    def pinv(x: Any, absolute: Any, relative: Any) -> Any:
        if x.size == 0:
            return (numpy.zeros(shape, x.dtype),)
        if hermitian:
            s, u = _lapack.eigh(x, "L")
            size, vh = numpy.abs(s), u.swapaxes(-2, -1).conj()
        else:
            u, s, vh = _lapack.svd(x, full_matrices=False)
            size = s
        bound = numpy.maximum(absolute, relative * size.max(-1, initial=0))
        keep = size > bound[..., None]
        inverse = numpy.where(keep, 1 / numpy.where(keep, s, 1), 0)
        return ((vh.swapaxes(-2, -1).conj() * inverse[..., None, :]) @ u.swapaxes(-2, -1).conj(),)

    return compute(pinv, [a, atol, rtol], [(shape, a.dtype)])[0]


def _as_bound(value: Any, a: Tensor) -> Tensor:
    real = a.dtype.to_real()
    if isinstance(value, Tensor):
        return value.detach().to(real)
    return flambeau.full((), float(value), dtype=real, device=a.device)


def _pinv(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    check_matrix("linalg.pinv", a)
    check_dtype("linalg.pinv", a)
    absolute, relative = tolerances(a, atol, rtol)
    return _linalg_pinv(a, _as_bound(absolute, a), _as_bound(relative, a), hermitian)


@op(
    "linalg_pinv(Tensor A, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    "linalg.pinv",
    vjp=composite,
    samples="(3,3) | (4,2) | (2,3,5)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_pinv(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The Moore-Penrose pseudo-inverse.

    Its derivative: Golub and Pereyra (1973), eq. 4.12.

    Args:
        A: (*, m, n).
        atol: singular values not above ``max(atol, rtol * largest)`` count as zero. Default: 0.
        rtol: the relative bound. Default: ``max(m, n) * eps``, or 0 if ``atol`` is given.
        hermitian: A is Hermitian; faster.

    Returns:
        (*, n, m).

    Example::

        >>> torch.linalg.pinv(torch.tensor([[2.0], [0.0]]))
        tensor([[0.5000, 0.0000]])
    """
    return _pinv(a, atol, rtol, hermitian)


@op(
    "linalg_pinv.atol_rtol_tensor(Tensor A, *, Tensor? atol=None, Tensor? rtol=None,"
    " bool hermitian=False) -> Tensor",
    "linalg.pinv",
    vjp=composite,
    samples="(4,3)",
)
def linalg_pinv_tensors(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    return _pinv(a, atol, rtol, hermitian)


@op(
    "linalg_pinv.rcond(Tensor A, float rcond, bool hermitian=False) -> Tensor",
    "linalg.pinv",
    vjp=composite,
    samples="(4,3) 0.01",
)
def linalg_pinv_rcond(a: Tensor, rcond: float, hermitian: bool) -> Any:
    return _pinv(a, 0.0, rcond, hermitian)


@op(
    "linalg_pinv.rcond_tensor(Tensor A, Tensor rcond, bool hermitian=False) -> Tensor",
    "linalg.pinv",
    vjp=composite,
    samples="(4,3) ()@0.001..0.01",
)
def linalg_pinv_rcond_tensor(a: Tensor, rcond: Tensor, hermitian: bool) -> Any:
    return _pinv(a, 0.0, rcond, hermitian)


@op(
    "pinverse(Tensor input, float rcond=1e-15) -> Tensor",
    "pinverse, Tensor.pinverse",
    vjp=composite,
    autocast="float32",
    samples="(3,2)",
)
def pinverse(a: Tensor, rcond: float) -> Any:
    """The pseudo-inverse: ``linalg.pinv`` with a relative bound."""
    return _pinv(a, 0.0, rcond, False)


@op(
    "linalg_lstsq(Tensor A, Tensor B, float? rcond=None, *, str? driver=None)"
    " -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    "linalg.lstsq",
    vjp=composite,
    autocast="float32",
    samples="(4,2) (4,3) | (3,3) (3,1) | (2,5,3) (2,5,2)",
    errors="(3,2) (4,2) -> RuntimeError: input.size(-2)",
)
def linalg_lstsq(a: Tensor, b: Tensor, rcond: Any, driver: Any) -> Any:
    """The X of least norm among those that minimise ``|A X - B|``.

    Args:
        A: (*, m, n).
        B: (*, m, k), or (*, m) for vectors.
        rcond: singular values not above ``rcond`` times the largest count as zero.
        driver: 'gels', 'gelsy' (default), 'gelsd' or 'gelss': which further results are given.

    Returns:
        solution (*, n, k); residuals, the squared errors, (*, k) if m > n, A has full rank and the
        driver is not 'gelsy'; rank (*), but for 'gels'; singular_values (*, min(m, n)) for 'gelsd'
        and 'gelss'. What is not given is empty.

    Example::

        >>> a, b = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]])
        >>> torch.linalg.lstsq(a, b).solution.round()
        tensor([[2.]])
    """
    name = "torch.linalg.lstsq"
    driver = "gelsy" if driver is None else driver
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    check_dtype(name, a)
    if a.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if b.dim() < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    if right.dim() < 2 or a.shape[-2] != right.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{a.dtype} and other's dtype {b.dtype}"
        )
    m, n = a.shape[-2:]
    bound = max(m, n) * flambeau.finfo(a.dtype).eps if rcond is None else rcond
    x = _by_reflections(a, right, bound)
    known = x is not None  # that all matrices have full rank
    if x is None:
        x = _pinv(a, 0.0, bound, False) @ right
    real = a.dtype.to_real()
    values = flambeau.empty((0,), dtype=real, device=a.device)
    residuals = x.abs().reshape((-1,)).narrow(0, 0, 0)
    rank = flambeau.empty((0,), dtype=flambeau.int64, device=a.device)
    if driver in ("gelsd", "gelss") or (driver == "gelsy" and not known):
        singular = linalg_svdvals(a.detach())
        rank = _rank(singular, bound)
        values = values if driver == "gelsy" else singular
    elif driver == "gelsy":
        rank = flambeau.full(a.shape[:-2], min(m, n), dtype=flambeau.int64, device=a.device)
    full_rank = driver == "gels" or a.is_meta or bool((rank == n).all())
    if m > n and driver != "gelsy" and full_rank:
        residuals = ((a @ x - right).abs() ** 2).sum(-2)
    if vector:
        x = x.squeeze(-1)
    return x, residuals, rank, values


def _frobenius(a: Tensor) -> Tensor:
    made: Tensor = (a.abs() ** 2).sum((-2, -1)).sqrt()
    return made


def _by_reflections(a: Tensor, b: Tensor, bound: float) -> Tensor | None:
    """The solution from a QR decomposition; None: a rank may be below ``min(m, n)``."""
    m, n = a.shape[-2:]
    if a.is_meta or m == 0 or n == 0:
        return None
    q, r = linalg_qr(a if m >= n else adjoint(a))
    fixed = r.detach()
    inverse = linalg_solve_triangular(fixed, eye_like(fixed), upper=True)
    # The largest singular value over the smallest is at most this.
    condition = _frobenius(fixed) * _frobenius(inverse)
    if not bool((condition * bound < 1).all()):
        return None
    made: Tensor
    if m >= n:
        made = linalg_solve_triangular(r, adjoint(q) @ b, upper=True)
    else:
        made = q @ linalg_solve_triangular(adjoint(r), b, upper=False)
    return made


def _rank(singular: Tensor, bound: float) -> Tensor:
    results = [(singular.shape[:-1], flambeau.int64)]

    def count(s: Any) -> Any:
        return ((s > bound * s.max(-1, keepdims=True, initial=0)).sum(-1),)

    made: Tensor = compute(count, [singular], results)[0]
    return made
