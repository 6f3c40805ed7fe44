"""Factories against PyTorch: values, dtypes, strides, out=, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau

FACTORIES: list[tuple[Any, ...]] = [
    (lambda L: (L.zeros(2, 3), L.zeros((2, 3)), L.zeros(()), L.zeros(0, 4), L.zeros([2])),),
    (
        lambda L: (
            L.ones(2, 3, dtype=L.int8),
            L.ones((2,), dtype=L.bool),
            L.ones(2, dtype=L.complex64),
        ),
    ),
    (lambda L: (L.full((2, 3), 2.5), L.full((2,), 7), L.full((), True), L.full((2,), 1j)),),
    (lambda L: (L.full((2,), 7, dtype=L.float16), L.full((2,), 2.9, dtype=L.int64)),),
    (lambda L: L.full((2,), float("nan")),),
    (lambda L: (L.empty(2, 3).shape, L.empty(2, 3, 4, 5, memory_format=L.channels_last).stride()),),
    (
        lambda L: (
            L.empty_strided((2, 3), (1, 2)).stride(),
            L.empty((), dtype=L.int16).dtype == L.int16,
        ),
    ),
    (
        lambda L: (
            L.arange(5),
            L.arange(2.5),
            L.arange(1, 5),
            L.arange(1, 2, 0.3),
            L.arange(5, 0, -2),
        ),
    ),
    (lambda L: (L.arange(0), L.arange(3, 3), L.arange(5, dtype=L.float64), L.arange(0, 5, 2.0)),),
    (
        lambda L: (
            L.arange(5, dtype=L.uint8),
            L.arange(3, dtype=L.bfloat16).float(),
            L.arange(True),
        ),
    ),
    (lambda L: L.arange(2**40, 2**40 + 3),),
    (lambda L: L.arange(0, 1, 0.1),),
    (lambda L: L.arange(start=1, end=4, step=2),),
    (lambda L: L.arange(-3, 200000, 7),),
    (lambda L: L.range(1, 4),),
    (
        lambda L: (
            L.linspace(0, 1, 5),
            L.linspace(-2, 2, 4),
            L.linspace(3, 3, 1),
            L.linspace(0, 1, 0),
        ),
    ),
    (lambda L: (L.linspace(0, 10, 4, dtype=L.int64), L.linspace(0, 1, 7, dtype=L.float64)),),
    (lambda L: (L.linspace(1, 1000, 100003), L.linspace(10, -10, 11)),),
    (lambda L: L.linspace(0, 1 + 1j, 5),),
    (
        lambda L: (
            L.logspace(0, 2, 5),
            L.logspace(0, 3, 4, base=2),
            L.logspace(-1, 1, 3, dtype=L.float64),
        ),
    ),
    (lambda L: (L.eye(3), L.eye(2, 4), L.eye(3, 2, dtype=L.int64), L.eye(0), L.eye(0, 3)),),
    (lambda L: (L.scalar_tensor(3), L.scalar_tensor(True), L.scalar_tensor(2, dtype=L.int64)),),
    (lambda L: (L.tril_indices(3, 3), L.tril_indices(4, 2, -1), L.tril_indices(2, 4, 1)),),
    (lambda L: (L.triu_indices(3, 3), L.triu_indices(4, 2, -1), L.triu_indices(2, 4, offset=1)),),
    (
        lambda L: (
            L.tril_indices(0, 3),
            L.triu_indices(3, 3, 9),
            L.tril_indices(2, 2, dtype=L.int32),
        ),
    ),
    (lambda L: L.complex(L.ones(2), L.zeros(2)),),
    (lambda L, x: (L.zeros_like(x), L.ones_like(x.t()), L.full_like(x, 3)), (2, 3)),
    (lambda L, x: (L.zeros_like(x, dtype=L.int64), L.full_like(x, 2.5, dtype=L.float32)), (2, 3)),
    (lambda L, x: L.ones_like(x.to(memory_format=L.channels_last)), (2, 3, 4, 5)),
    (
        lambda L, x: L.ones_like(
            x.to(memory_format=L.channels_last), memory_format=L.contiguous_format
        ),
        (2, 3, 4, 5),
    ),
    (lambda L, x: L.zeros_like(x.expand(4, 2, 3)), (2, 3)),
    (lambda L, x: L.zeros_like(x[:, ::2]), (4, 6)),
    (lambda L, x: (L.empty_like(x).stride(), L.empty_like(x.permute(2, 0, 1)).stride()), (2, 3, 4)),
    (
        lambda L, x: (x.new_zeros(2, 3), x.new_ones((2,)), x.new_full((2,), 7), x.new_zeros(())),
        (1,),
    ),
    (lambda L, x: (x.new_zeros(2, dtype=L.int64), x.new_full((2,), 2.5)), ((1,), "float32")),
    (lambda L, x: (x.new_ones(2), x.new_full((2,), 2.5)), ((1,), "int64")),
    (lambda L, x: (x.new_empty(2, 3).shape, x.new_empty_strided((2, 3), (1, 2)).stride()), (1,)),
]


@pytest.mark.parametrize("case", FACTORIES, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_against_torch(case: tuple[Any, ...]) -> None:
    check(*case, gradients=False)


ERRORS: list[tuple[Any, ...]] = [
    (lambda L: L.empty(2, -3),),
    (lambda L: L.full((-1,), 2),),
    (lambda L: L.arange(-1),),
    (lambda L: L.arange(0, 5, 0),),
    (lambda L: L.arange(0, float("inf")),),
    (lambda L: L.arange(0, float("nan")),),
    (lambda L: L.linspace(0, 1, -1),),
    (lambda L: L.logspace(0, 1, -1),),
    (lambda L: L.eye(-1),),
    (lambda L: L.eye(2, -1),),
    (lambda L: L.tril_indices(-1, 2),),
]


@pytest.mark.parametrize("case", ERRORS, ids=lambda c: f"line_{c[0].__code__.co_firstlineno}")
def test_errors(case: tuple[Any, ...]) -> None:
    check_error(*case)


def test_errors_in_other_words() -> None:
    check_error(lambda L: L.zeros(-1), same_text=False)
    check_error(lambda L: L.ones(2, dtype=L.int64, requires_grad=True), same_text=False)


def test_sizes_that_do_not_fit_into_memory() -> None:
    for sizes in ((2**62,), (2**40, 2**40), (2**31, 2**31, 4)):
        with pytest.raises((RuntimeError, MemoryError)):
            flambeau.empty(*sizes)


def test_default_dtype() -> None:
    try:
        flambeau.set_default_dtype(flambeau.float64)
        for made in (
            flambeau.zeros(1), flambeau.arange(2.0), flambeau.full((1,), 1.5), flambeau.eye(1),
            flambeau.linspace(0, 1, 2), flambeau.tensor(1.0),
        ):  # fmt: skip
            assert made.dtype == flambeau.float64
        assert flambeau.full((1,), 1j).dtype == flambeau.complex128
    finally:
        flambeau.set_default_dtype(flambeau.float32)


def test_factories_make_leaves() -> None:
    x = flambeau.ones(2, requires_grad=True)
    assert x.is_leaf
    assert x.requires_grad
    assert flambeau.zeros_like(x).requires_grad is False
    assert x.new_zeros(2, requires_grad=True).requires_grad


def test_given_tensors_are_filled() -> None:
    target = flambeau.empty(0, dtype=flambeau.int64)
    assert flambeau.arange(4, out=target) is target
    assert target.tolist() == [0, 1, 2, 3]
    square = flambeau.empty(2, 2)
    flambeau.eye(2, out=square.t())
    assert square.tolist() == [[1, 0], [0, 1]]
    flambeau.full((2, 2), 3, out=square)
    assert square.sum() == 12
    with pytest.raises(RuntimeError, match="does not match dtype of out tensor"):
        flambeau.zeros(2, out=square, dtype=flambeau.int64)


def test_meta_tensors_have_shapes_only() -> None:
    made = flambeau.zeros(2**40, device="meta")
    assert made.is_meta
    assert made.shape == (2**40,)
    assert flambeau.empty_like(made).is_meta
    assert flambeau.arange(5, device="meta").shape == (5,)


def test_sequences_are_exact_for_any_length() -> None:
    rng = np.random.default_rng()
    for _ in range(20):
        n, start = int(rng.integers(1, 70000)), int(rng.integers(-(2**40), 2**40))
        step = int(rng.integers(1, 9))
        ours = flambeau.arange(start, start + n * step, step)
        assert np.array_equal(ours.numpy(), np.arange(start, start + n * step, step))
