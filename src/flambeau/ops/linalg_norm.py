"""Norms of matrices and what is read off them: rank and condition."""

from __future__ import annotations

import math
from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import LinAlgError, check_dtype, check_matrix, check_square
from flambeau.ops.linalg_eigen import linalg_eigvalsh
from flambeau.ops.linalg_factor import linalg_svdvals
from flambeau.ops.linalg_least_squares import tolerances
from flambeau.ops.linalg_solve import linalg_inv
from flambeau.ops.record import composite, no_gradient, op


def _wrap(dim: int, ndim: int) -> int:
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got "
            f"{dim})"
        )
    return dim % ndim


def _prepared(name: str, a: Tensor, dim: tuple[int, ...], dtype: Any) -> tuple[Tensor, list[int]]:
    """The tensor in the dtype to compute in, and the two dimensions of its matrices."""
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    dims = [_wrap(d, a.dim()) for d in dim]
    if dims[0] == dims[1]:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if dtype is not None:
        a = a.to(dtype)
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {a.dtype}"
        )
    return a, dims


def _frobenius(a: Tensor, dims: list[int], keepdim: bool) -> Tensor:
    made: Tensor = flambeau.linalg.vector_norm(a, 2, dims, keepdim)
    return made


def _singular_norm(a: Tensor, dims: list[int], keepdim: bool, pick: Any) -> Tensor:
    others = [d for d in range(a.dim()) if d not in dims]
    values = linalg_svdvals(a.permute([*others, *dims]))
    made: Tensor = pick(values)
    if keepdim:
        for d in sorted(dims):
            made = made.unsqueeze(d)
    return made


def _sum_norm(a: Tensor, dims: list[int], keepdim: bool, order: float) -> Tensor:
    """Greatest or least sum of absolute values: of columns (1) or rows (inf)."""
    summed, kept = dims if abs(order) == 1 else dims[::-1]
    sums = a.abs().sum(summed, keepdim=True)
    made: Tensor = (sums.amax if order > 0 else sums.amin)(kept, keepdim=True)
    if not keepdim:
        for d in sorted(dims, reverse=True):
            made = made.squeeze(d)
    return made


def _matrix_norm(
    name: str, a: Tensor, order: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any
) -> Tensor:
    a, dims = _prepared(name, a, dim, dtype)
    if order == "fro":
        return _frobenius(a, dims, keepdim)
    if order == "nuc":
        return _singular_norm(a, dims, keepdim, lambda s: s.sum(-1))
    if isinstance(order, str):
        raise RuntimeError(f"{name}: Order {order} not supported.")
    if abs(order) == 2:
        return _singular_norm(a, dims, keepdim, lambda s: s.amax(-1) if order > 0 else s.amin(-1))
    if abs(order) in (1, math.inf):
        return _sum_norm(a, dims, keepdim, order)
    raise RuntimeError(f"{name}: Order {order} not supported.")


@op(
    "linalg_matrix_norm(Tensor A, Scalar ord, int[] dim=[-2,-1], bool keepdim=False, *,"
    " ScalarType? dtype=None) -> Tensor",
    "linalg.matrix_norm",
    vjp=composite,
    samples="(3,4) 1 | (3,4) -inf | (2,3,4) 2 | (2,3,4) inf [0,1] True",
    errors="(3,) 2 -> RuntimeError: must have at least 2 dimensions",
)
def linalg_matrix_norm(
    a: Tensor, order: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any
) -> Any:
    """A norm of matrices.

    Args:
        A: (*, m, n).
        ord: 'fro' (default): root of the sum of squares; 'nuc': sum of the singular values; 2, -2:
            greatest, least singular value; 1, -1: greatest, least sum of absolute values of a
            column; inf, -inf: of a row.
        dim: the two dimensions of the matrices.
        keepdim: keep them, with size 1.
        dtype: cast to it first.

    Example::

        >>> torch.linalg.matrix_norm(torch.tensor([[3.0, 0.0], [4.0, 0.0]]))
        tensor(5.)
    """
    return _matrix_norm("linalg.matrix_norm", a, order, dim, keepdim, dtype)


