"""Data sets: what a loader takes samples from."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import flambeau as fb

if TYPE_CHECKING:
    from flambeau import Generator, Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by index: a subclass defines ``__getitem__``, and ``__len__`` for samplers.

    Two more methods make loading faster where a data set can do better than sample by sample:

    * ``__getitems__(indices)`` returns the samples of a batch as a list;
    * ``__getbatch__(indices)`` returns the whole batch as ``default_collate`` would build it, or
      ``NotImplemented``. A loader that collates by default asks it first, unless a subclass has its
      own ``__getitem__`` or ``__getitems__``.
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples from a stream: a subclass defines ``__iter__``.

    Each worker process has a copy of its own; :func:`get_worker_info` tells which share is its.
    """

    def __add__(self, other: Dataset[Any]) -> ChainDataset:
        return ChainDataset([self, other])


def batch_getter(dataset: Any) -> Callable[[Any], Any] | None:
    """Return ``dataset.__getbatch__`` if it speaks for the data set's samples, else None."""
    for cls in type(dataset).__mro__:
        members = vars(cls)
        if "__getbatch__" in members:
            getter: Callable[[Any], Any] = dataset.__getbatch__
            return getter
        if "__getitem__" in members or "__getitems__" in members:
            return None
    return None


class TensorDataset(Dataset[tuple["Tensor", ...]]):
    """Rows of tensors: sample ``i`` is ``(t[i] for t in tensors)``.

    Args:
        tensors: at least one, all with the same first dimension.

    Raises:
        AssertionError: the first dimensions differ.

    Example:
        >>> import flambeau as fb
        >>> data = fb.utils.data.TensorDataset(fb.arange(4), fb.arange(4) * 10)
        >>> data[2]
        (tensor(2), tensor(20))
        >>> next(iter(fb.utils.data.DataLoader(data, batch_size=3)))
        [tensor([0, 1, 2]), tensor([ 0, 10, 20])]
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if any(tensor.size(0) != tensors[0].size(0) for tensor in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getbatch__(self, indices: Any) -> Any:
        rows = fb.as_tensor(indices)
        if rows.dtype != fb.int64 or rows.dim() != 1:
            return NotImplemented
        rows = fb.where(rows < 0, rows + len(self), rows)
        return [tensor.index_select(0, rows) for tensor in self.tensors]

    def __len__(self) -> int:
        return int(self.tensors[0].size(0))


class StackDataset(Dataset[Any]):
    """Several data sets side by side: a sample is a tuple of samples, or a dict by keyword.

    Args:
        args: data sets of one length, or
        kwargs: the same with names.

    Raises:
        ValueError: none, both kinds, or different lengths.
    """

    datasets: tuple[Dataset[Any], ...] | dict[str, Dataset[Any]]

    def __init__(self, *args: Dataset[Any], **kwargs: Dataset[Any]) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like "
                "input/output, but both types are given."
            )
        self.datasets = args or kwargs
        lengths = {len(part) for part in self._parts()}  # type: ignore[arg-type]
        if not lengths:
            raise ValueError("At least one dataset should be passed")
        if len(lengths) > 1:
            raise ValueError("Size mismatch between datasets")
        self._length = lengths.pop()

    def _parts(self) -> Iterable[Dataset[Any]]:
        return self.datasets.values() if isinstance(self.datasets, dict) else self.datasets

    def _join(self, samples: Iterable[Any]) -> Any:
        if isinstance(self.datasets, dict):
            return dict(zip(self.datasets, samples, strict=True))
        return tuple(samples)

    def __getitem__(self, index: Any) -> Any:
        return self._join(part[index] for part in self._parts())

    def __getitems__(self, indices: list[Any]) -> list[Any]:
        columns = []
        for part in self._parts():
            column = _samples(part, indices)
            if len(column) != len(indices):
                raise ValueError(
                    "Nested dataset's output size mismatch. "
                    f"Expected {len(indices)}, got {len(column)}"
                )
            columns.append(column)
        return [self._join(row) for row in zip(*columns, strict=True)]

    def __getbatch__(self, indices: Any) -> Any:
        batches = []
        for part in self._parts():
            getter = batch_getter(part)
            batch = NotImplemented if getter is None else getter(indices)
            if batch is NotImplemented:
                return NotImplemented
            batches.append(batch)
        return self._join(batches) if isinstance(self.datasets, dict) else batches

    def __len__(self) -> int:
        return self._length


def _samples(dataset: Any, indices: Sequence[Any]) -> Any:
    """Return the samples of a batch, by the data set's own way if it has one."""
    if callable(getattr(dataset, "__getitems__", None)):
        return dataset.__getitems__(indices)
    return [dataset[index] for index in indices]


