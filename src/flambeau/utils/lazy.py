"""Packages whose names load when they are first used, so that importing them costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def lazy_names(
    package: str,
    homes: Mapping[str, Iterable[str]] | None = None,
    submodules: Iterable[str] = (),
) -> Callable[[str], Any]:
    """A ``__getattr__`` for ``package``.

    Args:
        package: its ``__name__``.
        homes: names by the submodule that defines them.
        submodules: submodules that are names of the package themselves.
    """
    home = {name: module for module, names in (homes or {}).items() for name in names}
    known = frozenset(submodules)

    def load(name: str) -> Any:
        if name in known:
            return importlib.import_module(f"{package}.{name}")
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return load
