"""flambeau timed beside PyTorch: `python -m benchmarks --help`.

workloads.py says what is timed, worker.py times it in one process per library, runner.py takes the
turns, report.py prints. The method is in docs/benchmarks.md.
"""
