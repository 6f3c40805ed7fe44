"""Decompositions of matrices: Cholesky, QR, singular values."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops import _lapack
from flambeau.ops._matrices import (
    LinAlgError,
    adjoint,
    batch_text,
    check_dtype,
    check_matrix,
    check_square,
    complex_like,
    compute,
    dtype_name,
    embed_diagonal,
    failed,
    first_failure,
    not_converged,
)
from flambeau.ops.linalg_solve import _triangular
from flambeau.ops.record import composite, no_gradient, not_differentiable, op

# --- Cholesky -------------------------------------------------------------------------------------


_cholesky_factor = flambeau._C._find_op("_cholesky_factor")


def _cholesky_vjp(g: Any) -> None:
    if g.dout(0) is None:
        return
    factor = g.output(0)
    phi = (adjoint(factor) @ g.dout(0)).tril()
    sym = (phi + adjoint(phi.tril(-1))) * 0.5
    # L^-H sym L^-1, by two triangular systems.
    upper = adjoint(factor)
    first = _triangular(upper, sym, True, False)
    g.set("A", adjoint(_triangular(upper, adjoint(first), True, False)))


@op(
    "_linalg_cholesky(Tensor A, bool upper) -> (Tensor L, Tensor info)", "", vjp=_cholesky_vjp,
    save="L", samples="(1,1)@0.5..2 False | (1,1)@0.5..2 True",
)  # fmt: skip
def _linalg_cholesky(a: Tensor, upper: bool) -> Any:
    """The lower factor from one triangle, and the order of the minor it fails at, or 0."""
    return _cholesky_factor(adjoint(a) if upper else a)


def _cholesky(name: str, a: Tensor, upper: bool, check_errors: bool) -> tuple[Tensor, Tensor]:
    check_square(name, a)
    made, info = _linalg_cholesky(a, upper)
    if check_errors and failed(info):
        index = first_failure(info)
        raise LinAlgError(
            f"{name}: {batch_text(info, index)}The factorization could not be completed because "
            f"the input is not positive-definite (the leading minor of order {int(info[index])} is "
            "not positive-definite)."
        )
    return adjoint(made) if upper else made, info


@op(
    "linalg_cholesky(Tensor A, *, bool upper=False) -> Tensor",
    "linalg.cholesky",
    vjp=composite,
    autocast="float32",
    samples="(1,1)@0.5..2 | (3,1,1)@0.5..2 | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_cholesky(a: Tensor, upper: bool) -> Any:
    """The lower triangular L with ``A = L L^H``, or the upper U with ``A = U^H U``.

    Its derivative: Murray, Differentiation of the Cholesky decomposition (2016).

    Args:
        A: (*, n, n), Hermitian and positive-definite; one triangle is read.
        upper: which factor.

    Raises:
        LinAlgError: a matrix is not positive-definite.

    Example::

        >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    return _cholesky("linalg.cholesky", a, upper, True)[0]


@op(
    "cholesky(Tensor input, bool upper=False) -> Tensor",
    "cholesky, Tensor.cholesky",
    vjp=composite,
    autocast="float32",
    samples="(1,1)@0.5..2",
)
def cholesky(a: Tensor, upper: bool) -> Any:
    """The Cholesky factor: ``linalg.cholesky``."""
    return linalg_cholesky(a, upper=upper)


@op(
    "linalg_cholesky_ex(Tensor A, *, bool upper=False, bool check_errors=False)"
    " -> (Tensor L, Tensor info)",
    "linalg.cholesky_ex",
    vjp=composite,
    autocast="float32",
    samples="(1,1)@0.5..2",
)
def linalg_cholesky_ex(a: Tensor, upper: bool, check_errors: bool) -> Any:
    """``linalg.cholesky`` that reports matrices that are not positive-definite in ``info``.

    ``info`` holds 0, or the order of the leading minor that is not positive-definite; the factor is
    not finished then.
    """
    return _cholesky("linalg.cholesky_ex", a, upper, check_errors)


# --- QR -------------------------------------------------------------------------------------------

