"""Takes the turns: for every row, round after round, each library in its own process.

The order rotates, so that neither library always comes first. A round in which other processes
used the machine is thrown away and done again.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import limits, machine
from benchmarks.rows import Row

PAUSE_SECONDS = 0.01  # lets the other library's threads stop spinning
MAX_FOREIGN = 0.1  # cores
MAX_TRIES = 4
MAX_FIRST_SECONDS = 0.05  # that the first call of anything may take more than the second
FRESH = (
    3  # processes that the first call is timed in, at most: the system may be slow to find memory
)
MAX_TAIL = 4  # 99 % of the times of threads at once, beside their median
MAX_ROW_SECONDS = 30  # after which no further round begins
PROBES = 3  # of the machine's limit, for a row
EPSILON = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Plan:
    """How long and how strictly to measure."""

    rounds: int = 15
    seconds: float = 0.3
    strict: bool = True  # redo rounds in which other processes ran


@dataclass
class Result:
    """What one row came to, per library; ``ratio`` is judged against ``bar``."""

    name: str
    group: str
    unit: str
    bar: float
    values: dict[str, float] = field(default_factory=dict)  # medians
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)  # quartiles
    fastest: dict[str, float] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)  # of rows with a busy neighbour
    peak: dict[str, int] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)  # what the first call takes more
    memory: dict[str, int] = field(default_factory=dict)  # at most, beside what importing took
    limit: float = 0.0  # seconds at the machine's limit, 0 where the work is not counted
    tail: float = 0.0  # of threads at once: 99 % of the times beside their median
    errors: dict[str, float] = field(default_factory=dict)  # relative to float64
    ratio: float = float("nan")
    interval: tuple[float, float] = (float("nan"), float("nan"))
    missed: list[str] = field(default_factory=list)  # figures
    foreign: float = 0.0
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not (self.missed or self.problem)

    def share(self, library: str) -> float:
        """How much of the machine's limit a library reaches."""
        return self.limit / self.values[library]


class Contender:
    """A library in its own worker process."""

    def __init__(self, library: str) -> None:
        self.library = library
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.about = self.ask("about")

    def ask(self, action: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps({"do": action, **arguments}) + "\n")
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise RuntimeError(f"{self.library}: its process ended (status {self.process.wait()})")
        answered: dict[str, Any] = json.loads(answer)
        if "error" in answered:
            raise RuntimeError(f"{self.library}: {answered['error']}")
        return answered

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def load(path: Path) -> list[np.ndarray[Any, Any]]:
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def relative_error(results: list[Any], reference: list[Any]) -> float:
    """The largest difference from the reference, in units of its largest value."""
    if [r.shape for r in results] != [r.shape for r in reference]:
        return float("inf")
    worst = 0.0
    for result, exact in zip(results, reference, strict=True):
        scale = float(np.abs(exact).max(initial=0)) or 1.0
        difference = float(np.abs(result - exact).max(initial=0)) / scale
        worst = max(worst, difference if np.isfinite(difference) else float("inf"))
    return worst


def check(row: Row, ours: Contender, theirs: Contender, result: Result) -> None:
    """Nothing is timed that computes something else: errors against PyTorch's float64."""
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.npz"
        theirs.ask("results", row=row.name, path=str(reference), reference=True)
        for contender in (ours, theirs):
            path = Path(folder) / f"{contender.library}.npz"
            contender.ask("results", row=row.name, path=str(path), reference=False)
            result.errors[contender.library] = relative_error(load(path), load(reference))
    # Sums in another order round otherwise, by a few times PyTorch's own error.
    epsilon = EPSILON[row.dtype]
    allowed = max(
        4 * result.errors[theirs.library], math.sqrt(epsilon) if row.kinks else 4 * epsilon
    )
    error = result.errors[ours.library]
    if error > allowed:
        raise RuntimeError(f"wrong result: relative error {error:.1e}, allowed {allowed:.1e}")


