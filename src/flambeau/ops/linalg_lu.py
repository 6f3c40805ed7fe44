"""LU factorizations. NumPy has none: a blocked elimination over its products."""

from __future__ import annotations

from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import (
    adjoint,
    array_of,
    batch_text,
    check_dtype,
    check_matrix,
    check_same_dtype,
    compute,
)
from flambeau.ops.linalg_solve import _triangular, linalg_solve_triangular
from flambeau.ops.record import composite, no_gradient, op

_PANEL = 32


def factor(a: Any, pivot: bool = True) -> tuple[Any, Any]:
    """L (unit diagonal left out) and U in one array, and the rows exchanged, numbered from 1."""
    shape = a.shape
    m, n = shape[-2:]
    lu = a.reshape((-1, m, n)).copy()
    k = min(m, n)
    pivots = numpy.tile(numpy.arange(1, k + 1, dtype="int32"), (len(lu), 1))
    with numpy.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, k, _PANEL):
            end = min(start + _PANEL, k)
            for j in range(start, end):
                _eliminate(lu, pivots, j, end, pivot)
            _update(lu, start, end)
    return lu.reshape(shape), pivots.reshape((*shape[:-2], k))


def _eliminate(lu: Any, pivots: Any, j: int, end: int, pivot: bool) -> None:
    batch = numpy.arange(len(lu))
    if pivot:
        column = lu[:, j:, j]
        size = numpy.abs(column.real) + numpy.abs(column.imag)  # as LAPACK measures
        rows = j + size.argmax(1) if len(lu) else batch
        pivots[:, j] = rows + 1
        upper, lower = lu[batch, j].copy(), lu[batch, rows].copy()
        lu[batch, j], lu[batch, rows] = lower, upper
    head = lu[:, j, j, None]
    lu[:, j + 1 :, j] = numpy.where(head == 0, lu[:, j + 1 :, j], lu[:, j + 1 :, j] / head)
    lu[:, j + 1 :, j + 1 : end] -= lu[:, j + 1 :, j, None] * lu[:, None, j, j + 1 : end]


def _update(lu: Any, start: int, end: int) -> None:
    """The rest of the panel's rows, then everything below and right of the panel."""
    for j in range(start, end):
        lu[:, j + 1 : end, end:] -= lu[:, j + 1 : end, j, None] * lu[:, None, j, end:]
    lu[:, end:, end:] -= lu[:, end:, start:end] @ lu[:, start:end, end:]


def _permutation(pivots: Any, m: int) -> Any:
    """Row i of P^T A is row ``_permutation(...)[i]`` of A."""
    flat = pivots.reshape((-1, pivots.shape[-1]))
    order = numpy.tile(numpy.arange(m), (len(flat), 1))
    batch = numpy.arange(len(flat))
    for j in range(flat.shape[-1]):
        other = flat[:, j] - 1
        first, second = order[batch, j].copy(), order[batch, other].copy()
        order[batch, j], order[batch, other] = second, first
    return order.reshape((*pivots.shape[:-1], m))


@op("_lu_permutation(Tensor pivots, int m, ScalarType dtype) -> Tensor", "", vjp=no_gradient)
def _lu_permutation(pivots: Tensor, m: int, dtype: Any) -> Any:
    """The matrix P of ``A = P L U``."""

    def matrix(array: Any) -> Any:
        order = _permutation(array, m)
        return ((numpy.arange(m)[:, None] == order[..., None, :]),)

    return compute(matrix, [pivots], [((*pivots.shape[:-1], m, m), dtype)])[0]


def _lu_gradient(dl: Tensor, du: Tensor, low: Tensor, up: Tensor) -> Tensor:
    """Of ``L U`` with square factors: ``L^-H [tril(L^H dL, -1) + triu(dU U^H)] U^-H``."""
    inner = (adjoint(low) @ dl).tril(-1) + (du @ adjoint(up)).triu()
    inner = adjoint(_triangular(up, adjoint(inner), True, False))
    made: Tensor = _triangular(adjoint(low), inner, True, True)
    return made