_householder_factor = flambeau._C._find_op("_householder_factor")
_householder_product = flambeau._C._find_op("_householder_product")
_householder_apply = flambeau._C._find_op("_householder_apply")


def _qr_square_gradient(dq: Tensor, dr: Tensor | None, q: Tensor, r: Tensor) -> Tensor:
    """Of tall or square A: ``[dQ + Q sym(triu(dR R^H - Q^H dQ))] R^-H``."""
    m = -(adjoint(q) @ dq)
    if dr is not None:
        m = m + dr @ adjoint(r)
    # The upper triangle mirrored, its diagonal real and not doubled.
    mirrored = m.triu(1)
    diagonal = m.diagonal(0, -2, -1)
    if diagonal.dtype.is_complex:
        real = flambeau.real(diagonal)
        diagonal = flambeau.complex(real, flambeau.zeros_like(real))
    sym = mirrored + adjoint(mirrored) + embed_diagonal(diagonal)
    # X R^-H is the adjoint of R^-1 X^H.
    return adjoint(_triangular(r, adjoint(dq + q @ sym), True, False))


def _qr_vjp(g: Any) -> None:
    q, r, mode = g.output(0), g.output(1), g.arg("mode")
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please "
            "use linalg.qr(A, mode='reduced') if you are going to require gradients."
        )
    m, n = q.shape[-2], r.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    dq, dr = g.dout_or_zeros(0), g.dout(1)
    if m >= n:
        g.set("A", _qr_square_gradient(dq, dr, q, r))
        return
    # A = [X Y], R = [U V]: X = Q U, V = Q^H Y.
    u = r.narrow(-1, 0, m)
    if dr is None:
        dx = _qr_square_gradient(dq, None, q, u)
        g.set("A", flambeau.cat([dx, dx.new_zeros((*dx.shape[:-1], n - m))], -1))
        return
    du, dv = dr.narrow(-1, 0, m), dr.narrow(-1, m, n - m)
    y = q @ r.narrow(-1, m, n - m)
    dx = _qr_square_gradient(dq + y @ adjoint(dv), du, q, u)
    g.set("A", flambeau.cat([dx, q @ dv], -1))


@op(
    "linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)",
    "linalg.qr",
    vjp=_qr_vjp,
    autocast="float32",
    save="Q, R",
    samples="(3,3) | (4,2) | (2,4) | (2,3,3) | (0,3)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions"
    " | (3,3) 'full' -> RuntimeError: but expected one of 'reduced', 'r', or 'complete'",
)
def linalg_qr(a: Tensor, mode: str) -> Any:
    """The decomposition ``A = Q R`` with orthonormal columns Q and an upper triangular R.

    Its derivative: Walter and Lehmann, Algorithmic differentiation of linear algebra functions
    (2010).

    Args:
        A: (*, m, n).
        mode: 'reduced': Q is (*, m, k), R (*, k, n), k = min(m, n). 'complete': Q is (*, m, m), R
            (*, m, n). 'r': Q is empty.

    Example::

        >>> torch.linalg.qr(torch.tensor([[-3.0], [-4.0]])).R
        tensor([[5.]])
    """
    check_matrix("linalg.qr", a)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced', 'r', or "
            "'complete'"
        )
    check_dtype("linalg.qr", a)
    m, n = a.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    made, tau = _householder_factor(a)
    q = a.new_empty((0,)) if mode == "r" else _householder_product(made, tau, k)
    return q, made.narrow(-2, 0, k).triu()


@op(
    "qr(Tensor input, bool some=True) -> (Tensor Q, Tensor R)",
    "qr, Tensor.qr",
    vjp=composite,
    autocast="float32",
    samples="(3,3) | (4,2)",
)
def qr(a: Tensor, some: bool) -> Any:
    """The QR decomposition: ``linalg.qr``, complete if not ``some``."""
    return linalg_qr(a, "reduced" if some else "complete")


