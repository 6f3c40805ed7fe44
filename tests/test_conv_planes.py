"""Convolutions that are computed where float32 planes lie, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flambeau as fl
import flambeau.nn.functional as F

POINTWISE = [
    ((1, 3, 7, 7), (5, 3, 1, 1), {}),
    ((2, 16, 11, 13), (96, 16, 1, 1), {}),
    ((1, 300, 7, 7), (33, 300, 1, 1), {}),
    ((3, 1, 1, 1), (1, 1, 1, 1), {}),
    ((2, 33, 5), (17, 33, 1), {}),
    ((1, 9, 3, 4, 5), (10, 9, 1, 1, 1), {}),
]
SMALL = [
    ((2, 17, 9, 8), (33, 17, 1, 1), {"stride": 2}),
    ((2, 3, 16, 19), (16, 3, 1, 1), {"stride": (3, 1)}),
    ((2, 3, 30, 37), (24, 3, 3, 3), {"padding": 1}),
    ((2, 3, 31, 36), (24, 3, 3, 3), {"stride": 2, "padding": 1}),
    ((3, 1, 9, 40), (8, 1, 5, 5), {"stride": 3, "dilation": (1, 2), "padding": 4}),
    ((1, 20, 14, 13), (130, 20, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 5, 14, 14), (128, 5, 1, 1), {"stride": 2}),
    ((3, 7, 9, 8), (129, 7, 4, 2), {"dilation": (2, 1), "padding": (3, 5)}),
    ((1, 40, 7, 7), (128, 40, 3, 3), {"padding": 1}),
]
DEPTHWISE = [
    ((2, 7, 13, 11), (7, 1, 3, 3), {"padding": 1}),
    ((1, 5, 9, 40), (5, 1, 3, 3), {"stride": 2, "padding": 1}),
    ((2, 4, 7, 7), (4, 1, 5, 5), {"padding": (0, 2)}),
    ((1, 3, 17, 35), (3, 1, 5, 5), {"stride": 2, "padding": 4}),
    ((1, 3, 1, 1), (3, 1, 3, 3), {"padding": 1}),
]
WINOGRAD = [
    ((3, 17, 19, 23), (33, 17, 3, 3), {"padding": 1}),
    ((2, 32, 31, 17), (40, 32, 3, 3), {}),
    ((2, 24, 30, 21), (16, 24, 3, 3), {"padding": 2}),
    ((1, 130, 14, 13), (70, 130, 3, 3), {"padding": (0, 2)}),
    ((40, 16, 5, 3), (16, 16, 3, 3), {"padding": 1}),
    ((9, 33, 66, 61), (70, 33, 3, 3), {"padding": 1}),
    ((2, 17, 35, 38), (33, 17, 3, 3), {"stride": 2, "padding": 1}),
    ((60, 50, 4, 3), (16, 50, 3, 3), {"stride": 2, "padding": 1}),
    ((3, 16, 26, 31), (40, 16, 3, 3), {"stride": 2}),
    ((2, 20, 31, 29), (16, 20, 3, 3), {"stride": 2, "padding": (2, 1)}),
    ((16, 260, 8, 7), (30, 260, 3, 3), {"padding": 1}),
]


def convolve(x: Any, weight: Any, bias: Any, **options: Any) -> Any:
    return getattr(F, f"conv{x.dim() - 2}d")(x, weight, bias, **options)


def spread(x: np.ndarray, dtype: Any) -> Any:
    """Return a tensor of the array whose elements do not follow each other in memory."""
    room = np.zeros((*x.shape, 2))
    room[..., 0] = x
    return fl.tensor(room, dtype=dtype)[..., 0]


@pytest.mark.parametrize(("size", "weight", "options"), POINTWISE + SMALL + DEPTHWISE + WINOGRAD)
def test_values_and_gradients(size: Any, weight: Any, options: dict[str, Any]) -> None:
    options = {**options, "groups": size[1] // weight[1]}
    rng = np.random.default_rng()
    arrays = [rng.standard_normal(s) for s in (size, weight, weight[:1])]
    results = []
    for dtype in (fl.float64, fl.float32):
        leaves = [spread(a, dtype).requires_grad_() for a in arrays]
        y = convolve(*leaves, **options)
        grads = fl.autograd.grad(y, leaves, fl.ones_like(y).cumsum(-1))
        results.append([y.detach(), *grads])
    for exact, result in zip(*results, strict=True):
        error = (result.double() - exact).abs().max() / (exact.abs().max() + 1e-30)
        assert float(error) < 1e-5


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_values_that_are_not_finite_stay_where_they_belong(value: float) -> None:
    rng = np.random.default_rng()
    x, weight = rng.standard_normal((2, 16, 20, 20)), rng.standard_normal((32, 16, 3, 3))
    x[1, 3, 4, 5] = value
    usual = F.conv2d(fl.tensor(x).float(), fl.tensor(weight).float(), padding=1)
    x[1, 3, 4, 5] = 0
    clean = F.conv2d(fl.tensor(x), fl.tensor(weight), padding=1)
    away = np.ones(clean.shape, dtype=bool)
    away[1, :, 3:6, 4:7] = False
    np.testing.assert_allclose(usual.numpy()[away], clean.numpy()[away], rtol=1e-3, atol=1e-3)
    if not np.isfinite(value):
        assert not np.isfinite(usual.numpy()[~away]).any()


def test_transposed_bias_stands_where_nothing_is_added() -> None:
    x, weight, bias = fl.randn(2, 16, 5, 6), fl.randn(16, 7, 1, 1), fl.randn(7)
    y = F.conv_transpose2d(x, weight, bias, stride=2, output_padding=1)
    exact = F.conv_transpose2d(x.double(), weight.double(), bias.double(), 2, output_padding=1)
    assert fl.allclose(y.double(), exact, atol=1e-4)
    assert fl.equal(y[:, :, 1::2], bias[:, None, None].expand_as(y[:, :, 1::2]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_zeros_around_a_picture_meet_no_infinity(value: float) -> None:
    weight = np.ones((16, 3, 3, 3), dtype=np.float32)
    weight[5, 1, 0, 0] = value
    finite = F.conv2d(fl.ones(1, 3, 8, 8), fl.tensor(weight), padding=1).isfinite().numpy()
    assert finite[0, 5, 0].all() and finite[0, 5, :, 0].all() and not finite[0, 5, 1:, 1:].any()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_weight_gradients_are_not_finite_where_pytorch_has_them_so(
    value: float, stride: int
) -> None:
    rng = np.random.default_rng()
    x, dy = (rng.standard_normal((2, c, s, s)) for c, s in ((16, 20), (32, 20 // stride)))

    def gradient(value: float, dtype: Any) -> np.ndarray:
        x[1, 3, 4, 5] = value
        weight = fl.zeros(32, 16, 3, 3, dtype=dtype, requires_grad=True)
        y = F.conv2d(fl.tensor(x, dtype=dtype), weight, None, stride, 1)
        y.backward(fl.tensor(dy, dtype=dtype))
        return weight.grad.numpy()

    usual, clean = gradient(value, fl.float32), gradient(0, fl.float64)
    others = np.arange(16) != 3
    np.testing.assert_allclose(usual[:, others], clean[:, others], rtol=1e-3, atol=1e-3)
    if not np.isfinite(value):
        finite = np.isfinite(gradient(value, fl.float64))
        assert not finite.all() and (np.isfinite(usual) == finite).all()


@pytest.mark.parametrize(
    ("size", "weight", "options"),
    [POINTWISE[2], *SMALL, DEPTHWISE[1], *WINOGRAD[0::3], WINOGRAD[-1]],
)
def test_results_do_not_depend_on_the_number_of_threads(
    size: Any, weight: Any, options: dict[str, Any]
) -> None:
    x, w = fl.randn(*size, requires_grad=True), fl.randn(*weight, requires_grad=True)
    options = {**options, "groups": size[1] // weight[1]}
    before, results = fl.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            y = convolve(x, w, None, **options)
            results.append([y.detach(), *fl.autograd.grad(y, [x, w], y.detach())])
    finally:
        fl.set_num_threads(before)
    for one, two, three in zip(*results, strict=True):
        assert fl.equal(one, two) and fl.equal(one, three)
