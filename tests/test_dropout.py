"""Dropout and random slopes: PyTorch's, bit for bit, with derivatives."""

import numpy as np
import pytest
from random_compare import FLOATS, SEEDS, leaf, same_draws

import flambeau as fl

DROPOUTS = {
    "dropout": lambda lib, f, x: f.dropout(x, 0.4),
    "dropout small p": lambda lib, f, x: f.dropout(x, 0.05),
    "dropout all": lambda lib, f, x: f.dropout(x, 1.0),
    "dropout none": lambda lib, f, x: f.dropout(x, 0.0),
    "dropout evaluation": lambda lib, f, x: f.dropout(x, training=False),
    "native_dropout": lambda lib, f, x: lib.native_dropout(x, 0.3, True)[0],
    "native_dropout evaluation": lambda lib, f, x: lib.native_dropout(x, 0.3, False)[0],
    "torch.dropout": lambda lib, f, x: lib.dropout(x, 0.7, True),
    "dropout2d": lambda lib, f, x: f.dropout2d(x, 0.3),
    "dropout1d": lambda lib, f, x: f.dropout1d(x[0], 0.3),
    "dropout1d batch": lambda lib, f, x: f.dropout1d(x[:, :, 0], 0.3),
    "dropout3d": lambda lib, f, x: f.dropout3d(x, 0.3),
    "feature_dropout": lambda lib, f, x: lib.feature_dropout(x, 0.5, True),
    "alpha_dropout": lambda lib, f, x: f.alpha_dropout(x, 0.2, training=True),
    "feature_alpha_dropout": lambda lib, f, x: f.feature_alpha_dropout(x, 0.2, training=True),
    "rrelu": lambda lib, f, x: f.rrelu(x, training=True),
    "rrelu evaluation": lambda lib, f, x: f.rrelu(x, 0.1, 0.3),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout(name, dtype):
    if "rrelu" in name and dtype == "float16":
        pytest.skip("PyTorch has no float16 rrelu on the CPU")

    def draw(lib):
        x = leaf(lib, dtype)
        y = DROPOUTS[name](lib, lib.nn.functional, x)
        cotangent = lib.arange(y.numel(), dtype=y.dtype).reshape(y.shape) / 7
        (dx,) = lib.autograd.grad(y, x, cotangent)
        return [y, dx]

    same_draws(draw, SEEDS[:2])


@pytest.mark.parametrize(
    "name", ["dropout", "alpha_dropout", "dropout2d", "feature_alpha_dropout", "rrelu"]
)
@pytest.mark.parametrize("layout", ["channels last", "sliced", "expanded"])
def test_dropout_layouts(name, layout):
    def draw(lib):
        x = leaf(lib).detach()
        x = {
            "channels last": lambda: x.permute(0, 3, 1, 2),
            "sliced": lambda: x[:, ::2, 1:],
            "expanded": lambda: x[:1].expand(3, 4, 5, 6),
        }[layout]()
        return getattr(lib.nn.functional, name)(x, training=True)

    same_draws(draw, SEEDS[:2])


@pytest.mark.parametrize(
    "name", ["dropout", "alpha_dropout", "dropout2d", "dropout3d", "feature_alpha_dropout", "rrelu"]
)
def test_dropout_in_place(name):
    def draw(lib):
        x = leaf(lib)
        y = x * 2
        z = getattr(lib.nn.functional, name)(y, training=True, inplace=True)
        assert z is y
        (dx,) = lib.autograd.grad(z.sum(), x)
        return [y, dx]

    same_draws(draw, SEEDS[:2])


def test_dropout_spreads_what_is_not_finite():
    same_draws(
        lambda lib: lib.nn.functional.dropout(
            lib.tensor([float("inf"), float("nan"), -1.0, -0.0] * 9), 0.5
        ).isnan(),
    )


def test_dropout_second_derivative():
    x = leaf(fl, "float64", (40,))
    fl.manual_seed(0)
    y = fl.nn.functional.dropout(x * x, 0.5)
    (dx,) = fl.autograd.grad(y.sum(), x, create_graph=True)
    (ddx,) = fl.autograd.grad(dx.sum(), x)
    kept = y.detach().numpy() != 0
    np.testing.assert_array_equal(ddx.numpy(), np.where(kept, 4.0, 0.0))


def test_dropout_returns_its_input_when_idle():
    x = fl.ones(3)
    assert fl.nn.functional.dropout(x, training=False) is x
    assert fl.nn.functional.dropout(x, 0.0) is x
