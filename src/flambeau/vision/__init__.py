"""Pictures: data sets and transforms."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flambeau.vision import datasets, transforms

__all__ = ["datasets", "transforms"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
