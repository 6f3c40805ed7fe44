"""The machine beside the benchmark: what else runs on it, a neighbour that keeps a core busy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
SETTLE_SECONDS = 0.02


def busy_seconds() -> float:
    """CPU time spent on all cores since boot, stolen time included."""
    with open("/proc/stat") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) * TICK


def foreign_load(seconds: float) -> float:
    """How many cores other processes keep busy, seen over ``seconds`` in which this one sleeps."""
    before, start = busy_seconds(), time.perf_counter()
    time.sleep(seconds)
    return (busy_seconds() - before) / (time.perf_counter() - start)


def describe() -> dict[str, object]:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model.group(1) if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": platform.platform(),
        "date": time.strftime("%Y-%m-%d"),
    }


class Neighbour:
    """A process that computes without end on one core, or wherever the system puts it."""

    def __init__(self, kind: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        if kind == "pinned":
            os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})
        self.process.send_signal(signal.SIGSTOP)

    @contextmanager
    def awake(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGCONT)
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def import_seconds(library: str) -> float:
    """CPU time of a Python process that does nothing but import ``library``."""
    process = subprocess.Popen([sys.executable, "-c", f"import {library}"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"import {library} failed")
    return usage.ru_utime + usage.ru_stime


def distributions(name: str, seen: set[str]) -> Iterator[importlib.metadata.Distribution]:
    """The installed distribution ``name`` and everything it needs, each once."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen:
        return
    seen.add(key)
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # a requirement of another platform
    yield distribution
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement:
            needed = re.match(r"[\w.-]+", requirement)
            if needed:
                yield from distributions(needed.group(), seen)


def installed_bytes(name: str) -> int:
    """Bytes on disk of ``name`` and its dependencies, 0 where it is not installed."""
    return sum(
        path.stat().st_size
        for distribution in distributions(name, set())
        for file in distribution.files or ()
        if (path := Path(str(file.locate()))).is_file()
    )
