"""Inverses, determinants, systems of linear equations."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import (
    LinAlgError,
    adjoint,
    array_of,
    batch_text,
    check_matrix,
    check_same_dtype,
    check_square,
    compute,
    eye_like,
    failing,
)
from flambeau.ops.record import composite, op


def _zero_pivot(matrix: Any) -> int:
    """Number, from 1, of the first pivot of an LU factorization that is zero."""
    from flambeau.ops.linalg_lu import factor

    lu, _ = factor(matrix)
    zero = numpy.flatnonzero(numpy.diagonal(lu) == 0)
    return int(zero[0]) + 1 if len(zero) else matrix.shape[-1]


def _singular(name: str, array: Any) -> LinAlgError:
    index = failing(numpy.linalg.inv, array)[0]
    return LinAlgError(
        f"{name}: {batch_text(array, index)}The diagonal element {_zero_pivot(array[index])} is "
        "zero, the inversion could not be completed because the input matrix is singular."
    )


def _infos(array: Any) -> Any:
    """What LAPACK would report a matrix: 0, or the number of its first zero pivot."""
    infos = numpy.zeros(array.shape[:-2], "int32")
    for index in failing(numpy.linalg.inv, array):
        infos[index] = _zero_pivot(array[index])
    return infos


# --- inverse --------------------------------------------------------------------------------------


def _inv_vjp(g: Any) -> None:
    inverse = adjoint(g.output())
    g.set("A", -(inverse @ g.dout() @ inverse))


@op(
    "linalg_inv(Tensor A) -> Tensor",
    "linalg.inv",
    vjp=_inv_vjp,
    autocast="float32",
    save="result",
    samples="(3,3) | (2,4,4) | (0,0) | (2,0,3,3)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices"
    " | (3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_inv(a: Tensor) -> Any:
    """The inverse of a square matrix or of each of a batch.

    Its derivative: ``dA = -A^-H @ g @ A^-H``.

    Args:
        A: (*, n, n).

    Raises:
        LinAlgError: a matrix is singular.

    Example::

        >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    check_square("linalg.inv", a)

    def inverse(array: Any) -> Any:
        try:
            return (numpy.linalg.inv(array),)
        except numpy.linalg.LinAlgError:
            raise _singular("linalg.inv", array) from None

    return compute(inverse, [a], [(a.shape, a.dtype)])[0]


@op(
    "inverse(Tensor input) -> Tensor",
    "inverse, Tensor.inverse",
    vjp=composite,
    autocast="float32",
    samples="(3,3)",
)
def inverse(a: Tensor) -> Any:
    """The inverse of square matrices: ``linalg.inv``."""
    return linalg_inv(a)


@op(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    "linalg.inv_ex",
    vjp=composite,
    autocast="float32",
    samples="(3,3) | (2,3,3)",
)
def linalg_inv_ex(a: Tensor, check_errors: bool) -> Any:
    """The inverse and LAPACK's report: 0, or the number of the pivot that is zero."""
    check_square("linalg.inv_ex", a)
    info = flambeau.zeros(a.shape[:-2], dtype=flambeau.int32, device=a.device)
    try:
        return linalg_inv(a), info
    except LinAlgError:
        if check_errors:
            raise
    infos = _infos(array_of(a))
    info = flambeau.from_numpy(numpy.atleast_1d(infos)).reshape(a.shape[:-2])
    bad = (info != 0).unsqueeze(-1).unsqueeze(-1)
    return flambeau.where(bad, a, linalg_inv(flambeau.where(bad, eye_like(a), a))), info


# --- determinants ---------------------------------------------------------------------------------