def _lu_vjp(g: Any) -> None:
    lu, pivots, dlu = g.output(0), g.output(1), g.dout(0)
    if dlu is None:
        return
    m, n = lu.shape[-2:]
    k = min(m, n)
    square, dsquare = lu.narrow(-2, 0, k).narrow(-1, 0, k), dlu.narrow(-2, 0, k).narrow(-1, 0, k)
    ones = flambeau.eye(k, dtype=lu.dtype, device=lu.device)
    low, up = square.tril(-1) + ones, square.triu()
    dl, du = dsquare.tril(-1), dsquare.triu()
    rest = None
    if m > k:  # A2 = L2 U
        rest = adjoint(_triangular(up, adjoint(dlu.narrow(-2, k, m - k)), True, False))
        du = (du - adjoint(lu.narrow(-2, k, m - k)) @ rest).triu()
    elif n > k:  # A2 = L U2
        rest = _triangular(adjoint(low), dlu.narrow(-1, k, n - k), True, True)
        dl = (dl - rest @ adjoint(lu.narrow(-1, k, n - k))).tril(-1)
    da = _lu_gradient(dl, du, low, up)
    if rest is not None:
        da = flambeau.cat([da, rest], -2 if m > k else -1)
    g.set("A", _lu_permutation(pivots, m, lu.dtype) @ da if g.arg("pivot") else da)


