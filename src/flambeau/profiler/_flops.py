"""Estimates of the arithmetic in products and convolutions, from the shapes alone."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from .events import FunctionEvent

Shapes = list[list[int]]


def _matrices(shapes: Shapes, concrete: list[Any]) -> int:
    """2 m k n for each pair of matrices; vectors are matrices of one row or column."""
    a, b = shapes[0], shapes[1]
    rows, inner = (a[-2] if len(a) > 1 else 1), a[-1]
    columns = b[-1] if len(b) > 1 else 1
    batch = _broadcast(a[:-2], b[:-2])
    return 2 * batch * rows * inner * columns


def _added(shapes: Shapes, concrete: list[Any]) -> int:
    return _matrices(shapes[1:], concrete)


def _linear(shapes: Shapes, concrete: list[Any]) -> int:
    return 2 * prod(shapes[0]) * (shapes[1][0] if len(shapes[1]) > 1 else 1)


def _broadcast(a: list[int], b: list[int]) -> int:
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    short = [1] * (len(long) - len(short)) + short
    return prod(y if x == 1 else x for x, y in zip(long, short, strict=True))


def _elements(shapes: Shapes, concrete: list[Any]) -> int:
    return _broadcast(shapes[0], shapes[1])


def _attention(shapes: Shapes, concrete: list[Any]) -> int:
    query, key, value = shapes[:3]
    scores = _broadcast(query[:-2], key[:-2]) * query[-2] * key[-2]
    return 2 * scores * (query[-1] + value[-1])


def _list(value: Any, count: int) -> list[int]:
    found = value if isinstance(value, list) else [value]
    return found * count if len(found) == 1 else found


def _forward_conv(shapes: Shapes, stride: Any, padding: Any, dilation: Any) -> int:
    image, weight = shapes[0], shapes[1]
    n = len(weight) - 2
    batch = image[0] if len(image) > n + 1 else 1
    outputs = 1
    for size, kernel, s, p, d in zip(
        image[-n:],
        weight[2:],
        _list(stride, n),
        _list(padding, n),
        _list(dilation, n),
        strict=True,
    ):
        outputs *= max((size + 2 * p - d * (kernel - 1) - 1) // s + 1, 0)
    return 2 * batch * outputs * prod(weight)


def _conv(shapes: Shapes, concrete: list[Any]) -> int:
    stride, padding, dilation = concrete[3:6]
    return 0 if padding is None else _forward_conv(shapes, stride, padding, dilation)


def _convolution(shapes: Shapes, concrete: list[Any]) -> int:
    if concrete[6]:
        return _transposed(shapes, concrete)
    return _conv(shapes, concrete)


def _transposed(shapes: Shapes, concrete: list[Any]) -> int:
    return 2 * prod(shapes[0]) * prod(shapes[1][1:])


def _input_grad(shapes: Shapes, concrete: list[Any]) -> int:
    return 2 * prod(shapes[0]) * prod(shapes[1][1:])


def _weight_grad(shapes: Shapes, concrete: list[Any]) -> int:
    weight: list[int] = concrete[2]
    return 2 * prod(shapes[1]) * prod(weight[1:])


_FORMULAS: dict[str, Callable[[Shapes, list[Any]], int]] = {
    "aten::mm": _matrices,
    "aten::bmm": _matrices,
    "aten::matmul": _matrices,
    "aten::addmm": _added,
    "aten::baddbmm": _added,
    "aten::linear": _linear,
    "aten::scaled_dot_product_attention": _attention,
    "aten::conv1d": _conv,
    "aten::conv2d": _conv,
    "aten::conv3d": _conv,
    "aten::convolution": _convolution,
    "aten::conv_transpose1d": _transposed,
    "aten::conv_transpose2d": _transposed,
    "aten::conv_transpose3d": _transposed,
    "aten::_convolution_input_grad": _input_grad,
    "aten::_convolution_weight_grad": _weight_grad,
    "aten::add": _elements,
    "aten::add_": _elements,
    "aten::mul": _elements,
    "aten::mul_": _elements,
}


def estimate(events: list[FunctionEvent]) -> None:
    """Set ``flops`` of the events; of operators inside each other only the outermost counts.

    An operator that failed, say because the shapes do not fit, counts nothing.
    """
    counted: set[int] = set()
    for event in events:  # parents come before what is inside
        parent = event.cpu_parent
        if parent is not None and parent.id in counted:
            counted.add(event.id)
            continue
        formula = _FORMULAS.get(event.name)
        if formula is None or not event.input_shapes:
            continue
        try:
            event.flops = formula(event.input_shapes, event.concrete_inputs)
        except (IndexError, TypeError, ValueError, ZeroDivisionError):
            continue
        if event.flops:
            counted.add(event.id)
