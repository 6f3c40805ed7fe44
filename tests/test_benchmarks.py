"""The benchmark harness measures what it says, and every row runs."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import flambeau
from benchmarks import machine, models, report, runner, workloads

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


def test_networks_give_what_they_should() -> None:
    picture, tokens = flambeau.rand(2, 3, 32, 32), flambeau.randint(10, (2, 5))
    shapes = {
        (2, 7): [
            models.resnet18(flambeau, 7, small=True)(picture),
            models.resnet18(flambeau, 7, small=False)(picture),
            models.mobilenet_v2(flambeau, 7)(picture),
            models.vit_tiny(flambeau, 7, side=32, patch=16)(picture),
        ],
        (2, 5, 10): [
            models.gpt(flambeau, 10, 8, 16, layers=2, heads=2)(tokens),
            models.translator(flambeau, 10, 16)(tokens, tokens),
        ],
        (2, 2): [models.two_tower(flambeau, 10, 8)(tokens[:, 0], tokens[:, 1])],
    }
    for shape, results in shapes.items():
        assert [result.shape for result in results] == [shape] * len(results)


def test_a_cache_does_not_change_what_is_generated() -> None:
    net = models.gpt(flambeau, 10, 8, 16, layers=2, heads=2)
    tokens = flambeau.randint(10, (1, 6))
    caches = [[flambeau.zeros(1, 2, 0, 8)] * 2 for _ in range(2)]
    steps = [net(tokens[:, at : at + 1], caches, at) for at in range(6)]
    assert flambeau.allclose(flambeau.cat(steps, 1), net(tokens), atol=1e-5)


def test_installed_size_counts_dependencies() -> None:
    alone = sum(
        Path(str(file.locate())).stat().st_size
        for distribution in list(machine.distributions("pytest", set()))[:1]
        for file in distribution.files or ()
        if Path(str(file.locate())).is_file()
    )
    assert machine.installed_bytes("pytest") > alone > 0
    assert machine.installed_bytes("no-such-distribution") == 0


def test_the_picture_has_a_row_for_each_group(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks import picture

    groups = {"overhead": 6.0, "memory": 0.8, "data": 2.5}
    results = [runner.Result("r", group, "s", 1, ratio=ratio) for group, ratio in groups.items()]
    picture.draw([*results, runner.Result("r", "busy", "s", 2.2, ratio=3)], tmp_path / "speed.svg")
    drawn = (tmp_path / "speed.svg").read_text()
    named = [f"<!-- {group} -->" in drawn for group in (*groups, "busy")]
    assert named == [True, True, True, False]
    assert picture.OURS in drawn and picture.SHORT in drawn


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments, "--rounds=2", "--seconds=0.01"]
    return subprocess.run(
        [*command, "--busy-ok"], cwd=ROOT, check=False, capture_output=True, text=True
    )


def test_a_library_is_as_fast_as_itself() -> None:
    pytest.importorskip("torch")
    shown = benchmark(
        "overhead: add$|busy: matmul 512, float32, busy machine", "--ours=torch"
    ).stdout
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
