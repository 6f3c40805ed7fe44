"""Slices and elements written in large tensors: which are worked on in parts, by several threads."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as fl


def drawn(rows: int, columns: int, slices: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng()
    return (
        rng.standard_normal((rows, columns), dtype=np.float32),
        rng.integers(0, rows, slices),
        rng.standard_normal((slices, columns), dtype=np.float32),
    )


@pytest.mark.parametrize(
    ("rows", "columns", "slices"),
    [
        (3000, 33, 3000),
        (40, 17, 40_000),
        (50_000, 16, 10_000),
        (50_001, 128, 30_000),
        (3, 400, 999),
    ],
)
def test_slices_are_added_in_order(rows: int, columns: int, slices: int) -> None:
    x, index, values = drawn(rows, columns, slices)
    expected = x.copy()
    np.add.at(expected, index, values)
    ours, i, v = fl.from_numpy(x.copy()), fl.from_numpy(index), fl.from_numpy(values)
    for threads in (1, fl.get_num_threads()):
        before = fl.get_num_threads()
        fl.set_num_threads(threads)
        try:
            np.testing.assert_array_equal(ours.index_add(0, i, v).numpy(), expected)
            put = ours.index_put((i,), v, accumulate=True)
            np.testing.assert_array_equal(put.numpy(), expected)
            changed = ours.clone()
            changed.index_add_(0, i, v)
            np.testing.assert_array_equal(changed.numpy(), expected)
        finally:
            fl.set_num_threads(before)
    np.testing.assert_array_equal(ours.numpy(), x)
    np.testing.assert_array_equal(ours.index_select(0, i).numpy(), x[index])


def test_last_slice_stays() -> None:
    x, index, values = drawn(50_001, 128, 60_000)
    expected = x.copy()
    for k, row in enumerate(index):
        expected[row] = values[k]
    ours = fl.from_numpy(x).index_copy(0, fl.from_numpy(index), fl.from_numpy(values))
    np.testing.assert_array_equal(ours.numpy(), expected)


def test_slices_of_views() -> None:
    x, index, values = drawn(3000, 64, 5000)
    i, v = fl.from_numpy(index), fl.from_numpy(values)
    expected = x.copy()
    np.add.at(expected[:, 3:40], index, values[:, 3:40])
    ours = fl.from_numpy(x.copy())
    ours[:, 3:40].index_add_(0, i, v[:, 3:40])
    np.testing.assert_array_equal(ours.numpy(), expected)
    expected = x.copy()
    np.add.at(expected, index, np.broadcast_to(values[:, :1], values.shape))
    added = fl.from_numpy(x).index_add(0, i, v[:, :1].expand(5000, 64))
    np.testing.assert_array_equal(added.numpy(), expected)
    columns = fl.from_numpy(x.T.copy()).t().index_add(0, i, v)
    np.add.at(expected := x.copy(), index, values)
    np.testing.assert_array_equal(columns.numpy(), expected)


def test_elements_are_added_in_order() -> None:
    x, _, values = drawn(70, 900, 70)
    index = np.random.randint(0, 900, (70, 900))
    expected = x.copy()
    for row in range(70):
        np.add.at(expected[row], index[row], values[row])
    given = [fl.from_numpy(array) for array in (x, index, values)]
    np.testing.assert_array_equal(given[0].scatter_add(1, *given[1:]).numpy(), expected)
    # An index that leaves out a row: that row is copied too.
    part = given[0].scatter_add(1, given[1][:69, :5], given[2][:69, :5])
    expected = x.copy()
    for row in range(69):
        np.add.at(expected[row], index[row, :5], values[row, :5])
    np.testing.assert_array_equal(part.numpy(), expected)
    assert given[0].scatter_add(1, given[1][:0], given[2]).equal(given[0])


def test_joined_past_the_caches() -> None:
    parts = [drawn(1700, width, 1)[0] for width in (1600, 2000, 512)]
    joined = fl.cat([fl.from_numpy(part) for part in parts], 1)
    np.testing.assert_array_equal(joined.numpy(), np.concatenate(parts, 1))
