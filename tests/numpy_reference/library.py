"""A small library with flambeau's names whose values NumPy computes, in float64: the tests' oracle.

Every operator is one function of arrays in `FUNCTIONS`; it becomes `root.name`, `Tensor.name`,
`Tensor.name_` and the same under `root.nn.functional` and its like. It has no derivatives: those
are held against finite differences.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np


class NoReference(AttributeError):
    """NumPy has no such function, and nobody wrote it down here."""


class DType:
    """A type of elements; bfloat16, which NumPy lacks, is kept as float32."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.numpy = np.dtype("float32" if name == "bfloat16" else name)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    @property
    def kind(self) -> str:
        return self.numpy.kind

    @property
    def is_floating_point(self) -> bool:
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        return self.kind == "c"


DTYPES = {
    name: DType(name)
    for name in (
        "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
        "float64", "complex64", "complex128",
    )
}  # fmt: skip
LEVEL = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
REAL_OF = {"complex64": "float32", "complex128": "float64"}
COMPLEX_OF = {"float64": "complex128", "complex128": "complex128"}
FUNCTIONS: dict[str, Callable[..., Any]] = {}
Pair = namedtuple("Pair", ["values", "indices"])


def promote(a: DType, b: DType) -> DType:
    """The type of a sum of tensors with dimensions."""
    if a is b:
        return a
    low, high = sorted((a, b), key=lambda d: LEVEL[d.kind])
    if LEVEL[low.kind] != LEVEL[high.kind]:
        wide = high.kind == "c" and low.name == "float64"
        return DTYPES["complex128"] if wide else high
    if "bfloat16" in (a.name, b.name):
        other = b if a.name == "bfloat16" else a
        return DTYPES["float32"] if other.name == "float16" else other
    return DTYPES[np.promote_types(a.numpy, b.numpy).name]


def can_cast(from_: DType, to: DType) -> bool:
    """Not to a kind below, and to truth values only from such."""
    return LEVEL[from_.kind] <= LEVEL[to.kind]


def of_number(value: Any) -> DType:
    name = {bool: "bool", int: "int64", float: "float32", complex: "complex64"}[type(value)]
    return DTYPES[name]


def result_type(*values: Any) -> DType:
    """Tensors with dimensions decide, then those without, then numbers, if of a higher kind."""
    found: DType | None = None
    groups: list[list[DType]] = [[], [], []]
    for v in values:
        if isinstance(v, Tensor):
            groups[0 if v.array.ndim else 1].append(v.dtype)
        else:
            groups[2].append(of_number(v))
    for group in groups:
        if not group:
            continue
        own = group[0]
        for other in group[1:]:
            own = promote(own, other)
        if found is None:
            found = own
        elif LEVEL[own.kind] > LEVEL[found.kind]:
            both_inexact = LEVEL[found.kind] == 2
            found = DTYPES[COMPLEX_OF.get(found.name, "complex64")] if both_inexact else own
    return found or DTYPES["float32"]


