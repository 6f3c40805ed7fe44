"""Reductions against PyTorch: values, first and second derivatives, dtypes, edges and errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from op_compare import check, check_error

import flambeau as fl

INF, NAN = math.inf, math.nan
SHAPES = [(), (1,), (7,), (3, 4), (2, 5, 3), (1, 3, 1)]
# Reductions of all elements, and along one or several dimensions.
ALONG = ["sum", "mean", "amax", "amin", "nansum", "nanmean", "var", "std"]
TRUTH = ["any", "all", "count_nonzero"]
PICKING = ["max", "min"]
DTYPES = ["uint8", "int8", "int16", "int32", "int64", "bool", "float16", "float32", "float64"]


def same(function: Any, *inputs: Any, gradients: bool = True) -> None:
    """Values, dtypes and shapes; strides of reductions are contiguous here."""
    check(function, *inputs, strides=False, gradients=gradients)


def dims_of(shape: tuple[int, ...]) -> list[Any]:
    n = max(len(shape), 1)
    several = [(0, -1), list(range(n)), (-1,)] if len(shape) > 1 else [(0,)]
    return [None, 0, -1, n // 2 if len(shape) > 1 else 0, *several]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ALONG)
def test_along_dimensions(name: str, shape: tuple[int, ...]) -> None:
    if name in ("var", "std") and math.prod(shape) < 2:
        pytest.skip("one element has no variance")
    same(lambda root, x: getattr(root, name)(x), shape)
    for dim in dims_of(shape):
        if name in ("var", "std"):
            # A single element's infinite slope is tested by itself.
            kept = fl.empty(shape).sum(dim).numel() if dim is not None else 1
            if kept == math.prod(shape):
                continue
        for keepdim in (False, True):
            same(lambda root, x, d=dim, k=keepdim: getattr(root, name)(x, dim=d, keepdim=k), shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", TRUTH)
def test_truth_and_counts(name: str, shape: tuple[int, ...]) -> None:
    for dtype in [*DTYPES, "complex64"]:
        numbers = np.asarray(np.random.randint(0, 2, shape)).astype(dtype)
        same(lambda root, x: getattr(root, name)(x), numbers, gradients=False)
        for dim in dims_of(shape):
            same(lambda root, x, d=dim: getattr(root, name)(x, d), numbers, gradients=False)
    special = np.array([[0.0, -0.0], [NAN, 0.0], [INF, 1.0]])
    same(lambda root, x: getattr(root, name)(x, 1), special, gradients=False)


def test_no_dimensions_of_truth() -> None:
    same(lambda root, x: root.any(x, ()), (2, 3), gradients=False)
    same(lambda root, x: root.all(x, dim=()), (2, 3), gradients=False)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", PICKING)
def test_extremes(name: str, shape: tuple[int, ...]) -> None:
    same(lambda root, x: getattr(root, name)(x), shape)
    for dim in range(-max(len(shape), 1), max(len(shape), 1)):
        for keepdim in (False, True):
            same(lambda root, x, d=dim, k=keepdim: tuple(getattr(root, name)(x, d, k)), shape)
            same(lambda root, x, d=dim, k=keepdim: getattr(root, "arg" + name)(x, d, k), shape)
    same(lambda root, x: getattr(root, "arg" + name)(x), shape)
    same(lambda root, x: getattr(root, "arg" + name)(x, keepdim=True), shape)
    same(lambda root, x, y: getattr(root, name)(x, y), shape, shape)
    same(lambda root, x, y: getattr(root, name)(x, y), np.array(3), np.array(1), gradients=False)
    same(lambda root, x: tuple(root.aminmax(x)), shape)
    same(lambda root, x: tuple(root.aminmax(x, dim=-1, keepdim=True)), shape)


def test_results_of_max_have_names() -> None:
    result = fl.tensor([[1.0, 5.0], [7.0, 2.0]]).max(1)
    assert result.values.tolist() == [5.0, 7.0]
    assert result.indices.tolist() == [1, 0]
    values, indices = result
    assert values is result[0]
    assert indices is result[1]
    least = fl.aminmax(fl.tensor([3.0, 1.0]))
    assert (least.min.item(), least.max.item()) == (1.0, 3.0)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_nan_outranks_every_number(name: str) -> None:
    x = np.array([[1.0, NAN, 3.0, NAN], [2.0, INF, -INF, 0.0], [-INF, -INF, -INF, -INF]])
    same(lambda root, x: getattr(root, name)(x, dim=1), x, gradients=False)
    same(lambda root, x: getattr(root, name)(x, dim=0), x, gradients=False)
    same(lambda root, x: getattr(root, name)(x), x, gradients=False)
    same(lambda root, x: root.argmax(x, 1), x, gradients=False)
    same(lambda root, x: root.argmin(x, 0), x, gradients=False)


def test_equal_extremes_share_the_gradient() -> None:
    x = fl.tensor([1.0, 3.0, 3.0], requires_grad=True)
    x.max().backward()
    assert x.grad.tolist() == [0.0, 0.5, 0.5]
    tied = np.array([[2.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    check(lambda root, x: root.amax(x, 1), tied, strides=False, differences=False)
    same(lambda root, x: root.max(x), np.array([1.0, NAN, 2.0, NAN]))


@pytest.mark.parametrize("name", ["sum", "prod", "amax", "argmin", "nansum", "max", "cumsum"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name: str, dtype: str) -> None:
    numbers = np.asarray(np.random.randint(0, 3, (3, 5))).astype(dtype)
    if name == "argmin" and dtype == "bool":
        check_error(lambda root, x: root.argmin(x), numbers)
        return
    if name != "cumsum":
        same(lambda root, x: getattr(root, name)(x), numbers, gradients=False)
    same(lambda root, x: getattr(root, name)(x, dim=-1), numbers, gradients=False)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "norm", "cumsum", "cumprod"])
def test_dtype_argument(name: str) -> None:
    for dtype in ("float32", "float64"):
        same(
            lambda root, x, d=dtype: getattr(root, name)(x, dim=1, dtype=getattr(root, d)),
            ((3, 5), "float32"), gradients=False,
        )  # fmt: skip
    x = fl.full([1 << 12], 0.1, dtype=fl.float32)
    assert fl.sum(x, dtype=fl.float64).item() == x.double().sum().item()


def test_complex() -> None:
    for name in ("sum", "mean", "prod", "var", "std", "norm"):
        same(lambda root, x, n=name: getattr(root, n)(x), ((3, 4), "complex128"))
    for name in ("cumsum", "cumprod", "logsumexp"):
        same(lambda root, x, n=name: getattr(root, n)(x, dim=-1), ((3, 4), "complex128"))
    check_error(lambda root, x: root.max(x), ((3,), "complex64"))
    check_error(lambda root, x: root.argmax(x), ((3,), "complex64"))


def test_variances() -> None:
    shape = (3, 4, 2)
    for correction in (0, 1, 2, 0.5):
        for dim in (None, 1, (0, 2)):
            for name in ("var", "std"):
                same(
                    lambda root, x, n=name, d=dim, c=correction: getattr(root, n)(x, d, correction=c),
                    shape,
                )  # fmt: skip
                same(
                    lambda root, x, n=name, d=dim, c=correction: getattr(root, n + "_mean")(
                        x, dim=d, correction=c, keepdim=True
                    ),
                    shape,
                )  # fmt: skip
    same(lambda root, x: root.var(x, False), shape)
    same(lambda root, x: root.var(x, 1, False, True), shape)
    same(lambda root, x: root.var_mean(x, (0, 1), False), shape)
    same(lambda root, x: x.std(unbiased=False), shape)
    same(lambda root, x: root.var(x), np.array([3.0]))
    same(lambda root, x: root.std(x), np.array([3.0, 3.0]))
    same(lambda root, x: root.var(x, 0, correction=10), (3, 4), gradients=False)
    same(lambda root, x: root.var(x, 0), (0, 4), gradients=False)


def test_variance_far_from_zero() -> None:
    x = np.random.randn(4096) + 1e6
    assert fl.tensor(x).var().item() == pytest.approx(np.var(x, ddof=1), rel=1e-9)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, INF, -INF])
def test_norms(p: float) -> None:
    for shape in SHAPES:
        same(lambda root, x: root.norm(x, p), shape, gradients=p != 0)
        same(lambda root, x: root.linalg.vector_norm(x, p, -1, True), shape, gradients=p != 0)
    same(lambda root, x: root.norm(x, p, (0, 2)), (2, 3, 4), gradients=p != 0)
    same(lambda root, x: root.norm(x, p, 1), ((3, 4), "complex128"), gradients=p != 0)
    zeros = fl.zeros(3, requires_grad=True)
    zeros.norm(p).backward()
    assert zeros.grad.tolist() == [0.0, 0.0, 0.0]
    same(lambda root, x: root.norm(x, p), np.array([1.0, NAN, -2.0]), gradients=False)


def test_norm_by_name() -> None:
    same(lambda root, x: root.norm(x), (3, 4))
    same(lambda root, x: root.norm(x, "fro"), (3, 4))
    same(lambda root, x: x.norm(p="fro", dim=(0, 1), keepdim=True), (3, 4))
    same(lambda root, x: root.norm(x, dtype=root.float32), ((5,), "float16"), gradients=False)
    assert fl.linalg.svdvals is not None  # loads the room
    same(lambda root, x: root.norm(x, "nuc"), (3, 4))
    same(lambda root, x: root.norm(x, "nuc", (0, 2), True), (3, 2, 4))
    with pytest.raises(RuntimeError, match="Order abc not supported"):
        fl.ones(3, 4).norm("abc")


def test_logsumexp() -> None:
    for dim in (0, -1, (0, 2), (-2,)):
        for keepdim in (False, True):
            same(lambda root, x, d=dim, k=keepdim: root.logsumexp(x, d, k), (2, 3, 4))
    for edge in ([INF, 1.0], [-INF, 1.0], [-INF, -INF], [INF, -INF], [NAN, -INF], [1e4, -1e4]):
        same(lambda root, x: root.logsumexp(x, 0), np.array(edge))
    same(lambda root, x: root.logsumexp(x, 0), ((3, 4), "int64"), gradients=False)
    same(lambda root, x: root.logsumexp(x, 0), (0, 4), gradients=False)


def test_products_with_zeros() -> None:
    one, two = np.random.randn(3, 4), np.random.randn(3, 4)
    one[1, 2] = two[1, 2] = two[1, 0] = 0.0
    for x in (one, two, np.random.randn(3, 4)):
        same(lambda root, x: root.prod(x), x)
        for dim in (0, -1):
            same(lambda root, x, d=dim: root.prod(x, d), x)
            same(lambda root, x, d=dim: root.prod(x, d, True), x)
            same(lambda root, x, d=dim: root.cumprod(x, d), x)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"])
def test_running_reductions(name: str) -> None:
    def run(root: Any, x: Any, dim: int) -> Any:
        result = getattr(root, name)(x, dim)
        return tuple(result) if isinstance(result, tuple) else result

    for shape in SHAPES:
        for dim in range(-max(len(shape), 1), max(len(shape), 1)):
            same(lambda root, x, d=dim: run(root, x, d), shape)
    same(lambda root, x: run(root, x.t(), 0), (3, 70))
    same(lambda root, x: run(root, x, 0), (0, 3), gradients=False)
    if name != "logcumsumexp":
        same(lambda root, x: run(root, x, 1), ((3, 5), "int32"), gradients=False)


def test_running_extremes_of_ties_and_nan() -> None:
    x = np.array([1.0, 3.0, 3.0, 2.0, NAN, 1.0, NAN, 5.0])
    same(lambda root, x: tuple(root.cummax(x, 0)), x, gradients=False)
    same(lambda root, x: tuple(root.cummin(x, 0)), x, gradients=False)
    same(
        lambda root, x: root.logcumsumexp(x, 0),
        np.array([-INF, -INF, 1.0, INF, 2.0]),
        gradients=False,
    )


def test_in_place_and_out() -> None:
    x = fl.randn(3, 4)
    expected = x.cumsum(1)
    assert x.clone().cumsum_(1).equal(expected)
    out = fl.empty(0)
    assert fl.sum(x, 0, out=out) is out
    assert out.equal(x.sum(0))
    values, indices = fl.empty(4), fl.empty(4, dtype=fl.int64)
    fl.max(x, 0, out=(values, indices))
    assert values.equal(x.max(0).values)
    assert indices.equal(x.max(0).indices)
    with pytest.raises(RuntimeError, match="can't be cast"):
        fl.sum(x, 0, out=fl.empty(4, dtype=fl.int64))
    with pytest.raises(RuntimeError, match="automatic differentiation"):
        fl.sum(fl.ones(3, requires_grad=True), 0, out=fl.empty(0))


def test_differences() -> None:
    for n in (0, 1, 2, 5):
        same(lambda root, x, n=n: root.diff(x, n), (3, 4))
        same(lambda root, x, n=n: root.diff(x, n, 0), (3, 4))
    same(lambda root, x, a: root.diff(x, 0, prepend=a), (3, 4), (3, 1), gradients=False)
    same(lambda root, x, a, b: root.diff(x, prepend=a, append=b), (3, 4), (3, 1), (3, 2))
    same(lambda root, x: root.diff(x), ((5,), "bool"), gradients=False)
    check_error(lambda root, x: root.diff(x), ())


def test_layouts_agree() -> None:
    """Whatever the strides, a reduction is one of the numbers."""
    x = fl.randn(6, 5, 4, 3, dtype=fl.float64)
    views = [
        x,
        x.permute(3, 1, 0, 2),
        x[::2],
        x.transpose(0, 2)[:, ::2],
        x[..., :1].expand(6, 5, 4, 3),
    ]
    for view in views:
        copy = view.contiguous()
        for dim in (None, 0, 1, 3, (0, 2), (1, 3), (0, 1, 2)):
            for name in ("sum", "amax", "var", "norm", "any"):
                kwargs = {"p": 2} if name == "norm" else {}
                a = getattr(fl, name)(view, dim=dim, **kwargs)
                b = getattr(fl, name)(copy, dim=dim, **kwargs)
                assert fl.allclose(a.double(), b.double(), rtol=1e-12), (name, dim)


@pytest.mark.parametrize(
    "shape", [(1 << 20,), (3, 1 << 18), (1 << 18, 3), (700, 900), (5, 300, 700)]
)
def test_large(shape: tuple[int, ...]) -> None:
    """Long runs are split among threads and keep PyTorch's accuracy and better."""
    x = np.random.randn(*shape).astype(np.float32)
    t, wide = fl.tensor(x), x.astype(np.float64)
    for axis in (None, *range(len(shape))):
        count = x.size if axis is None else shape[axis]
        loose = 1e-6 * math.sqrt(count)
        np.testing.assert_allclose(t.sum(axis).numpy(), wide.sum(axis), rtol=1e-5, atol=loose)
        np.testing.assert_array_equal(t.amax(axis).numpy(), x.max(axis))
        np.testing.assert_array_equal(t.argmax(axis).numpy(), x.argmax(axis))
        np.testing.assert_allclose(t.var(axis).numpy(), wide.var(axis, ddof=1), rtol=1e-5)
        np.testing.assert_allclose(
            fl.norm(t, 2, axis).numpy(), np.sqrt((wide**2).sum(axis)), rtol=1e-6
        )
        np.testing.assert_array_equal(
            t.gt(0).count_nonzero(axis).numpy(), np.count_nonzero(x > 0, axis)
        )


