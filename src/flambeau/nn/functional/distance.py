"""Distances, similarities and normalization of vectors."""

from __future__ import annotations

import flambeau
from flambeau import Tensor
from flambeau.nn.functional.dtype_names import scalar_type

__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Return ``input / max(||input||_p, eps)`` along ``dim``.

    Args:
        input (Tensor): any shape.
        p (float): order of the norm.
        dim (int or tuple[int, ...]): dimension(s) that form the vectors.
        eps (float): smallest divisor.
        out (Tensor): takes the result; gradients are not recorded then.

    Example::

        >>> import flambeau
        >>> flambeau.nn.functional.normalize(flambeau.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    norm = input.norm(p, dim, keepdim=True)
    if out is None:
        return input / norm.clamp_min(eps).expand_as(input)
    return flambeau.div(input, norm.clamp_min(eps).expand_as(input), out=out)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return ``x1 . x2 / (max(||x1||, eps) max(||x2||, eps))`` along ``dim``.

    Args:
        x1, x2 (Tensor): broadcastable floating point tensors.
        dim (int): dimension that forms the vectors.
        eps (float): smallest norm.
    """
    dtype = flambeau.promote_types(x1.dtype, x2.dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {scalar_type(dtype)}"
        )
    shape = flambeau.broadcast_shapes(x1.shape, x2.shape)
    x1 = x1.to(dtype).expand(shape)
    x2 = x2.to(dtype).expand(shape)
    norm1 = flambeau.linalg.vector_norm(x1, 2, dim, keepdim=True)
    norm2 = flambeau.linalg.vector_norm(x2, 2, dim, keepdim=True)
    return ((x1 / _at_least(norm1, eps)) * (x2 / _at_least(norm2, eps))).sum(dim)


def _at_least(norm: Tensor, eps: float) -> Tensor:
    """Clamp without stopping the gradient of the norms below ``eps``."""
    with flambeau.no_grad():
        lift = (eps - norm).clamp_min(0)
    return norm + lift


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return ``||x1 - x2 + eps||_p`` along the last dimension.

    Args:
        x1, x2 (Tensor): (N, D) or (D), broadcastable.
        p (float): order of the norm.
        eps (float): keeps the gradient finite at equal vectors.
        keepdim (bool): keep the last dimension with size 1.
    """
    return flambeau.norm(x1 - x2 + eps, p, -1, keepdim)


def pdist(input: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm distance of every pair of rows: (N, M) -> (N (N - 1) / 2).

    Args:
        input (Tensor): N row vectors.
        p (float): order of the norm, not negative.
    """
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows = input.size(0)
    pairs = flambeau.triu_indices(rows, rows, 1, device=input.device)
    difference = input.index_select(0, pairs[0]) - input.index_select(0, pairs[1])
    if p == 0:
        # The number of different entries: constant nearly everywhere, so its gradient is zero.
        return (difference != 0).sum(-1).to(input.dtype) + (difference * 0).sum(-1)
    return flambeau.norm(difference, p, -1)
