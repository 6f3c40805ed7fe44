"""Softmax and normalization against PyTorch: values, gradients, types, layouts, errors."""

from typing import Any

import numpy as np
import pytest
from gradient_compare import compare, same_error

import flambeau

RNG = np.random.default_rng()
HALVES = ["float16", "bfloat16"]
DTYPES = ["float32", "float64", *HALVES]


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((), 0),
        ((7,), 0),
        ((1,), -1),
        ((3, 4), 0),
        ((3, 4), 1),
        ((5, 70), -1),
        ((2, 3, 131), 1),
        ((2, 300, 3), 1),
        ((2, 3, 4, 5), -2),
        ((0, 4), 1),
        ((4, 0), 1),
        ((4, 0), 0),
        ((3, 1031), 1),
    ],
)
def test_softmax(name: str, shape: tuple[int, ...], dim: int) -> None:
    compare(lambda lib, x: getattr(lib.nn.functional, name)(x * 3, dim), normal(*shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_each_type(name: str, dtype: str, dim: int) -> None:
    x = normal(3, 17, 20)
    compare(lambda lib, x: getattr(lib, name)(x, dim), x, dtype=dtype, orders=1)
    if dtype in HALVES:
        compare(lambda lib, x: getattr(lib, name)(x, dim, dtype=lib.float32), x, dtype=dtype)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_other_layouts(name: str) -> None:
    x = normal(6, 5, 4)
    compare(lambda lib, x: getattr(lib, name)(x.transpose(0, 2), 1), x)
    compare(lambda lib, x: getattr(lib, name)(x.transpose(0, 2), 2), x)
    compare(lambda lib, x: getattr(lib, name)(x.narrow(1, 1, 3), -1), x)
    compare(lambda lib, x: getattr(lib, name)(x.narrow(0, 0, 1).expand(3, 5, 4), 1), x)
    compare(lambda lib, x: getattr(x, name)(0), x)


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_special_numbers(name: str, dim: int) -> None:
    inf, nan = float("inf"), float("nan")
    x = np.array([[0.0, -inf, 2], [-inf, -inf, -inf], [nan, 1, 2], [inf, 0, 1], [1e4, -1e4, 0]])
    for dtype in ("float32", "float64"):
        compare(lambda lib, x: getattr(lib, name)(x, dim), x, dtype=dtype, orders=0)
        compare(lambda lib, x: getattr(lib, name)(x.T.contiguous(), dim), x, dtype=dtype, orders=0)


def test_large_softmax() -> None:
    compare(lambda lib, x: lib.softmax(x, 1), normal(3300, 2048), dtype="float32", orders=0)


def test_softmax_errors() -> None:
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3), 2))
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3).long(), 1))
    same_error(lambda lib: lib.softmax(lib.zeros(2, 3).long(), 0))
    same_error(lambda lib: lib.log_softmax(lib.zeros(2, 3).int(), 1))
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax"):
        flambeau.nn.functional.softmax(flambeau.zeros(2, 3))