def _cofactors(a: Tensor) -> Tensor:
    """Derivative of the determinant, conjugated, where the inverse does not exist: from the SVD."""
    from flambeau.ops.linalg_factor import linalg_svd

    u, s, vh = linalg_svd(a)
    n = s.shape[-1]
    others = flambeau.where(
        flambeau.eye(n, dtype=flambeau.bool, device=a.device),
        flambeau.ones_like(s).unsqueeze(-2),
        s.unsqueeze(-2),
    )
    product = flambeau.ones_like(s)
    for i in range(n):
        product = product * others.select(-1, i)
    phase = (linalg_det(u) * linalg_det(vh)).unsqueeze(-1).unsqueeze(-1)
    result: Tensor = phase * ((u * product.unsqueeze(-2)) @ vh)
    return result


def _det_vjp(g: Any) -> None:
    a, det = g.input("A"), g.output()
    scale = g.dout().unsqueeze(-1).unsqueeze(-1)
    if not a.is_meta and bool((array_of(det) == 0).any()):
        g.set("A", scale * _cofactors(a))
        return
    conjugate = det.conj() if det.dtype.is_complex else det
    g.set("A", scale * conjugate.unsqueeze(-1).unsqueeze(-1) * adjoint(linalg_inv(a)))


@op(
    "linalg_det(Tensor A) -> Tensor",
    "linalg.det",
    vjp=_det_vjp,
    save="A, result",
    samples="(3,3) | (2,4,4) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_det(a: Tensor) -> Any:
    """The determinant of a square matrix or of each of a batch.

    Its derivative: ``dA = g * conj(det) * A^-H``; singular matrices get theirs from the SVD.

    Args:
        A: (*, n, n).

    Example::

        >>> torch.linalg.det(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(8.)
    """
    check_square("linalg.det", a)
    return compute(lambda x: (numpy.linalg.det(x),), [a], [(a.shape[:-2], a.dtype)])[0]


@op("det(Tensor input) -> Tensor", "det, Tensor.det", vjp=composite, samples="(3,3)")
def det(a: Tensor) -> Any:
    """The determinant of square matrices: ``linalg.det``."""
    return linalg_det(a)


def _slogdet_vjp(g: Any) -> None:
    a, sign = g.input("A"), g.output(0)
    scale = g.dout_or_zeros(1)
    if a.dtype.is_complex:
        turn = flambeau.imag(g.dout_or_zeros(0).conj() * sign)
        scale = flambeau.complex(scale, -turn)
    g.set("A", scale.unsqueeze(-1).unsqueeze(-1) * adjoint(linalg_inv(a)))


@op(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    "linalg.slogdet",
    vjp=_slogdet_vjp,
    save="A, sign",
    samples="(3,3) | (2,4,4) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_slogdet(a: Tensor) -> Any:
    """Sign (complex: phase) of the determinant and logarithm of its absolute value.

    Where the determinant is zero they are 0 and -inf.

    Example::

        >>> torch.linalg.slogdet(torch.eye(2)).logabsdet
        tensor(0.)
    """
    check_square("linalg.slogdet", a)
    batch = a.shape[:-2]
    return compute(numpy.linalg.slogdet, [a], [(batch, a.dtype), (batch, a.dtype.to_real())])


@op(
    "slogdet(Tensor input) -> (Tensor sign, Tensor logabsdet)",
    "slogdet, Tensor.slogdet",
    vjp=composite,
    samples="(3,3)",
)
def slogdet(a: Tensor) -> Any:
    """Sign and logarithm of the absolute determinant: ``linalg.slogdet``."""
    return linalg_slogdet(a)


@op("logdet(Tensor input) -> Tensor", "logdet, Tensor.logdet", vjp=composite, samples="(0,0)")
def logdet(a: Tensor) -> Any:
    """Logarithm of the determinant; NaN where that is negative.

    Example::

        >>> torch.logdet(torch.eye(2))
        tensor(0.)
    """
    sign, logarithm = linalg_slogdet(a)
    return logarithm + sign.log()


# --- systems of equations -------------------------------------------------------------------------


def _solve_vjp(g: Any) -> None:
    x = g.output()
    db = _linalg_solve(adjoint(g.input("A")), g.dout())
    g.set("B", db)
    if g.needs("A"):
        g.set("A", -(db @ adjoint(x)))


def _broadcast_batch(name: str, a: Tensor, b: Tensor) -> tuple[int, ...]:
    try:
        return tuple(flambeau.broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    except RuntimeError as error:
        raise RuntimeError(f"{name}: the batches of A and B do not fit together: {error}") from None


@op(
    "_linalg_solve(Tensor A, Tensor B) -> Tensor",
    "",
    vjp=_solve_vjp,
    save="A, result",
    samples="(3,3) (3,2) | (2,3,3) (3,1) | (0,0) (0,2)",
)
def _linalg_solve(a: Tensor, b: Tensor) -> Any:
    """X of ``A X = B`` for matrices B; batches broadcast."""
    batch = _broadcast_batch("linalg.solve", a, b)

    def solve(x: Any, y: Any) -> Any:
        if x.shape[-1] == 0 or y.shape[-1] == 0:
            return (numpy.zeros((*batch, *y.shape[-2:]), y.dtype),)
        try:
            return (numpy.linalg.solve(x, y),)
        except numpy.linalg.LinAlgError:
            raise LinAlgError(
                "torch.linalg.solve: The solver failed because the input matrix is singular."
            ) from None

    return compute(solve, [a, b], [((*batch, *b.shape[-2:]), b.dtype)])[0]


@op(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    "linalg.solve",
    vjp=composite,
    autocast="float32",
    samples="(3,3) (3,2) | (3,3) (3,) | (2,3,3) (2,3) | (2,3,3) (2,3,4) | (3,3) (4,3) left=False",
    errors="(2,3) (3,) -> RuntimeError: must be batches of square matrices"
    " | (3,3) (4,2) -> RuntimeError: Incompatible shapes of A and B",
)
def linalg_solve(a: Tensor, b: Tensor, left: bool) -> Any:
    """The solution X of ``A X = B``, or of ``X A = B`` if not ``left``.

    Args:
        A: (*, n, n).
        B: (*, n, k), (*, k, n) if not ``left``; (n,) and (*, n) are vectors.
        left: on which side of X the matrix stands.

    Raises:
        LinAlgError: a matrix is singular.

    Example::

        >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 4.0]))
        tensor([1., 1.])
    """
    check_square("linalg.solve", a)
    check_same_dtype("linalg.solve", a, b)
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for "
            "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    right = b.unsqueeze(-1) if vector else b
    check_matrix("linalg.solve", right, "B")
    if right.shape[-2 if left else -1] != a.shape[-1]:
        sizes = f"({a.shape[-2]}x{a.shape[-1]} and {right.shape[-2]}x{right.shape[-1]})"
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {equation} {sizes}"
        )
    if not left:
        return _linalg_solve(a.transpose(-2, -1), right.transpose(-2, -1)).transpose(-2, -1)
    x = _linalg_solve(a, right)
    return x.squeeze(-1) if vector else x


@op(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False)"
    " -> (Tensor result, Tensor info)",
    "linalg.solve_ex",
    vjp=composite,
    samples="(3,3) (3,2) | (3,3) (3,)",
)
def linalg_solve_ex(a: Tensor, b: Tensor, left: bool, check_errors: bool) -> Any:
    """``linalg.solve`` that reports singular matrices in ``info`` in place of raising."""
    info = flambeau.zeros(a.shape[:-2], dtype=flambeau.int32, device=a.device)
    try:
        return linalg_solve(a, b, left=left), info
    except LinAlgError:
        if check_errors:
            raise
    infos = _infos(array_of(a))
    info = flambeau.from_numpy(numpy.atleast_1d(infos)).reshape(a.shape[:-2])
    bad = (info != 0).unsqueeze(-1).unsqueeze(-1)
    return linalg_solve(flambeau.where(bad, eye_like(a), a), b, left=left), info


# --- triangular systems ---------------------------------------------------------------------------

_BLOCK = 64


def _solve_upper(a: Any, b: Any) -> Any:
    """Backward substitution by blocks; an upper triangular block needs no pivoting in LAPACK."""
    n = a.shape[-1]
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = numpy.broadcast_to(b, (*batch, *b.shape[-2:])).copy()
    for start in reversed(range(0, n, _BLOCK)):
        rows = slice(start, min(start + _BLOCK, n))
        block = numpy.triu(a[..., rows, rows])
        try:
            x[..., rows, :] = numpy.linalg.solve(block, x[..., rows, :])
        except numpy.linalg.LinAlgError:
            _substitute(block, x[..., rows, :])
        x[..., :start, :] -= a[..., :start, rows] @ x[..., rows, :]
    return x


def _substitute(a: Any, x: Any) -> None:
    """Backward substitution row by row: zeros on the diagonal give infinities, as in BLAS."""
    with numpy.errstate(divide="ignore", invalid="ignore"):
        for i in reversed(range(a.shape[-1])):
            x[..., i, :] /= a[..., i, i, None]
            x[..., :i, :] -= a[..., :i, i, None] * x[..., None, i, :]


def _triangular_vjp(g: Any) -> None:
    upper, unit = g.arg("upper"), g.arg("unitriangular")
    x = g.output()
    db = _triangular(adjoint(g.input("A")), g.dout(), not upper, unit)
    g.set("B", db)
    if g.needs("A"):
        da = -(db @ adjoint(x))
        offset = (1 if upper else -1) if unit else 0
        g.set("A", da.triu(offset) if upper else da.tril(offset))


@op(
    "_linalg_solve_triangular(Tensor A, Tensor B, bool upper, bool unitriangular) -> Tensor",
    "",
    vjp=_triangular_vjp,
    save="A, result",
    samples="(2,2)@1..2 (2,3) True False | (2,2)@1..2 (2,3) False True",
)
def _triangular(a: Tensor, b: Tensor, upper: bool, unitriangular: bool) -> Any:
    """X of ``A X = B`` with the upper or lower triangle of A."""
    batch = _broadcast_batch("linalg.solve_triangular", a, b)

    def solve(x: Any, y: Any) -> Any:
        if unitriangular:
            x = x.copy()
            i = numpy.arange(x.shape[-1])
            x[..., i, i] = 1
        if upper:
            return (_solve_upper(x, y),)
        # Turned around in both directions a lower triangle is an upper one.
        return (_solve_upper(x[..., ::-1, ::-1], y[..., ::-1, :])[..., ::-1, :],)

    return compute(solve, [a, b], [((*batch, *b.shape[-2:]), b.dtype)])[0]


@op(
    "linalg_solve_triangular(Tensor A, Tensor B, *, bool upper, bool left=True,"
    " bool unitriangular=False) -> Tensor",
    "linalg.solve_triangular",
    vjp=composite,
    samples="(2,2)@1..2 (2,3) upper=True | (2,2)@1..2 (2,3) upper=False unitriangular=True"
    " | (2,2)@1..2 (3,2) upper=True left=False",
    errors="(3,3) (4,2) upper=True -> RuntimeError: Incompatible shapes of A and B",
)
def linalg_solve_triangular(
    a: Tensor, b: Tensor, upper: bool, left: bool, unitriangular: bool
) -> Any:
    """The solution X of ``A X = B`` (``X A = B`` if not ``left``) for a triangular A.

    Args:
        A: (*, n, n); only one triangle is read.
        B: (*, n, k), or (*, k, n) if not ``left``.
        upper: which triangle.
        left: on which side of X the matrix stands.
        unitriangular: take the diagonal for ones without reading it.

    Example::

        >>> a = torch.tensor([[2.0, 1.0], [0.0, 4.0]])
        >>> torch.linalg.solve_triangular(a, torch.tensor([[4.0], [8.0]]), upper=True)
        tensor([[1.],
                [2.]])
    """
    name = "linalg.solve_triangular"
    check_square(name, a)
    check_matrix(name, b, "B")
    check_same_dtype(name, a, b)
    if b.shape[-2 if left else -1] != a.shape[-1]:
        sizes = f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} {sizes}"
        )
    if left:
        return _triangular(a, b, upper, unitriangular)
    turned = _triangular(a.transpose(-2, -1), b.transpose(-2, -1), not upper, unitriangular)
    return turned.transpose(-2, -1)


