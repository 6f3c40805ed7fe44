"""What the machine can do at most, from a small program that is compiled for it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.rows import Row

SOURCE = Path(__file__).with_suffix(".cpp")


@cache
def program() -> str | None:
    """Return the path of the compiled probe; None where it cannot be built."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        return None
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    path = os.path.join(folder, "limits")
    options = ["-std=c++20", "-O3", "-march=native", "-pthread"]
    built = subprocess.run([compiler, *options, SOURCE, "-o", path], capture_output=True)
    return None if built.returncode else path


def rate(what: str) -> float:
    """Measure operations a second in ``float32`` or ``bfloat16``, or bytes a second of ``memory``.

    0 where the probe does not run.
    """
    path = program()
    if path is None:
        return 0.0
    ran = subprocess.run([path, what], capture_output=True, text=True)
    return float(ran.stdout) if ran.returncode == 0 else 0.0


def seconds(row: Row) -> float:
    """The least time that one unit of a row's work can take here and now; 0 if it is not known."""
    arithmetic, traffic = 0.0, 0.0
    if row.flops and (peak := rate(row.dtype)):
        arithmetic = row.flops / peak
    if row.traffic and (bandwidth := rate("memory")):
        traffic = row.traffic / bandwidth
    return max(arithmetic, traffic)
