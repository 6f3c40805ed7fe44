"""Tools beside tensors and networks: data loading, hooks."""

from typing import TYPE_CHECKING

from flambeau.utils.lazy import lazy_names

if TYPE_CHECKING:
    from flambeau.utils import data, hooks

__all__ = ["data", "hooks"]

__getattr__ = lazy_names(__name__, submodules=__all__)
