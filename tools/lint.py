"""Run every formatter, linter and type check, and say how long each took. --fix lets them write."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON_FOLDERS = ("src", "tests", "tools", "benchmarks", "examples", "cmake", "docs")
NATIVE_FOLDERS = ("csrc", "tests/native")
NATIVE_ENDINGS = ("*.h", "*.cpp", "*.cu")


def existing(folders: tuple[str, ...]) -> list[str]:
    return [folder for folder in folders if (ROOT / folder).is_dir()]


def native_files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for folder in existing(NATIVE_FOLDERS)
        for ending in NATIVE_ENDINGS
        for path in (ROOT / folder).rglob(ending)
    )


def checks(fix: bool) -> list[list[str]]:
    python = existing(PYTHON_FOLDERS)
    native = native_files()
    web = [sys.executable, "tools/web.py", "run"]
    if fix:
        return [
            ["ruff", "check", "--output-format=concise", "--fix", *python],
            ["ruff", "format", *python],
            ["clang-format", "-i", *native],
            [*web, "eslint", "--fix", "."],
            [*web, "prettier", "--log-level=warn", "--write", "."],
        ]
    return [
        ["ruff", "check", "--output-format=concise", *python],
        ["ruff", "format", "--check", *python],
        ["clang-format", "--dry-run", "-Werror", *native],
        ["mypy", "--strict", "src/flambeau"],
        [sys.executable, "tools/lint_files.py"],
        [sys.executable, "tools/op_headers.py", "--check"],
        [*web, "eslint", "--max-warnings=0", "."],
        [*web, "prettier", "--log-level=warn", "--check", "."],
        *([*web, "tsc", "--noEmit", "-p", folder] for folder in ("client", "playground")),
    ]


def main() -> int:
    failed = []
    for command in checks(fix="--fix" in sys.argv[1:]):
        # Of a Python script's command the script tells most, of a web tool's the tool.
        shown = command[3:5] if "tools/web.py" in command else command[:2]
        name = " ".join(Path(part).name for part in shown)
        if not shutil.which(command[0]):
            sys.exit(f"{command[0]} is not installed: make lint installs it")
        start = time.perf_counter()
        returned = subprocess.run(command, cwd=ROOT, check=False).returncode
        verdict = "failed" if returned else "ok"
        print(f"{name:36} {verdict:7} {time.perf_counter() - start:6.1f} s", flush=True)
        if returned:
            failed.append(name)
    if failed:
        print("lint failed:", ", ".join(failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
