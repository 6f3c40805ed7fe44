"""LU factorizations; csrc/ops/lu.cpp computes them."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import (
    adjoint,
    batch_text,
    check_dtype,
    check_matrix,
    check_same_dtype,
    check_sides,
    check_square,
    failed,
    first_failure,
)
from flambeau.ops.linalg_solve import _triangular
from flambeau.ops.record import composite, op

_lu_factor = flambeau._C._find_op("_lu_factor")
_lu_permutation = flambeau._C._find_op("_lu_permutation")
_native_lu_solve = flambeau._C._find_op("_lu_solve")


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


def _raise_zero_pivot(name: str, info: Tensor) -> None:
    index = first_failure(info)
    k = int(info[index])
    raise RuntimeError(
        f"{name}: {batch_text(info, index)}U[{k},{k}] is zero and using it on lu_solve would "
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
    lu, pivots, info = _lu_factor(a, pivot)
    if check_errors and failed(info):
        _raise_zero_pivot("torch.linalg.lu_factor_ex", info)
    return lu, pivots, info


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
    if failed(info):
        _raise_zero_pivot("torch.linalg.lu_factor", info)
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


def _lu_solve_vjp(g: Any) -> None:
    lu, pivots, x, turned = g.input("LU"), g.input("pivots"), g.output(), g.arg("adjoint")
    db = _lu_solve(lu, pivots, g.dout(), not turned)
    g.set("B", db)
    if not g.needs("LU"):
        return
    low, up = _unpack(lu)
    order = adjoint(_lu_permutation(pivots, lu.shape[-1], lu.dtype))
    # With R = P^T (the solution of A^H), S = the solution of A: dL = -R S^H U^H, dU = -L^H R S^H.
    r, s = (order @ x, db) if turned else (order @ db, x)
    dlow = (r @ adjoint(up @ s)).tril(-1)
    dup = ((adjoint(low) @ r) @ adjoint(s)).triu()
    g.set("LU", -(dlow + dup))


@op(
    "_linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, bool adjoint) -> Tensor",
    "",
    vjp=_lu_solve_vjp,
    save="LU, pivots, result",
    samples="(3,3)@1..2 (3,):int32@3..4 (3,2) False | (3,3)@1..2 (3,):int32@3..4 (3,2) True",
)
def _lu_solve(lu: Tensor, pivots: Tensor, b: Tensor, adjoint: bool) -> Any:
    """X of ``A X = B``, or of ``A^H X = B``."""
    return _native_lu_solve(lu, pivots, b, adjoint)


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
    check_square("linalg.lu_solve", lu, "LU")
    if pivots.dtype != flambeau.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if not pivots.dim() or pivots.shape[-1] != lu.shape[-1]:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the "
            "matrix"
        )
    if pivots.shape != lu.shape[:-1]:
        raise RuntimeError(
            "linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got "
            f"pivots with shape {list(pivots.shape)} instead"
        )
    check_sides("linalg.lu_solve", lu, b, left)
    if left:
        return _lu_solve(lu, pivots, b, adjoint)
    # X A = B: A^H X^H = B^H.
    return _turn(_lu_solve(lu, pivots, _turn(b), not adjoint))


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
