"""The table: on the terminal, and as Markdown and JSON in benchmarks/results."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.rows import GROUPS
from benchmarks.runner import Result

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
MARKS = "<!-- benchmarks -->", "<!-- end of benchmarks -->"


def amount(value: float, unit: str) -> str:
    """A time or size with three digits: 0.000000123 s is 123 ns."""
    if unit == "MB":
        return f"{value:.0f} MB"
    if unit == "x":
        return f"{value:.2f}x"
    for scale, name in ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms")):
        if value < 999.5 * scale:
            digits = max(0, 2 - math.floor(math.log10(max(value / scale, 1))))
            return f"{value / scale:.{digits}f} {name}"
    return f"{value:.2f} s"


def cell(result: Result, library: str) -> str:
    """The median; beside a busy neighbour also what it is alone."""
    if library not in result.values:
        return ""
    text = amount(result.values[library], result.unit)
    if library in result.idle:
        slowdown = result.values[library] / result.idle[library]
        text = f"{amount(result.idle[library], result.unit)} -> {text} ({slowdown:.2f}x)"
    return text


def bar(result: Result) -> str:
    if result.group == "start-up":
        return f"at most {result.bar:g} {result.unit}"
    if result.idle:
        return f"at most {result.bar:g}x slower"
    if result.unit == "x":
        return f"at least {result.bar:g}x of one thread"
    return f"at least {result.bar:g}x"


def gain(result: Result) -> str:
    """What is judged, with its confidence interval."""
    low, high = result.interval
    kind = "slower" if result.idle else "faster"
    if result.unit == "MB":
        return f"{result.ratio:.2f}x smaller"
    if result.unit == "x":
        return f"{result.ratio:.2f}x of one thread, p99 {result.tail:.1f}x p50"
    return f"{result.ratio:.2f}x {kind} ({low:.2f}-{high:.2f})"


def share(result: Result, ours: str) -> str:
    return f"{100 * result.share(ours):.0f} %" if result.limit else ""


def verdict(result: Result, libraries: list[str]) -> str:
    """Whether the figures are met, and which are not."""
    if result.problem:
        return "NO"
    ours, theirs = libraries[:2]
    told = []
    for missed in result.missed:
        if missed == "first call":
            told.append(f"first call {amount(result.first[ours], 's')} more")
        elif missed == "memory":
            told.append(f"memory {result.memory[ours] / result.memory[theirs]:.2f}x")
        else:
            told.append(missed)
    return f"NO: {', '.join(told)}" if told else "yes"


def cells(result: Result, libraries: list[str]) -> list[str]:
    if result.problem:
        blank = [""] * len(libraries)
        return [result.name, *blank, result.problem, bar(result), "", "NO"]
    return [
        result.name,
        *(cell(result, library) for library in libraries),
        gain(result),
        bar(result),
        share(result, libraries[0]),
        verdict(result, libraries),
    ]


def header(libraries: list[str]) -> list[str]:
    return ["what", *libraries, f"{libraries[0]} is", "must be", "of the limit", "met"]


def groups(results: list[Result]) -> Iterator[tuple[str, list[Result]]]:
    for group in dict.fromkeys(result.group for result in results):
        yield group, [result for result in results if result.group == group]


def summary(results: list[Result]) -> Iterator[str]:
    """What every group came to: the geometric mean of its speed-ups, and how many rows miss."""
    for group, members in groups(results):
        timed = [result for result in members if not result.problem]
        told = []
        if ratios := [r.ratio for r in timed if r.unit == "s" and not r.idle]:
            bar = f", must be {GROUPS[group][0]:g}x" if group in GROUPS else ""
            told.append(f"{statistics.geometric_mean(ratios):.2f}x faster (geometric mean){bar}")
        if slowdowns := [r.ratio for r in timed if r.idle]:
            told.append(f"at most {max(slowdowns):.2f}x slower")
        missing = sum(not result.passed for result in members)
        told.append(f"figures missed in {missing} of {len(members)} rows")
        yield f"{group}: {'; '.join(told)}"


def on_terminal(results: list[Result], libraries: list[str]) -> None:
    shown = Table(*header(libraries))
    for _, members in groups(results):
        for result in members:
            style = "red" if result.problem or not result.passed else ""
            shown.add_row(*cells(result, libraries), style=style)
        shown.add_section()
    console = Console(width=None if Console().is_terminal else 160)
    console.print(shown)
    for line in summary(results):
        console.print(line)


def place(machine: dict[str, Any]) -> str:
    """Where and when, as a table's first line says it."""
    python = f"Python {machine['python']}"
    return f"{machine['cpu']}, {machine['cores']} cores, {python}, {machine['date']}"


def origin(about: dict[str, Any]) -> str:
    versions = ", ".join(
        f"{library} {entry['version']} ({entry['threads']} threads)"
        for library, entry in about["libraries"].items()
    )
    return f"{place(about['machine'])}. {versions}"


def table(results: list[Result], libraries: list[str]) -> list[str]:
    return [
        "| " + " | ".join(header(libraries)) + " |",
        "|" + "---|" * len(header(libraries)),
        *("| " + " | ".join(cells(result, libraries)) + " |" for result in results),
    ]


def markdown(about: dict[str, Any], results: list[Result], libraries: list[str]) -> str:
    told = (f"- {line}" for line in summary(results))
    return "\n".join([origin(about), "", *table(results, libraries), "", *told]) + "\n"


def draw(results: list[Result]) -> Path:
    """Write the picture of the speed-ups; needs matplotlib."""
    from benchmarks import picture

    path = RESULTS / "speed.svg"
    picture.draw(results, path)
    return path


def write(about: dict[str, Any], results: list[Result], libraries: list[str]) -> list[Path]:
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{libraries[0]}-vs-{libraries[1]}"
    tables, data = stem.with_suffix(".md"), stem.with_suffix(".json")
    tables.write_text(markdown(about, results, libraries))
    entries = [{**asdict(result), "passed": result.passed} for result in results]
    data.write_text(json.dumps({**about, "results": entries}, indent=1) + "\n")
    return [tables, data]


def write_into(
    page: Path, about: dict[str, Any], results: list[Result], libraries: list[str]
) -> None:
    """Put the summary between the marks in a page, and the table to unfold."""
    told = (f"- {line}" for line in summary(results))
    folded = [
        "<details><summary>All rows</summary>",
        "",
        *table(results, libraries),
        "",
        "</details>",
    ]
    text = "\n".join([origin(about), "", *told, "", *folded])
    replace_between(page, MARKS, text + "\n")


def replace_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Put a text between two marks in a page, in place of what is there."""
    before, _, rest = page.read_text().partition(marks[0])
    _, mark, after = rest.partition(marks[1])
    if not mark:
        raise ValueError(f"{page}: the marks {' and '.join(marks)} are missing")
    page.write_text(f"{before}{marks[0]}\n{text}{marks[1]}{after}")
