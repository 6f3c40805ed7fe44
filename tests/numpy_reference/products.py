"""Products of matrices and tensors, linear algebra, Fourier transforms."""

from __future__ import annotations

import string
from collections import namedtuple
from typing import Any

import numpy as np

from numpy_reference.library import reference


def product(*names: str) -> Any:
    return reference(*names, elementwise=True)


for name in ("matmul", "mm", "bmm", "mv", "dot", "linalg.matmul"):
    product(name)(lambda *args, f=np.matmul, **kwargs: reduce_all(f, [*args, *kwargs.values()]))


def reduce_all(function: Any, tensors: Any) -> Any:
    made = tensors[0]
    for other in tensors[1:]:
        made = function(made, other)
    return made


@product("chain_matmul", "linalg.multi_dot")
def chain_matmul(*matrices: Any) -> Any:
    many = isinstance(matrices[0], (list, tuple))
    return reduce_all(np.matmul, matrices[0] if many else matrices)


@product("linear")
def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    made = np.matmul(input, weight.T)
    return made if bias is None else made + bias


@product("bilinear")
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    made = np.einsum("...i,oij,...j->...o", input1, weight, input2)
    return made if bias is None else made + bias


@product("vdot", "linalg.vecdot")
def vdot(input: Any, other: Any, *, dim: int = -1) -> Any:
    return (np.conj(input) * other).sum(dim)


@product("outer", "ger")
def outer(input: Any, vec2: Any) -> Any:
    return np.multiply.outer(input, vec2)


def adds(multiply: Any) -> Any:
    def run(input: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        made = alpha * multiply(a, b)
        return made + beta * input if beta else made

    return run


product("addmm", "addmv", "baddbmm")(adds(np.matmul))
product("addr")(adds(np.multiply.outer))
product("addbmm")(adds(lambda a, b: np.matmul(a, b).sum(0)))


@product("inner")
def inner(input: Any, other: Any) -> Any:
    return np.inner(input, other)


@product("kron")
def kron(input: Any, other: Any) -> Any:
    return np.kron(input, other)


@product("tensordot")
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    dims = dims.tolist() if isinstance(dims, np.ndarray) else dims
    if not isinstance(dims, int):
        a, b = one_sided(a, b, *dims)
    return np.tensordot(a, b, dims)


def one_sided(a: Any, b: Any, left: Any, right: Any) -> Any:
    """Dimensions of one element stretch."""
    for i, j in zip(left, right, strict=True):
        if a.shape[i] == 1 != b.shape[j]:
            b = b.sum(j, keepdims=True)
        elif b.shape[j] == 1 != a.shape[i]:
            a = a.sum(i, keepdims=True)
    return a, b


@product("einsum")
def einsum(*args: Any) -> Any:
    if not isinstance(args[0], str):
        args = (sublist_equation(args), *args[: len(args) // 2 * 2 : 2])
    equation, *operands = args
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if not arrow:
        letters = sorted(c for c in set(left) - {",", "."} if left.count(c) == 1)
        right = ("..." if "..." in left else "") + "".join(letters)
    elif "..." in left and "..." not in right:
        dots = max(
            x.ndim - len(s.replace(".", ""))
            for s, x in zip(inputs, operands, strict=True)
            if "." in s
        )
        return np.einsum(f"{left}->...{right}", *operands).sum(tuple(range(dots)))
    elif "..." in right and "..." not in left:
        right = right.replace("...", "")
    sizes: dict[str, int] = {}
    for subscripts, x in zip(inputs, operands, strict=True):
        if "." not in subscripts:
            for c, n in zip(subscripts, x.shape, strict=True):
                sizes[c] = max(sizes.get(c, 1), n) if 0 not in (n, sizes.get(c, 1)) else 0
    stretched = []
    for subscripts, x in zip(inputs, operands, strict=True):
        if "." not in subscripts:
            x = np.broadcast_to(x, [sizes[c] for c in subscripts])
        stretched.append(x)
    return np.einsum(",".join(inputs) + "->" + right, *stretched)


def sublist_equation(args: Any) -> str:
    letters = string.ascii_letters

    def text(part: Any) -> str:
        return "".join("..." if p is Ellipsis else letters[p] for p in part)

    pairs = len(args) // 2
    equation = ",".join(text(args[2 * i + 1]) for i in range(pairs))
    return equation + ("->" + text(args[-1]) if len(args) % 2 else "")


# --- linear algebra -------------------------------------------------------------------------------


def linalg(*names: str) -> Any:
    return reference(*names)


linalg("linalg.inv", "inverse")(lambda input: np.linalg.inv(input))
linalg("linalg.pinv", "pinverse")(lambda input, rcond=1e-15, **_: np.linalg.pinv(input, rcond))
linalg("linalg.det", "det")(lambda input: np.linalg.det(input))
linalg("linalg.slogdet", "slogdet")(lambda input: tuple(np.linalg.slogdet(input)))
linalg("logdet")(lambda input: np.log(np.linalg.det(input)))
linalg("linalg.cholesky")(lambda input, upper=False: upper_of(np.linalg.cholesky(input), upper))
linalg("cholesky")(lambda input, upper=False: upper_of(np.linalg.cholesky(input), upper))
linalg("linalg.svdvals")(lambda input: np.linalg.svd(input, compute_uv=False))
linalg("linalg.eigvalsh")(lambda input, UPLO="L": np.linalg.eigvalsh(input, UPLO))
linalg("linalg.matrix_power", "matrix_power")(lambda input, n: np.linalg.matrix_power(input, n))
linalg("linalg.tensorinv")(lambda input, ind=2: np.linalg.tensorinv(input, ind))
linalg("linalg.tensorsolve")(
    lambda input, other, dims=None: np.linalg.tensorsolve(input, other, dims)
)
linalg("linalg.cross")(lambda input, other, dim=-1: np.cross(input, other, axis=dim))
linalg("linalg.solve_triangular")(
    lambda input, B, upper, left=True, unitriangular=False: solve_triangular(
        input, B, upper, left, unitriangular
    )
)


def upper_of(lower: Any, upper: bool) -> Any:
    return np.conj(np.swapaxes(lower, -2, -1)) if upper else lower


def solve_triangular(a: Any, b: Any, upper: bool, left: bool, unitriangular: bool) -> Any:
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        n = np.arange(a.shape[-1])
        a = a.copy()
        a[..., n, n] = 1
    if left:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -2, -1), np.swapaxes(b, -2, -1)), -2, -1)


