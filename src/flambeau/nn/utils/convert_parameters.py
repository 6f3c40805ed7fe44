"""Parameters as one vector and back."""

from __future__ import annotations

from collections.abc import Iterable

import flambeau
from flambeau import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_device(param: Tensor, device: object) -> object:
    if device is not None and param.device != device:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
    return param.device


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all ``parameters``, flattened, one after the other."""
    device = None
    pieces = []
    for param in parameters:
        device = _check_device(param, device)
        pieces.append(param.view(-1))
    return flambeau.cat(pieces)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make ``parameters`` views of consecutive pieces of ``vec``."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {flambeau.typename(vec)}")
    device = None
    start = 0
    for param in parameters:
        device = _check_device(param, device)
        count = param.numel()
        param.data = vec[start : start + count].view_as(param).data
        start += count