class Tensor:
    """An array with the names of a tensor."""

    requires_grad = False

    def __init__(self, array: Any, dtype: DType | None = None) -> None:
        self.array = np.asarray(array)
        self.dtype = dtype or DTYPES[self.array.dtype.name]

    # What is asked of any tensor.
    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    T = property(lambda self: wrap(self.array.T, self.dtype))
    mT = property(lambda self: wrap(np.swapaxes(self.array, -2, -1), self.dtype))
    real = property(lambda self: wrap(self.array.real))
    imag = property(lambda self: wrap(self.array.imag))
    values = property(lambda self: self)

    def dim(self) -> int:
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        return self.array.shape if dim is None else self.array.shape[dim]

    def numel(self) -> int:
        return self.array.size

    def stride(self) -> tuple[int, ...]:
        return tuple(s // self.array.itemsize for s in self.array.strides)

    def item(self) -> Any:
        return self.array.item()

    def tolist(self) -> Any:
        return self.array.tolist()

    def numpy(self, force: bool = False) -> Any:
        return self.array

    def is_floating_point(self) -> bool:
        return self.dtype.kind == "f"

    def is_complex(self) -> bool:
        return self.dtype.kind == "c"

    def detach(self) -> Tensor:
        return Tensor(self.array, self.dtype)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        return self

    resolve_conj = resolve_neg = detach

    def clone(self, memory_format: Any = None) -> Tensor:
        return Tensor(self.array.copy(), self.dtype)

    def contiguous(self, memory_format: Any = None) -> Tensor:
        return self

    def to(self, *args: Any, dtype: DType | None = None, memory_format: Any = None) -> Tensor:
        for a in args:
            dtype = a if isinstance(a, DType) else a.dtype if isinstance(a, Tensor) else dtype
        return self if dtype in (None, self.dtype) else wrap(self.array, dtype)

    def type_as(self, other: Tensor) -> Tensor:
        return self.to(other.dtype)

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Any:
        return (
            Tensor(self.array[i : i + 1].reshape(self.shape[1:]), self.dtype)
            for i in range(len(self))
        )

    def __bool__(self) -> bool:
        return bool(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __index__(self) -> int:
        return int(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __getitem__(self, key: Any) -> Tensor:
        return Tensor(FUNCTIONS["getitem"](self.array, key), self.dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        FUNCTIONS["setitem"](self.array, key, value.array if isinstance(value, Tensor) else value)

    def __getattr__(self, name: str) -> Any:
        if name in CASTS:
            return lambda: self.to(DTYPES[CASTS[name]])
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("_") and not name.startswith("_"):
            return lambda *args, **kwargs: self._write(name[:-1], args, kwargs)
        function = find(name)
        return lambda *args, **kwargs: function(self, *args, **kwargs)

    def _write(self, name: str, args: Any, kwargs: Any) -> Tensor:
        made = find(name)(self, *args, **kwargs)
        if name in GEOMETRY:
            self.array = made.array
        else:
            np.copyto(self.array, made.array.astype(self.array.dtype))
        return self


GEOMETRY = {"t", "transpose", "swapaxes", "swapdims", "squeeze", "unsqueeze", "as_strided"}
CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "bool": "bool", "byte": "uint8", "short": "int16", "char": "int8", "bfloat16": "bfloat16",
}  # fmt: skip
OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide",
    "mod": "remainder", "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or",
    "xor": "bitwise_xor", "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
    "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge",
}  # fmt: skip
REFLECTED = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"}
for symbol, function_name in OPERATORS.items():

    def forward(self: Any, other: Any, name: str = function_name) -> Any:
        return find(name)(self, other)

    def reflected(self: Any, other: Any, name: str = function_name) -> Any:
        return find(name)(other, self)

    setattr(Tensor, f"__{symbol}__", forward)
    if symbol in REFLECTED:
        setattr(Tensor, f"__r{symbol}__", reflected)
for symbol, function_name in {"neg": "neg", "invert": "bitwise_not", "abs": "abs"}.items():
    setattr(Tensor, f"__{symbol}__", lambda self, name=function_name: find(name)(self))
Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def wrap(array: Any, dtype: DType | None = None) -> Tensor:
    array = np.asarray(array)
    if dtype is None:
        return Tensor(array)
    if array.dtype.kind == "c" and dtype.kind not in "cb":
        array = array.real
    with np.errstate(all="ignore"):
        return Tensor(array.astype(dtype.numpy, copy=False), dtype)


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor):
        wide = {"f": "float64", "c": "complex128"}.get(value.dtype.kind)
        return value.array.astype(wide, copy=False) if wide else value.array
    if isinstance(value, (list, tuple)) and not isinstance(value, str):
        return type(value)(_widened(v) for v in value) if type(value) in (list, tuple) else value
    return value


def tensors_in(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors_in(v)]
    return []


def _typed(result: Any, common: DType, elementwise: bool, dtype: DType | None) -> Any:
    """Arrays in a result as tensors of the type that the operator has."""
    if isinstance(result, Pair):
        values = _typed(result.values, common, elementwise, dtype)
        return Pair(values, wrap(np.asarray(result.indices), DTYPES["int64"]))
    if isinstance(result, (tuple, list)):
        parts = [_typed(r, common, elementwise, dtype) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    result = np.asarray(result)
    kind = result.dtype.kind
    if dtype is not None:
        return wrap(result, dtype)
    if kind == "f":
        name = REAL_OF.get(common.name, common.name if common.kind == "f" else "float32")
        return wrap(result, DTYPES[name])
    if kind == "c":
        name = common.name if common.kind == "c" else COMPLEX_OF.get(common.name, "complex64")
        return wrap(result, DTYPES[name])
    if kind in "iu" and elementwise and common.kind in "iu":
        return wrap(result, common)
    return wrap(result.astype("int64")) if result.dtype == np.uint64 else wrap(result)


def reference(
    *names: str, elementwise: bool = False, raw: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function of arrays. ``raw``: elements are only moved, in whatever type."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters
        takes_dtype = "dtype" in parameters

        def call(*args: Any, **kwargs: Any) -> Any:
            dtype = None if takes_dtype else kwargs.pop("dtype", None)
            if "axis" in kwargs and "axis" not in parameters:
                kwargs["dim"] = kwargs.pop("axis")
            if "out" in kwargs:
                raise NoReference("out=")
            if dtype is not None:
                args = tuple(a.to(dtype) if isinstance(a, Tensor) else a for a in args)
            everything = [*args, *kwargs.values()]
            if raw:
                plain = [_bare(a) for a in args]
                result = function(*plain, **{k: _bare(v) for k, v in kwargs.items()})
                first = tensors_in(everything)
                return _moved(result, first[0].dtype if first else None)
            numbers = [v for v in everything if type(v) in (bool, int, float, complex)]
            common = result_type(*tensors_in(everything), *(numbers if elementwise else ()))
            with np.errstate(all="ignore"):
                result = function(
                    *[_widened(a) for a in args], **{k: _widened(v) for k, v in kwargs.items()}
                )
                return _typed(result, common, elementwise, dtype)

        for name in names or (function.__name__.rstrip("_"),):
            FUNCTIONS[name] = call
        return function

    return register


def creates(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function that takes tensors and makes one itself."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = function
        return function

    return register


def _bare(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.array
    if type(value) in (list, tuple):
        return type(value)(_bare(v) for v in value)
    return value


def _moved(result: Any, dtype: DType | None) -> Any:
    if isinstance(result, (tuple, list)):
        parts = [_moved(r, dtype) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if not isinstance(result, (np.ndarray, np.generic)):
        return result
    keeps = dtype is not None and dtype.name == "bfloat16" and result.dtype == np.float32
    return Tensor(result, dtype if keeps else None)


def find(name: str) -> Callable[..., Any]:
    if name not in FUNCTIONS:
        raise NoReference(name)
    return FUNCTIONS[name]