@linalg("linalg.solve")
def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    if B.ndim == 1 or B.shape == A.shape[:-1]:
        return np.linalg.solve(A, B[..., None])[..., 0]
    if not left:
        return np.swapaxes(np.linalg.solve(np.swapaxes(A, -2, -1), np.swapaxes(B, -2, -1)), -2, -1)
    return np.linalg.solve(A, B)


@linalg("linalg.matrix_exp", "matrix_exp")
def matrix_exp(input: Any) -> Any:
    """The series of a matrix divided by 2^20, squared 20 times."""
    small = input / 2.0**20
    term = total = np.broadcast_to(np.eye(input.shape[-1]), input.shape)
    for k in range(1, 8):
        term = term @ small / k
        total = total + term
    for _ in range(20):
        total = total @ total
    return total


# --- decompositions and norms ---------------------------------------------------------------------

Eigen = namedtuple("Eigen", ["eigenvalues", "eigenvectors"])
Svd = namedtuple("Svd", ["U", "S", "Vh"])
Qr = namedtuple("Qr", ["Q", "R"])

linalg("linalg.eig")(lambda input: Eigen(*np.linalg.eig(input.astype(np.complex128))))
linalg("linalg.eigvals")(lambda input: np.linalg.eigvals(input.astype(np.complex128)))
linalg("linalg.eigh")(lambda input, UPLO="L": Eigen(*np.linalg.eigh(input, UPLO)))
linalg("linalg.svd")(
    lambda input, full_matrices=True: Svd(*np.linalg.svd(input, full_matrices=full_matrices))
)
linalg("linalg.inv_ex")(lambda input: (np.linalg.inv(input), no_failure(input)))
linalg("linalg.solve_ex")(lambda A, B, left=True: (solve(A, B, left=left), no_failure(A)))


@linalg("linalg.qr")
def qr(input: Any, mode: str = "reduced") -> Any:
    found = np.linalg.qr(input, mode)
    return Qr(np.zeros(0, found.dtype), found) if mode == "r" else Qr(*found)


def no_failure(matrix: Any) -> Any:
    return np.zeros(matrix.shape[:-2], np.int32)


@linalg("linalg.matrix_norm")
def matrix_norm(input: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    return np.linalg.norm(input, ord, tuple(dim), keepdim)


@linalg("linalg.norm")
def linalg_norm(input: Any, ord: Any = None, dim: Any = None, keepdim: bool = False) -> Any:
    axis = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    return np.linalg.norm(
        input.reshape(-1) if axis is None and ord is None else input, ord, axis, keepdim
    )


@linalg("linalg.cond")
def cond(input: Any, p: Any = None) -> Any:
    return np.linalg.cond(input, p)


@linalg("linalg.matrix_rank")
def matrix_rank(
    input: Any, tol: Any = None, *, atol: Any = 0.0, rtol: Any = None, hermitian: bool = False
) -> Any:
    values = np.linalg.svd(input, compute_uv=False)
    if tol is not None:
        return (values > np.asarray(tol)[..., None]).sum(-1)
    if rtol is None:
        rtol = max(input.shape[-2:]) * np.finfo(np.float64).eps
    return (values > np.maximum(atol, rtol * values[..., :1])).sum(-1)


# --- Fourier transforms ---------------------------------------------------------------------------


def transform(name: str, dims: Any) -> None:
    """NumPy's function of the same name."""
    function = getattr(np.fft, name)

    def run(input: Any, n: Any = None, dim: Any = dims, norm: Any = None, s: Any = None) -> Any:
        sizes = n if s is None else s
        if dim is None and sizes is not None:
            dim = tuple(range(-len(sizes), 0))
        return function(input, sizes, dim, norm)

    reference(f"fft.{name}")(run)


for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    transform(name, -1)
for name in ("fft2", "ifft2", "rfft2", "irfft2"):
    transform(name, (-2, -1))
for name in ("fftn", "ifftn", "rfftn", "irfftn"):
    transform(name, None)
reference("fft.fftshift", raw=True)(lambda input, dim=None: np.fft.fftshift(input, dim))
reference("fft.ifftshift", raw=True)(lambda input, dim=None: np.fft.ifftshift(input, dim))
