"""Distances between vectors."""

from __future__ import annotations

import flambeau
from flambeau import Tensor
from flambeau.ops.record import composite, op


@op(
    "dist(Tensor input, Tensor other, Scalar p=2) -> Tensor",
    "dist, Tensor.dist",
    vjp=composite,
    samples="(3,4) (3,4) | (3,4) (4,) 3 | (3,) (3,) 1",
    errors="(3,) (4,) -> RuntimeError: must match the size of tensor b",
)
def dist(input: Tensor, other: Tensor, p: float) -> Tensor:
    """The p-norm of ``input - other``."""
    return flambeau.norm(input - other, p)


_MODES = {
    None: 0,
    "use_mm_for_euclid_dist_if_necessary": 0,
    "use_mm_for_euclid_dist": 1,
    "donot_use_mm_for_euclid_dist": 2,
}
# From this many rows on PyTorch, too, goes by products unless told otherwise.
_MANY_ROWS = 25


def _type_text(t: Tensor) -> str:
    names = {"float16": "Half", "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short"}
    names |= {"int32": "Int", "int64": "Long", "complex64": "ComplexFloat"}
    plain = str(t.dtype).removeprefix("torch.")
    return names.get(plain, plain)


def _check_cdist(x1: Tensor, x2: Tensor, p: float, mode: str | None) -> None:
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.is_floating_point():
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {_type_text(x)}"
            )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    for name, x in (("X1", x1), ("X2", x2)):
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if mode not in _MODES:
        raise ValueError(f"{mode} is not a valid value for compute_mode")


def _euclidean_by_product(x1: Tensor, x2: Tensor) -> Tensor:
    """sqrt(|a|^2 - 2 a b + |b|^2), as one product of extended rows."""
    square1, square2 = x1.square().sum(-1, True), x2.square().sum(-1, True)
    one1, one2 = flambeau.ones_like(square1), flambeau.ones_like(square2)
    left = flambeau.cat([-2 * x1, square1, one1], -1)
    right = flambeau.cat([x2, one2, square2], -1)
    square = (left @ right.mT).clamp_min(0)
    # The root's slope at 0 is infinite, but points that meet have no direction: gradient 0.
    apart = square > 0
    return flambeau.where(apart, flambeau.where(apart, square, 1.0).sqrt(), 0.0)


@op(
    "cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None) -> Tensor",
    "cdist",
    vjp=composite,
    autocast="float32",
    samples="(3,4) (5,4) | (2,3,4) (1,5,4) 1 | (3,4) (5,4) 3 | (3,4) (5,4) inf | (30,4) (40,4)",
    errors="(3,4) (5,3) -> RuntimeError: X1 and X2 must have the same number of columns"
    " | (4,) (5,4) -> RuntimeError: at least 2D tensors",
)
def cdist(x1: Tensor, x2: Tensor, p: float, compute_mode: str | None) -> Tensor:
    """The p-norm distance of every row of ``x1`` from every row of ``x2``.

    Shapes ``(..., P, M)`` and ``(..., R, M)`` give ``(..., P, R)``.
    """
    _check_cdist(x1, x2, p, compute_mode)
    mode = _MODES[compute_mode]
    many = x1.shape[-2] > _MANY_ROWS or x2.shape[-2] > _MANY_ROWS
    if p == 2 and (mode == 1 or (mode == 0 and many)):
        return _euclidean_by_product(x1, x2)
    if x1.shape[-1] == 0:
        return (x1 @ x2.mT) * 0
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    return flambeau.linalg.vector_norm(difference, p, -1)
