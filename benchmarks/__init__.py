"""flambeau timed beside PyTorch: `python -m benchmarks --help`.

rows.py says what a row is, workloads/ has the rows, a file for each group. worker.py times them in
one process per library, runner.py takes the turns, report.py prints. The method is in
docs/performance.md.
"""
