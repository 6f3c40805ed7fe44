"""One library in one process: takes requests as JSON lines on stdin, answers on stdout.

Started by runner.py as `python -m benchmarks.worker flambeau`. A name that ends in `.compile` means
that the library compiles every statement.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import statistics
import sys
import threading
import time
import timeit
from typing import Any, TextIO

import numpy as np

from benchmarks.rows import Draw, Row
from benchmarks.workloads import ROWS

BATCH_SECONDS = 0.01
MAX_COMPARED = 1_000_000


def reset_peak_memory() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory() -> int:
    """The most memory held since the last reset, in bytes."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_held() -> int:
    """The resident memory of this process, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def involuntary_switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def quantile(values: list[float], share: float) -> float:
    """That of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))]


class Worker:
    def __init__(self, library: str) -> None:
        name, _, compiled = library.partition(".")
        self.library: Any = importlib.import_module(name)
        self.compiled = bool(compiled)
        self.imported = memory_held()
        self.names: dict[str, Any] = {}
        self.row: Row = ROWS[0]
        self.timer = timeit.Timer()
        self.calls = 1

    def about(self) -> dict[str, Any]:
        return {
            "version": str(self.library.__version__),
            "threads": self.library.get_num_threads(),
        }

    def make(self, row: str, reference: bool) -> None:
        self.row = next(candidate for candidate in ROWS if candidate.name == row)
        self.library.set_grad_enabled(self.row.grad)
        self.names = self.row.make(self.library, Draw(self.library, self.row, reference))

    def prepare(self, row: str) -> dict[str, Any]:
        """Make the row's names, and find how many calls fill a batch."""
        self.names.clear()
        gc.collect()
        reset_peak_memory()
        self.make(row, reference=False)
        self.timer = self.make_timer()
        first = self.timer.timeit(1)
        self.calls = 1
        while first < 1 and (took := self.timer.timeit(self.calls)) < BATCH_SECONDS / 2:
            self.calls = max(self.calls * 2, int(self.calls * BATCH_SECONDS / max(took, 1e-9) / 2))
        if self.row.quantile != 0.5:
            self.calls = 1
        return {"calls": self.calls}

    def make_timer(self) -> timeit.Timer:
        if not self.compiled:
            return timeit.Timer(self.row.statement, globals=self.names)
        exec(f"def run():\n for _ in (0,):\n  {self.row.statement}", self.names)
        return timeit.Timer(self.library.compile(self.names["run"]))

    def fresh(self, row: str) -> dict[str, Any]:
        """In a process that has done nothing yet: how much more time the first call takes than the
        next ones, and how much memory some calls take beside what the import did."""
        self.make(row, reference=False)
        reset_peak_memory()
        timer = self.make_timer()
        first, *others = (timer.timeit(1) for _ in range(4))
        return {
            "first": first - statistics.median(others),
            "memory": peak_memory() - self.imported,
        }

    def together(self, threads: int, seconds: float) -> dict[str, Any]:
        """Time single calls from several threads at once."""
        end = time.perf_counter() + seconds
        code = compile(self.row.statement, "statement", "exec")
        taken: list[list[float]] = [[] for _ in range(threads)]

        def work(times: list[float]) -> None:
            self.library.set_grad_enabled(self.row.grad)
            while (start := time.perf_counter()) < end:
                exec(code, self.names)
                times.append(time.perf_counter() - start)

        workers = [threading.Thread(target=work, args=(times,)) for times in taken]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        every = sorted(took for times in taken for took in times)
        rate = len(every) / seconds
        return {"rate": rate, "median": quantile(every, 0.5), "tail": quantile(every, 0.99)}

    def results(self, row: str, path: str, reference: bool) -> dict[str, Any]:
        """Write what the row's statement computes to ``path``."""
        self.make(row, reference)
        if "check" in self.names:
            tensors = self.names["check"]()
        else:
            tensors = [eval(part, self.names) for part in self.row.statement.split(";")]
        arrays = [tensor.detach().to(self.library.float64).numpy().ravel() for tensor in tensors]
        arrays = [array[:: max(1, array.size // MAX_COMPARED)] for array in arrays]
        np.savez(path, *arrays)
        self.names.clear()
        return {"arrays": len(arrays)}

    def sample(self, seconds: float) -> dict[str, Any]:
        """Time the row for at least ``seconds``: the median over batches, per unit of work."""
        batches = []
        switches = involuntary_switches()
        cpu, start = time.process_time(), time.perf_counter()
        while time.perf_counter() - start < seconds:
            batches.append(self.timer.timeit(self.calls) / self.calls / self.row.per)
        return {
            "seconds": quantile(sorted(batches), self.row.quantile),
            "fastest": min(batches),
            "wall": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "switches": involuntary_switches() - switches,
            "peak": peak_memory(),
        }

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        actions = (self.about, self.prepare, self.results, self.sample, self.fresh, self.together)
        action = {action.__name__: action for action in actions}[request.pop("do")]
        try:
            return action(**request)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def private_stdout() -> TextIO:
    """The pipe to the parent; what the library itself prints goes to stderr instead."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return pipe


def main() -> None:
    pipe = private_stdout()
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=pipe)


if __name__ == "__main__":
    main()