@op(
    "triangular_solve(Tensor input, Tensor A, bool upper=True, bool transpose=False,"
    " bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)",
    "triangular_solve, Tensor.triangular_solve",
    vjp=composite,
    autocast="float32",
    samples="(2,3) (2,2)@1..2 | (2,3) (2,2)@1..2 upper=False transpose=True",
)
def triangular_solve(
    b: Tensor, a: Tensor, upper: bool, transpose: bool, unitriangular: bool
) -> Any:
    """The older form of ``linalg.solve_triangular``; also gives a copy of A."""
    matrix = a.transpose(-2, -1) if transpose else a
    upper = upper != transpose
    return linalg_solve_triangular(matrix, b, upper=upper, unitriangular=unitriangular), a.clone()


def _factor_gradient(common: Tensor, factor: Tensor, upper: bool) -> Tensor:
    """Of the factor, from the gradient of the product's inverse; of all its elements."""
    return -(factor @ common) if upper else -(common @ factor)


def _cholesky_solve_vjp(g: Any) -> None:
    factor, x, upper = g.input("L"), g.output(), g.arg("upper")
    db = cholesky_solve(g.dout(), factor, upper)
    g.set("input", db)
    if g.needs("L"):
        common = db @ adjoint(x)
        g.set("L", _factor_gradient(common + adjoint(common), factor, upper))


