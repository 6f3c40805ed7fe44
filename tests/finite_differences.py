"""Holds derivatives against differences of values: the float64 reference of every gradient."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import flambeau

# The largest is the most exact; the smaller ones stay on one side of a bend nearby.
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)


def _values(x: Any) -> np.ndarray:
    return np.asarray(x.detach().numpy())


def slope(
    value: Callable[[], Any], inputs: list[Any], steps: list[np.ndarray], h: float
) -> tuple[float, float]:
    """The central difference of a number along a direction, by Richardson's extrapolation.

    And how far that is from the plain difference: less than ``h`` and rounding leave in doubt.
    """
    starts = [_values(x).copy() for x in inputs]

    def at(eps: float) -> float:
        with flambeau.no_grad():
            for x, start, step in zip(inputs, starts, steps, strict=True):
                x.copy_(flambeau.tensor(start + eps * step))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(value())

    try:
        coarse = (at(2 * h) - at(-2 * h)) / (4 * h)
        fine = (at(h) - at(-h)) / (2 * h)
    finally:
        at(0.0)
    return (4 * fine - coarse) / 3, abs(fine - coarse) / 3


def assert_slope(value: Callable[[], Any], inputs: list[Any], grads: list[Any], what: str) -> None:
    """Along one random direction ``value`` changes as its gradients say."""
    # What has no gradient stays where it is; whether it should have one is PyTorch's to say.
    moved = [(x, g) for x, g in zip(inputs, grads, strict=True) if g is not None]
    inputs, grads = [x for x, _ in moved], [g for _, g in moved]
    rng = np.random.default_rng(3)
    steps = [np.asarray(rng.standard_normal(tuple(x.shape))) for x in inputs]
    steps = [
        s + 1j * rng.standard_normal(s.shape) if x.is_complex() else s
        for s, x in zip(steps, inputs, strict=True)
    ]
    predicted = float(
        sum(np.real(np.conj(_values(g)) * s).sum() for g, s in zip(grads, steps, strict=True))
    )
    tried = []
    for h in STEPS:
        found, doubt = slope(value, inputs, steps, h)
        if not math.isfinite(found) or math.isclose(found, predicted, rel_tol=1e-5, abs_tol=1e-6):
            return
        tried.append((doubt, found))
    doubt, found = min(tried)
    if abs(found - predicted) < 3 * doubt:
        return  # as close as differences of such steep functions come
    raise AssertionError(f"{what}: the slope is {tried}, the gradients say {predicted}")
