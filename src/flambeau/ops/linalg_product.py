"""Powers, exponentials, chains and other products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops._matrices import adjoint, check_square, compute, eye_like
from flambeau.ops.linalg_solve import linalg_inv, linalg_solve
from flambeau.ops.record import composite, op


@op(
    "linalg_matrix_power(Tensor A, int n) -> Tensor",
    "linalg.matrix_power",
    vjp=composite,
    samples="(3,3) 0 | (3,3) 1 | (2,3,3) 5 | (3,3) -2",
    errors="(2,3) 2 -> RuntimeError: must be batches of square matrices",
)
def linalg_matrix_power(a: Tensor, n: int) -> Any:
    """The n-th power of square matrices, by repeated squaring; negative n: of the inverse.

    Example::

        >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    check_square("linalg.matrix_power", a)
    if n == 0:
        return eye_like(a) + a.tril(-a.shape[-1])  # a triangle without elements: zeros
    base = linalg_inv(a) if n < 0 else a
    n = abs(n)
    if n == 1:
        return base if base is not a else a.clone()
    result = None
    while n:
        if n & 1:
            result = base if result is None else result @ base
        n >>= 1
        if n:
            base = base @ base
    return result


@op(
    "matrix_power(Tensor input, int n) -> Tensor",
    "matrix_power, Tensor.matrix_power",
    vjp=composite,
    samples="(3,3) 3",
)
def matrix_power(a: Tensor, n: int) -> Any:
    """The n-th power of square matrices: ``linalg.matrix_power``."""
    return linalg_matrix_power(a, n)


# Padé approximant of degree 13 and the norm up to which it is exact in double precision: Higham,
# The scaling and squaring method for the matrix exponential revisited (2005), section 2.
_PADE = [
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
]  # fmt: skip
_PADE_NORM = 5.371920351148152


def _expm(x: Any) -> Any:
    if x.size == 0:
        return (x.copy(),)
    kind = x.dtype
    x = x.astype("complex128" if kind.kind == "c" else "float64")
    norm = numpy.abs(x).sum(-2).max(-1)
    finite = numpy.where(numpy.isfinite(norm), norm, 0)
    halvings = numpy.ceil(numpy.log2(numpy.maximum(finite / _PADE_NORM, 1.0))).astype(int)
    x = x / (2.0**halvings)[..., None, None]
    one, b = numpy.eye(x.shape[-1]), _PADE
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    odd = x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2)
    odd = x @ (odd + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    even = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2)
    even = even + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    made = numpy.linalg.solve(even - odd, even + odd)
    for step in range(int(halvings.max(initial=0))):
        more = (halvings > step)[..., None, None]
        made = numpy.where(more, made @ made, made)
    made[~numpy.isfinite(norm)] = numpy.nan
    return (made.astype(kind),)


def _expm_vjp(g: Any) -> None:
    # The derivative stands beside exp(A^H) in the exponential of [[A^H, g], [0, A^H]].
    ah, dout = adjoint(g.input("A")), g.dout()
    n = ah.shape[-1]
    upper = flambeau.cat([ah, dout], -1)
    lower = flambeau.cat([flambeau.zeros_like(ah), ah], -1)
    big = linalg_matrix_exp(flambeau.cat([upper, lower], -2))
    g.set("A", big.narrow(-2, 0, n).narrow(-1, n, n))