def bootstrap(ratios: Sequence[float]) -> tuple[float, float]:
    """95 % confidence interval of the median."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[1949]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def quiet_sample(contender: Contender, plan: Plan) -> dict[str, Any]:
    """A sample in which nobody else used the machine, or the quietest of a few."""
    best: dict[str, Any] = {}
    for _ in range(MAX_TRIES if plan.strict else 1):
        time.sleep(PAUSE_SECONDS)
        before = machine.busy_seconds()
        sample = contender.ask("sample", seconds=plan.seconds)
        foreign = (machine.busy_seconds() - before - sample["cpu"]) / sample["wall"]
        sample["foreign"] = max(0.0, foreign)
        if not best or sample["foreign"] < best["foreign"]:
            best = sample
        if best["foreign"] <= MAX_FOREIGN:
            break
    return best


def collect(samples: dict[str, list[dict[str, Any]]], result: Result) -> None:
    for library, taken in samples.items():
        seconds = [sample["seconds"] for sample in taken]
        result.values[library] = statistics.median(seconds)
        result.spread[library] = quartiles(seconds)
        result.fastest[library] = min(sample["fastest"] for sample in taken)
        result.peak[library] = max(sample["peak"] for sample in taken)
    result.foreign = statistics.median(
        sample.get("foreign", 0.0) for taken in samples.values() for sample in taken
    )


def rounds(plan: Plan) -> Iterator[int]:
    """The rounds' numbers: fewer where a row is very slow."""
    start = time.monotonic()
    for number in range(plan.rounds):
        if number == 0 or time.monotonic() - start < MAX_ROW_SECONDS:
            yield number


def turns(contenders: list[Contender], number: int) -> list[Contender]:
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


def time_idle(contenders: list[Contender], plan: Plan, row: Row, result: Result) -> None:
    """How many times faster we are: the median of the ratios of samples taken one after another."""
    samples: dict[str, list[dict[str, Any]]] = {c.library: [] for c in contenders}
    shortest = []
    for number in rounds(plan):
        for contender in turns(contenders, number):
            samples[contender.library].append(quiet_sample(contender, plan))
        if number < PROBES and (limit := limits.seconds(row)):
            shortest.append(limit)
    collect(samples, result)
    ours, theirs = (samples[contender.library] for contender in contenders[:2])
    ratios = [t["seconds"] / o["seconds"] for o, t in zip(ours, theirs, strict=True)]
    result.ratio, result.interval = statistics.median(ratios), bootstrap(ratios)
    result.limit = min(shortest, default=0.0)
    if result.ratio < result.bar:
        result.missed.append("speed")
    if result.limit and result.share(contenders[0].library) < row.share:
        result.missed.append("limit")


def time_busy(contenders: list[Contender], plan: Plan, result: Result, kind: str) -> None:
    """How many times slower a busy neighbour makes us."""
    samples: dict[str, list[dict[str, Any]]] = {c.library: [] for c in contenders}
    idle: dict[str, list[float]] = {c.library: [] for c in contenders}
    neighbour = machine.Neighbour(kind)
    try:
        for number in rounds(plan):
            for contender in turns(contenders, number):
                idle[contender.library].append(quiet_sample(contender, plan)["seconds"])
                with neighbour.awake():
                    sample = contender.ask("sample", seconds=plan.seconds)
                samples[contender.library].append(sample)
    finally:
        neighbour.close()
    collect(samples, result)
    result.idle = {library: statistics.median(values) for library, values in idle.items()}
    ours = contenders[0].library
    slowdowns = [sample["seconds"] / result.idle[ours] for sample in samples[ours]]
    result.ratio, result.interval = statistics.median(slowdowns), bootstrap(slowdowns)
    if result.ratio > result.bar:
        result.missed.append("speed")


def time_threads(contenders: list[Contender], plan: Plan, threads: int, result: Result) -> None:
    """How much of one thread's rate some threads reach that do the same at once."""
    ratios: dict[str, list[float]] = {c.library: [] for c in contenders}
    tails = []
    seconds = max(1.0, plan.seconds)  # or the tail has too few calls
    for number in rounds(plan):
        for contender in turns(contenders, number):
            one = contender.ask("together", threads=1, seconds=seconds)
            all_ = contender.ask("together", threads=threads, seconds=2 * seconds)
            ratios[contender.library].append(all_["rate"] / one["rate"])
            if contender is contenders[0]:
                tails.append(all_["tail"] / all_["median"])
    result.values = {library: statistics.median(values) for library, values in ratios.items()}
    ours = ratios[contenders[0].library]
    result.ratio, result.interval = statistics.median(ours), bootstrap(ours)
    result.tail = statistics.median(tails)
    if result.ratio < result.bar:
        result.missed.append("speed")
    if result.tail > MAX_TAIL:
        result.missed.append("tail")


