"""Samplers: which samples a loader takes, in which order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import flambeau as fb

if TYPE_CHECKING:
    from flambeau import Generator, Tensor

__all__ = [
    "BatchSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

T_co = TypeVar("T_co", covariant=True)

# Indices with replacement are drawn in blocks of this size, which is part of the random stream.
_BLOCK = 32


class Sampler(Generic[T_co]):
    """Base class: a subclass yields indices from ``__iter__``, and may define ``__len__``."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """All indices in order.

    Args:
        data_source: a data set with a length.
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Indices in random order, a new one each time.

    Args:
        data_source: a data set with a length.
        replacement: draw each index anew, so that some come twice.
        num_samples: how many; the length of the data set if None.
        generator: where they come from; if None a new generator, seeded by the default one.

    Raises:
        TypeError: ``replacement`` is no bool.
        ValueError: ``num_samples`` is not positive.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(
                f"replacement should be a boolean value, but got replacement={replacement}"
            )
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                "num_samples should be a positive integer value, but got "
                f"num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """How many indices one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        for indices in self._blocks():
            yield from indices.tolist()

    def _blocks(self) -> Iterator[Tensor]:
        """Draw the indices of one pass; the last block may be empty, and is drawn all the same."""
        size, wanted, generator = len(self.data_source), self.num_samples, self.generator
        if generator is None:
            generator = fb.Generator().manual_seed(new_seed())
        if self.replacement:
            for _ in range(wanted // _BLOCK):
                yield fb.randint(size, (_BLOCK,), generator=generator)
            yield fb.randint(size, (wanted % _BLOCK,), generator=generator)
        else:
            for _ in range(wanted // size):
                yield fb.randperm(size, generator=generator)
            yield fb.randperm(size, generator=generator)[: wanted % size]

    def __len__(self) -> int:
        return self.num_samples


def new_seed(generator: Generator | None = None) -> int:
    """Draw a seed, non-negative and below 2**63."""
    return int(fb.empty((), dtype=fb.int64).random_(generator=generator).item())


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: which.
        generator: where the order comes from; the default generator if None.
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in fb.randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Index ``i`` with a probability in proportion to ``weights[i]``.

    Args:
        weights: one for each sample, not negative; they need not add up to 1.
        num_samples: how many to draw.
        replacement: whether an index may come twice.
        generator: where they come from; the default generator if None.

    Raises:
        ValueError: ``num_samples`` is not positive, ``replacement`` no bool, or the weights not
            1-d.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        _check_positive("num_samples", num_samples)
        _check_bool("replacement", replacement)
        self.weights = fb.as_tensor(weights, dtype=fb.float64)
        if self.weights.dim() != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = fb.multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of indices from another sampler.

    Args:
        sampler: where the indices come from.
        batch_size: how many to a list.
        drop_last: leave out a last list that is shorter.

    Raises:
        ValueError: ``batch_size`` is not positive, or ``drop_last`` no bool.

    Example:
        >>> from flambeau.utils.data import BatchSampler, SequentialSampler
        >>> list(BatchSampler(SequentialSampler(range(5)), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool
    ) -> None:
        _check_positive("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if self.drop_last and len(batch) < self.batch_size:
                return
            yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be a boolean value, but got {name}={value}")
