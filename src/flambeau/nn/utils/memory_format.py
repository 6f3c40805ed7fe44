"""Memory formats of convolution weights."""

from __future__ import annotations

from typing import Any

import flambeau

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def _convert(module: Any, kinds: Any, memory_format: Any) -> Any:
    if isinstance(module, kinds):
        module.weight.data = module.weight.detach().clone(memory_format=memory_format)
    for child in module.children():
        _convert(child, kinds, memory_format)
    return module


def convert_conv2d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Store the weights of all Conv2d and ConvTranspose2d below ``module`` in a memory format."""
    nn: Any = flambeau.nn
    return _convert(module, (nn.Conv2d, nn.ConvTranspose2d), memory_format)


def convert_conv3d_weight_memory_format(module: Any, memory_format: Any) -> Any:
    """Store the weights of all Conv3d and ConvTranspose3d below ``module`` in a memory format."""
    nn: Any = flambeau.nn
    return _convert(module, (nn.Conv3d, nn.ConvTranspose3d), memory_format)
