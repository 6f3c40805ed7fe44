"""Files: save and load in safetensors and in PyTorch's format, without executing anything."""

from flambeau.io.allowed import (
    add_safe_globals,
    clear_safe_globals,
    get_safe_globals,
    safe_globals,
)
from flambeau.io.checkpoint import load, save
from flambeau.io.errors import FormatError, UnpicklingError

__all__ = [
    "FormatError",
    "UnpicklingError",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]
