"""Small helpers of the layers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    def parse(x: Any) -> tuple[Any, ...]:
        if isinstance(x, Iterable):
            return tuple(x)
        return tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: tuple[int, ...], n: int) -> tuple[int, ...]:
    """Return the entries from the last to the first, each ``n`` times."""
    return tuple(x for x in reversed(t) for _ in range(n))


def _list_with_default(out_size: list[int | None], defaults: list[int]) -> list[int]:
    """Return ``out_size`` with each None replaced by the size of that dimension."""
    if isinstance(out_size, int):
        return [out_size]
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    wanted = zip(out_size, defaults[-len(out_size) :], strict=True)
    return [default if size is None else size for size, default in wanted]


def _resolve_index(index: Any, length: int) -> int:
    """Return ``index`` counted from the front."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index + length if index < 0 else index


# The names that messages give the two classes.
_UPDATERS = {"ModuleDict": "ModuleDict", "ParameterDict": "ParametersDict"}


def _pairs_of(given: Any, owner: str, kind: str) -> list[tuple[str, Any]]:
    """Return the items of a mapping, or check that an iterable consists of pairs."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{_UPDATERS[owner]}.update should be called with an "
            f"iterable of key/value pairs, but got {type(given).__name__}"
        )
    if isinstance(given, Mapping) or (hasattr(given, "keys") and hasattr(given, "items")):
        return list(given.items())
    pairs = []
    for position, item in enumerate(given):
        if not isinstance(item, Iterable):
            raise TypeError(
                f"{owner} update sequence element #{position} should be Iterable; "
                f"is{type(item).__name__}"
            )
        pair = list(item)
        if len(pair) != 2:
            raise ValueError(
                f"{owner} update sequence element #{position} has length {len(pair)}; 2 is required"
            )
        pairs.append((pair[0], pair[1]))
    return pairs


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Remove ``prefix`` from the keys that have it, and from the metadata, in place.

    Args:
        state_dict (dict): of a model wrapped in another module.
        prefix (str): such as ``"module."``.
    """
    for key in list(state_dict.keys()):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is None:
        return
    for key in list(metadata.keys()):
        # The wrapper's own entry has no trailing dot and no counterpart afterwards.
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