def test_threads_do_not_change_results() -> None:
    x = fl.randn(1 << 20)
    before = fl.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            fl.set_num_threads(threads)
            rows = x.view(1024, 1024)
            results.append([x.sum(), x.var(), x.norm(), rows.sum(0), rows.sum(1), rows.std(0)])
        for a, b in zip(*results, strict=True):
            assert a.equal(b)
    finally:
        fl.set_num_threads(before)


@pytest.mark.parametrize(
    "name", ["max", "min", "amax", "amin", "argmax", "argmin", "median", "mode"]
)
def test_empty(name: str) -> None:
    if name not in ("median", "mode"):
        check_error(lambda root, x: getattr(root, name)(x), (0,))
    check_error(lambda root, x: getattr(root, name)(x, 1), (2, 0))
    same(
        lambda root, x: root.tensor(getattr(root, name)(x, 0)[0].shape)
        if name in ("max", "min", "median", "mode")
        else getattr(root, name)(x, 0),
        (2, 0, 3), gradients=False,
    )  # fmt: skip


def test_empty_sums() -> None:
    for name in ("sum", "mean", "prod", "any", "all", "nansum", "count_nonzero", "norm"):
        same(lambda root, x, n=name: getattr(root, n)(x), (0,), gradients=False)
        same(
            lambda root, x, n=name: getattr(root, n)(x, dim=1) if n != "norm" else x,
            (2, 0),
            gradients=False,
        )


