"""A sampler for training on several machines or processes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import flambeau as fb
from flambeau.utils.data.dataset import Dataset
from flambeau.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """The share of one process: every ``num_replicas``-th index, from number ``rank`` on.

    Call :meth:`set_epoch` before each pass, or the order is the same each time.

    Args:
        dataset: a data set with a length.
        num_replicas: number of processes; the process group's if None.
        rank: number of this process; the process group's if None.
        shuffle: permute the indices, with the same seed in every process.
        seed: of the permutation; the epoch is added.
        drop_last: leave out what does not divide evenly; otherwise some samples come twice.

    Raises:
        ValueError: ``rank`` is out of range.
        RuntimeError: there is no process group to ask.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = int(_process_group().get_world_size())
        if rank is None:
            rank = int(_process_group().get_rank())
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        size = len(dataset)  # type: ignore[arg-type]
        self.num_samples = size // num_replicas if drop_last else math.ceil(size / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)  # type: ignore[arg-type]
        if self.shuffle:
            generator = fb.Generator().manual_seed(self.seed + self.epoch)
            indices = fb.randperm(size, generator=generator).tolist()
        else:
            indices = list(range(size))
        # Start again from the front until there is enough for everyone.
        indices = (indices * math.ceil(self.total_size / max(1, size)))[: self.total_size]
        return iter(indices[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Set what is added to the seed."""
        self.epoch = epoch


def _process_group() -> Any:
    distributed = getattr(fb, "distributed", None)
    if distributed is None or not distributed.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return distributed