def _zero_pivot(name: str, array: Any, infos: Any) -> RuntimeError:
    index = tuple(int(i[0]) for i in numpy.nonzero(infos)) if infos.ndim else ()
    k = infos[index]
    return RuntimeError(
        f"{name}: {batch_text(array, index)}U[{k},{k}] is zero and using it on lu_solve would "
        "result in a division by zero. If you still want to perform the factorization, consider "
        "calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )


@op(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False)"
    " -> (Tensor LU, Tensor pivots, Tensor info)",
    "linalg.lu_factor_ex",
    vjp=_lu_vjp,
    save="LU, pivots",
    samples="(3,3) | (4,2) | (2,3,5)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_lu_factor_ex(a: Tensor, pivot: bool, check_errors: bool) -> Any:
    """``linalg.lu_factor`` with LAPACK's report: 0, or the number of the first zero pivot.

    Its derivative: that of ``A = P L U`` with P constant.
    """
    name = "linalg.lu_factor_ex"
    check_matrix(name, a)
    check_dtype(name, a)
    k = min(a.shape[-2:])
    batch = a.shape[:-2]

    def run(x: Any) -> Any:
        lu, pivots = factor(x, pivot)
        zero = numpy.diagonal(lu, axis1=-2, axis2=-1) == 0
        infos = numpy.where(zero.any(-1), zero.argmax(-1) + 1 if k else 0, 0).astype("int32")
        if check_errors and infos.any():
            raise _zero_pivot("torch.linalg.lu_factor_ex", x, infos)
        return lu, pivots, infos

    results = [(a.shape, a.dtype), ((*batch, k), flambeau.int32), (batch, flambeau.int32)]
    return compute(run, [a], results)


@op(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    "linalg.lu_factor",
    vjp=composite,
    samples="(3,3) | (4,2) | (2,3,5)",
)
def linalg_lu_factor(a: Tensor, pivot: bool) -> Any:
    """``A = P L U`` with partial pivoting, compact.

    Args:
        A: (*, m, n).
        pivot: exchange rows for stability.

    Returns:
        LU (*, m, n): U, and below its diagonal L without its ones; pivots (*, min(m, n)): row i was
        exchanged with row ``pivots[i]``, numbered from 1.

    Example::

        >>> torch.linalg.lu_factor(torch.tensor([[0.0, 1.0], [2.0, 0.0]])).pivots
        tensor([2, 2], dtype=torch.int32)
    """
    lu, pivots, info = linalg_lu_factor_ex(a, pivot=pivot)
    if not a.is_meta and bool(array_of(info).any()):
        raise _zero_pivot("torch.linalg.lu_factor", array_of(a), array_of(info))
    return lu, pivots


def _unpack(lu: Tensor) -> tuple[Tensor, Tensor]:
    m, n = lu.shape[-2:]
    k = min(m, n)
    ones = flambeau.eye(m, k, dtype=lu.dtype, device=lu.device)
    return lu.narrow(-1, 0, k).tril(-1) + ones, lu.narrow(-2, 0, k).triu()


@op(
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
    "linalg.lu",
    vjp=composite,
    samples="(3,3) | (4,2) | (2,3,5)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_lu(a: Tensor, pivot: bool) -> Any:
    """The factors of ``A = P L U``: a permutation, unit lower and upper triangular matrices.

    Args:
        A: (*, m, n).
        pivot: exchange rows; if not, P is empty.

    Example::

        >>> torch.linalg.lu(torch.tensor([[0.0, 1.0], [2.0, 0.0]])).U
        tensor([[2., 0.],
                [0., 1.]])
    """
    lu, pivots, _ = linalg_lu_factor_ex(a, pivot=pivot)
    low, up = _unpack(lu)
    if not pivot:
        return a.new_empty((0,)), low, up
    return _lu_permutation(pivots, a.shape[-2], a.dtype), low, up


@op(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True)"
    " -> (Tensor P, Tensor L, Tensor U)",
    "lu_unpack",
    vjp=composite,
    samples="(3,3)@1..2 (3,):int32@1..4 | (4,2)@1..2 (2,):int32@1..5",
)
def lu_unpack(lu: Tensor, pivots: Tensor, unpack_data: bool, unpack_pivots: bool) -> Any:
    """The factors P, L and U of what ``linalg.lu_factor`` returned.

    Args:
        LU_data: (*, m, n).
        LU_pivots: (*, min(m, n)), int32.
        unpack_data: whether L and U are wanted; else they are empty.
        unpack_pivots: whether P is wanted; else it is empty.

    Example::

        >>> lu, pivots = torch.linalg.lu_factor(torch.tensor([[2.0]]))
        >>> torch.lu_unpack(lu, pivots).L
        tensor([[1.]])
    """
    if unpack_pivots and pivots.dtype != flambeau.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    low = up = lu.new_empty((0,))
    if unpack_data:
        low, up = _unpack(lu)
    if not unpack_pivots:
        return lu.new_empty((0,)), low, up
    return _lu_permutation(pivots, lu.shape[-2], lu.dtype), low, up


@op(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False)"
    " -> Tensor",
    "linalg.lu_solve",
    vjp=composite,
    samples="(3,3)@1..2 (3,):int32@3..4 (3,2)",
)
def linalg_lu_solve(lu: Tensor, pivots: Tensor, b: Tensor, left: bool, adjoint: bool) -> Any:
    """X of ``A X = B`` from ``LU, pivots = linalg.lu_factor(A)``.

    Args:
        LU: (*, n, n).
        pivots: (*, n).
        B: (*, n, k).
        left: if not, X of ``X A = B``.
        adjoint: with A^H in place of A.

    Example::

        >>> lu, pivots = torch.linalg.lu_factor(torch.tensor([[2.0]]))
        >>> torch.linalg.lu_solve(lu, pivots, torch.tensor([[4.0]]))
        tensor([[2.]])
    """
    check_matrix("linalg.lu_solve", lu, "LU")
    check_same_dtype("linalg.lu_solve", lu, b)
    if pivots.dtype != flambeau.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if not left:  # X A = B: A^H X^H = B^H
        turned = linalg_lu_solve(lu, pivots, _turn(b), adjoint=not adjoint)
        return _turn(turned)
    order = _lu_permutation(pivots, lu.shape[-2], lu.dtype)
    if not adjoint:
        y = linalg_solve_triangular(
            lu, order.transpose(-2, -1) @ b, upper=False, unitriangular=True
        )
        return linalg_solve_triangular(lu, y, upper=True)
    y = linalg_solve_triangular(_turn(lu), b, upper=False)
    return order @ linalg_solve_triangular(_turn(lu), y, upper=True, unitriangular=True)


_turn = adjoint


@op(
    "lu_solve(Tensor input, Tensor LU_data, Tensor LU_pivots) -> Tensor",
    "lu_solve, Tensor.lu_solve",
    vjp=composite,
    autocast="float32",
    samples="(3,2) (3,3)@1..2 (3,):int32@3..4",
)
def lu_solve(b: Tensor, lu: Tensor, pivots: Tensor) -> Any:
    """X of ``A X = B``: ``linalg.lu_solve`` with the arguments in an older order."""
    return linalg_lu_solve(lu, pivots, b)
