"""NumPy under PyTorch's names: `import numpy_reference as root`, then `root.sum(root.tensor(x))`."""

from __future__ import annotations

from typing import Any

from numpy_reference import creation, functional, indexing, pointwise, products, reduce, shape  # noqa: F401
from numpy_reference.library import (
    DTYPES,
    FUNCTIONS,
    NoReference,
    Tensor,
    can_cast,
    find,
    promote,
    result_type,
)

promote_types = promote
Size = tuple
channels_last, channels_last_3d, contiguous_format, preserve_format = "cl", "cl3", "cf", "pf"


class _Group:
    """`nn.functional`, `linalg` and their like: names with the group's prefix, or without."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name == "functional":
            return self
        prefixed = f"{self.prefix}.{name}"
        return find(name) if prefixed not in FUNCTIONS and self.borrows else find(prefixed)

    @property
    def borrows(self) -> bool:
        """Most of what stands there stands at the top, too."""
        return self.prefix in ("nn", "special")


nn, linalg, special, fft = (_Group(name) for name in ("nn", "linalg", "special", "fft"))


def manual_seed(seed: int) -> None:
    """Nothing here is drawn."""


def __getattr__(name: str) -> Any:
    if name in DTYPES:
        return DTYPES[name]
    if name.startswith("__"):
        raise AttributeError(name)
    return find(name)


__all__ = [
    "NoReference",
    "Size",
    "Tensor",
    "can_cast",
    "manual_seed",
    "promote_types",
    "result_type",
]
