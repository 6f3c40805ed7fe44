"""Inverses, determinants, systems of linear equations."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import (
    LinAlgError,
    adjoint,
    array_of,
    batch_text,
    check_matrix,
    check_same_dtype,
    check_sides,
    check_square,
    eye_like,
    failed,
    first_failure,
)
from flambeau.ops.record import composite, op

_lu_factor = flambeau._C._find_op("_lu_factor")
_lu_solve = flambeau._C._find_op("_lu_solve")
_lu_inverse = flambeau._C._find_op("_lu_inverse")
_lu_determinant = flambeau._C._find_op("_lu_determinant")
_lu_log_determinant = flambeau._C._find_op("_lu_log_determinant")
_native_triangular = flambeau._C._find_op("_triangular_solve")


# --- inverse --------------------------------------------------------------------------------------


def _inv_vjp(g: Any) -> None:
    if g.dout(0) is not None:
        inverse = adjoint(g.output(0))
        g.set("A", -(inverse @ g.dout(0) @ inverse))


@op(
    "_linalg_inv(Tensor A) -> (Tensor inverse, Tensor info)",
    "",
    vjp=_inv_vjp,
    save="inverse",
    samples="(3,3) | (2,4,4) | (0,0)",
)
def _linalg_inv(a: Tensor) -> Any:
    """The inverse, and the number of the pivot that is zero, or 0."""
    lu, pivots, info = _lu_factor(a, True)
    return _lu_inverse(lu, pivots), info


def _raise_not_invertible(name: str, info: Tensor) -> None:
    index = first_failure(info)
    raise LinAlgError(
        f"{name}: {batch_text(info, index)}The diagonal element {int(info[index])} is zero, the "
        "inversion could not be completed because the input matrix is singular."
    )


@op(
    "linalg_inv(Tensor A) -> Tensor",
    "linalg.inv",
    vjp=composite,
    autocast="float32",
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
    inverse, info = _linalg_inv(a)
    if failed(info):
        _raise_not_invertible("linalg.inv", info)
    return inverse


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
    """The inverse and LAPACK's report: 0, or the number of the pivot that is zero.

    The inverse of a singular matrix holds infinities.
    """
    check_square("linalg.inv_ex", a)
    inverse, info = _linalg_inv(a)
    if check_errors and failed(info):
        _raise_not_invertible("linalg.inv_ex", info)
    return inverse, info


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


def _inverse_again(a: Tensor, lu: Tensor, pivots: Tensor) -> Tensor:
    """The inverse of a matrix that is factorized already; of A itself for further derivatives."""
    made: Tensor = linalg_inv(a) if flambeau.is_grad_enabled() else _lu_inverse(lu, pivots)
    return made


def _det_vjp(g: Any) -> None:
    if g.dout(0) is None:
        return
    a, det = g.input("A"), g.output(0)
    scale = g.dout(0).unsqueeze(-1).unsqueeze(-1)
    if not a.is_meta and bool((array_of(det) == 0).any()):
        g.set("A", scale * _cofactors(a))
        return
    conjugate = det.conj() if det.dtype.is_complex else det
    inverse = _inverse_again(a, g.output(1), g.output(2))
    g.set("A", scale * conjugate.unsqueeze(-1).unsqueeze(-1) * adjoint(inverse))


@op(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    "",
    vjp=_det_vjp,
    save="A, result, LU, pivots",
)
def _linalg_det(a: Tensor) -> Any:
    """The determinant and what it is made from."""
    lu, pivots, _ = _lu_factor(a, True)
    return _lu_determinant(lu, pivots), lu, pivots


@op(
    "linalg_det(Tensor A) -> Tensor",
    "linalg.det",
    vjp=composite,
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
    return _linalg_det(a)[0]


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
    inverse = _inverse_again(a, g.output(2), g.output(3))
    g.set("A", scale.unsqueeze(-1).unsqueeze(-1) * adjoint(inverse))


@op(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    "",
    vjp=_slogdet_vjp,
    save="A, sign, LU, pivots",
)
def _linalg_slogdet(a: Tensor) -> Any:
    """Sign and logarithm of the determinant, and what they are made from."""
    lu, pivots, _ = _lu_factor(a, True)
    return (*_lu_log_determinant(lu, pivots), lu, pivots)


@op(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    "linalg.slogdet",
    vjp=composite,
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
    return _linalg_slogdet(a)[:2]


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
    if g.dout(0) is None:
        return
    a, x = g.input("A"), g.output(0)
    if flambeau.is_grad_enabled():
        db = _linalg_solve(adjoint(a), g.dout(0))[0]
    else:
        db = _lu_solve(g.output(1), g.output(2), g.dout(0), True)
    g.set("B", db)
    if g.needs("A"):
        g.set("A", -(db @ adjoint(x)))


def _check_batch(name: str, a: Tensor, b: Tensor) -> None:
    try:
        flambeau.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except RuntimeError as error:
        raise RuntimeError(f"{name}: the batches of A and B do not fit together: {error}") from None


@op(
    "_linalg_solve(Tensor A, Tensor B) -> (Tensor result, Tensor LU, Tensor pivots, Tensor info)",
    "",
    vjp=_solve_vjp,
    save="A, result, LU, pivots",
)
def _linalg_solve(a: Tensor, b: Tensor) -> Any:
    """X of ``A X = B`` for matrices B, and the factors of A; batches broadcast."""
    _check_batch("linalg.solve", a, b)
    lu, pivots, info = _lu_factor(a, True)
    return _lu_solve(lu, pivots, b, False), lu, pivots, info


def _raise_singular(name: str, info: Tensor) -> None:
    raise LinAlgError(
        f"torch.{name}: {batch_text(info, first_failure(info))}The solver failed because the input "
        "matrix is singular."
    )


def _solve_any(name: str, a: Tensor, b: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    """The solution on either side for matrices or vectors, and the reports."""
    check_square(name, a)
    check_same_dtype(name, a, b)
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for "
            "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    right = b.unsqueeze(-1) if vector else b
    check_matrix(name, right, "B")
    check_sides(name, a, right, left)
    if not left:
        x, _, _, info = _linalg_solve(a.transpose(-2, -1), right.transpose(-2, -1))
        return x.transpose(-2, -1), info
    x, _, _, info = _linalg_solve(a, right)
    return x.squeeze(-1) if vector else x, info


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
    x, info = _solve_any("linalg.solve", a, b, left)
    if failed(info):
        _raise_singular("linalg.solve", info)
    return x


@op(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False)"
    " -> (Tensor result, Tensor info)",
    "linalg.solve_ex",
    vjp=composite,
    samples="(3,3) (3,2) | (3,3) (3,)",
)
def linalg_solve_ex(a: Tensor, b: Tensor, left: bool, check_errors: bool) -> Any:
    """``linalg.solve`` that reports singular matrices in ``info`` in place of raising.

    Where ``info`` is not 0, the result holds infinities.
    """
    x, info = _solve_any("linalg.solve_ex", a, b, left)
    if check_errors and failed(info):
        _raise_singular("linalg.solve_ex", info)
    return x, info


# --- triangular systems ---------------------------------------------------------------------------


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
    _check_batch("linalg.solve_triangular", a, b)
    return _native_triangular(a, b, upper, unitriangular)


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
    check_sides(name, a, b, left)
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
