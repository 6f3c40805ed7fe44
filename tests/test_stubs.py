"""The type stubs and the operator page are what the registry says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.stubs import schemas

ROOT = Path(__file__).parents[1]


def test_stubs_and_operator_page_are_fresh() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "tools" / "write_stubs.py", "--check"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, f"{check.stdout}{check.stderr}run: python tools/write_stubs.py"


def test_stubs_are_python() -> None:
    stubs = [
        ROOT / "src" / "flambeau" / "_C.pyi",
        *(ROOT / "src" / "flambeau" / "_operators").glob("*.pyi"),
    ]
    assert len(stubs) > 1
    for stub in stubs:
        ast.parse(stub.read_text())


@pytest.mark.parametrize(
    ("schema", "dotted", "expected"),
    [
        (
            "add(Tensor|Number input, Tensor|Number other, *, Scalar alpha=1) -> Tensor",
            "Tensor.add_",
            ["add_(self, other: Tensor | _Number, *, alpha: _Number | Tensor = 1) -> Tensor"],
        ),
        (
            "view(Tensor input, int[] size) -> Tensor",
            "Tensor.view",
            [
                "view(self, size: Sequence[_int], *, out: Tensor | None = None) -> Tensor",
                "view(self, *size: _int, out: Tensor | None = None) -> Tensor",
            ],
        ),
        (
            "max.dim(Tensor input, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
            "max",
            [
                "max(input: Tensor, dim: _int, keepdim: _bool = False, *, "
                "out: Sequence[Tensor] | None = None) -> _ValuesIndices"
            ],
        ),
        (
            "pool(Tensor input, int[2] size, int[2]? stride=None, str mode='max') -> Tensor[]",
            "pool",
            [
                "pool(input: Tensor, size: _int | Sequence[_int], "
                "stride: _int | Sequence[_int] | None = None, mode: str = 'max') "
                "-> tuple[Tensor, ...]"
            ],
        ),
    ],
)
def test_signatures(schema: str, dotted: str, expected: list[str]) -> None:
    assert schemas.signatures(schemas.parse(schema), dotted) == expected


def test_every_name_of_the_registry_is_typed() -> None:
    from flambeau import _C, _functions

    tensor = (ROOT / "src" / "flambeau" / "_C.pyi").read_text()
    top = (ROOT / "src" / "flambeau" / "_operators" / "__init__.pyi").read_text()
    for record in _C._registry():
        for name in record["names"]:
            prefix, _, last = name.rpartition(".")
            if prefix in ("", "Tensor") and name not in _functions.__all__:
                text = tensor if prefix else top
                assert re.search(rf"\bdef {re.escape(last)}\(", text), name
