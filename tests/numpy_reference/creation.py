"""Tensors made from sizes and data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numpy_reference.library import (
    DTYPES,
    FUNCTIONS,
    DType,
    Tensor,
    creates,
    of_number,
    wrap,
)
from numpy_reference.shape import sizes


def created(array: Any, dtype: Any, value: Any = 1.0) -> Tensor:
    """Of the type asked for; otherwise floats are float32."""
    array = np.asarray(array)
    if dtype is None:
        kind = {"f": "float32", "c": "complex64", "b": "bool"}.get(array.dtype.kind, "int64")
        dtype = DTYPES[kind]
    return wrap(array, dtype)


def filled(value: float) -> Any:
    def run(*size: Any, dtype: Any = None, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        return created(np.full(sizes(size, "size", kwargs), float(value)), dtype)

    return run


FUNCTIONS["zeros"], FUNCTIONS["ones"] = filled(0), filled(1)


@creates("full")
def full(size: Any, fill_value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return created(np.full(tuple(size), fill_value), dtype or of_number(fill_value))


@creates("arange")
def arange(
    *args: Any, start: Any = None, end: Any = None, step: Any = None, dtype: Any = None, **_: Any
) -> Tensor:
    given = list(args)
    if start is not None:
        given.insert(0, start)
    if end is not None:
        given = [*given, end]
    first, last, by = (
        (0, given[0], 1)
        if len(given) == 1
        else (*given[:2], given[2] if len(given) > 2 else step or 1)
    )
    numbers = [float(v) if isinstance(v, float) else int(v) for v in (first, last, by)]
    count = max(math.ceil((numbers[1] - numbers[0]) / numbers[2]), 0)
    made = numbers[0] + np.arange(count) * numbers[2]
    inexact = any(isinstance(v, float) for v in numbers)
    return created(made, dtype or DTYPES["float32" if inexact else "int64"])


@creates("range")
def range_(start: float, end: float, step: float = 1, dtype: Any = None) -> Tensor:
    count = int((end - start) / step) + 1
    return created(start + np.arange(count) * float(step), dtype)


@creates("linspace")
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, **_: Any) -> Tensor:
    return created(np.linspace(start, end, steps), dtype)


@creates("logspace")
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Tensor:
    return created(float(base) ** np.linspace(start, end, steps), dtype)


@creates("eye")
def eye(n: int, m: Any = None, *, dtype: Any = None, **_: Any) -> Tensor:
    return created(np.eye(n, m), dtype)


@creates("scalar_tensor")
def scalar_tensor(s: Any, *, dtype: Any = None) -> Tensor:
    return created(np.asarray(s, np.float64), dtype)


def triangle(function: Any) -> Any:
    def run(row: int, col: int, offset: int = 0, *, dtype: Any = None) -> Tensor:
        return created(np.stack(np.nonzero(function(np.ones((row, col)), offset))), dtype)

    return run


FUNCTIONS["tril_indices"], FUNCTIONS["triu_indices"] = triangle(np.tril), triangle(np.triu)


def like(value: Any) -> Any:
    def run(input: Tensor, fill_value: Any = None, *, dtype: Any = None, **_: Any) -> Tensor:
        number = value if fill_value is None else fill_value
        return wrap(np.full(input.shape, number), dtype or input.dtype)

    return run


FUNCTIONS["zeros_like"], FUNCTIONS["ones_like"], FUNCTIONS["full_like"] = (
    like(0),
    like(1),
    like(None),
)


def new(value: Any) -> Any:
    def run(self: Tensor, *size: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        return wrap(np.full(sizes(size, "size", kwargs), value), dtype or self.dtype)

    return run


FUNCTIONS["new_zeros"], FUNCTIONS["new_ones"] = new(0), new(1)


@creates("new_full")
def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, **_: Any) -> Tensor:
    return wrap(np.full(tuple(size), fill_value), dtype or self.dtype)


@creates("tensor")
def tensor(data: Any, *, dtype: DType | None = None, requires_grad: bool = False) -> Tensor:
    if isinstance(data, (np.ndarray, np.generic)):
        return wrap(np.array(data), dtype)
    return created(np.asarray(data, dtype=None if np.size(data) else np.float64), dtype)


@creates("empty_like")
def empty_like(input: Tensor, *, dtype: Any = None, **_: Any) -> Tensor:
    return wrap(np.zeros_like(input.array), dtype or input.dtype)


@creates("empty")
def empty(*size: Any, dtype: Any = None, memory_format: Any = None, **kwargs: Any) -> Tensor:
    shape = sizes(size, "size", kwargs)
    if memory_format == "cl":
        return created(np.zeros([shape[i] for i in (0, 2, 3, 1)]).transpose(0, 3, 1, 2), dtype)
    return created(np.zeros(shape), dtype)


@creates("empty_permuted")
def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None) -> Tensor:
    made = np.zeros([size[d] for d in physical_layout])
    return created(made.transpose(np.argsort(physical_layout)), dtype)


@creates("empty_strided")
def empty_strided(size: Any, stride: Any, *, dtype: Any = None) -> Tensor:
    made = np.zeros(1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)))
    flat = created(made, dtype)
    steps = [s * flat.array.itemsize for s in stride]
    return Tensor(np.lib.stride_tricks.as_strided(flat.array, size, steps))


FUNCTIONS["new_empty"] = lambda self, *size, **kwargs: empty(*size, dtype=self.dtype, **kwargs)
FUNCTIONS["new_empty_strided"] = lambda self, *args: empty_strided(*args, dtype=self.dtype)


@creates("fill")
def fill(input: Tensor, value: Any) -> Tensor:
    return wrap(
        np.full(input.shape, float(value) if isinstance(value, Tensor) else value), input.dtype
    )


@creates("zero")
def zero(input: Tensor) -> Tensor:
    return wrap(np.zeros(input.shape), input.dtype)


@creates("copy")
def copy(input: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    given = src.array if isinstance(src, Tensor) else src
    return wrap(np.broadcast_to(given, input.shape).copy(), input.dtype)