@op(
    "linalg_matrix_exp(Tensor A) -> Tensor",
    "linalg.matrix_exp, matrix_exp, Tensor.matrix_exp",
    vjp=_expm_vjp,
    save="A",
    samples="(3,3) | (2,2,2) | (0,0)",
    errors="(2,3) -> RuntimeError: must be batches of square matrices",
)
def linalg_matrix_exp(a: Tensor) -> Any:
    """The exponential of square matrices: ``sum A^k / k!``, by scaling and squaring.

    Example::

        >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_square("linalg.matrix_exp", a)
    return compute(_expm, [a], [(a.shape, a.dtype)])[0]


def _chain_order(sizes: list[int]) -> list[list[int]]:
    """Where to split each range of a chain of products: Cormen et al., section 15.2."""
    n = len(sizes) - 1
    cost = [[0.0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j] = math.inf
            for k in range(i, j):
                products = sizes[i] * sizes[k + 1] * sizes[j + 1]
                total = cost[i][k] + cost[k + 1][j] + products
                if total < cost[i][j]:
                    cost[i][j], split[i][j] = total, k
    return split


@op(
    "linalg_multi_dot(Tensor[] tensors) -> Tensor",
    "linalg.multi_dot",
    vjp=composite,
    samples="[(2,3),(3,4),(4,2)] | [(3,),(3,4)] | [(3,),(3,)]",
    errors="[(2,3)] -> RuntimeError: expected at least 2 tensors"
    " | [(2,3),(2,3)] -> RuntimeError: cannot be multiplied",
)
def linalg_multi_dot(tensors: tuple[Tensor, ...]) -> Any:
    """The product of matrices in the order that costs least; the first and last may be vectors.

    Example::

        >>> torch.linalg.multi_dot([torch.ones(2), torch.ones(2, 3), torch.ones(3)])
        tensor(6.)
    """
    name, n = "multi_dot()", len(tensors)
    if n < 2:
        raise RuntimeError(f"{name}: expected at least 2 tensors but got {n}")
    matrices = list(tensors)
    for i, t in enumerate(tensors):
        end = i in (0, n - 1)
        if not (t.dim() == 2 or (end and t.dim() == 1)):
            wanted = "1D or 2D" if end else "2D"
            raise RuntimeError(f"{name}: tensor {i} must be {wanted} but got {t.dim()}D")
    row, column = tensors[0].dim() == 1, tensors[-1].dim() == 1
    if row:
        matrices[0] = matrices[0].unsqueeze(0)
    if column:
        matrices[-1] = matrices[-1].unsqueeze(-1)
    for i in range(n - 1):
        a, b = matrices[i].shape, matrices[i + 1].shape
        if a[1] != b[0]:
            raise RuntimeError(
                f"{name}: tensors {i} and {i + 1} with shapes {list(a)} and {list(b)} cannot be "
                "multiplied"
            )
    split = _chain_order([matrices[0].shape[0], *(m.shape[1] for m in matrices)])

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return matrices[i]
        return product(i, split[i][j]) @ product(split[i][j] + 1, j)

    result = product(0, n - 1)
    result = result.squeeze(-1) if column else result
    return result.squeeze(0) if row else result


@op(
    "chain_matmul(Tensor[] matrices) -> Tensor",
    "chain_matmul",
    vjp=composite,
    samples="[(2,3),(3,4),(4,2)] | [(2,3)]",
)
def chain_matmul(matrices: tuple[Tensor, ...]) -> Any:
    """The product of matrices: ``linalg.multi_dot``."""
    return matrices[0] if len(matrices) == 1 else linalg_multi_dot(matrices)


# --- vectors --------------------------------------------------------------------------------------


@op(
    "linalg_cross(Tensor input, Tensor other, *, int dim=-1) -> Tensor",
    "linalg.cross",
    vjp=composite,
    samples="(4,3) (4,3) | (3,5) (3,5) dim=0 | (1,3) (4,3)",
    errors="(4,2) (4,2) -> RuntimeError: inputs dimension -1 must have length 3",
)
def linalg_cross(a: Tensor, b: Tensor, dim: int) -> Any:
    """The cross product of vectors of length 3 along a dimension.

    Example::

        >>> torch.linalg.cross(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    if a.dim() != b.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if not -a.dim() <= dim < a.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-a.dim()}, {a.dim() - 1}], but "
            f"got {dim})"
        )
    if a.shape[dim] != 3 or b.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[dim]} and "
            f"{b.shape[dim]}"
        )
    a1, a2, a3 = (a.narrow(dim, i, 1) for i in range(3))
    b1, b2, b3 = (b.narrow(dim, i, 1) for i in range(3))
    return flambeau.cat([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], dim)


