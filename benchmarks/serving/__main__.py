"""Time flambeau.serve beside FastAPI and LitServe, and prove that it bears overload.

python -m benchmarks.serving                    all rows
python -m benchmarks.serving json digits        some of them
python -m benchmarks.serving soak --minutes 5   requests for so long; memory must not grow
python -m benchmarks.serving --write            of all rows: write results/ and README.md
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import machine, report
from benchmarks.serving import apps, chat
from benchmarks.serving.load import Throughput, closed_loop, open_loop
from benchmarks.serving.servers import resident_memory, server

CONNECTIONS = 32
RESULTS = report.RESULTS / "serving.json"
MARKS = "<!-- serving -->", "<!-- end of serving -->"
# The slow model answers batches of 8 in 20 ms.
CAPACITY = 400.0
console = Console()
claims: list[str] = []


def vector(*shape: int) -> dict[str, Any]:
    values = np.random.default_rng(0).standard_normal(shape)
    return {"input": values.round(6).tolist()}


def compare(names: list[str], body: object, seconds: float, rounds: int) -> dict[str, Throughput]:
    """Each server in turn, round after round; the median round of each."""
    found: dict[str, list[Throughput]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            with server(name) as (port, _pid):
                closed_loop(port, "/predict", body, CONNECTIONS, 1)  # warm
                found[name].append(closed_loop(port, "/predict", body, CONNECTIONS, seconds))
    return {
        name: sorted(runs, key=lambda run: run.rate)[len(runs) // 2] for name, runs in found.items()
    }


def show(title: str, rows: dict[str, Throughput]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("server", "requests/s", "failed", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(column, justify="left" if column == "server" else "right")
    for name, run in rows.items():
        latencies = (f"{value:.1f}" for value in (run.p50, run.p95, run.p99))
        table.add_row(name, f"{run.rate:,.0f}", str(run.failed), *latencies)
    console.print(table)


def verdict(claim: str, holds: bool) -> bool:
    claims.append(f"{claim}{'' if holds else ': NOT MET'}")
    console.print(f"{'met' if holds else 'NOT MET'}: {claim}", highlight=False)
    return holds


def typed_json(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    names = ["flambeau", "fastapi", "litserve"]
    rows = compare(names, vector(apps.FEATURES), options.seconds, options.rounds)
    show(f"typed JSON to a small network, {CONNECTIONS} connections", rows)
    ours, plain, lit = (rows[name].rate for name in names)
    what = f"typed JSON to a small network: {ours:,.0f} requests a second"
    met = verdict(f"{what}, {ours / lit:.2f}x LitServe (at least 3x)", ours >= 3 * lit)
    met &= verdict(f"{what}, {ours / plain:.2f}x plain FastAPI (at least 1x)", ours >= plain)
    met &= verdict("none of these failed", not any(row.failed for row in rows.values()))
    return met, {name: vars(row) for name, row in rows.items()}


def digits(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    names = ["digits-batched", "digits-single"]
    rows = compare(names, vector(1, 8, 8), options.seconds, options.rounds)
    show(f"the digits network, {CONNECTIONS} connections", rows)
    ratio = rows[names[0]].rate / rows[names[1]].rate
    what = f"the digits network: {rows[names[0]].rate:,.0f} requests a second"
    met = verdict(f"{what}, {ratio:.2f}x what it does without batches (at least 3x)", ratio >= 3)
    return met, {name: vars(row) for name, row in rows.items()}


def text(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    with server("chatbot") as (port, _pid):
        results = chat.measure(port, options.rounds)
    table = Table(title=f"chat, answers of {chat.TOKENS} tokens", title_justify="left")
    for column in ("streams", "first token ms", "tokens/s"):
        table.add_column(column, justify="right")
    for streams, row in results.items():
        table.add_row(streams, *(f"{value:,.1f}" for value in row.values()))
    console.print(table)
    gain = results["16"]["tokens_per_second"] / results["1"]["tokens_per_second"]
    one, many = results.values()
    first = f"first token after {one['first_token_ms']:.1f} ms"
    what = f"chat with a tiny GPT: {first}, {many['tokens_per_second']:,.0f} tokens a second in 16"
    met = verdict(f"{what} streams, {gain:.1f}x one stream (at least 2x)", gain >= 2)
    return met, results


def overload(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    with server("slow") as (port, pid):
        asyncio.run(open_loop(port, "/predict", vector(4), CAPACITY / 2, 1))
        before = resident_memory(pid)
        load = open_loop(port, "/predict", vector(4), 2 * CAPACITY, 2 * options.seconds)
        answers = asyncio.run(load)
        grown = resident_memory(pid) - before
    count = Counter(answer.status for answer in answers)
    refused = [answer for answer in answers if answer.status in (429, 503)]
    slowest = 1000 * float(np.percentile([answer.seconds for answer in refused] or [0], 99))
    console.print(f"twice the capacity: answers by status {dict(count)}", highlight=False)
    met = verdict(
        "twice the capacity: every request was answered", not count.keys() - {200, 429, 503}
    )
    met &= verdict(f"{count[200]} served, {len(refused)} refused", bool(refused) and count[200] > 0)
    met &= verdict(f"refused within {slowest:.1f} ms (99 %; at most 50 ms)", slowest < 50)
    met &= verdict("each refusal says when to come back", all(r.retry_after for r in refused))
    met &= verdict(f"memory grew by {grown / 1e6:.1f} MB (at most 50 MB)", grown < 50e6)
    return met, {"refused_p99_ms": slowest, "grown_bytes": grown, "statuses": dict(count)}


def soak(options: argparse.Namespace) -> tuple[bool, dict[str, Any]]:
    samples: list[int] = []
    total = failed = 0
    with server("flambeau") as (port, pid):
        closed_loop(port, "/predict", vector(apps.FEATURES), CONNECTIONS, 5)
        end = time.monotonic() + 60 * options.minutes
        while time.monotonic() < end:
            run = closed_loop(port, "/predict", vector(apps.FEATURES), CONNECTIONS, 5)
            samples.append(resident_memory(pid))
            total, failed = total + round(5 * run.rate), failed + run.failed
    half = len(samples) // 2
    grown = statistics.median(samples[half:]) - statistics.median(samples[:half])
    console.print(
        f"{options.minutes} minutes, about {total:,} requests, {samples[-1] / 1e6:.0f} MB"
    )
    what = f"a soak of {options.minutes:g} minutes, {total:,} requests"
    met = verdict(f"{what}: memory changed by {grown / 1e6:+.2f} MB (at most 2 MB)", grown < 2e6)
    met &= verdict("no request of the soak failed", failed == 0)
    return met, {"requests": total, "grown_bytes": grown, "resident": samples}


ROWS: dict[str, Callable[[argparse.Namespace], tuple[bool, dict[str, Any]]]] = {
    "json": typed_json,
    "digits": digits,
    "chat": text,
    "overload": overload,
    "soak": soak,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which; all by default")
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=2, help="length of the soak")
    parser.add_argument("--write", action="store_true", help="write the results down")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine.describe()}
    met = True
    for name in options.rows or ROWS:
        row_met, results[name] = ROWS[name](options)
        met &= row_met
    if options.write and not options.rows:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        where = report.place(results["machine"])
        text = "".join(f"- {claim}\n" for claim in claims)
        report.replace_between(report.README, MARKS, f"{where}\n\n{text}")
    return not met


if __name__ == "__main__":
    raise SystemExit(main())
