"""What PyTorch 2.13 answered, for runs without it: texts of errors, printed layers, what they give.

These are facts of PyTorch's that no formula yields. Each is kept in `recorded_answers/`, one file
for a test file, under the source of the code that was run: code that changes has no answer and
its test is skipped without PyTorch until

    FLAMBEAU_RECORD=1 python -m pytest tests/test_that.py

has run all of that file with PyTorch. Where PyTorch is installed, it is asked itself.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracles import torch

import flambeau

RECORDING = os.environ.get("FLAMBEAU_RECORD") == "1"
FOLDER = Path(__file__).with_name("recorded_answers")
_new: dict[str, dict[str, Any]] = {}


@cache
def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines()


def source(function: Callable[..., Any]) -> str:
    """The text of a function's body, whatever its place and its line breaks."""
    code = function.__code__
    spans = [p for p in code.co_positions() if None not in p and (p[0], p[2]) < (p[1], p[3])]
    (first, left), (last, right) = (
        min((p[0], p[2]) for p in spans),
        max((p[1], p[3]) for p in spans),
    )
    lines = _lines(code.co_filename)[first - 1 : last]
    lines[-1] = lines[-1][:right]
    lines[0] = lines[0][left:]
    return "".join("".join(lines).split()).replace(",)", ")").replace(",]", "]")


def describe(value: Any) -> str:
    """What decides the outcome of a call: the code, and what it was made with."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    if isinstance(value, (list, tuple)):
        return "(" + ",".join(describe(v) for v in value) + ")"
    if isinstance(value, dict):
        return "{" + ",".join(f"{k}:{describe(v)}" for k, v in value.items()) + "}"
    if not hasattr(value, "__code__"):
        return repr(value) if isinstance(value, (str, int, float, complex, type(None))) else ""
    captured = [_contents(cell) for cell in value.__closure__ or ()]
    made_with = [describe(v) for v in (*captured, *(value.__defaults__ or ()))]
    return " ".join([source(value), *made_with]).strip()


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not yet filled
        return None


def key_of(*values: Any) -> str:
    text = " ".join(describe(v) for v in values).strip()
    return text if len(text) < 120 else f"{text[:100]}... {zlib.crc32(text.encode()):08x}"


def flat(value: Any) -> list[Any]:
    """Every leaf of nested lists, tuples and dictionaries, keys as well."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value, key=str) for leaf in (key, *flat(value[key]))]
    if isinstance(value, (list, tuple)):
        return [f"of {len(value)}", *(leaf for item in value for leaf in flat(item))]
    return [value]


def digest(value: Any) -> list[Any]:
    """[what decides its form, number of elements, length, sums along three directions]."""
    form, parts = [], [np.zeros(0)]
    for leaf in flat(value):
        if isinstance(leaf, (int, float)) and not isinstance(leaf, bool):
            leaf = np.float64(leaf)
        if hasattr(leaf, "dtype"):
            array = _array(leaf)
            finite = np.isfinite(array)
            form.append(f"{str(leaf.dtype).rpartition('.')[2]}{array.shape}{int((~finite).sum())}")
            row = np.where(finite, array, 0).reshape(-1)
            parts += [row.real, row.imag] if np.iscomplexobj(row) else [row.astype(np.float64)]
        else:
            form.append(str(leaf).replace("flambeau", "torch"))
    numbers = np.concatenate(parts)
    sums = np.random.default_rng(1).standard_normal((3, numbers.size)) @ numbers
    length = float(np.sqrt((numbers**2).sum()))
    crc = zlib.crc32("|".join(form).encode())
    return [crc, numbers.size, *(float(f"{v:.9g}") for v in (length, *sums))]


def _array(leaf: Any) -> np.ndarray:
    if isinstance(leaf, (np.generic, np.ndarray)):
        return np.asarray(leaf)
    leaf = leaf.detach()
    return np.asarray((leaf.float() if "bfloat16" in str(leaf.dtype) else leaf).numpy())


def assert_digest(value: Any, key: str, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """Hold nested numbers, tensors and texts against what was recorded of PyTorch's."""
    wanted = kept(key)
    if wanted is None:
        pytest.skip("PyTorch is the oracle, and its answer is not recorded")
    found = digest(value)
    assert found[:2] == wanted[:2], "keys, texts, types or shapes"
    allowed = rtol * wanted[2] + atol * wanted[1] ** 0.5
    np.testing.assert_allclose(found[2:], wanted[2:], rtol=1e-8, atol=3 * allowed)


def key_of_test(*values: Any) -> str:
    """A key for what one test asks: its name with the names of its parameters."""
    name = os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].rpartition(" (")[0]
    code = " ".join(describe(v) for v in values)
    return f"{name} {zlib.crc32(code.encode()):08x}" if code else name


def _file() -> str:
    return Path(os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]).stem


@cache
def _kept(file: str) -> dict[str, Any]:
    path = FOLDER / f"{file}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def keep(key: str, answer: Any) -> None:
    if RECORDING:
        _new.setdefault(_file(), {})[key] = answer


def kept(key: str) -> Any:
    """The answer, or None where none was recorded."""
    return _kept(_file()).get(key)


def save() -> None:
    """Write what was recorded; what no test asked for any more is dropped."""
    FOLDER.mkdir(exist_ok=True)
    for file, answers in _new.items():
        rows = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(answers.items())]
        (FOLDER / f"{file}.json").write_text("{\n" + ",\n".join(rows) + "\n}\n")


def as_pytorch_says(function: Callable[[Any], Any]) -> None:
    """``function(flambeau)`` equals what PyTorch answers, now or when it was recorded."""
    key = key_of_test(function)
    theirs = function(torch) if torch else kept(key)
    if theirs is None:
        pytest.skip("PyTorch is the oracle, and its answer is not recorded")
    keep(key, theirs)
    assert function(flambeau) == theirs
