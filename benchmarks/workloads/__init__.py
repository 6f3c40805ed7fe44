"""What is timed, a file for each group."""

from benchmarks.rows import ROWS
from benchmarks.workloads import (
    best,
    compute,
    data,
    inference,
    memory,
    overhead,
    threads,
    training,
)

# Repeats rows of those above, so it comes after them.
from benchmarks.workloads import busy  # isort: skip

__all__ = [
    "ROWS",
    "best",
    "busy",
    "compute",
    "data",
    "inference",
    "memory",
    "overhead",
    "threads",
    "training",
]
