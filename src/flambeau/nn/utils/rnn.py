"""Batches of sequences of different lengths: packing and padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import flambeau
from flambeau import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence_(NamedTuple):
    """The fields of :class:`PackedSequence`."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences sorted by length, time step after time step; made by :func:`pack_sequence`.

    Attributes:
        data (Tensor): the elements, (sum of lengths, *).
        batch_sizes (Tensor): number of sequences that still run at each time step, on the CPU.
        sorted_indices (Tensor): order of the sequences in ``data``; None if unchanged.
        unsorted_indices (Tensor): how to get the original order back.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            # Old programs pass data and batch sizes as one pair.
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. "
                "Instances of PackedSequence should never be created manually. "
                "They should be instantiated by functions like pack_sequence "
                "and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html"
                "#torch.nn.utils.rnn.pack_sequence"
            )
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or cast ``data`` (and move the indices); arguments as for ``Tensor.to``."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = [
            None if index is None else index.to(device=data.device)
            for index in (self.sorted_indices, self.unsorted_indices)
        ]
        return type(self)(data, self.batch_sizes, *moved)

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to(device="cpu")

    def cuda(self) -> Self:
        """Move to the CUDA device."""
        return self.to(device="cuda")

    def double(self) -> Self:
        """Cast to float64."""
        return self.to(dtype=flambeau.float64)

    def float(self) -> Self:
        """Cast to float32."""
        return self.to(dtype=flambeau.float32)

    def half(self) -> Self:
        """Cast to float16."""
        return self.to(dtype=flambeau.float16)

    def long(self) -> Self:
        """Cast to int64."""
        return self.to(dtype=flambeau.int64)

    def int(self) -> Self:
        """Cast to int32."""
        return self.to(dtype=flambeau.int32)

    def short(self) -> Self:
        """Cast to int16."""
        return self.to(dtype=flambeau.int16)

    def char(self) -> Self:
        """Cast to int8."""
        return self.to(dtype=flambeau.int8)

    def byte(self) -> Self:
        """Cast to uint8."""
        return self.to(dtype=flambeau.uint8)

    def pin_memory(self) -> Self:
        """Copy ``data`` into page-locked memory."""
        return type(self)(self.data.pin_memory(), *self[1:])

    @property
    def is_cuda(self) -> bool:
        """Whether ``data`` is on a CUDA device."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether ``data`` is in page-locked memory."""
        return bool(self.data.is_pinned())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes ``permutation``; None for None."""
    if permutation is None:
        return None
    inverse = flambeau.empty_like(permutation, memory_format=flambeau.contiguous_format)
    order = flambeau.arange(0, permutation.numel(), device=permutation.device)
    return inverse.scatter_(0, permutation, order)


def _places(lengths: list[int], batch: int) -> tuple[list[int], list[int]]:
    """Return where each packed element stands in (T, N) flattened, and the batch sizes."""
    places: list[int] = []
    sizes: list[int] = []
    running = batch
    for step in range(lengths[0]):
        while lengths[running - 1] <= step:
            running -= 1
        sizes.append(running)
        places.extend(range(step * batch, step * batch + running))
    return places, sizes


def _check_lengths(lengths: list[int], batch: int, longest: int) -> None:
    if len(lengths) != batch:
        raise RuntimeError(
            "Expected `len(lengths)` to be equal to batch_size, but got "
            f"{len(lengths)} (batch_size={batch})"
        )
    if not lengths or lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if sorted(lengths, reverse=True) != lengths:
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. "
            "You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if lengths[0] > longest:
        raise RuntimeError(
            f"Expected lengths of at most {longest}, the padded length, but got {lengths[0]}"
        )


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch of sequences.

    Args:
        input (Tensor): (T, N, *), or (N, T, *) if ``batch_first``.
        lengths (Tensor or list[int]): length of each sequence, at least 1.
        batch_first (bool): see ``input``.
        enforce_sorted (bool): require descending lengths; otherwise the sequences are sorted.
    """
    lengths = flambeau.as_tensor(lengths, dtype=flambeau.int64, device="cpu")
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = flambeau.sort(lengths, descending=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    longest, batch = input.shape[:2]
    counts = lengths.tolist()
    _check_lengths(counts, batch, longest)
    places, sizes = _places(counts, batch)
    index = flambeau.tensor(places, device=input.device)
    data = input.flatten(0, 1).index_select(0, index)
    return PackedSequence(data, flambeau.tensor(sizes), sorted_indices, None)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo :func:`pack_padded_sequence`.

    Args:
        sequence (PackedSequence): what to pad.
        batch_first (bool): return (N, T, *) instead of (T, N, *).
        padding_value (float): fills the rest.
        total_length (int): T, at least the longest length. Default: that length.

    Returns:
        The padded sequences and their lengths (N), in the original order.
    """
    sizes = sequence.batch_sizes.tolist()
    longest, batch = len(sizes), sizes[0]
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length "
                "of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    lengths = [sum(1 for size in sizes if size > n) for n in range(batch)]
    places, _ = _places(lengths, batch)
    data = sequence.data
    shape = data.shape[1:]
    flat = flambeau.full(
        (longest * batch, *shape), padding_value, dtype=data.dtype, device=data.device
    )
    padded = flat.index_copy(0, flambeau.tensor(places, device=data.device), data)
    padded = padded.view(longest, batch, *shape)
    if batch_first:
        padded = padded.transpose(0, 1)
    counts = flambeau.tensor(lengths)
    restore = sequence.unsorted_indices
    if restore is None:
        return padded, counts
    return padded.index_select(0 if batch_first else 1, restore), counts[restore.cpu()]


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of different lengths, padded to the longest.

    Args:
        sequences (list[Tensor]): each (L_i, *).
        batch_first (bool): return (N, T, *) instead of (T, N, *).
        padding_value (float): fills the rest.
        padding_side (str): ``"right"`` or ``"left"``.

    Example::

        >>> import flambeau
        >>> rows = [flambeau.tensor([1, 2]), flambeau.tensor([3])]
        >>> flambeau.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        tensor([[1, 2],
                [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    rows = tuple(sequences)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    if not rows:
        raise RuntimeError("received an empty list of sequences")
    longest = max(row.size(0) for row in rows)
    padded = [_extended(row, longest, padding_value, padding_side) for row in rows]
    return flambeau.stack(padded, 0 if batch_first else 1)


def _extended(row: Tensor, length: int, value: float, side: str) -> Tensor:
    missing = length - row.size(0)
    if missing == 0:
        return row
    gap = flambeau.full((missing, *row.shape[1:]), value, dtype=row.dtype, device=row.device)
    return flambeau.cat([row, gap] if side == "right" else [gap, row])


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Undo :func:`pad_sequence`: return the first ``lengths[i]`` elements of each sequence."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    counts = lengths.tolist()
    return [row[:length] for row, length in zip(padded_sequences, counts, strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths, each (L_i, *); see :func:`pack_padded_sequence`."""
    lengths = flambeau.as_tensor([row.size(0) for row in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Return the sequences of ``packed_sequences`` in their original order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
