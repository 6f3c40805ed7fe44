"""Reads the samples and errors that operator records state (`.samples`, `.errors`).

Cases are separated by ` | `; a case is positional arguments, then keywords. `(3,4)` is a random
tensor of that shape, with `:dtype` and `@low..high` as suffixes; `[(2,3), (2,3)]` a list of them;
the rest are Python's numbers, strings, lists of ints, True, False, None and names of dtypes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

DTYPES = {
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
}  # fmt: skip
TENSOR = re.compile(r"(\([\d, ]*\))(?::(\w+))?(?:@(-?[\d.]+?)\.\.(-?[\d.]+))?$")


@dataclass(frozen=True)
class TensorSpec:
    """A random tensor; without a dtype it takes the one that a test runs with."""

    shape: tuple[int, ...]
    dtype: str | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class DtypeName:
    name: str


@dataclass(frozen=True)
class Case:
    text: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class ErrorCase:
    case: Case
    exception: str
    message: str


def _split(text: str, separator: str) -> list[str]:
    """Split where no bracket or quote is open."""
    pieces, depth, quote, start = [], 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == separator and depth == 0:
            pieces.append(text[start:i])
            start = i + 1
    return [p for p in (*pieces, text[start:]) if p.strip()]


def _value(text: str) -> Any:
    text = text.strip()
    found = TENSOR.match(text)
    if found:
        shape, dtype, low, high = found.groups()
        assert dtype is None or dtype in DTYPES, text
        numbers = [None if x is None else float(x) for x in (low, high)]
        return TensorSpec(tuple(ast.literal_eval(shape)), dtype, *numbers)
    if text in DTYPES:
        return DtypeName(text)
    if text.startswith("["):
        return [_value(piece) for piece in _split(text[1:-1], ",")]
    if text.lstrip("-") in ("inf", "nan"):
        return float(text)
    return ast.literal_eval(text)


def _case(text: str) -> Case:
    args, kwargs = [], {}
    for token in _split(text.strip(), " "):
        keyword = re.match(r"(\w+)=(.+)$", token)
        if keyword:
            kwargs[keyword[1]] = _value(keyword[2])
        else:
            args.append(_value(token))
    return Case(text.strip(), tuple(args), kwargs)


def cases(samples: str) -> list[Case]:
    return [_case(text) for text in _split(samples, "|")]


def error_cases(errors: str) -> list[ErrorCase]:
    found = []
    for text in _split(errors, "|"):
        call, outcome = re.match(r"((?:'[^']*'|[^'])*?) -> (.*)", text, re.S).groups()
        exception, message = outcome.strip().split(":", 1)
        found.append(ErrorCase(_case(call), exception, message.strip()))
    return found


def _array(spec: TensorSpec, dtype: str, rng: np.random.Generator) -> np.ndarray:
    if dtype == "bool":
        return rng.random(spec.shape) < 0.5
    low, high = spec.low, spec.high
    if "int" in dtype:
        first = 0 if dtype == "uint8" else -5
        return rng.integers(
            int(first if low is None else low), int(10 if high is None else high), spec.shape
        )
    numbers = rng.standard_normal(spec.shape) if low is None else rng.uniform(low, high, spec.shape)
    if dtype.startswith("complex"):
        return numbers + 1j * rng.standard_normal(spec.shape)
    return np.asarray(numbers)


def build(value: Any, library: Any, rng: np.random.Generator, dtype: str) -> Any:
    """The value as one library sees it; the same generator state gives both the same numbers."""
    if isinstance(value, TensorSpec):
        name = value.dtype or dtype
        return library.tensor(_array(value, name, rng)).to(getattr(library, name))
    if isinstance(value, DtypeName):
        return getattr(library, value.name)
    if isinstance(value, list):
        return [build(v, library, rng, dtype) for v in value]
    return value


def build_call(
    case: Case, library: Any, dtype: str = "float32", seed: int = 0
) -> tuple[list[Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    args = [build(v, library, rng, dtype) for v in case.args]
    return args, {k: build(v, library, rng, dtype) for k, v in case.kwargs.items()}
