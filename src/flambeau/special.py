"""Special functions: ``flambeau.special``: native ones and those of ``flambeau.ops.special``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.ops import namespace as _namespace

globals().update(_namespace("special"))

__all__ = sorted(_namespace("special"))

if TYPE_CHECKING:
    from flambeau._operators.special import *  # noqa: F403
