"""Check what no formatter checks: file lengths, paths of one machine, unfinished places, big files.

A file over 600 lines is worth splitting (a warning); over 1,000 it fails, data and tables excepted.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WARN_LINES = 600
MAX_LINES = 1000
MAX_BYTES = 3_000_000
CODE = {".py", ".pyi", ".cpp", ".h", ".cu", ".ts", ".tsx", ".css", ".cmake", ".sh"}
# Written by a script from the operator registry, or tables by nature.
GENERATED = re.compile(r"src/flambeau/(_C\.pyi|_operators/.*\.pyi)$")
TABLE = re.compile(r"_table\.(h|cpp|py)$")
# Assembled from parts, so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?:^|[^\w.-])/(?:" + "|".join(["work", "farm", "root", "home"]) + ")/")
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r")\b")


def tracked_files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


def errors_in(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), start=1):
        if MACHINE_PATH.search(line):
            yield f"{name}:{number}: a path of one machine: {line.strip()[:80]}"
        if Path(name).suffix in CODE and UNFINISHED.search(line):
            yield f"{name}:{number}: an unfinished place: {line.strip()[:80]}"


def is_table(name: str) -> bool:
    return GENERATED.search(name) is not None or TABLE.search(name) is not None


def lint(names: list[str]) -> tuple[list[str], list[str]]:
    errors, warnings = [], []
    for name in names:
        data = (ROOT / name).read_bytes()
        if len(data) > MAX_BYTES:
            errors.append(f"{name}: {len(data):,} bytes, over {MAX_BYTES:,}")
        if b"\0" in data[:8192]:
            continue
        text = data.decode("utf-8", errors="replace")
        errors.extend(errors_in(name, text))
        lines = text.count("\n")
        if Path(name).suffix not in CODE or is_table(name) or lines <= WARN_LINES:
            continue
        if lines > MAX_LINES:
            errors.append(f"{name}: {lines} lines, over {MAX_LINES}: split it")
        else:
            warnings.append(f"{name}: {lines} lines, over {WARN_LINES}: consider a split")
    return errors, warnings


def main() -> int:
    errors, warnings = lint(tracked_files())
    print(*(f"warning: {warning}" for warning in warnings), *errors, sep="\n", end="")
    if errors or warnings:
        print()
    return bool(errors)


if __name__ == "__main__":
    sys.exit(main())
