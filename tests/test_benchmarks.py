"""The benchmark harness measures what it says, and every row runs."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import machine, report, runner, workloads

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.23e-7, "123 ns"),
        (9.994e-7, "999 ns"),
        (1.5e-6, "1.50 µs"),
        (0.0999, "99.9 ms"),
        (2, "2.00 s"),
    ],
)
def test_amounts_have_three_digits(value: float, text: str) -> None:
    assert report.amount(value, "s") == text


def test_relative_error_sees_values_shapes_and_nan() -> None:
    exact = [np.array([1.0, 4.0])]
    assert runner.relative_error([np.array([1.0, 4.4])], exact) == pytest.approx(0.1)
    assert runner.relative_error([np.array([1.0, math.nan])], exact) == math.inf
    assert runner.relative_error([np.array([1.0])], exact) == math.inf
    assert runner.relative_error([np.zeros(0)], [np.zeros(0)]) == 0


def test_bootstrap_interval_holds_the_median() -> None:
    rng = np.random.default_rng()
    ratios = list(rng.normal(3, 0.1, 15))
    low, high = runner.bootstrap(ratios)
    assert low <= np.median(ratios) <= high
    assert runner.bootstrap([2.0] * 5) == (2.0, 2.0)


def test_row_names_are_unique() -> None:
    names = [row.name for row in workloads.ROWS]
    assert len(names) == len(set(names))


def test_installed_size_counts_dependencies() -> None:
    alone = sum(
        Path(str(file.locate())).stat().st_size
        for distribution in list(machine.distributions("pytest", set()))[:1]
        for file in distribution.files or ()
        if Path(str(file.locate())).is_file()
    )
    assert machine.installed_bytes("pytest") > alone > 0
    assert machine.installed_bytes("no-such-distribution") == 0


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds=2", "--seconds=0.01"]
    return subprocess.run(
        [*command, "--busy-ok"], cwd=ROOT, check=False, capture_output=True, text=True
    )


def test_a_library_is_as_fast_as_itself() -> None:
    pytest.importorskip("torch")
    shown = benchmark("overhead: add$|busy: matmul 128, neighbour free", "--ours=torch").stdout
    assert "faster" in shown
    assert "slower" in shown
