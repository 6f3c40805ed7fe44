"""Operator rooms written in Python, and how they are found.

A room ``flambeau/ops/<family>.py`` registers its operators when it is imported, which happens when
one of their names is first used. Which room has which names is written down in ``index.py`` by
``tools/room_index.py``.
"""

from __future__ import annotations

import importlib
from typing import Any

from flambeau import _C
from flambeau.ops.index import ROOMS

_room_of = {name: room for room, names in ROOMS.items() for name in names.split()}


def load(room: str) -> None:
    """Registers the operators of a room."""
    importlib.import_module(f"flambeau.ops.{room}")


def load_all() -> None:
    """Registers every operator there is, for those who walk the registry."""
    for room in ROOMS:
        load(room)


def load_name(dotted: str) -> None:
    """Registers the operator with a dotted name such as ``linalg.inv`` or ``Tensor.det``.

    Raises:
        AttributeError: no room has it.
    """
    if dotted not in _room_of:
        raise AttributeError(f"there is no operator '{dotted}'")
    load(_room_of[dotted])


def knows(dotted: str) -> bool:
    """Whether a room written in Python has the name."""
    return dotted in _room_of


def names(prefix: str) -> list[str]:
    """What rooms written in Python add to a namespace: "" is the package's top level."""
    start = f"{prefix}." if prefix else ""
    found = (name.removeprefix(start) for name in _room_of if name.startswith(start))
    return [name for name in found if "." not in name]


def namespace(prefix: str) -> dict[str, Any]:
    """The operators of a namespace, native and Python, by name."""
    start = f"{prefix}." if prefix else ""
    for name in names(prefix):
        load(_room_of[start + name])
    return dict(_C.namespace(prefix))


class _Method:
    """Holds the place of a tensor's method until somebody looks it up."""

    def __init__(self, name: str) -> None:
        self._dotted = f"Tensor.{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        method = _C._find_op(self._dotted)  # its room puts the operator into this place
        return method if instance is None else method.__get__(instance, owner)


def _attach() -> None:
    for name in names("Tensor"):
        setattr(_C.Tensor, name, _Method(name))


_attach()
