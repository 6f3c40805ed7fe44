"""Activations composed of other operators."""

from __future__ import annotations

import warnings
from typing import Any

import flambeau
import flambeau.nn.functional as F
from flambeau import Tensor

__all__ = ["_get_softmax_dim", "gumbel_softmax", "log_softmax", "softmax", "softmin"]


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """Return the dimension that softmax-like functions use when none is given."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Return ``exp(x_i) / sum_j exp(x_j)`` along ``dim``.

    Args:
        input (Tensor): any shape, floating.
        dim (int): dimension whose entries will sum to 1.
        dtype (dtype): type to compute in and to return. Default: that of input.
    """
    if dim is None:
        dim = _get_softmax_dim("softmax", input.dim(), _stacklevel)
    return flambeau.softmax(input, dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Return ``x_i - log(sum_j exp(x_j))`` along ``dim``; arguments as of :func:`softmax`."""
    if dim is None:
        dim = _get_softmax_dim("log_softmax", input.dim(), _stacklevel)
    return flambeau.log_softmax(input, dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Return ``softmax(-input, dim)``; arguments as of :func:`softmax`."""
    if dim is None:
        dim = _get_softmax_dim("softmin", input.dim(), _stacklevel)
    return flambeau.softmax(-input, dim, dtype)


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Sample from the Gumbel-Softmax distribution (Jang et al. 2016, Maddison et al. 2016).

    Args:
        logits (Tensor): unnormalized log probabilities, any shape.
        tau (float): temperature, positive.
        hard (bool): return one-hot samples whose gradient is that of the soft ones.
        eps (float): without effect, kept for old programs.
        dim (int): dimension of the categories.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    gumbels = (
        -flambeau.empty_like(logits, memory_format=flambeau.contiguous_format).exponential_().log()
    )
    soft = F.softmax((logits + gumbels) / tau, dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one_hot = flambeau.zeros_like(logits, memory_format=flambeau.contiguous_format).scatter_(
        dim, index, 1.0
    )
    return one_hot - soft.detach() + soft
