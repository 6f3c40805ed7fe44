"""Poolings against PyTorch: all options, indices, first and second derivatives, formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from op_compare import Function, check, check_error

import flambeau as fl
import flambeau.nn.functional as F

SIZES = {1: (9,), 2: (8, 9), 3: (5, 6, 7)}


def pool(name: str, *args: Any, **options: Any) -> Function:
    return lambda root, x: getattr(root.nn.functional, name)(x, *args, **options)


@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 1},
        {"stride": 3, "padding": 1},
        {"ceil_mode": True},
        {"stride": 2, "padding": 1, "ceil_mode": True},
    ],
)
@pytest.mark.parametrize("kernel", [2, 3])
def test_windows(spatial: int, kernel: int, options: dict[str, Any]) -> None:
    for shape in ((2, 3, *SIZES[spatial]), (3, *SIZES[spatial]), (0, 3, *SIZES[spatial])):
        on = shape[0] > 0
        check(pool(f"max_pool{spatial}d", kernel, **options), shape, gradients=on)
        check(
            pool(f"max_pool{spatial}d", kernel, return_indices=True, **options),
            shape,
            gradients=False,
        )
        average = f"avg_pool{spatial}d"
        check(pool(average, kernel, **options), shape, gradients=on)
        check(pool(average, kernel, count_include_pad=False, **options), shape, gradients=on)


@pytest.mark.parametrize("spatial", [1, 2, 3])
@pytest.mark.parametrize("output", [1, 2, 3, 5, 11])
def test_adaptive(spatial: int, output: int) -> None:
    for shape in ((2, 3, *SIZES[spatial]), (3, *SIZES[spatial])):
        check(pool(f"adaptive_avg_pool{spatial}d", output), shape, strides=False)
        check(pool(f"adaptive_max_pool{spatial}d", output), shape, strides=False)
        check(
            pool(f"adaptive_max_pool{spatial}d", output, return_indices=True),
            shape,
            strides=False,
            gradients=False,
        )


def test_further_options() -> None:
    check(pool("max_pool1d", 3, dilation=2, stride=2), (2, 3, 9))
    check(pool("max_pool2d", (2, 3), (1, 2), (1, 0), (2, 1)), (2, 3, 8, 9))
    check(pool("max_pool3d", (2, 1, 3), dilation=(1, 2, 2)), (2, 3, 5, 6, 7))
    check(pool("max_pool2d", 2, stride=[]), (2, 3, 8, 9))
    for divisor in (3, -2):
        check(pool("avg_pool2d", 2, divisor_override=divisor, padding=1), (2, 3, 8, 9))
        check(pool("avg_pool3d", 2, divisor_override=divisor), (2, 3, 4, 5, 6))
    check(pool("adaptive_avg_pool2d", (None, 3)), (2, 3, 8, 9))
    check(pool("adaptive_max_pool3d", (2, None, 3)), (2, 3, 5, 6, 7))
    check(pool("adaptive_avg_pool2d", 0), (2, 3, 8, 9), gradients=False)


@pytest.mark.parametrize("channels", [2, 70])
def test_channels_last(channels: int) -> None:
    def last(name: str, *args: Any, **options: Any) -> Function:
        def function(root: Any, x: Any) -> Any:
            return getattr(root.nn.functional, name)(
                x.contiguous(memory_format=root.channels_last), *args, **options
            )

        return function

    shape = (2, channels, 8, 9)
    check(last("max_pool2d", 3, 2, 1), shape)
    check(last("max_pool2d", 2, dilation=2, return_indices=True), shape, gradients=False)
    check(last("avg_pool2d", 3, 2, 1, count_include_pad=False), shape)
    check(last("adaptive_avg_pool2d", (3, 4)), shape)
    check(last("adaptive_avg_pool2d", 1), shape)
    check(last("adaptive_max_pool2d", (3, 4)), shape)

    def last_3d(root: Any, x: Any) -> Any:
        x = x.contiguous(memory_format=root.channels_last_3d)
        functional = root.nn.functional
        return [functional.max_pool3d(x, 2, return_indices=True), functional.avg_pool3d(x, 2)]

    check(last_3d, (2, channels, 4, 5, 6), gradients=False)


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
def test_integers(dtype: str) -> None:
    check(pool("max_pool2d", 2, padding=1), ((2, 3, 6, 7), dtype))
    check(pool("max_pool3d", 2), ((2, 3, 4, 6, 7), dtype))
    if dtype == "int64":
        check(pool("avg_pool2d", 2), ((2, 3, 6, 7), dtype))
        check_error(pool("adaptive_avg_pool2d", 2), ((2, 3, 6, 7), "complex128"), same_text=False)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_types_add_in_float32(dtype: str) -> None:
    x = fl.full((1, 2, 64, 64), 1.0, dtype=getattr(fl, dtype), requires_grad=True)
    for y in (F.avg_pool2d(x, 64), F.adaptive_avg_pool2d(x, 1)):
        assert y.dtype == x.dtype
        assert y.flatten().tolist() == [1.0, 1.0]
    overlapping = F.avg_pool2d(x, 3, 1, 1).sum()
    (grad,) = fl.autograd.grad(overlapping, x)
    assert grad[0, 0, 5, 5].item() == pytest.approx(1, abs=4e-3)
    check_half = F.max_pool2d(x.detach() * fl.arange(64).to(x.dtype), 2)
    assert check_half[0, 0, 0].tolist() == list(range(1, 64, 2))


def test_special_numbers() -> None:
    x = np.random.default_rng().standard_normal((2, 3, 6, 7))
    x[0, 0, 2, 3] = x[1, 2, 0, 0] = np.nan
    x[0, 1] = -np.inf
    x[1, 0] = 0.0
    for name in ("max_pool2d", "adaptive_max_pool2d"):
        check(pool(name, 2, return_indices=True), x, gradients=False)
    check(pool("max_pool2d", 3, 1, 1, return_indices=True), x, gradients=False)
    check(pool("avg_pool2d", 2), x, gradients=False)


def test_windows_beyond_the_end_are_empty() -> None:
    """With ceil_mode and large steps the last window may hold no element at all."""
    check(pool("avg_pool1d", 1, 3, ceil_mode=True, count_include_pad=False), (1, 2, 5))
    check(pool("max_pool1d", 1, 3, ceil_mode=True), (1, 2, 5))


def test_results_do_not_depend_on_threads() -> None:
    x, before, results = fl.randn(3, 5, 40, 41), fl.get_num_threads(), []
    for threads in (1, 2, 5):
        fl.set_num_threads(threads)
        leaf = x.clone().requires_grad_()
        y = F.avg_pool2d(F.max_pool2d(leaf, 3, 1), 3, 2)
        results.append([y.tolist(), *(g.tolist() for g in fl.autograd.grad(y.sum(), leaf))])
    fl.set_num_threads(before)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("name", "shape", "args", "options"),
    [
        ("max_pool2d", (2, 3, 5, 5), (6,), {}),
        ("max_pool2d", (2, 3, 5, 5), (2,), {"padding": 2}),
        ("max_pool2d", (2, 3, 5, 5), (2,), {"padding": -1}),
        ("max_pool2d", (2, 3, 5, 5), (0,), {}),
        ("max_pool2d", (2, 3, 5, 5), (2,), {"stride": -1}),
        ("max_pool2d", (2, 3, 5, 5), (2,), {"dilation": 0}),
        ("max_pool2d", (5, 5), (2,), {}),
        ("max_pool2d", (2, 3, 5, 5), ((2, 2, 2),), {}),
        ("max_pool2d", (2, 3, 5, 5), (2, (1, 2, 3)), {}),
        ("max_pool1d", (5,), (2,), {}),
        ("max_pool3d", (5, 5, 5), (2,), {}),
        ("max_pool3d", (2, 3, 5, 5, 5), (2,), {"dilation": 0}),
        ("avg_pool2d", (2, 3, 5, 5), (6,), {}),
        ("avg_pool2d", (2, 3, 5, 5), (2,), {"divisor_override": 0}),
        ("avg_pool2d", (2, 3, 5, 5), ((2, 2, 2),), {}),
        ("avg_pool3d", (5, 5, 5), (2,), {}),
        ("adaptive_avg_pool2d", (2, 3, 5, 5), ((2, 2, 2),), {}),
        ("adaptive_avg_pool2d", (2, 5), (2,), {}),
        ("adaptive_avg_pool2d", (3, 2, 0, 5), (2,), {}),
        ("adaptive_max_pool2d", (2, 5), (2,), {}),
        ("adaptive_max_pool2d", (3, 0, 5, 5), (2,), {}),
        ("adaptive_max_pool3d", (2, 5, 2), (2,), {}),
    ],
)
def test_errors(name: str, shape: Any, args: Any, options: dict[str, Any]) -> None:
    check_error(pool(name, *args, **options), shape)
