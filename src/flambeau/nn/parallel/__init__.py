"""Running one module on several devices."""

from flambeau.nn.parallel.data_parallel import DataParallel as DataParallel

__all__ = ["DataParallel"]
