"""The fused steps of recurrent networks: against the formulas in elementary operators, and PyTorch."""

from typing import Any

import numpy as np
import pytest
from gradient_compare import assert_close, compare, derivatives

import flambeau
import flambeau.nn


def normal(*shape: int) -> Any:
    return np.random.standard_normal(shape)


def lstm_step(L: Any, gates: Any, c: Any) -> Any:
    i, f, g, o = gates.chunk(4, 1)
    c = L.sigmoid(f) * c + L.sigmoid(i) * L.tanh(g)
    return L.sigmoid(o) * L.tanh(c), c


def gru_step(L: Any, x: Any, s: Any, h: Any) -> Any:
    (x_r, x_z, x_n), (s_r, s_z, s_n) = x.chunk(3, 1), s.chunk(3, 1)
    r, z = L.sigmoid(x_r + s_r), L.sigmoid(x_z + s_z)
    n = L.tanh(x_n + r * s_n)
    return (h - n) * z + n


def agree(ours: Any, theirs: Any, values: Any, dtype: str, orders: int, tolerance: float) -> None:
    """Compare the fused step with the elementary one."""
    found = derivatives(flambeau, ours, values, dtype, orders)
    wanted = derivatives(flambeau, theirs, values, dtype, orders)
    assert len(found) == len(wanted)
    for position, (mine, other) in enumerate(zip(found, wanted, strict=True)):
        if mine is not None and other is not None:
            assert_close(mine, other, tolerance, f"item {position}")


SHAPES = [(1, 1), (3, 5), (2, 70), (0, 4), (33, 64)]


@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
@pytest.mark.parametrize("shape", SHAPES)
def test_lstm_cell(shape: tuple[int, int], used: tuple[int, ...]) -> None:
    rows, size = shape
    agree(
        lambda L, gates, c: [L.nn.functional._lstm_cell(gates, c)[k] for k in used],
        lambda L, gates, c: [lstm_step(L, gates, c)[k] for k in used],
        [normal(rows, 4 * size), normal(rows, size)],
        "float64",
        2,
        1e-9,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_gru_cell(shape: tuple[int, int]) -> None:
    rows, size = shape
    agree(
        lambda L, x, s, h: L.nn.functional._gru_cell(x, s, h)[0],
        gru_step,
        [normal(rows, 3 * size), normal(rows, 3 * size), normal(rows, size)],
        "float64",
        2,
        1e-9,
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-5), ("float16", 4e-3), ("bfloat16", 3e-2)]
)
def test_cells_of_each_type(dtype: str, tolerance: float) -> None:
    gates, c = normal(4, 4 * 9), normal(4, 9)
    agree(
        lambda L, gates, c: L.nn.functional._lstm_cell(gates, c)[:2],
        lstm_step,
        [gates, c],
        dtype,
        1,
        tolerance,
    )
    x, s, h = normal(4, 27), normal(4, 27), normal(4, 9)
    agree(
        lambda L, x, s, h: L.nn.functional._gru_cell(x, s, h)[0],
        gru_step,
        [x, s, h],
        dtype,
        1,
        tolerance,
    )


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_second_gradients_of_layers(name: str) -> None:
    gates = {"LSTM": 4, "GRU": 3}[name]
    values = [normal(gates * 4, 3), normal(gates * 4, 4), normal(gates * 4), normal(gates * 4)]

    def run(L: Any, x: Any) -> Any:
        layer = getattr(L.nn, name)(3, 4).double()
        with L.no_grad():
            for parameter, value in zip(layer.parameters(), values, strict=True):
                parameter.copy_(L.tensor(value))
        return layer(x)[0]

    compare(run, normal(5, 2, 3))


def test_cell_errors() -> None:
    F = flambeau.nn.functional
    with pytest.raises(RuntimeError, match=r"gates of shape \[N, 4 \* H\]"):
        F._lstm_cell(flambeau.zeros(2, 9), flambeau.zeros(2, 3))
    with pytest.raises(RuntimeError, match="of one type"):
        F._lstm_cell(flambeau.zeros(2, 12), flambeau.zeros(2, 3).double())
    with pytest.raises(RuntimeError, match=r"gates of shape \[N, 3 \* H\]"):
        F._gru_cell(flambeau.zeros(2, 9), flambeau.zeros(3, 9), flambeau.zeros(2, 3))
