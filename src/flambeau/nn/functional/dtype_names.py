"""The names that error messages give to dtypes."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def scalar_type(dtype: Any) -> str:
    """Return the name of ``dtype`` in messages: Float, Long, ..."""
    short = str(dtype).rpartition(".")[2]
    return _NAMES.get(short, short)
