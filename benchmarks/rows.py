"""What a row of the table is: written once, against a module with PyTorch's names.

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


# What a group must reach: the geometric mean of its speed-ups, and each row of it.
GROUPS = {
    "overhead": (5.0, 3.0),
    "memory": (2.5, 1.2),
    "compute": (1.3, 1.0),
    "training": (1.6, 1.2),
    "inference": (2.0, 1.3),
    "data": (2.0, 1.2),
}
# Of the machine's limit, the share that is to be reached by rows whose work is counted.
SHARES = {"float32": 0.9, "bfloat16": 0.55, "memory": 0.6}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    group: str
    statement: str  # what is timed
    make: Make
    bar: float = 0.0  # times faster than PyTorch (by default the group's); busy: times slower
    per: int = 1  # how many times the statement does the work, over different buffers
    dtype: str = "float32"
    grad: bool = True
    busy: str = ""  # "pinned" or "free": the neighbour that keeps a core busy
    threads: int = 1  # that do the same at once, compared with one
    quantile: float = 0.5  # of the times of single calls
    flops: float = 0.0  # of one unit of work
    traffic: float = 0.0  # in bytes, that it must read and write at least
    kinks: bool = False  # of ReLU and max pooling: roundings on their other side change gradients

    def __post_init__(self) -> None:
        if not self.bar:
            object.__setattr__(self, "bar", GROUPS[self.group][1])
        ROWS.append(self)

    @property
    def share(self) -> float:
        """How much of the machine's limit must be reached."""
        return SHARES["memory"] if self.traffic else SHARES.get(self.dtype, 0.0)


Make = Callable[[Any, "Draw"], Names]  # of a row's names, from the library and its numbers
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

    def integers(self, high: int, *shape: int) -> Any:
        return self.library.from_numpy(self.rng.integers(0, high, shape))


def differentiated(function: Callable[..., Any], leaves: list[Any], upstream: Any) -> Names:
    """One pass forward and backward; the result and the gradients are compared."""

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        y = function()
        y.backward(upstream)
        return y

    return {"step": step, "check": lambda: [step(), *(leaf.grad for leaf in leaves)]}


def training(
    t: Any, net: Any, loss: Callable[[], Any], optimizer: Any = None, steps: int = 20
) -> Names:
    """One step of training; compared are the first gradients and the losses of some steps."""
    optimizer = optimizer or t.optim.Adam(net.parameters(), lr=1e-3)

    def step() -> Any:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value

    def check() -> list[Any]:
        losses = [step().detach()]
        gradients = [p.grad.flatten() for p in net.parameters() if p.grad is not None]
        first = t.cat(gradients)  # a copy
        return [first, t.stack(losses + [step().detach() for _ in range(1, steps)])]

    return {"step": step, "check": check}