@op(
    "cross(Tensor input, Tensor other, int? dim=None) -> Tensor",
    "cross, Tensor.cross",
    vjp=composite,
    samples="(4,3) (4,3) | (3,5) (3,5)",
    errors="(4,2) (4,2) -> RuntimeError: no dimension of size 3 in input",
)
def cross(a: Tensor, b: Tensor, dim: int | None) -> Any:
    """``linalg.cross``, by default along the first dimension of length 3."""
    if dim is None:
        sizes = tuple(flambeau.broadcast_shapes(a.shape, b.shape))
        if 3 not in sizes:
            raise RuntimeError("no dimension of size 3 in input")
        dim = sizes.index(3)
    return linalg_cross(a, b, dim=dim)


@op(
    "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor",
    "linalg.vecdot",
    vjp=composite,
    autocast="lower",
    samples="(3,) (3,) | (2,3) (1,3) | (3,2) (3,2) dim=0",
)
def linalg_vecdot(x: Tensor, y: Tensor, dim: int) -> Any:
    """The inner product ``sum conj(x_i) y_i`` along a dimension.

    Example::

        >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
        tensor(11.)
    """
    return ((x.conj() if x.dtype.is_complex else x) * y).sum(dim)


@op(
    "linalg_vander(Tensor x, *, int? N=None) -> Tensor",
    "linalg.vander",
    vjp=composite,
    samples="(3,) | (2,3) N=4",
)
def linalg_vander(x: Tensor, n: int | None) -> Any:
    """Rows of powers ``1, x, x^2, ...``: the Vandermonde matrix.

    Example::

        >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
        tensor([[1, 2, 4],
                [1, 3, 9]])
    """
    x = x if x.dim() else x.reshape((1,))
    n = x.shape[-1] if n is None else n
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    columns = [flambeau.ones_like(x)]
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    return flambeau.stack(columns, -1)


# --- tensors as matrices --------------------------------------------------------------------------


@op(
    "linalg_tensorinv(Tensor A, int ind=2) -> Tensor",
    "linalg.tensorinv",
    vjp=composite,
    autocast="float32",
    samples="(2,3,6) | (6,2,3) 1",
    errors="(2,3,4) -> RuntimeError: Expected self to satisfy the requirement",
)
def linalg_tensorinv(a: Tensor, ind: int) -> Any:
    """The inverse of ``tensordot(A, x, ind)`` as a function of x.

    Args:
        A: the product of its first ``ind`` sizes equals that of the others.
        ind: number of leading dimensions.
    """
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = a.shape[:ind], a.shape[ind:]
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {math.prod(columns)} != {math.prod(rows)}"
        )
    return linalg_inv(a.reshape((math.prod(rows), -1))).reshape((*columns, *rows))


@op(
    "linalg_tensorsolve(Tensor A, Tensor B, int[]? dims=None) -> Tensor",
    "linalg.tensorsolve",
    vjp=composite,
    autocast="float32",
    samples="(2,3,6) (2,3)",
    errors="(2,3,4) (2,3) -> RuntimeError: Expected self to satisfy the requirement",
)
def linalg_tensorsolve(a: Tensor, b: Tensor, dims: tuple[int, ...] | None) -> Any:
    """The X of ``tensordot(A, X, X.ndim) = B``.

    Args:
        A: shape ``B.shape + X.shape``.
        B: the right side.
        dims: dimensions of A to move to its end first.
    """
    if dims is not None:
        moved = [d % a.dim() for d in dims]
        a = a.permute([d for d in range(a.dim()) if d not in moved] + moved)
    shape = a.shape[b.dim() :]
    if math.prod(shape) != math.prod(a.shape[: b.dim()]) or math.prod(shape) != b.numel():
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {math.prod(shape)} != "
            f"{math.prod(a.shape[: b.dim()])}"
        )
    return linalg_solve(a.reshape((b.numel(), -1)), b.reshape((-1,))).reshape(shape)
