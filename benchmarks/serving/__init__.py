"""Times flambeau.serve: ``python -m benchmarks.serving``."""