def time_fresh(libraries: list[str], row: Row, result: Result) -> None:
    """What the first call takes more, and the memory of training, each in a process of its own."""
    ours, theirs = libraries[:2]
    for library in (ours, theirs) if row.group == "training" else (ours,):
        seen = []
        while len(seen) < FRESH and all(one["first"] > MAX_FIRST_SECONDS for one in seen):
            contender = Contender(library)
            try:
                seen.append(contender.ask("fresh", row=row.name))
            finally:
                contender.close()
        result.first[library] = min(one["first"] for one in seen)
        result.memory[library] = max(one["memory"] for one in seen)
    if result.first[ours] > MAX_FIRST_SECONDS:
        result.missed.append("first call")
    if result.memory[ours] > result.memory.get(theirs, math.inf):
        result.missed.append("memory")


def time_row(row: Row, contenders: list[Contender], plan: Plan) -> Result:
    unit = "x" if row.threads > 1 else "s"
    result = Result(row.name, row.group, unit, row.bar)
    ours, theirs = contenders[:2]
    try:
        if not row.busy:  # such a row computes what another one does
            check(row, ours, theirs, result)
        for contender in (ours, theirs):
            contender.ask("prepare", row=row.name)
        if row.busy:
            time_busy([ours, theirs], plan, result, row.busy)
        elif row.threads > 1:
            time_threads([ours, theirs], plan, row.threads, result)
        else:
            ready = [ours, theirs, *(c for c in contenders[2:] if is_ready(c, row))]
            time_idle(ready, plan, row, result)
            time_fresh([ours.library, theirs.library], row, result)
    except RuntimeError as error:
        result.problem = str(error)
    return result


def is_ready(contender: Contender, row: Row) -> bool:
    """Prepare a contender that need not be able to do every row."""
    try:
        contender.ask("prepare", row=row.name)
    except RuntimeError:
        return False
    return True


def time_import(libraries: list[str], plan: Plan) -> Result:
    result = Result("import, CPU time", "start-up", "s", 0.15)
    taken: dict[str, list[float]] = {library: [] for library in libraries}
    try:
        for number in range(plan.rounds):
            for library in libraries[number % 2 :] + libraries[: number % 2]:
                taken[library].append(machine.import_seconds(library))
    except RuntimeError as error:
        result.problem = str(error)
        return result
    result.values = {library: statistics.median(values) for library, values in taken.items()}
    result.spread = {library: quartiles(values) for library, values in taken.items()}
    ours, theirs = (taken[library] for library in libraries)
    ratios = [t / o for o, t in zip(ours, theirs, strict=True)]
    result.ratio, result.interval = statistics.median(ratios), bootstrap(ratios)
    if result.values[libraries[0]] > result.bar:
        result.missed.append("speed")
    return result


def weigh_install(libraries: list[str], plan: Plan) -> Result:
    result = Result("installed size with dependencies", "start-up", "MB", 220)
    sizes = {library: machine.installed_bytes(library) / 1e6 for library in libraries}
    missing = [library for library, size in sizes.items() if not size]
    if missing:
        result.problem = f"not installed by pip: {', '.join(missing)}"
        return result
    result.values = sizes
    result.ratio = sizes[libraries[1]] / sizes[libraries[0]]
    result.interval = (result.ratio, result.ratio)
    if sizes[libraries[0]] > result.bar:
        result.missed.append("size")
    return result


WITHOUT_WORKER: dict[str, Callable[[list[str], Plan], Result]] = {
    "import, CPU time": time_import,
    "installed size with dependencies": weigh_install,
}


def run(
    rows: list[Row],
    others: list[str],
    libraries: list[str],
    plan: Plan,
    done: Callable[[Result], None],
) -> tuple[dict[str, Any], list[Result]]:
    """Measure ``rows`` and ``others`` (keys of WITHOUT_WORKER), calling ``done`` after each."""
    results = []
    about: dict[str, Any] = {"machine": machine.describe(), "load": os.getloadavg()[0]}
    contenders = [Contender(library) for library in libraries] if rows else []
    about["libraries"] = {c.library: c.about for c in contenders}
    try:
        for row in rows:
            results.append(time_row(row, contenders, plan))
            done(results[-1])
        for name in others:
            results.append(WITHOUT_WORKER[name](libraries[:2], plan))
            done(results[-1])
    finally:
        for contender in contenders:
            contender.close()
    return about, results