class ConcatDataset(Dataset[T_co]):
    """Data sets one after the other.

    Args:
        datasets: at least one, with lengths.

    Raises:
        AssertionError: none, or a stream among them.
    """

    datasets: list[Dataset[T_co]]
    cumulative_sizes: list[int]

    @staticmethod
    def cumsum(sequence: Iterable[Any]) -> list[int]:
        """Return where each data set ends."""
        return list(itertools.accumulate(len(item) for item in sequence))

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        super().__init__()
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(part, IterableDataset) for part in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = self.cumsum(self.datasets)

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        if idx < 0:
            if -idx > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            idx += len(self)
        part = bisect.bisect_right(self.cumulative_sizes, idx)
        if part == len(self.datasets):
            raise IndexError(f"index {idx} is out of range for a dataset of {len(self)} samples")
        return self.datasets[part][idx - (self.cumulative_sizes[part - 1] if part else 0)]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    Args:
        datasets: streams.
    """

    def __init__(self, datasets: Iterable[Dataset[Any]]) -> None:
        super().__init__()
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for part in self.datasets:
            if not isinstance(part, IterableDataset):
                raise AssertionError("ChainDataset only supports IterableDataset")
            yield part

    def __iter__(self) -> Iterator[Any]:
        for stream in self._streams():
            yield from stream

    def __len__(self) -> int:
        return sum(len(stream) for stream in self._streams())


class Subset(Dataset[T_co]):
    """Some samples of a data set.

    Args:
        dataset: where from.
        indices: which, in this order.

    Raises:
        NotImplementedError: a subclass has its own ``__getitem__`` but loads batches without it.
    """

    dataset: Dataset[T_co]
    indices: Sequence[int]

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        cls = type(self)
        if cls.__getitem__ is not Subset.__getitem__ and cls.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{cls.__name__} overrides __getitem__ but not __getitems__, by which loaders get "
                "batches. Define it as well:\n"
                "def __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, idx: Any) -> T_co:
        if isinstance(idx, list):
            return self.dataset[self._inner(idx)]
        return self.dataset[self.indices[idx]]

    def _inner(self, indices: Sequence[int]) -> list[int]:
        return [self.indices[index] for index in indices]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        samples: list[T_co] = _samples(self.dataset, self._inner(indices))
        return samples

    def __getbatch__(self, indices: list[int]) -> Any:
        getter = batch_getter(self.dataset)
        return NotImplemented if getter is None else getter(self._inner(indices))

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Dataset[T], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[T]]:
    """Split a data set at random into parts that do not overlap.

    Args:
        dataset: what to split, with a length ``n``.
        lengths: number of samples of each part, or shares that add up to 1; what rounding down
            leaves over goes one each to the first parts.
        generator: where the permutation comes from; the default generator if None.

    Returns:
        One :class:`Subset` a part.

    Raises:
        ValueError: the lengths do not add up, or a share is not between 0 and 1.
    """
    size = len(dataset)  # type: ignore[arg-type]
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        counts = _counts(size, lengths)
    else:
        counts = [int(length) for length in lengths]
    if sum(counts) != size:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = fb.randperm(size, generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]


def _counts(size: int, shares: Sequence[float]) -> list[int]:
    for index, share in enumerate(shares):
        if not 0 <= share <= 1:
            raise ValueError(f"Fraction at index {index} is not between 0 and 1")
    counts = [math.floor(size * share) for share in shares]
    for index in range(size - sum(counts)):
        counts[index % len(counts)] += 1
    for index, count in enumerate(counts):
        if count == 0:
            warnings.warn(
                f"Length of split at index {index} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return counts
