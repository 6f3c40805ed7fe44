"""Autocast for functions that are no operators: their records cannot say how arguments are cast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flambeau import _C
from flambeau._C import Tensor, bfloat16, float16, float32

F = TypeVar("F", bound=Callable[..., Any])


def _widened(value: Any) -> Any:
    half = isinstance(value, Tensor) and value.dtype in (bfloat16, float16)
    return value.to(float32) if half and value.device.type == "cpu" else value


def as_given(function: F) -> F:
    """Make a function compute in the types that it is given, also where autocast is on.

    For products that PyTorch computes inside an operator that autocast does not know.
    """

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        if not _C._is_autocast_enabled():
            return function(*args, **kwargs)
        _C._set_autocast_enabled(False)
        try:
            return function(*args, **kwargs)
        finally:
            _C._set_autocast_enabled(True)

    return cast(F, inside)


def in_float32(function: F) -> F:
    """Make a function compute in float32 where autocast is on, as ``autocast="float32"`` does."""
    plain = as_given(function)

    @functools.wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        if not _C._is_autocast_enabled():
            return function(*args, **kwargs)
        widened = {name: _widened(value) for name, value in kwargs.items()}
        return plain(*map(_widened, args), **widened)

    return cast(F, inside)