@op(
    "geqrf(Tensor input) -> (Tensor a, Tensor tau)",
    "geqrf, Tensor.geqrf",
    vjp=not_differentiable("the reflectors of a QR decomposition: use linalg.qr"),
    autocast="float32",
    samples="(3,3) | (4,2) | (2,4) | (2,3,3)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def geqrf(a: Tensor) -> Any:
    """The QR decomposition as LAPACK keeps it.

    Args:
        input: (*, m, n).

    Returns:
        ``a`` (*, m, n): R on and above the diagonal, the Householder reflectors below it; ``tau``
        (*, min(m, n)): their scales. ``linalg.householder_product`` makes Q of both.

    Example::

        >>> torch.geqrf(torch.tensor([[-3.0], [-4.0]])).a[0]
        tensor([5.])
    """
    check_matrix("geqrf", a)
    check_dtype("geqrf", a)

    return _householder_factor(a)


@op(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    "linalg.householder_product, orgqr, Tensor.orgqr",
    vjp=composite,
    autocast="float32",
    samples="(4,3) (2,) | (2,3,3) (2,3)",
    errors="(3,) (1,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_householder_product(a: Tensor, tau: Tensor) -> Any:
    """The first n columns of the product of the reflections ``I - tau_i v_i v_i^H``.

    Args:
        input: (*, m, n), m >= n; the vectors v_i stand below its diagonal, with a one on it.
        tau: (*, k), k <= n.

    Example::

        >>> torch.linalg.householder_product(torch.tensor([[1.0], [0.0]]), torch.tensor([2.0]))
        tensor([[-1.],
                [ 0.]])
    """
    name = "torch.linalg.householder_product"
    if a.dim() < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = a.shape[-2:]
    if m < n:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if n < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    check_dtype(name, a)
    if not _differentiated(a, tau):
        return _householder_product(a, tau, n)
    ones = flambeau.eye(m, n, dtype=a.dtype, device=a.device)
    product = ones + a.tril(-m)  # a triangle without elements: zeros
    return _reflect(a, tau, product, False)


def _differentiated(*inputs: Tensor) -> bool:
    return flambeau.is_grad_enabled() and any(t.requires_grad for t in inputs)


def _reflect(a: Tensor, tau: Tensor, c: Tensor, transpose: bool) -> Tensor:
    """Q C or Q^H C, one reflection after the other: recorded for the derivatives."""
    vectors = a.tril(-1) + flambeau.eye(*a.shape[-2:], dtype=a.dtype, device=a.device)
    steps = range(tau.shape[-1])
    for i in steps if transpose else reversed(steps):
        v = vectors.narrow(-1, i, 1)
        scale = tau.narrow(-1, i, 1).unsqueeze(-1)
        scale = adjoint(scale) if transpose else scale
        c = c - v @ (scale * (adjoint(v) @ c))
    return c


@op(
    "ormqr(Tensor input, Tensor tau, Tensor other, bool left=True, bool transpose=False) -> Tensor",
    "ormqr, Tensor.ormqr",
    vjp=composite,
    autocast="float32",
    samples="(4,3) (3,) (4,2) | (3,2) (2,) (4,3) False True | (2,3,3) (2,3) (2,3,1)",
    errors="(3,) (1,) (3,2) -> RuntimeError: input must have at least 2 dimensions"
    " | (3,3) (3,) (4,2) -> RuntimeError: other.shape[-2] must be equal to input.shape[-2]"
    " | (3,3) (2,) (3,2) -> RuntimeError: tau.shape[-1] must be equal to",
)
def ormqr(a: Tensor, tau: Tensor, other: Tensor, left: bool, transpose: bool) -> Any:
    """``Q @ C``, or ``C @ Q`` if not ``left``, with the square Q of all reflections.

    Args:
        input: (*, m, n), as ``torch.geqrf`` returns it.
        tau: (*, k), k = min(m, n).
        other: C, (*, m, p), or (*, p, m) if not ``left``.
        left: on which side of C the matrix stands.
        transpose: with Q^H in place of Q.

    Example::

        >>> a, tau = torch.geqrf(torch.tensor([[-3.0], [-4.0]]))
        >>> torch.ormqr(a, tau, torch.tensor([[1.0], [0.0]]))
        tensor([[-0.6000],
                [-0.8000]])
    """
    name, side = "torch.ormqr", -2 if left else -1
    for text, t in (("input", a), ("other", other)):
        if t.dim() < 2:
            raise RuntimeError(f"{name}: {text} must have at least 2 dimensions.")
    if other.shape[side] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if other.shape[side] != a.shape[-2]:
        raise RuntimeError(f"{name}: other.shape[{side}] must be equal to input.shape[-2]")
    if tau.shape[-1] != min(other.shape[side], a.shape[-1]):
        raise RuntimeError(
            f"{name}: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    if a.dim() - tau.dim() != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal "
            f"to {tau.dim()} and input.ndim is equal to {a.dim()}"
        )
    if a.dim() != other.dim():
        raise RuntimeError(
            f"{name}: Expected other to have the same number of dimensions as input, but got "
            f"other.ndim equal to {other.dim()} and input.ndim is equal to {a.dim()}"
        )
    for text, shape in (("tau", tau.shape[:-1]), ("other", other.shape[:-2])):
        if shape != a.shape[:-2]:
            raise RuntimeError(
                f"{name}: Expected batch dimensions of {text} to be equal to input.shape[:-2], but "
                f"got {list(shape)}"
            )
    for text, t in (("tau", tau), ("other", other)):
        if t.dtype != a.dtype:
            raise RuntimeError(
                f"{name}: Expected input and {text} to have the same dtype, but input has dtype "
                f"{dtype_name(a.dtype)} and {text} has dtype {dtype_name(t.dtype)}"
            )
    check_dtype(name, a)
    if not left:  # C Q is the adjoint of Q^H C^H.
        return adjoint(_ormqr_left(a, tau, adjoint(other), not transpose))
    return _ormqr_left(a, tau, other, transpose)


def _ormqr_left(a: Tensor, tau: Tensor, c: Tensor, transpose: bool) -> Tensor:
    if _differentiated(a, tau, c):
        return _reflect(a, tau, c, transpose)
    made: Tensor = _householder_apply(a, tau, c, transpose)
    return made


# --- singular values ------------------------------------------------------------------------------


def _skew(x: Tensor) -> Tensor:
    return x - adjoint(x)


def _svd_inner(du: Tensor | None, dv: Tensor | None, u: Tensor, s: Tensor, vh: Tensor) -> Any:
    """What rotations of the singular vectors among themselves add to U^H dA V."""
    if du is None and dv is None:
        return None
    n = s.shape[-1]
    squares = s * s
    gap = squares.unsqueeze(-2) - squares.unsqueeze(-1)
    on = flambeau.eye(n, dtype=flambeau.bool, device=s.device)
    gap = flambeau.where(on, flambeau.ones_like(gap), gap)
    inner: Any = None
    if du is not None:
        turn = adjoint(u) @ du
        inner = (_skew(turn) / gap) * s.unsqueeze(-2)
        if u.dtype.is_complex:
            imaginary = flambeau.imag(turn.diagonal(0, -2, -1)) / s
            phase = flambeau.complex(flambeau.zeros_like(imaginary), imaginary)
            inner = flambeau.where(on, embed_diagonal(phase), inner)
    if dv is not None:
        part = s.unsqueeze(-1) * (_skew(vh @ dv) / gap)
        if u.dtype.is_complex:
            part = flambeau.where(on, flambeau.zeros_like(part), part)
        inner = part if inner is None else inner + part
    return inner


def _svd_vjp(g: Any) -> None:
    u, s, vh = g.output(0), g.output(1), g.output(2)
    k = s.shape[-1]
    m, n = u.shape[-2], vh.shape[-1]
    u, vh = u.narrow(-1, 0, k), vh.narrow(-2, 0, k)
    du, ds, dvh = g.dout(0), g.dout(1), g.dout(2)
    du = None if du is None else du.narrow(-1, 0, k)
    dv = None if dvh is None else adjoint(dvh.narrow(-2, 0, k))
    inner = _svd_inner(du, dv, u, s, vh)
    if ds is not None:
        values = complex_like(embed_diagonal(ds), u)
        inner = values if inner is None else inner + values
    if inner is None:
        return
    da = u @ inner @ vh
    if m > k and du is not None:
        scaled = du / s.unsqueeze(-2)
        da = da + (scaled - u @ (adjoint(u) @ scaled)) @ vh
    if n > k and dv is not None:
        scaled = adjoint(dv / s.unsqueeze(-2))
        da = da + u @ (scaled - (scaled @ adjoint(vh)) @ vh)
    g.set("A", da)


def _svd(x: Any, full_matrices: bool) -> Any:
    try:
        return tuple(_lapack.svd(x, full_matrices))
    except numpy.linalg.LinAlgError:
        raise not_converged("linalg.svd") from None


def _check_driver(driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            "linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
            "backend."
        )


@op(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None)"
    " -> (Tensor U, Tensor S, Tensor Vh)",
    "linalg.svd",
    vjp=_svd_vjp,
    autocast="float32",
    save="U, S, Vh",
    samples="(3,3) False | (4,2) False | (2,3,4) False | (3,3) | (0,2)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_svd(a: Tensor, full_matrices: bool, driver: Any) -> Any:
    """The singular value decomposition ``A = U diag(S) Vh``.

    Its derivative needs distinct, and for non-square A also non-zero, singular values: Townsend,
    Differentiating the singular value decomposition (2016).

    Args:
        A: (*, m, n).
        full_matrices: U (*, m, m) and Vh (*, n, n); else (*, m, k) and (*, k, n), k = min(m, n).
        driver: for other devices; must be None.

    Returns:
        U, S in descending order, Vh.

    Raises:
        LinAlgError: the algorithm did not converge (NaN or infinite input).

    Example::

        >>> torch.linalg.svd(torch.tensor([[0.0, 2.0], [1.0, 0.0]])).S
        tensor([2., 1.])
    """
    check_matrix("linalg.svd", a)
    check_dtype("linalg.svd", a)
    _check_driver(driver)
    m, n = a.shape[-2:]
    batch, k = a.shape[:-2], min(m, n)
    rows, columns = (m, n) if full_matrices else (k, k)
    results = [
        ((*batch, m, rows), a.dtype),
        ((*batch, k), a.dtype.to_real()),
        ((*batch, columns, n), a.dtype),
    ]
    return compute(lambda x: _svd(x, full_matrices), [a], results)


@op(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    "linalg.svdvals",
    vjp=composite,
    autocast="float32",
    samples="(3,3) | (4,2) | (2,3,4)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_svdvals(a: Tensor, driver: Any = None) -> Any:
    """The singular values in descending order.

    Example::

        >>> torch.linalg.svdvals(torch.tensor([[0.0, 2.0], [1.0, 0.0]]))
        tensor([2., 1.])
    """
    check_matrix("linalg.svdvals", a)
    check_dtype("linalg.svdvals", a)
    _check_driver(driver)
    if a.requires_grad and flambeau.is_grad_enabled():
        return linalg_svd(a, False)[1]
    return _svdvals(a)


@op("_linalg_svdvals(Tensor A) -> Tensor", "", vjp=no_gradient)
def _svdvals(a: Tensor) -> Any:
    shape = (*a.shape[:-2], min(a.shape[-2:]))

    def values(x: Any) -> Any:
        try:
            return (_lapack.svd(x, compute_uv=False),)
        except numpy.linalg.LinAlgError:
            raise not_converged("linalg.svd") from None

    return compute(values, [a], [(shape, a.dtype.to_real())])[0]


@op(
    "svd(Tensor input, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)",
    "svd, Tensor.svd",
    vjp=composite,
    autocast="float32",
    samples="(3,3) | (4,2) | (2,3,4)",
)
def svd(a: Tensor, some: bool, compute_uv: bool) -> Any:
    """The older form of ``linalg.svd``: ``A = U diag(S) V^H``."""
    if compute_uv:
        u, s, vh = linalg_svd(a, not some)
        return u, s, adjoint(vh)
    check_matrix("linalg.svd", a)
    m, n = a.shape[-2:]
    batch = a.shape[:-2]
    return a.new_zeros((*batch, m, m)), linalg_svdvals(a), a.new_zeros((*batch, n, n))
