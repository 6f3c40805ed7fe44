"""Matrix products against PyTorch: shapes, strides, dtypes, derivatives, sizes that are cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau as fl
import flambeau.nn.functional as F


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 5)),
        ((3, 4), (4, 5)),
        ((2, 3, 4), (4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((6, 2, 3, 4), (1, 2, 4, 3)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
        ((2, 0, 4), (2, 4, 3)),
        ((1, 70), (70, 1)),
        ((70, 1), (1, 70)),
        ((2, 33, 65), (65, 17)),
    ],
)
def test_matmul(a: Any, b: Any) -> None:
    on = all((*a, *b))
    check(lambda root, x, y: root.matmul(x, y), a, b, gradients=on, strides=False)
    check(lambda root, x, y: x @ y, a, b, gradients=False, strides=False)


@pytest.mark.parametrize("size", [(5, 6, 7), (64, 96, 33), (1, 300, 4), (257, 130, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int64", "int8", "float16"])
def test_dtypes_and_strides(size: tuple[int, int, int], dtype: str) -> None:
    m, k, n = size
    rng = np.random.default_rng()
    x, y = rng.integers(-3, 4, (2 * m, k)), rng.integers(-3, 4, (n, 2 * k))
    if "complex" in dtype:
        x, y = x + 1j * x[::-1], y - 2j * y[::-1]
    a, b = (fl.tensor(v).to(getattr(fl, dtype)) for v in (x, y))
    expected = x[::2] @ y[:, ::2].T
    if dtype == "int8":
        expected = expected.astype(np.int8)
    np.testing.assert_array_equal((a[::2] @ b[:, ::2].t()).to(fl.tensor(x).dtype).numpy(), expected)
    row = fl.ones(n, dtype=a.dtype)
    np.testing.assert_array_equal(
        fl.addmm(row, a[::2], b[:, ::2].t()).to(fl.tensor(x).dtype).numpy(),
        (expected + 1).astype(expected.dtype),
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("size", [(128, 128, 128), (515, 260, 140), (3, 1200, 5000), (2100, 70, 9)])
def test_sizes_that_are_cut_into_tasks(size: tuple[int, int, int], dtype: str) -> None:
    m, k, n = size
    a, b = (fl.randn(*s).to(getattr(fl, dtype)) for s in ((m, k), (n, k)))
    bias = fl.randn(n).to(a.dtype)
    expected = a.double().numpy() @ b.double().numpy().T + bias.double().numpy()
    tolerance = {"float32": 1e-5, "float64": 1e-13, "bfloat16": 8e-3, "float16": 1e-3}[dtype]
    for y in (F.linear(a, b, bias), fl.addmm(bias, a, b.t()), a @ b.t() + bias):
        assert y.dtype == a.dtype
        largest = np.abs(expected).max()
        np.testing.assert_allclose(
            y.double().numpy(), expected, rtol=0, atol=2 * tolerance * largest
        )


# Below, at and above what kernels, copies and tiles are cut by.
SIZES = (1, 2, 3, 5, 12, 13, 16, 17, 31, 33, 64, 97, 128, 161, 257, 511, 513, 1025)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int32"])
def test_layouts_of_random_sizes(dtype: str) -> None:
    rng = np.random.default_rng()

    def matrix(rows: int, cols: int) -> tuple[Any, Any]:
        """Return the same matrix for NumPy and for us, lying in memory in one of four ways."""
        turned, step, more = rng.integers(2), *((1, 0), (1, 3), (2, 0))[rng.integers(3)]
        lines, length = (cols, rows) if turned else (rows, cols)
        x = rng.integers(-4, 5, (lines, length * step + more)).astype(dtype)
        ours = fl.tensor(x)[:, : length * step : step]
        x = x[:, : length * step : step]
        return (x.T, ours.t()) if turned else (x, ours)

    for _ in range(40):
        m, n, k = (int(v) for v in rng.choice(SIZES, 3))
        if m * n * k > 1 << 26:
            k = 7
        (a, our_a), (b, our_b), (c, our_c) = matrix(m, k), matrix(k, n), matrix(m, n)
        expected, message = a @ b, f"{m} x {k} x {n}"
        np.testing.assert_array_equal((our_a @ our_b).numpy(), expected, message)
        sums = fl.addmm(our_c, our_a, our_b, beta=3, alpha=2)
        np.testing.assert_array_equal(sums.numpy(), 2 * expected + 3 * c, message)
        our_c.addmm_(our_a, our_b)
        np.testing.assert_array_equal(our_c.numpy(), expected + c, message)


@pytest.mark.parametrize("size", [(3, 100, 40), (40, 100, 70), (200, 600, 130)])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_nan_and_inf_stay_in_their_row(size: tuple[int, int, int], layout: str) -> None:
    m, k, n = size
    a = fl.ones(m, k)
    b = fl.ones(k, n) if layout == "rows" else fl.ones(n, k).t()
    a[m // 2, k - 1] = float("nan")
    a[0, 1] = float("inf")
    y = (a @ b).numpy()
    assert np.isnan(y[m // 2]).all()
    assert np.isposinf(y[0]).all()
    rest = np.delete(y, [0, m // 2], axis=0)
    np.testing.assert_array_equal(rest, np.full_like(rest, k))


def test_products_that_add() -> None:
    def run(name: str, **options: Any) -> Any:
        return lambda root, *tensors: getattr(root, name)(*tensors, **options)

    factors: list[dict[str, Any]] = [{}, {"alpha": 2, "beta": 0.5}, {"beta": 0}]
    for options in factors:
        check(run("addmm", **options), (3, 5), (3, 4), (4, 5), strides=False)
        check(run("addmm", **options), (5,), (3, 4), (4, 5), strides=False)
        check(run("addmv", **options), (3,), (3, 4), (4,))
        check(run("baddbmm", **options), (2, 3, 5), (2, 3, 4), (2, 4, 5), strides=False)
        check(run("addbmm", **options), (3, 5), (2, 3, 4), (2, 4, 5), strides=False)
        check(run("addr", **options), (3, 4), (3,), (4,))
    check(run("outer"), (3,), (4,))
    check(run("vdot"), ((5,), "complex128"), ((5,), "complex128"))
    check(run("dot"), (5,), (5,))


def test_beta_zero_ignores_nan() -> None:
    nan = fl.full((2, 2), float("nan"))
    assert fl.addmm(nan, fl.ones(2, 3), fl.ones(3, 2), beta=0).tolist() == [[3.0, 3.0]] * 2
    assert fl.isnan(fl.ones(2, 3) * float("nan") @ fl.ones(3, 2)).all()


@pytest.mark.parametrize("shape", [(3, 6), (6,), (2, 3, 6), (0, 6), (2, 1, 3, 6)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(shape: Any, bias: bool) -> None:
    given = [shape, (4, 6), *([(4,)] if bias else [])]
    on = 0 not in shape
    check(lambda root, *t: root.nn.functional.linear(*t), *given, gradients=on, strides=False)


def test_results_do_not_depend_on_threads() -> None:
    a, b, before, results = fl.randn(300, 700), fl.randn(700, 500), fl.get_num_threads(), []
    for threads in (1, 2, 5):
        fl.set_num_threads(threads)
        results.append([(a @ b).tolist(), fl.dot(a.flatten(), a.flatten()).item()])
    fl.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_errors() -> None:
    check_error(lambda root, a, b: root.mm(a, b), (2, 3), (4, 5))
    check_error(lambda root, a, b: root.mm(a, b), (2,), (2, 3))
    check_error(lambda root, a, b: root.bmm(a, b), (2, 3, 4), (3, 4, 5))
    check_error(lambda root, a, b: root.matmul(a, b), (2, 3), (4, 5))
    check_error(lambda root, a, b: root.dot(a, b), (2,), (3,))
    check_error(lambda root, a, b: root.mv(a, b), (2, 3), (4,))
    check_error(lambda root, a, b: root.nn.functional.linear(a, b), (2, 3), (4, 5))
    check_error(lambda root, a, b: root.mm(a, b), (2, 3), ((3, 2), "float32"))
