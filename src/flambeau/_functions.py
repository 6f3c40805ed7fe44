"""Functions of the top level that are neither operators nor about gradients."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from flambeau import _C
from flambeau._C import Tensor

_ops = _C.namespace("")

__all__ = [
    "are_deterministic_algorithms_enabled",
    "broadcast_shapes",
    "compiled_with_cxx11_abi",
    "einsum",
    "finfo",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_rng_state_size",
    "iinfo",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_storage",
    "is_tensor",
    "nonzero",
    "numel",
    "result_type",
    "set_default_device",
    "set_default_dtype",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "tensordot",
    "typename",
    "unique",
    "unique_consecutive",
    "use_deterministic_algorithms",
]  # fmt: skip


def is_tensor(obj: Any) -> bool:
    """Whether the object is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether the object is a storage."""
    return type(obj).__name__ in ("UntypedStorage", "TypedStorage")


def is_floating_point(input: Tensor) -> bool:
    """Whether the tensor's dtype is float16, bfloat16, float32 or float64."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the tensor's dtype is complex64 or complex128."""
    return input.is_complex()


def is_nonzero(input: Tensor) -> bool:
    """Whether the only element is not zero."""
    if input.numel() != 1:
        kind = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return bool(input)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero, in order.

    Args:
        out: takes the result, without ``as_tuple``.
        as_tuple: give one vector per dimension, fit to index with, instead of a matrix with one row
            per element.

    Example::

        >>> torch.nonzero(torch.tensor([[0, 5], [7, 0]]))
        tensor([[0, 1],
                [1, 0]])
    """
    return _ops["_nonzero_tuple"](input) if as_tuple else _ops["_nonzero"](input, out=out)


def numel(input: Tensor) -> int:
    """Number of elements."""
    return input.numel()


def set_default_dtype(d: Any) -> None:
    """Sets the floating dtype that Python floats become (float32 at first)."""
    _C._set_default_dtype(d)


def set_default_device(device: Any) -> None:
    """Accepts the CPU, the one device there is."""
    if device is not None and _C.device(device).type != "cpu":
        raise RuntimeError(f"set_default_device: only 'cpu' can be the default, but got '{device}'")


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that all the given ones broadcast to.

    Example::

        >>> torch.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    sizes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    result = [1] * max((len(s) for s in sizes), default=0)
    for shape in sizes:
        for i in range(-1, -1 - len(shape), -1):
            if shape[i] < 0:
                raise RuntimeError(
                    f"Trying to create tensor with negative dimension ({shape[i]}): ({shape[i]})"
                )
            if shape[i] in (1, result[i]):
                continue
            if result[i] != 1:
                raise RuntimeError(
                    "Shape mismatch: objects cannot be broadcast to a single shape: "
                    + " and ".join(str(s) for s in sizes)
                )
            result[i] = shape[i]
    return _C.Size(result)


def result_type(tensor1: Any, tensor2: Any) -> Any:
    """The dtype of an arithmetic operation on the two operands (tensors or numbers)."""
    empty, add = _C.namespace("")["empty"], _C.namespace("")["add"]

    def stand_in(operand: Any) -> Any:
        if not isinstance(operand, Tensor):
            return operand
        return empty([0] * min(operand.dim(), 1), dtype=operand.dtype, device="meta")

    a, b = stand_in(tensor1), stand_in(tensor2)
    if isinstance(a, Tensor):
        return add(a, b).dtype
    if isinstance(b, Tensor):
        return add(b, a).dtype
    return (_C._from_data(a) + _C._from_data(b)).dtype


def _subscript(label: Any) -> str:
    if label is Ellipsis:
        return "..."
    if not 0 <= operator.index(label) < 52:
        raise ValueError(
            "einsum(): subscript in subscript list is not within the valid range [0, 52)"
        )
    return chr(ord("A") + label if label < 26 else ord("a") + label - 26)


