"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import flambeau
from flambeau import _C

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> list[str]:
    found = pkgutil.walk_packages(flambeau.__path__, "flambeau.")
    return ["flambeau", *(m.name for m in found if not m.name.endswith(("._C", "__main__")))]


def run(examples: Iterator[doctest.DocTest]) -> int:
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    report: list[str] = []
    for example in examples:
        flambeau.manual_seed(0)
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
    return runner.tries


@pytest.mark.parametrize("name", modules())
def test_examples_of_a_module(name: str, tmp_path: Path) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs {error.name}")
    finder = doctest.DocTestFinder(recurse=True)
    before = os.getcwd()
    os.chdir(tmp_path)  # where examples may write files
    try:
        run(
            found
            for found in finder.find(module, name, extraglobs={"torch": flambeau})
            if found.examples and not found.name.startswith("flambeau.Tensor.")  # operators: below
        )
    finally:
        os.chdir(before)
    flambeau.set_printoptions(profile="default")


def operators() -> list[dict[str, str]]:
    flambeau.ops.load_all()
    return [op for op in _C._registry() if ">>>" in op["doc"]]


@pytest.mark.parametrize("op", operators(), ids=lambda op: op["name"])
def test_examples_of_an_operator(op: dict[str, str]) -> None:
    parser = doctest.DocTestParser()
    names = {"torch": flambeau, "flambeau": flambeau}
    tried = run(iter([parser.get_doctest(op["doc"], names, op["name"], None, None)]))
    assert tried
