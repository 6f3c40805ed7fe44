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


def test_the_table_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\nafter\n")
    result = runner.Result("add", "overhead", "s", 3.0, {"a": 1e-6, "b": 4e-6}, ratio=4.0)
    about = {
        "machine": {"cpu": "C", "cores": 2, "python": "3", "date": "today"},
        "libraries": {"a": {"version": "1", "threads": 1}, "b": {"version": "2", "threads": 1}},
    }
    report.write_into(page, about, [result], ["a", "b"])
    report.write_into(page, about, [result], ["a", "b"])
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert text.count("| add |") == 1 and "old" not in text
    page.write_text("no marks")
    with pytest.raises(ValueError, match="missing"):
        report.write_into(page, about, [result], ["a", "b"])
