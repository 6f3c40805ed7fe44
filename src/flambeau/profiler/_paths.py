"""The paths of modules while they are called."""

from __future__ import annotations

import weakref
from typing import Any

from flambeau import _C

_known: dict[tuple[int, int], tuple[Any, Any, str]] = {}


def module_path(root: Any, module: Any) -> str:
    """Return the path of ``module`` below ``root``; the class's name for ``root`` and strangers."""
    found = _known.get((id(root), id(module)))
    # Weak, so that profiling keeps no module alive; an id alone may belong to another one by now.
    if found is not None and found[0]() is root and found[1]() is module:
        return found[2]
    path = type(module).__name__
    if module is not root:
        for name, candidate in root.named_modules():
            if candidate is module:
                path = name
                break
    _known[id(root), id(module)] = (weakref.ref(root), weakref.ref(module), path)
    return path


def forget() -> None:
    """Drop what is known: modules may be put together anew between two recordings."""
    _known.clear()


_C._serve_profiler(module_path)
