"""Discrete Fourier transforms: ``flambeau.fft``. Their room is ``flambeau.ops.fft``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flambeau.ops import namespace as _namespace

globals().update(_namespace("fft"))

__all__ = sorted(_namespace("fft"))

if TYPE_CHECKING:
    from flambeau._operators.fft import *  # noqa: F403
