"""What is timed. Every row is written once, against a module with PyTorch's names.

A row is a statement and a function that makes the names the statement uses. Both libraries run the
same row on the same numbers; what the statement computes is compared before it is timed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Names = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    group: str
    statement: str  # what is timed
    make: Callable[[Any, Draw], Names]  # (library, draw) -> the statement's names
    bar: float  # "idle" rows: how many times faster than PyTorch; "busy" rows: how much slower
    per: int = 1  # how many times the statement does the work, over different buffers
    dtype: str = "float32"
    grad: bool = True
    busy: str = ""  # "pinned" or "free": the neighbour that keeps a core busy

    def __post_init__(self) -> None:
        ROWS.append(self)


ROWS: list[Row] = []


class Draw:
    """Random tensors of one library, the same numbers in each.

    As a reference it draws the same numbers, rounded to the row's dtype, in float64.
    """

    def __init__(self, library: Any, row: Row, reference: bool) -> None:
        self.library = library
        self.dtype = getattr(library, row.dtype)
        self.reference = reference
        self.rng = np.random.default_rng(zlib.crc32(row.name.encode()))

    def __call__(self, *shape: int, grad: bool = False) -> Any:
        values = self.rng.standard_normal(shape, dtype=np.float32)
        tensor = self.library.from_numpy(values).to(self.dtype)
        if self.reference:
            tensor = tensor.to(self.library.float64)
        return tensor.requires_grad_() if grad else tensor

    def module(self, module: Any) -> Any:
        """Give ``module`` parameters of this stream, scaled to keep activations near 1."""
        module = module.double() if self.reference else module.to(self.dtype)
        with self.library.no_grad():
            for parameter in module.parameters():
                fan = parameter[0].numel() if parameter.dim() > 1 else 1
                parameter.copy_(self(*parameter.shape) / fan**0.5)
        return module


def two(t: Any, draw: Draw, *shape: int) -> Names:
    """Two pairs of operands, so that no call finds its input where the last one left it."""
    return {"a": draw(*shape), "b": draw(*shape), "c": draw(*shape), "d": draw(*shape)}


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


def training(t: Any, draw: Draw, net: Any, x: Any, y: Any, loss: Any) -> Names:
    """One step of Adam, and the losses of twenty as what is compared."""
    net = draw.module(net)
    optimizer = t.optim.Adam(net.parameters(), lr=1e-3)

    def step() -> Any:
        optimizer.zero_grad()
        value = loss(net(x), y)
        value.backward()
        optimizer.step()
        return value

    return {"step": step, "check": lambda: [t.stack([step().detach() for _ in range(20)])]}


def adam_step(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    return training(t, draw, net, draw(8, 16), draw(8, 4), nn.functional.mse_loss)


def digits_step(t: Any, draw: Draw) -> Names:
    nn = t.nn
    net = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(64 * 4 * 4, 128), nn.ReLU(), nn.Linear(128, 10)),
    )
    labels = t.from_numpy(draw.rng.integers(0, 10, 64))
    return training(t, draw, net, draw(64, 1, 8, 8), labels, nn.functional.cross_entropy)


def convolution(batch: int, channels: int, side: int) -> Callable[[Any, Draw], Names]:
    def make(t: Any, draw: Draw) -> Names:
        x = draw(batch, channels, side, side, grad=True)
        layer = draw.module(t.nn.Conv2d(channels, channels, 3, padding=1))
        upstream = draw(batch, channels, side, side)

        def step() -> Any:
            for leaf in (x, *layer.parameters()):
                leaf.grad = None
            y = layer(x)
            y.backward(upstream)
            return y

        return {
            "step": step,
            "check": lambda: [step(), x.grad, layer.weight.grad, layer.bias.grad],
        }

    return make


def layer_norm(t: Any, draw: Draw) -> Names:
    norm = t.nn.functional.layer_norm
    return {"norm": norm, "x": draw(256, 1024), "w": draw(1024), "b": draw(1024)}


def square(n: int) -> Callable[[Any, Draw], Names]:
    return lambda t, draw: two(t, draw, n, n)


def elements(megabytes: int) -> int:
    return megabytes * 2**20 // 4


def large_pairs(t: Any, draw: Draw) -> Names:
    return two(t, draw, elements(128))


def large_gelu(t: Any, draw: Draw) -> Names:
    return {"gelu": t.nn.functional.gelu, "a": draw(elements(64)), "b": draw(elements(64))}


def small_pair(t: Any, draw: Draw) -> Names:
    return {"a": draw(3, 4), "b": draw(3, 4)}


def viewed(t: Any, draw: Draw) -> Names:
    return {"x": draw(2, 12)}


VIEWS = "x.view(4, 6)[1].unsqueeze(0).transpose(0, 1)"
NORM = "norm(x, (1024,), w, b)"

Row("add", "overhead", "a + b", small_pair, 3, grad=False)
Row("add, gradients recorded", "overhead", "a + b", leaves, 3)
Row("views", "overhead", VIEWS, viewed, 3, grad=False)
Row("backward, 8 elements", "overhead", "(w * x).sum().backward()", backward_of_eight, 5)
Row("Linear(16, 16)", "overhead", "layer(x)", small_linear, 4, grad=False)
Row("Adam step of 16-32-4", "overhead", "step()", adam_step, 5)
Row("add, 128 MB", "memory", "a + b; c + d", large_pairs, 2, per=2, grad=False)
Row("gelu, 64 MB", "memory", "gelu(a); gelu(b)", large_gelu, 2, per=2, grad=False)
for dtype in ("float32", "bfloat16"):
    for n in (128, 256, 512, 1024):
        name = f"matmul {n}, {dtype}"
        Row(name, "compute", "a @ b; c @ d", square(n), 0.95, per=2, dtype=dtype, grad=False)
Row("conv 3x3, 16x64x56x56", "compute", "step()", convolution(16, 64, 56), 0.95)
Row("conv 3x3, 32x128x28x28", "compute", "step()", convolution(32, 128, 28), 0.95)
Row("training step, digits network", "compute", "step()", digits_step, 1)
for busy in ("pinned", "free"):
    for n in (128, 512):
        name = f"matmul {n}, neighbour {busy}"
        Row(name, "busy", "a @ b; c @ d", square(n), 2.5, per=2, grad=False, busy=busy)
    name = f"layer_norm 256x1024, neighbour {busy}"
    Row(name, "busy", NORM, layer_norm, 2.5, grad=False, busy=busy)