@op(
    "linalg_matrix_norm.str_ord(Tensor A, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *,"
    " ScalarType? dtype=None) -> Tensor",
    "linalg.matrix_norm",
    vjp=composite,
    samples="(3,4) | (2,3,4) 'nuc' | (2,3,4) 'fro' [0,1] True",
)
def linalg_matrix_norm_str(
    a: Tensor, order: str, dim: tuple[int, ...], keepdim: bool, dtype: Any
) -> Any:
    return _matrix_norm("linalg.matrix_norm", a, order, dim, keepdim, dtype)


def _norm(a: Tensor, order: Any, dim: tuple[int, ...] | None, keepdim: bool, dtype: Any) -> Any:
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
        )
    if order is not None and dim is None and a.dim() not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
            f"Got {a.dim()}D."
        )
    if order is not None and (
        (dim is not None and len(dim) == 2) or (dim is None and a.dim() == 2)
    ):
        return _matrix_norm("linalg.matrix_norm", a, order, dim or (0, 1), keepdim, dtype)
    if isinstance(order, str):
        raise RuntimeError(f"linalg.norm: Order {order} is not supported for vectors")
    return flambeau.linalg.vector_norm(
        a, 2.0 if order is None else order, dim, keepdim, dtype=dtype
    )


@op(
    "linalg_norm(Tensor A, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *,"
    " ScalarType? dtype=None) -> Tensor",
    "linalg.norm",
    vjp=composite,
    samples="(3,4) | (5,) 1 | (3,4) 2 | (2,3,4) None [1,2] | (2,3,4) 1 1 True",
    errors="(2,3,4) 2 -> RuntimeError: If dim is not specified but ord is",
)
def linalg_norm(
    a: Tensor, order: Any, dim: tuple[int, ...] | None, keepdim: bool, dtype: Any
) -> Any:
    """A norm of vectors or matrices.

    Args:
        A: (*, n) or (*, m, n).
        ord: default: root of the sum of squares of all elements; with two dimensions as in
            ``matrix_norm``, with one as in ``vector_norm``.
        dim: one or two dimensions.
        keepdim: keep them, with size 1.
        dtype: cast to it first.

    Example::

        >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
        tensor(5.)
    """
    return _norm(a, order, dim, keepdim, dtype)


@op(
    "linalg_norm.ord_str(Tensor A, str ord, int[1]? dim=None, bool keepdim=False, *,"
    " ScalarType? dtype=None) -> Tensor",
    "linalg.norm",
    vjp=composite,
    samples="(3,4) 'fro' | (2,3,4) 'nuc' [0,1]",
)
def linalg_norm_str(
    a: Tensor, order: str, dim: tuple[int, ...] | None, keepdim: bool, dtype: Any
) -> Any:
    return _norm(a, order, dim, keepdim, dtype)


# --- condition ------------------------------------------------------------------------------------


def _cond(a: Tensor, p: Any) -> Any:
    check_matrix("linalg.cond", a)
    check_dtype("linalg.cond", a)
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        values = linalg_svdvals(a)
        if values.shape[-1] == 0:
            return flambeau.zeros(a.shape[:-2], dtype=values.dtype, device=a.device)
        first, last = values.select(-1, 0), values.select(-1, -1)
        return last / first if p == -2 else first / last
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"linalg.cond(ord={p}): A must be batches of square matrices, but they are "
            f"{a.shape[-2]} by {a.shape[-1]} matrices"
        )
    dims = (-2, -1)
    if a.numel() == 0:
        return flambeau.zeros(a.shape[:-2], dtype=a.dtype.to_real(), device=a.device)
    size = _matrix_norm("linalg.cond", a, p, dims, False, None)
    try:
        return size * _matrix_norm("linalg.cond", linalg_inv(a), p, dims, False, None)
    except LinAlgError:
        if a.dim() == 2:
            return flambeau.full((), math.inf, dtype=size.dtype, device=a.device)
        parts = [_cond(matrix, p) for matrix in a.reshape((-1, *a.shape[-2:]))]
        return flambeau.stack(parts).reshape(a.shape[:-2])


