"""Time flambeau beside PyTorch and print the ratios."""

from __future__ import annotations

import argparse
import re
import sys

from rich.console import Console

from benchmarks import machine, report
from benchmarks.runner import MAX_FOREIGN, WITHOUT_WORKER, Plan, Result, run
from benchmarks.workloads import ROWS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="?", default="", help="regular expression on group or row")
    parser.add_argument("--quick", action="store_true", help="3 short rounds in place of 15")
    parser.add_argument("--rounds", type=int, help="how many rounds")
    parser.add_argument("--seconds", type=float, help="length of one sample")
    parser.add_argument(
        *("--force", "--busy-ok"),
        dest="busy_ok",
        action="store_true",
        help="measure although the machine is busy",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write benchmarks/results/*.md and .json; all rows: into README.md, too",
    )
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    parser.add_argument(
        "--compiled", action="store_true", help="torch.compile beside them, where it runs (slow)"
    )
    parser.add_argument("--ours", default="flambeau", help="the module under test")
    parser.add_argument("--theirs", default="torch", help="the module to compare with")
    return parser.parse_args()


def plan(options: argparse.Namespace) -> Plan:
    rounds, seconds = (3, 0.05) if options.quick else (15, 0.3)
    return Plan(options.rounds or rounds, options.seconds or seconds, not options.busy_ok)


def main() -> int:
    options = arguments()
    wanted = re.compile(options.rows)
    rows = [row for row in ROWS if wanted.search(f"{row.group}: {row.name}")]
    others = [name for name in WITHOUT_WORKER if wanted.search(f"start-up: {name}")]
    if options.list:
        print(*(f"{row.group}: {row.name}" for row in rows), sep="\n")
        print(*(f"start-up: {name}" for name in others), sep="\n")
        return 0
    if not rows and not others:
        sys.exit(f"no row matches {options.rows!r}: see --list")
    foreign = machine.foreign_load(1.0)
    if foreign > MAX_FOREIGN:
        warning = f"other processes keep {foreign:.1f} cores busy: figures would not be worth much"
        if not options.busy_ok:
            sys.exit(f"{warning}. --force measures all the same")
        print(f"warning: {warning}")
    libraries = [options.ours, options.theirs]
    if options.compiled:
        libraries.append(f"{options.theirs}.compile")
    console = Console(stderr=True)

    def done(result: Result) -> None:
        console.print(" | ".join(report.cells(result, libraries)), highlight=False, markup=False)

    about, results = run(rows, others, libraries, plan(options), done)
    about["foreign_load"] = foreign
    report.on_terminal(results, libraries)
    if options.write:
        written = report.write(about, results, libraries)
        if not options.rows:
            report.write_into(report.README, about, results, libraries)
            written += [report.draw(results), report.README]
        print("written:", *map(str, written))
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
