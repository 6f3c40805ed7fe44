"""Copies between layouts, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import flambeau as fl


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
@pytest.mark.parametrize(
    "shape", [(2, 70), (3, 70), (4, 70), (2, 31), (3, 1000), (2, 3, 8, 40), (1, 4, 129), (5, 2, 33)]
)
def test_permuted_copies(shape: tuple[int, ...], dtype: str) -> None:
    array = np.random.randint(0, 100, shape).astype(dtype)
    tensor = fl.from_numpy(array)
    for order in itertools.permutations(range(len(shape))):
        for first in (0, 1):
            expected = array.transpose(order)[..., first:]
            ours = tensor.permute(order)[..., first:].contiguous()
            np.testing.assert_array_equal(ours.numpy(), expected)


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_pixel_shuffle(factor: int) -> None:
    array = np.random.default_rng().standard_normal((2, 72, 33, 35), dtype=np.float32)
    n, c, h, w, r = 2, 72 // factor**2, 33, 35, factor
    parts = array.reshape(n, c, r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
    ours = fl.nn.functional.pixel_shuffle(fl.from_numpy(array), factor)
    np.testing.assert_array_equal(ours.numpy(), parts.reshape(n, c, h * r, w * r))


@pytest.mark.parametrize(("count", "size"), [(0, 5), (1000, 7), (200_000, 9), (150_001, 17_000)])
def test_bincount(count: int, size: int) -> None:
    values = np.random.randint(0, size, count)
    expected = np.bincount(values, minlength=size)
    for given in (values, values.astype(np.int32)):
        ours = fl.from_numpy(given).bincount(minlength=size)
        np.testing.assert_array_equal(ours.numpy(), expected)