@op(
    "linalg_cond(Tensor A, Scalar? p=None) -> Tensor",
    "linalg.cond",
    vjp=composite,
    autocast="float32",
    samples="(3,3) | (2,4,3) | (3,3) 1 | (3,3) -2",
    errors="(2,3) 1 -> RuntimeError: must be batches of square matrices",
)
def linalg_cond(a: Tensor, p: Any) -> Any:
    """The condition ``|A| |A^-1|`` of matrices with respect to a norm.

    Args:
        A: (*, m, n); square unless p is None, 2 or -2.
        p: as ``ord`` of ``matrix_norm``; None is 2: greatest singular value over the least.

    Example::

        >>> torch.linalg.cond(torch.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor(2.)
    """
    return _cond(a, p)


@op(
    "linalg_cond.p_str(Tensor A, str p) -> Tensor",
    "linalg.cond",
    vjp=composite,
    autocast="float32",
    samples="(3,3) 'fro' | (3,3) 'nuc'",
)
def linalg_cond_str(a: Tensor, p: str) -> Any:
    return _cond(a, p)


# --- rank -----------------------------------------------------------------------------------------


def _rank(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    check_matrix("linalg.matrix_rank", a)
    if hermitian:
        check_square("linalg.matrix_rank", a)
    check_dtype("linalg.matrix_rank", a)
    a = a.detach()
    atol, rtol = tolerances(a, atol, rtol)
    values = linalg_eigvalsh(a).abs() if hermitian else linalg_svdvals(a)
    if values.shape[-1] == 0:
        return flambeau.zeros(a.shape[:-2], dtype=flambeau.int64, device=a.device)
    relative = values.amax(-1) * rtol
    bound = flambeau.maximum(relative, flambeau.zeros_like(relative) + atol)
    return (values > bound.unsqueeze(-1)).sum(-1)


@op(
    "linalg_matrix_rank(Tensor A, *, float? atol=None, float? rtol=None, bool hermitian=False)"
    " -> Tensor",
    "linalg.matrix_rank",
    vjp=no_gradient,
    autocast="float32",
    samples="(3,3) | (2,4,3)",
    errors="(3,) -> RuntimeError: must have at least 2 dimensions",
)
def linalg_matrix_rank(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The number of singular values above ``max(atol, rtol * largest)``.

    Args:
        A: (*, m, n).
        atol: default 0.
        rtol: default ``max(m, n) * eps``, or 0 if ``atol`` is given.
        hermitian: A is Hermitian; faster.

    Returns:
        (*), int64.

    Example::

        >>> torch.linalg.matrix_rank(torch.ones(3, 3))
        tensor(1)
    """
    return _rank(a, atol, rtol, hermitian)


@op(
    "linalg_matrix_rank.atol_rtol_tensor(Tensor A, *, Tensor? atol=None, Tensor? rtol=None,"
    " bool hermitian=False) -> Tensor",
    "linalg.matrix_rank",
    vjp=no_gradient,
    autocast="float32",
    samples="(4,3) atol=()@0.001..0.01",
)
def linalg_matrix_rank_tensors(a: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
    return _rank(a, atol, rtol, hermitian)


@op(
    "linalg_matrix_rank.tol(Tensor A, float tol, bool hermitian=False) -> Tensor",
    "linalg.matrix_rank",
    vjp=no_gradient,
    autocast="float32",
    samples="(4,3) 0.01",
)
def linalg_matrix_rank_tol(a: Tensor, tol: float, hermitian: bool) -> Any:
    return _rank(a, tol, 0.0, hermitian)


@op(
    "linalg_matrix_rank.tol_tensor(Tensor A, Tensor tol, bool hermitian=False) -> Tensor",
    "linalg.matrix_rank",
    vjp=no_gradient,
    autocast="float32",
    samples="(4,3) ()@0.001..0.01",
)
def linalg_matrix_rank_tol_tensor(a: Tensor, tol: Tensor, hermitian: bool) -> Any:
    return _rank(a, tol, 0.0, hermitian)
