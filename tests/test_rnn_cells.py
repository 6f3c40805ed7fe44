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


def lstm_steps(L: Any, x: Any, h: Any, c: Any, weight: Any, reverse: bool) -> Any:
    states, cells = [h], [c]
    for projected in reversed(x.unbind(0)) if reverse else x.unbind(0):
        h, c = lstm_step(L, projected + h @ weight.t(), c)
        states.append(h)
        cells.append(c)
    return [L.stack(parts[::-1] if reverse else parts) for parts in (states, cells)]


LAYERS = [(1, 1, 1), (4, 3, 5), (3, 17, 6), (3, 0, 4), (2, 40, 33)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)])
@pytest.mark.parametrize("shape", LAYERS)
def test_lstm_layer(shape: tuple[int, int, int], used: tuple[int, ...], reverse: bool) -> None:
    steps, batch, size = shape
    agree(
        lambda L, *given: [L.nn.functional._lstm_layer(*given, reverse)[k] for k in used],
        lambda L, *given: [lstm_steps(L, *given, reverse)[k] for k in used],
        [
            normal(steps, batch, 4 * size),
            normal(batch, size),
            normal(batch, size),
            normal(4 * size, size) / size,
        ],
        "float64",
        2,
        1e-9,
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 2e-5), ("float16", 4e-3), ("bfloat16", 3e-2)]
)
def test_lstm_layer_of_each_type(dtype: str, tolerance: float) -> None:
    agree(
        lambda L, *given: L.nn.functional._lstm_layer(*given, True)[:2],
        lambda L, *given: lstm_steps(L, *given, True),
        [normal(4, 3, 36), normal(3, 9), normal(3, 9), normal(36, 9) / 9],
        dtype,
        1,
        tolerance,
    )


def test_a_layer_does_not_depend_on_the_number_of_threads() -> None:
    layer, x = flambeau.nn.LSTM(20, 24, 2, bidirectional=True), flambeau.randn(9, 37, 20)
    found = []
    before = flambeau.get_num_threads()
    try:
        for threads in (1, 2, 3):
            flambeau.set_num_threads(threads)
            layer.zero_grad()
            output, _ = layer(x)
            (output * output).sum().backward()
            found.append([output, *(p.grad.clone() for p in layer.parameters())])
    finally:
        flambeau.set_num_threads(before)
    for other in found[1:]:
        assert all(flambeau.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_no_steps(name: str) -> None:
    layer = getattr(flambeau.nn, name)(3, 4)
    with pytest.raises(RuntimeError, match="sequence length to be larger than 0"):
        layer(flambeau.zeros(0, 2, 3))


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
    with pytest.raises(RuntimeError, match=r"projected inputs of shape \[T, N, 4 \* H\]"):
        F._lstm_layer(*(flambeau.zeros(*s) for s in ((5, 2, 12), (2, 4), (2, 4), (16, 4))))
    with pytest.raises(RuntimeError, match=r"gates of shape \[N, 3 \* H\]"):
        F._gru_cell(flambeau.zeros(2, 9), flambeau.zeros(3, 9), flambeau.zeros(2, 3))
