"""Window functions: ``flambeau.signal.windows``. Their room is ``flambeau.ops.windows``."""

from __future__ import annotations

from flambeau.ops import namespace as _namespace

globals().update(_namespace("signal.windows"))

__all__ = sorted(_namespace("signal.windows"))
