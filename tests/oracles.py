"""What tests hold flambeau against: NumPy always, PyTorch beside it where it is installed."""

from collections.abc import Callable
from typing import Any

import numpy_reference
import pytest

try:
    import torch
except ImportError:
    torch = None

LIBRARIES = {"numpy": numpy_reference} | ({"torch": torch} if torch else {})

needs_torch = pytest.mark.skipif(torch is None, reason="only PyTorch says what is right here")


def beside_torch(test: Callable[..., Any]) -> Any:
    """A test of what another test holds against NumPy or differences: there is none without it."""
    return test if torch else None
