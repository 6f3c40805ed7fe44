"""Linear algebra: ``flambeau.linalg``. The operators' rooms are ``flambeau.ops.linalg_*``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.ops import namespace as _namespace
from flambeau.ops._matrices import LinAlgError

globals().update(_namespace("linalg"))

__all__ = ["LinAlgError", *sorted(_namespace("linalg"))]

if TYPE_CHECKING:
    from flambeau._operators.linalg import *  # noqa: F403