def einsum(*args: Any) -> Tensor:
    """Sum of products of the operands' elements, after Einstein's convention.

    Args:
        args: an equation such as ``"ij,jk->ik"`` and the operands; or operands and lists of
            numbers below 52 (or ``...``) in turn, and at last the list of the result.

    In the equation every dimension has a letter; letters that are not in the result are summed
    over, and ``...`` stands for dimensions that broadcast. Without ``->`` the result has the
    letters that stand just once, in alphabetical order.

    Example::

        >>> import flambeau as torch
        >>> a, b = torch.arange(6).view(2, 3), torch.arange(3)
        >>> torch.einsum("ij,j->i", a, b)
        tensor([ 5, 14])
        >>> torch.einsum(a, [0, 1], b, [1], [0])
        tensor([ 5, 14])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one "
            "operand and its subscripts list"
        )
    if isinstance(args[0], str):
        return _ops["einsum"](*args)  # type: ignore[no-any-return]
    equation = ",".join("".join(map(_subscript, labels)) for labels in args[1::2])
    operands = args[:-1:2] if len(args) % 2 else args[::2]
    if len(args) % 2:
        equation += "->" + "".join(map(_subscript, args[-1]))
    return _ops["einsum"](equation, operands)  # type: ignore[no-any-return]


def _dimension_list(dims: Any) -> list[int]:
    return [operator.index(d) for d in (dims.tolist() if isinstance(dims, Tensor) else dims)]


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """Sum of products over pairs of dimensions.

    Args:
        a, b: tensors of one dtype.
        dims: how many of the last dimensions of ``a`` meet the first of ``b``; or two lists of
            dimensions that meet.
        out: the tensor to write the result to.

    Example::

        >>> import flambeau as torch
        >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 2), dims=1)
        tensor([[3., 3.],
                [3., 3.]])
    """
    if isinstance(dims, Tensor) and dims.numel() == 1:
        dims = int(dims)
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        first, second = list(range(-dims, 0)), list(range(dims))
    else:
        first, second = (_dimension_list(d) for d in dims)
    return _ops["_tensordot"](a, b, first, second, out=out)  # type: ignore[no-any-return]


class finfo:
    """Limits of a floating dtype: ``bits``, ``eps``, ``max``, ``min``, ``tiny``, ``resolution``.

    Args:
        dtype: a floating or complex dtype; default: the default dtype.

    Raises:
        TypeError: an integer dtype.
    """

    # bits of the fraction and greatest exponent
    _FORMATS: ClassVar = {
        "float16": (10, 15),
        "bfloat16": (7, 127),
        "float32": (23, 127),
        "float64": (52, 1023),
    }

    def __init__(self, dtype: Any = None) -> None:
        dtype = _C.get_default_dtype() if dtype is None else dtype
        real = dtype.to_real()
        name = str(real).removeprefix("torch.")
        if name not in self._FORMATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. "
                f"Use torch.iinfo to handle '{dtype}'"
            )
        fraction, exponent = self._FORMATS[name]
        self.dtype = name
        self.bits = real.itemsize * 8
        self.eps = 2.0**-fraction
        self.max = (2.0 - 2.0**-fraction) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = 10.0 ** -{10: 3, 7: 2, 23: 6, 52: 15}[fraction]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer dtype: ``bits``, ``max``, ``min``.

    Args:
        dtype: an integer dtype.

    Raises:
        TypeError: another dtype.
    """

    def __init__(self, dtype: Any) -> None:
        if dtype.is_floating_point or dtype.is_complex or dtype == _C.bool:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{dtype}'"
            )
        self.dtype = str(dtype).removeprefix("torch.")
        self.bits = dtype.itemsize * 8
        signed = dtype.is_signed
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -(2 ** (self.bits - 1)) if signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def typename(obj: Any) -> str:
    """The qualified name of an object's type."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    return f"{type(obj).__module__}.{type(obj).__qualname__}".removeprefix("builtins.")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: every operation is deterministic anyway."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always true."""
    return True


_matmul_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Say how exact products of float32 matrices must be, on all threads.

    "medium" lets a processor with instructions for bfloat16 round the operands of products whose
    result has at least 64 rows and columns to 8 bits of precision; sums stay in float32. The error
    of an element is up to 2**-7 times the sum of its products' sizes. Convolutions, vectors and
    complex numbers stay exact. "high" and "highest" compute everything in float32.

    Raises:
        RuntimeError: It is none of these.

    Example::

        >>> torch.set_float32_matmul_precision("medium")
        >>> torch.get_float32_matmul_precision()
        'medium'
        >>> torch.set_float32_matmul_precision("highest")
    """
    global _matmul_precision
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(
            f"{precision} is not one of 'highest', 'high', or 'medium'; "
            "the current precision is kept."
        )
    _matmul_precision = precision
    _C._set_bfloat16_products(precision == "medium")


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` set."""
    return _matmul_precision


def get_num_interop_threads() -> int:
    """Threads that run operators side by side: one, the caller."""
    return 1


def set_num_interop_threads(n: int) -> None:
    """Accepted for compatibility: operators run in the thread that calls them."""


def compiled_with_cxx11_abi() -> bool:
    """Whether the C++ standard library's new ABI is used."""
    return True


def get_rng_state_size() -> int:
    """Bytes of a generator's state."""
    return int(_C.default_generator.get_state().numel())


def _distinct(
    input: Tensor, dim: int | None, consecutive: bool, return_inverse: bool, return_counts: bool
) -> Any:
    values, inverse, counts = _ops["_distinct"](input, dim, consecutive)
    wanted = [values]
    if return_inverse:
        wanted.append(inverse)
    if return_counts:
        wanted.append(counts)
    return values if len(wanted) == 1 else tuple(wanted)


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Distinct elements, or distinct slices of a dimension, in ascending order.

    Args:
        input: any shape, any real dtype.
        sorted: accepted; the result always is.
        return_inverse: also return which of the results each element (slice) is.
        return_counts: also return how often each occurs.
        dim: the dimension whose slices are compared; default: all elements by themselves.

    Returns:
        The distinct elements (slices), or a tuple of them and what else was asked for.

    Example::

        >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    return _distinct(input, dim, False, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The first of each run of equal elements, or equal slices of a dimension.

    Args and results are those of ``unique``; the order is that of the input.

    Example::

        >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
        tensor([1, 2, 1])
    """
    return _distinct(input, dim, True, return_inverse, return_counts)
