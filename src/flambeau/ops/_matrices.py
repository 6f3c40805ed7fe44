"""What the rooms of linear algebra share: checks of arguments, the way to NumPy and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

import flambeau
from flambeau import Tensor
from flambeau.ops._lapack import threads_for


class LinAlgError(RuntimeError):
    """A matrix has no such decomposition or inverse: it is singular, not positive-definite, ..."""


_NAMES = {
    "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte", "int8": "Char", "int16": "Short",
    "int32": "Int", "int64": "Long", "bool": "Bool", "float32": "Float", "float64": "Double",
    "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def dtype_name(dtype: Any) -> str:
    """PyTorch's internal name of a dtype, which its messages use."""
    return _NAMES[str(dtype).removeprefix("torch.")]


def check_dtype(name: str, a: Tensor) -> None:
    """Only single and double precision have decompositions."""
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. "
            f"Got {dtype_name(a.dtype)}"
        )
    if a.dtype.is_floating_point and a.dtype.itemsize < 4:
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {dtype_name(a.dtype)}")


def check_matrix(name: str, a: Tensor, argument: str = "A") -> None:
    """At least two dimensions."""
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def check_square(name: str, a: Tensor, argument: str = "A") -> None:
    """Square matrices of a dtype that has decompositions."""
    check_matrix(name, a, argument)
    if a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, "
            f"but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    check_dtype(name, a)


def check_same_dtype(name: str, a: Tensor, b: Tensor) -> None:
    """Both operands have one dtype."""
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type "
            f"{dtype_name(a.dtype)} and B of type {dtype_name(b.dtype)} instead"
        )


def array_of(a: Tensor) -> Any:
    """The tensor's memory as an array."""
    return a.detach().numpy()


def tensor_of(array: Any, like: Tensor | None = None) -> Tensor:
    """The array's memory as a tensor; of the precision of ``like`` where that is given."""
    array = numpy.asarray(array)
    if like is not None:
        kind = like.dtype.to_complex() if array.dtype.kind == "c" else like.dtype.to_real()
        array = array.astype(str(kind).removeprefix("torch."), copy=False)
    if any(step < 0 for step in array.strides) or not array.flags.writeable:
        array = array.copy()
    made: Tensor = (
        flambeau.from_numpy(array)
        if array.ndim
        else flambeau.from_numpy(array.reshape(1)).reshape(())
    )
    return made


Results = Sequence[tuple[Sequence[int], Any]]


def compute(function: Callable[..., Any], inputs: Sequence[Tensor], results: Results) -> Any:
    """Runs a function of arrays; on the meta device only makes tensors of the results' shapes.

    Args:
        function: from arrays to a tuple of arrays.
        inputs: its arguments.
        results: shape and dtype of each result.
    """
    if inputs[0].is_meta:
        return tuple(
            flambeau.empty(tuple(shape), dtype=dtype, device="meta") for shape, dtype in results
        )
    with threads_for(min(inputs[0].shape[-2:], default=0)):
        arrays = function(*(array_of(t) for t in inputs))
    made = []
    for array, (_, dtype) in zip(arrays, results, strict=True):
        wanted = str(dtype).removeprefix("torch.")
        made.append(tensor_of(numpy.asarray(array).astype(wanted, copy=False)))
    return tuple(made)


def failed(info: Tensor) -> bool:
    """Whether LAPACK's report of any matrix is not 0."""
    return not info.is_meta and bool(info.any())


def first_failure(info: Tensor) -> tuple[int, ...]:
    """Index of the first matrix of a batch whose report is not 0."""
    return tuple(int(i) for i in info.nonzero()[0])


def batch_text(info: Tensor, index: tuple[int, ...]) -> str:
    """Which matrix of a batch a message is about."""
    if not info.dim():
        return ""
    return f"(Batch element {int(numpy.ravel_multi_index(index, tuple(info.shape)))}): "


def check_sides(name: str, a: Tensor, b: Tensor, left: bool) -> None:
    """``A X = B`` or ``X A = B`` has a solution of some shape."""
    if b.shape[-2 if left else -1] != a.shape[-1]:
        sizes = f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} {sizes}"
        )


def adjoint(a: Tensor) -> Tensor:
    """Conjugate transpose of matrices."""
    turned: Tensor = a.transpose(-2, -1)
    return turned.conj() if a.dtype.is_complex else turned


def embed_diagonal(d: Tensor) -> Tensor:
    """Diagonal matrices with the given diagonals."""
    n = d.shape[-1]
    on = flambeau.eye(n, dtype=flambeau.bool, device=d.device)
    made: Tensor = flambeau.where(on, d.unsqueeze(-1), flambeau.zeros_like(d).unsqueeze(-1))
    return made


def eye_like(a: Tensor) -> Tensor:
    """The identity of the size, dtype and device of square matrices."""
    made: Tensor = flambeau.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return made


def not_converged(name: str) -> LinAlgError:
    """What LAPACK gave up on."""
    return LinAlgError(
        f"{name}: The algorithm failed to converge because the input matrix contained non-finite "
        "values, is ill-conditioned or has too many repeated values."
    )


def complex_like(real: Tensor, like: Tensor) -> Tensor:
    """A real tensor in the dtype of another."""
    return real.to(like.dtype) if like.dtype.is_complex else real