@pytest.mark.parametrize(
    "name", [*ALONG, *TRUTH, *PICKING, "argmax", "prod", "cumsum", "logsumexp"]
)
def test_dimension_errors(name: str) -> None:
    check_error(lambda root, x: getattr(root, name)(x, dim=2), (3, 4))
    check_error(lambda root, x: getattr(root, name)(x, dim=-3), (3, 4))
    if name in ALONG + TRUTH:
        check_error(lambda root, x: getattr(root, name)(x, dim=(0, 0)), (3, 4), same_text=False)


def test_too_many_dimensions() -> None:
    x = fl.ones(1).reshape([1] * 65)
    for name in ("sum", "amax", "any", "max"):
        with pytest.raises(RuntimeError, match="up to 64 dims"):
            getattr(fl, name)(x, dim=0)


def test_type_errors() -> None:
    check_error(lambda root, x: root.mean(x), ((3,), "int64"))
    check_error(lambda root, x: root.var(x), ((3,), "int64"))
    check_error(lambda root, x: root.norm(x), ((3,), "int64"))
    check_error(lambda root, x: root.norm(x, dtype=root.float32), (3,))
    check_error(lambda root, x: root.logcumsumexp(x, 0), ((3,), "int64"))
    check_error(lambda root, x: root.nansum(x), ((3,), "complex64"))
    check_error(lambda root, x: root.linalg.vector_norm(x, INF), (0,))


def test_numpy_spellings() -> None:
    x = fl.randn(3, 4)
    assert x.sum(axis=1, keepdims=True).equal(x.sum(1, True))
    assert x.max(axis=0).values.equal(x.max(0).values)