@op(
    "cholesky_solve(Tensor input, Tensor L, bool upper=False) -> Tensor",
    "cholesky_solve, Tensor.cholesky_solve",
    vjp=_cholesky_solve_vjp,
    autocast="float32",
    save="L, result",
    samples="(1,3) (1,1)@1..2 | (2,1,3) (1,1)@1..2 upper=True",
    errors="(3,) (3,3) -> RuntimeError: should have at least 2 dimensions",
)
def cholesky_solve(b: Tensor, factor: Tensor, upper: bool) -> Any:
    """X of ``A X = B`` from the Cholesky factor of A.

    Args:
        input: B, (*, n, k).
        L: the lower factor, ``A = L L^H``, or the upper one, ``A = L^H L``; (*, n, n).
        upper: which of them.

    Example::

        >>> torch.cholesky_solve(torch.tensor([[4.0]]), torch.tensor([[2.0]]))
        tensor([[1.]])
    """
    for name, t in (("b", b), ("u", factor)):
        if t.dim() < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {t.dim()} dimensions instead"
            )
    check_square("cholesky_solve", factor, "L")
    first, second = (adjoint(factor), factor) if upper else (factor, adjoint(factor))
    y = linalg_solve_triangular(first, b, upper=False)
    return linalg_solve_triangular(second, y, upper=True)


def _cholesky_inverse_vjp(g: Any) -> None:
    made, dout = g.output(), g.dout()
    common = made @ (dout + adjoint(dout)) @ made
    g.set("input", _factor_gradient(common, g.input("input"), g.arg("upper")))


@op(
    "cholesky_inverse(Tensor input, bool upper=False) -> Tensor",
    "cholesky_inverse, Tensor.cholesky_inverse",
    vjp=_cholesky_inverse_vjp,
    autocast="float32",
    save="input, result",
    samples="(1,1)@1..2 | (2,1,1)@1..2 upper=True",
)
def cholesky_inverse(factor: Tensor, upper: bool) -> Any:
    """The inverse of a positive-definite matrix from its Cholesky factor."""
    check_square("cholesky_inverse", factor, "input")
    return cholesky_solve(eye_like(factor), factor, upper)
