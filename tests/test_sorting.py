"""Sorted orders, what is picked from them, distinct elements, histograms and statistics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau as fl

INF, NAN = math.inf, math.nan
DTYPES = ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
# Around the sizes at which another algorithm takes over.
LENGTHS = [1, 2, 17, 48, 49, 300, 5000]


def same(function: Any, *inputs: Any, gradients: bool = True) -> None:
    check(function, *inputs, strides=False, gradients=gradients)


def permuted(*shape: int) -> Any:
    """Numbers that are all different, so that every order is unique."""
    numbers = np.random.permutation(math.prod(shape)).astype(np.float64)
    return (numbers - 3.5).reshape(shape)


def with_specials(n: int) -> Any:
    x = np.random.randint(-4, 5, n).astype(np.float64)
    if n > 4:
        x[np.random.permutation(n)[:4]] = [NAN, INF, -INF, NAN]
        x[np.random.permutation(n)[:2]] = [0.0, -0.0]
    return x


# --- sort -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", [*DTYPES, "bool"])
def test_sort_is_stable(dtype: str, n: int) -> None:
    x = np.random.randint(0, 2 if dtype == "bool" else 9, (2, n)).astype(dtype)
    for descending in (False, True):
        same(
            lambda root, x, d=descending: tuple(root.sort(x, descending=d, stable=True)),
            x, gradients=False,
        )  # fmt: skip
        same(
            lambda root, x, d=descending: root.argsort(x, dim=1, descending=d, stable=True), x, gradients=False
        )  # fmt: skip


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_sort_places_nan_last(dtype: str, n: int) -> None:
    x = with_specials(n).astype(dtype)
    for descending in (False, True):
        same(
            lambda root, x, d=descending: tuple(root.sort(x, dim=0, descending=d, stable=True)),
            x,
            gradients=False,
        )


def test_sort_keeps_the_sign_of_zero() -> None:
    x = fl.tensor([1.0, 0.0, -0.0, -1.0] * 20)
    assert x.sort().values.signbit().sum().item() == 40
    assert fl.sort(fl.tensor([0.0, -0.0]), descending=True).indices.tolist() == [0, 1]


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 5, 3), (0, 3), (60, 3)], ids=str)
def test_sort_dimensions(shape: tuple[int, ...]) -> None:
    x = permuted(*shape)
    for dim in range(-max(len(shape), 1), max(len(shape), 1)):
        for descending in (False, True):
            same(lambda root, x, d=dim, e=descending: tuple(root.sort(x, d, e)), x)
            same(lambda root, x, d=dim: tuple(x.t().sort(d)) if x.dim() == 2 else x, x)
    same(lambda root, x: root.msort(x) if x.dim() else x, x)


def test_sort_of_one_long_row() -> None:
    x = np.random.randn(1 << 17).astype(np.float32)
    for descending in (False, True):
        values, places = fl.tensor(x).sort(descending=descending)
        order = np.argsort(-x if descending else x, kind="stable")
        np.testing.assert_array_equal(places.numpy(), order)
        np.testing.assert_array_equal(values.numpy(), x[order])


def test_sort_errors() -> None:
    check_error(lambda root, x: root.sort(x, 2), (3, 4))
    check_error(lambda root, x: root.sort(x), ((3,), "complex64"))


# --- topk, kthvalue, median, mode -----------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 40, 700, 5000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_topk_values(dtype: str, n: int) -> None:
    x = np.random.randint(0, 100, (3, n)).astype(dtype)
    for k in {0, 1, min(n, 5), n // 3, n}:
        for largest in (False, True):
            values, places = fl.topk(fl.tensor(x), k, largest=largest)
            expected = np.sort(x, axis=1)
            expected = expected[:, ::-1][:, :k] if largest else expected[:, :k]
            np.testing.assert_array_equal(values.numpy(), expected)
            np.testing.assert_array_equal(np.take_along_axis(x, places.numpy(), 1), expected)
            assert all(len(set(row)) == k for row in places.tolist())
            loose = fl.topk(fl.tensor(x), k, largest=largest, sorted=False).values
            np.testing.assert_array_equal(np.sort(loose.numpy(), 1), np.sort(expected, 1))


def test_topk_with_nan() -> None:
    x = with_specials(900)
    for k in (3, 200):
        for largest in (False, True):
            same(
                lambda root, x, k=k, g=largest: root.topk(x, k, largest=g).values,
                x,
                gradients=False,
            )


def test_topk_dimensions_and_gradients() -> None:
    for shape in [(7,), (3, 40), (2, 50, 3)]:
        for dim in range(-len(shape), len(shape)):
            same(lambda root, x, d=dim: tuple(root.topk(x, 2, d)), permuted(*shape))
            same(lambda root, x, d=dim: tuple(root.topk(x, 2, d, False)), permuted(*shape))
    same(lambda root, x: tuple(root.topk(x, 1)), ())
    check_error(lambda root, x: root.topk(x, 5), (3, 4))
    check_error(lambda root, x: root.topk(x, -1), (3, 4))
    check_error(lambda root, x: root.topk(x, 1), ((3,), "bool"))


@pytest.mark.parametrize("shape", [(1,), (6,), (3, 5), (2, 400, 3)], ids=str)
def test_order_statistics(shape: tuple[int, ...]) -> None:
    x = permuted(*shape)
    for dim in range(-len(shape), len(shape)):
        for keepdim in (False, True):
            for k in (1, (shape[dim] + 1) // 2, shape[dim]):
                same(lambda root, x, k=k, d=dim, p=keepdim: tuple(root.kthvalue(x, k, d, p)), x)
            for name in ("median", "nanmedian"):
                same(lambda root, x, n=name, d=dim, p=keepdim: tuple(getattr(root, n)(x, d, p)), x)
    same(lambda root, x: root.median(x), x)
    same(lambda root, x: root.nanmedian(x), x)


def test_median_and_nan() -> None:
    x = np.array([[1.0, NAN, 3.0, 2.0], [NAN, NAN, NAN, NAN], [4.0, 1.0, 2.0, 3.0]])
    for name in ("median", "nanmedian"):
        for dim in (0, 1):
            same(lambda root, x, n=name, d=dim: getattr(root, n)(x, d).values, x, gradients=False)
        same(lambda root, x, n=name: getattr(root, n)(x), x, gradients=False)
    tied = np.array([1.0, 2.0, 2.0, 2.0, 5.0])
    check(lambda root, x: root.median(x), tied, strides=False, differences=False)
    same(lambda root, x: root.median(x), (0,), gradients=False)
    same(lambda root, x: root.median(x, 0).values, ((9, 3), "int64"), gradients=False)


def test_kthvalue_errors() -> None:
    check_error(lambda root, x: root.kthvalue(x, 5), (3, 4))
    check_error(lambda root, x: root.kthvalue(x, 0), (3, 4))
    check_error(lambda root, x: root.kthvalue(x, 1), (0,))


def test_mode() -> None:
    x = np.array([[3, 1, 3, 1, 2], [5, 5, 5, 1, 1], [9, 8, 7, 6, 5]])
    same(lambda root, x: root.mode(x).values, x, gradients=False)
    same(lambda root, x: root.mode(x, 0, True).values, x, gradients=False)
    values, places = fl.tensor(x).mode()
    assert values.tolist() == [1, 5, 5]
    assert places.tolist() == [3, 2, 4]
    tied = np.array([[1.0, 2.0, 2.0], [3.0, 3.0, 1.0]])
    check(lambda root, x: tuple(root.mode(x, 1)), tied, strides=False, differences=False)


# --- distinct elements ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*DTYPES, "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (9,), (3, 4), (70, 2), (2, 3, 4)], ids=str)
def test_unique(shape: tuple[int, ...], dtype: str) -> None:
    x = np.asarray(np.random.randint(0, 4, shape)).astype(dtype)
    every = {"return_inverse": True, "return_counts": True}
    same(lambda root, x: root.unique(x, **every), x, gradients=False)
    same(lambda root, x: root.unique(x), x, gradients=False)
    same(lambda root, x: x.unique(return_counts=True), x, gradients=False)
    same(lambda root, x: root.unique_consecutive(x, **every), x, gradients=False)
    for dim in range(len(shape)):
        same(lambda root, x, d=dim: root.unique(x % 2, dim=d, **every), x, gradients=False)
        same(
            lambda root, x, d=dim: root.unique_consecutive(x % 2, dim=d, **every),
            x,
            gradients=False,
        )


def test_unique_and_nan() -> None:
    same(
        lambda root, x: root.unique(x, return_counts=True),
        np.array([NAN, 1.0, NAN, 1.0, -0.0, 0.0]),
        gradients=False,
    )
    check_error(lambda root, x: root.unique(x, dim=0), ())
    check_error(lambda root, x: root.unique(x), ((3,), "complex64"))


@pytest.mark.parametrize("dtype", [*DTYPES])
def test_isin(dtype: str) -> None:
    x, tests = np.random.randint(0, 9, (3, 5)).astype(dtype), np.array([1, 3, 5, 1]).astype(dtype)
    same(lambda root, x, t: root.isin(x, t), x, tests, gradients=False)
    same(
        lambda root, x, t: root.isin(x, t, invert=True, assume_unique=True),
        x,
        tests,
        gradients=False,
    )
    same(lambda root, x: root.isin(x, 3), x, gradients=False)
    same(lambda root, x: root.isin(2, x), x, gradients=False)
    assert fl.isin(fl.tensor([NAN, 1.0]), fl.tensor([NAN, 1.0])).tolist() == [False, True]


# --- histograms -----------------------------------------------------------------------------------


def test_bincount() -> None:
    x, weights = np.random.randint(0, 6, 20), np.random.randn(20)
    same(lambda root, x: root.bincount(x), x, gradients=False)
    same(lambda root, x: root.bincount(x, minlength=9), x, gradients=False)
    same(lambda root, x, w: root.bincount(x, w), x, weights, gradients=False)
    same(lambda root, x, w: x.bincount(w, 8), x, weights.astype(np.float32), gradients=False)
    same(lambda root, x, w: x.bincount(w), x, x.copy(), gradients=False)
    same(lambda root, x: root.bincount(x, minlength=2), ((0,), "int64"), gradients=False)
    check_error(lambda root, x: root.bincount(x), np.array([1, -1]))
    check_error(lambda root, x: root.bincount(x), (3,))
    check_error(lambda root, x: root.bincount(x), ((2, 2), "int64"))
    check_error(lambda root, x: root.bincount(x, minlength=-1), np.array([1]))
    check_error(lambda root, x: root.bincount(x, x[:1]), np.array([1, 2]))


def test_histc() -> None:
    for bins in (1, 3, 100):
        same(lambda root, x, b=bins: root.histc(x, b), (500,), gradients=False)
        same(lambda root, x, b=bins: root.histc(x, b, -1, 1), (20, 30), gradients=False)
    same(lambda root, x: root.histc(x, 3), np.ones(4), gradients=False)
    same(lambda root, x: root.histc(x, 3), (0,), gradients=False)
    same(lambda root, x: root.histc(x, 4, 0, 2), ((9,), "float16"), gradients=False)
    same(
        lambda root, x: root.histc(x, 2, 0, 1), np.array([NAN, INF, 0.0, 1.0, 0.5]), gradients=False
    )
    check_error(lambda root, x: root.histc(x, 0), (3,))
    check_error(lambda root, x: root.histc(x, 3, 5, 1), (3,))
    check_error(lambda root, x: root.histc(x), np.array([1.0, INF]))


# --- statistics -----------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(name: str, interpolation: str) -> None:
    def run(root: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(root, name)(*args, interpolation=interpolation, **kwargs)

    for shape in [(), (6,), (3, 5), (2, 3, 4)]:
        x = permuted(*shape)
        for dim in (None, *range(-len(shape), len(shape))):
            for keepdim in (False, True):
                same(lambda root, x, d=dim, k=keepdim: run(root, x, 0.3, d, k), x)
        same(lambda root, x, q: run(root, x, q.detach(), -1), x, np.array([0.0, 0.45, 1.0]))
    holes = with_specials(12).reshape(3, 4)
    same(lambda root, x: run(root, x, 0.6, 1), holes, gradients=False)


def test_quantile_errors() -> None:
    check_error(lambda root, x: root.quantile(x, 0.5), (0,))
    check_error(lambda root, x: root.quantile(x, 1.5), (3,))
    check_error(lambda root, x: root.quantile(x, -x.abs()), (3,))
    check_error(lambda root, x: root.quantile(x, 0.5), ((3,), "int64"))
    check_error(lambda root, x: root.quantile(x, 0.5, interpolation="x"), (3,))
    check_error(lambda root, x: root.quantile(x, x.float()), (3,))


def test_covariances() -> None:
    for shape in [(), (5,), (3, 6), (1, 6)]:
        same(lambda root, x: root.cov(x), shape, gradients=len(shape) > 0)
        same(lambda root, x: root.cov(x, correction=0), shape)
    same(lambda root, x: root.corrcoef(x), (3, 6))
    same(lambda root, x: root.corrcoef(x), (4,), gradients=False)
    counts, weights = np.random.randint(1, 5, 6), np.random.rand(6)
    same(lambda root, x, f: x.cov(fweights=f), (3, 6), counts)
    same(lambda root, x, f: root.cov(x, fweights=f, aweights=f.double() / 3), (3, 6), counts)
    same(lambda root, x, w: root.cov(x, aweights=w.detach(), correction=2), (3, 6), weights)
    check_error(lambda root, x: root.cov(x), (2, 2, 2))
    check_error(lambda root, x: root.corrcoef(x), (2, 2, 2))


@pytest.mark.parametrize("name", ["trapezoid", "trapz", "cumulative_trapezoid"])
def test_trapezoids(name: str) -> None:
    for shape in [(5,), (3, 4), (2, 3, 4), (1,), (3, 1)]:
        for dim in range(-len(shape), len(shape)):
            same(lambda root, y, d=dim: getattr(root, name)(y, dx=0.5, dim=d), shape)
            same(lambda root, y, x, d=dim: getattr(root, name)(y, x, dim=d), shape, (shape[dim],))
            same(lambda root, y, x, d=dim: getattr(root, name)(y, x, dim=d), shape, shape)
    check_error(lambda root, y, x: getattr(root, name)(y, x), (3,), (2,), same_text=False)


# --- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, INF])
def test_distances(p: float) -> None:
    for shapes in [((3, 4), (5, 4)), ((2, 3, 4), (1, 6, 4)), ((30, 4), (3, 4)), ((0, 4), (3, 4))]:
        same(lambda root, a, b: root.cdist(a, b, p), *shapes, gradients=False)
    same(lambda root, a, b: root.dist(a, b, p), (3, 4), (4,), gradients=p != 0)
    a = fl.randn(30, 4, dtype=fl.float64, requires_grad=True)
    b = fl.randn(28, 4, dtype=fl.float64)
    (by_cdist,) = fl.autograd.grad(fl.cdist(a, b, p).sum(), a)
    (by_norm,) = fl.autograd.grad((a.unsqueeze(1) - b).norm(p, -1).sum(), a)
    assert fl.allclose(by_cdist, by_norm, rtol=1e-9, atol=1e-9)


def test_distance_errors() -> None:
    check_error(lambda root, a, b: root.cdist(a, b), (3, 4), (5, 3))
    check_error(lambda root, a, b: root.cdist(a, b), (4,), (5, 4))
    check_error(lambda root, a, b: root.cdist(a, b, -1.0), (3, 4), (5, 4))
    check_error(lambda root, a, b: root.cdist(a, b), ((3, 4), "int64"), (5, 4))


def test_points_that_meet_have_no_slope() -> None:
    x = fl.randn(30, 3, requires_grad=True)
    fl.cdist(x, x).diagonal().sum().backward()
    assert x.grad.isfinite().all()
