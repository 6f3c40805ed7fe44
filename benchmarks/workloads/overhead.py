"""Small calls, in which the framework itself is what costs."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Draw, Names, Row, training

VIEWS = "x.view(4, 6)[1].unsqueeze(0).transpose(0, 1)"


def leaves(t: Any, draw: Draw) -> Names:
    return {"a": draw(3, 4, grad=True), "b": draw(3, 4)}


def backward_of_eight(t: Any, draw: Draw) -> Names:
    w, x = draw(8, grad=True), draw(8)

    def check() -> list[Any]:
        (gradient,) = t.autograd.grad((w * x).sum(), [w])
        return [gradient]

    return {"w": w, "x": x, "check": check}


def small_linear(t: Any, draw: Draw) -> Names:
    return {"layer": draw.module(t.nn.Linear(16, 16)), "x": draw(4, 16)}


def adam_step(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = draw.module(nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)))
    x, y = draw(8, 16), draw(8, 4)
    return training(t, net, lambda: nn.functional.mse_loss(net(x), y))


def lstm_cell(t: Any, draw: Draw) -> Names:
    cell = draw.module(t.nn.LSTMCell(16, 16))
    x, h, c = draw(20, 4, 16), draw(4, 16), draw(4, 16)

    def loop() -> Any:
        state = h, c
        for step in x:
            state = cell(step, state)
        return state[0]

    return {"loop": loop}


def small_pair(t: Any, draw: Draw) -> Names:
    return {"a": draw(3, 4), "b": draw(3, 4)}


def small_product(t: Any, draw: Draw) -> Names:
    return {"a": draw(4, 8), "b": draw(8, 4)}


def viewed(t: Any, draw: Draw) -> Names:
    return {"x": draw(2, 12)}


Row("add", "overhead", "a + b", small_pair, grad=False)
Row("add, gradients recorded", "overhead", "a + b", leaves)
Row("views", "overhead", VIEWS, viewed, grad=False)
Row("product 4x8", "overhead", "a @ b", small_product, grad=False)
Row("backward, 8 elements", "overhead", "(w * x).sum().backward()", backward_of_eight, 5)
Row("Linear(16, 16)", "overhead", "layer(x)", small_linear, 4, grad=False)
Row("Adam step of 16-32-4", "overhead", "step()", adam_step, 5)
Row("LSTMCell, 20 steps", "overhead", "loop()", lstm_cell, grad=False)
