"""What is timed, a file for each group."""

from benchmarks.rows import ROWS
from benchmarks.workloads import busy, compute, data, inference, memory, overhead, training

__all__ = ["ROWS", "busy", "compute", "data", "inference", "memory", "overhead", "training"]
