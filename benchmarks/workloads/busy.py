"""Rows beside a process that keeps one core busy: how much slower than on an idle machine."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import Draw, Names, Row
from benchmarks.workloads.compute import square

NORM = "norm(x, (1024,), w, b)"


def layer_norm(t: Any, draw: Draw) -> Names:
    norm = t.nn.functional.layer_norm
    return {"norm": norm, "x": draw(256, 1024), "w": draw(1024), "b": draw(1024)}


for busy in ("pinned", "free"):
    for n in (128, 512):
        name = f"matmul {n}, neighbour {busy}"
        Row(name, "busy", "a @ b; c @ d", square(n), 2.5, per=2, grad=False, busy=busy)
    name = f"layer_norm 256x1024, neighbour {busy}"
    Row(name, "busy", NORM, layer_norm, 2.5, grad=False, busy=busy)
