"""Pictures: data sets and transforms."""

from typing import TYPE_CHECKING

from flambeau.utils.lazy import lazy_names

if TYPE_CHECKING:
    from flambeau.vision import datasets, transforms

__all__ = ["datasets", "transforms"]

__getattr__ = lazy_names(__name__, submodules=__all__)
