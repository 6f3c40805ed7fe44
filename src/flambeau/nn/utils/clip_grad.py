"""Limits on gradients."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

import flambeau
from flambeau import Tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]

Tensors = Tensor | Iterable[Tensor]


def _gradients(parameters: Tensors) -> list[Tensor]:
    """List the gradients of one tensor or of many."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    elif isinstance(parameters, types.GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.",
                stacklevel=4,
            )
    return [p.grad for p in parameters if p.grad is not None]


def _total_norm(tensors: list[Tensor], norm_type: float) -> Tensor:
    if not tensors:
        return flambeau.tensor(0.0)
    device = tensors[0].device
    norms = [flambeau.linalg.vector_norm(t, norm_type).to(device) for t in tensors]
    return flambeau.linalg.vector_norm(flambeau.stack(norms), norm_type)


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all ``tensors`` taken as one vector.

    Args:
        tensors (Tensor or iterable): usually gradients.
        norm_type (float): p of the norm, may be infinite.
        error_if_nonfinite (bool): raise if the norm is NaN or infinite.
        foreach (bool): without effect, kept for old programs.
    """
    given = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    with flambeau.no_grad():
        total = _total_norm(given, float(norm_type))
        if error_if_nonfinite and not bool(total.isfinite()):
            raise RuntimeError(
                f"The total norm of order {float(norm_type)} for gradients from "
                "`parameters` is non-finite, so it cannot be clipped. To disable "
                "this error and scale the gradients by the non-finite norm anyway, "
                "set `error_if_nonfinite=False`"
            )
        return total


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of ``parameters`` by ``min(1, max_norm / (total_norm + 1e-6))``.

    Args:
        parameters (Tensor or iterable): whose gradients are scaled in place.
        max_norm (float): wanted largest norm.
        total_norm (Tensor): their present norm.
        foreach (bool): without effect, kept for old programs.
    """
    gradients = _gradients(parameters)
    with flambeau.no_grad():
        # No branch on the norm: reading it would wait for the device.
        factor = flambeau.clamp(float(max_norm) / (total_norm + 1e-6), max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.to(gradient.device))


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that together they have at most ``max_norm``.

    Args:
        parameters (Tensor or iterable): whose gradients are scaled in place.
        max_norm (float): largest norm.
        norm_type (float): p of the norm, may be infinite.
        error_if_nonfinite (bool): raise if the norm is NaN or infinite.
        foreach (bool): without effect, kept for old programs.

    Returns:
        Tensor: the norm before scaling.
    """
    if not isinstance(parameters, Tensor):
        empty = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if empty and not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.",
                stacklevel=2,
            )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Old name of :func:`clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated "
        "in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient to [-clip_value, clip_value], in place.

    Args:
        parameters (Tensor or iterable): whose gradients are clamped.
        clip_value (float): bound.
        foreach (bool): without effect, kept for old programs.
    """
    bound: Any = float(clip_value)
    with flambeau.no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-bound, bound)
