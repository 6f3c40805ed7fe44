"""Getting the samples of a batch out of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flambeau.utils.data._utils.collate import default_collate
from flambeau.utils.data.dataset import batch_getter

Collate = Callable[[Any], Any]


class MapFetcher:
    """Fetches by index.

    Args:
        dataset: where from.
        auto_collation: the sampler gives lists of indices.
        collate_fn: makes a batch of samples.
        drop_last: unused here, the sampler sees to it.
    """

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Collate, drop_last: bool
    ) -> None:
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        by_default = auto_collation and collate_fn is default_collate
        self._get_batch = batch_getter(dataset) if by_default else None

    def fetch(self, index: Any) -> Any:
        """Return the batch (or sample) of the given indices (or index)."""
        if not self.auto_collation:
            return self.collate_fn(self.dataset[index])
        if self._get_batch is not None:
            batch = self._get_batch(index)
            if batch is not NotImplemented:
                return batch
            self._get_batch = None
        get_items = getattr(self.dataset, "__getitems__", None)
        if get_items:
            return self.collate_fn(get_items(index))
        return self.collate_fn([self.dataset[place] for place in index])


class IterableFetcher:
    """Fetches the next samples of a stream; raises StopIteration at its end.

    Args:
        dataset: where from.
        auto_collation: indices only say how many samples make a batch.
        collate_fn: makes a batch of samples.
        drop_last: leave out a last batch that is short.
    """

    def __init__(
        self, dataset: Any, auto_collation: bool, collate_fn: Collate, drop_last: bool
    ) -> None:
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self._samples: Iterator[Any] = iter(dataset)
        self._ended = False

    def fetch(self, index: Any) -> Any:
        """Return the next batch (or sample)."""
        if self._ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self._samples))
        samples = []
        for _ in index:
            try:
                samples.append(next(self._samples))
            except StopIteration:
                self._ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)
