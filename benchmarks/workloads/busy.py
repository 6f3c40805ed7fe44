"""Beside a process that keeps one core busy: how much slower than on an idle machine."""

from __future__ import annotations

from typing import Any

from benchmarks.rows import ROWS, Draw, Names, Row

NORM = "norm(x, (1024,), w, b)"


def layer_norm(t: Any, draw: Draw) -> Names:
    norm = t.nn.functional.layer_norm
    return {"norm": norm, "x": draw(256, 1024), "w": draw(1024), "b": draw(1024)}


def repeat(name: str, row: Row, neighbour: str) -> None:
    Row(name, "busy", row.statement, row.make, 2.2, row.per, row.dtype, row.grad, neighbour)


Row("layer_norm 256x1024, busy core", "busy", NORM, layer_norm, 2.2, grad=False, busy="pinned")
for row in list(ROWS):
    if row.group in ("compute", "training", "inference") and row.quantile == 0.5:
        repeat(f"{row.name}, busy core", row, "pinned")
    if row.name == "matmul 512, float32":
        repeat(f"{row.name}, busy machine", row, "free")
