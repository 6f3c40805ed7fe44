"""Batches from a worker to its parent, through memory that both have mapped.

Each worker has a few anonymous memory files, opened by the parent before the worker starts: nothing
has a name that could be left behind, and the system frees the memory once nobody has it mapped. A
batch is pickled with its tensors and arrays left out; those are written one after the other into a
file that is free. The parent builds its tensors right over that memory. When the last of them is
gone the file goes back to the worker, whose next batch finds the pages in place. A parent that
keeps its batches gets copies instead, so that the number of files is bounded and never runs out.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import flambeau as fb

# Where tensors start in a file: a cache line, and a vector register.
_ALIGNMENT = 64
# What else there is to say goes through memory as well if it is longer, so that messages never fill
# the pipe: a worker could wait for its parent, and that for the worker.
_LONGEST_HEADER = 16 << 10
# Batches that a parent may hold without a copy, for each worker.
HELD = 2


class Parcel(NamedTuple):
    """Where a batch lies."""

    file: int  # -1: nowhere but in `header`
    size: int  # of the file
    # Pickled: the batch without its bytes, pickled, and offset and length of each run of them. Or
    # offset and length of where that lies.
    header: bytes | tuple[int, int]


def open_memory() -> int:
    """Return a descriptor of an anonymous, empty file in memory."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("flambeau-loader", os.MFD_CLOEXEC)
    import tempfile

    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


# ---- tensors in pickles -----------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Leaves the bytes of tensors out, and notes which of them lie in a file already."""

    def __init__(self, stream: io.BytesIO, buffers: list[Any], file: _File | None) -> None:
        super().__init__(stream, protocol=5, buffer_callback=buffers.append)
        self._file = file
        self.offsets: dict[int, int] = {}  # by id of the buffer, which `buffers` keeps alive

    def reducer_override(self, value: Any) -> Any:
        plain = type(value) is fb.Tensor and value.layout is fb.strided
        if not plain or value.device.type != "cpu":
            return NotImplemented
        if value.requires_grad and not value.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since "
                "autograd does not support crossing process boundaries.  If you just want to "
                "transfer the data, call detach() on the tensor before serializing (e.g., putting "
                "it on the queue)."
            )
        return _rebuild, self._describe(value.detach(), value.requires_grad)

    def _describe(self, tensor: Any, requires_grad: bool) -> tuple[Any, ...]:
        # Dense tensors keep the order of their dimensions in memory, as channels-last ones.
        strides = tensor.stride()
        order = sorted(range(tensor.dim()), key=lambda d: -strides[d])
        if not tensor.permute(order).is_contiguous():
            order = list(range(tensor.dim()))
        flat = tensor.permute(order).contiguous().reshape(-1).view(fb.uint8)
        buffer = None
        if flat.numel():
            buffer = pickle.PickleBuffer(memoryview(flat))
            inside = None if self._file is None else self._file.offset_of(flat)
            if inside is not None:
                self.offsets[id(buffer)] = inside
        name = str(tensor.dtype).rsplit(".", 1)[-1]
        return buffer, name, tuple(tensor.shape), order, requires_grad


def _rebuild(
    data: Any, name: str, shape: tuple[int, ...], order: list[int], requires_grad: bool
) -> Any:
    dtype = getattr(fb, name)
    if data is None:
        tensor = fb.empty(shape, dtype=dtype)
    else:
        tensor = data.view(dtype).view([shape[d] for d in order])
        if order != sorted(order):
            tensor = tensor.permute([order.index(d) for d in range(len(order))])
    return tensor.requires_grad_() if requires_grad else tensor


# ---- the worker's side ------------------------------------------------------------


class _File:
    """A memory file that a worker writes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = 0
        self.memory: Any = None
        self.tensor: Any = None  # the same memory as a tensor of bytes

    def grow(self, size: int) -> None:
        """Make the file at least ``size`` bytes long; what is in it stays."""
        if size > self.size:
            self.size = -(-(size + size // 4) // mmap.PAGESIZE) * mmap.PAGESIZE
            os.ftruncate(self.descriptor, self.size)
            self.memory = memoryview(mmap.mmap(self.descriptor, self.size))
            self.tensor = fb.frombuffer(self.memory, dtype=fb.uint8)

    def offset_of(self, tensor: Any) -> int | None:
        """Return where in the file a tensor of bytes lies, or None."""
        if not self.size:
            return None
        offset = int(tensor.data_ptr() - self.tensor.data_ptr())
        return offset if 0 <= offset <= self.size - tensor.numel() else None


class Outbox:
    """Packs batches into the files that are free.

    Args:
        descriptors: of the files.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._files = [_File(descriptor) for descriptor in descriptors]
        self._free = list(range(len(self._files)))  # first comes whose turn it is
        self._used = 0  # bytes of it

    def is_full(self) -> bool:
        """Tell whether no file is free."""
        return not self._free

    def give_back(self, files: Sequence[int]) -> None:
        """Note that the parent has done with some files."""
        self._free += files

    def begin(self) -> None:
        """Start a new batch."""
        self._used = 0

    def room_for(self, tensors: Sequence[Any]) -> Any:
        """Return a tensor to stack others into, so that the batch need not be copied.

        None where that is not possible, or where no batch has told the size yet.
        """
        first, file = tensors[0], self._files[self._free[0]]
        size = first.numel() * first.element_size() * len(tensors)
        start = _aligned(self._used)
        if not size or start + size > file.size:
            return None
        for tensor in tensors:
            if (
                tensor.requires_grad
                or tensor.shape != first.shape
                or tensor.dtype != first.dtype
                or tensor.layout is not fb.strided
                or tensor.device.type != "cpu"
            ):
                return None
        self._used = start + size
        return file.tensor[start : self._used].view(first.dtype).view(len(tensors), *first.shape)

    def pack(self, batch: Any) -> Parcel:
        """Write a batch into a file and tell what the parent has to know."""
        number = self._free[0]
        file = self._files[number]
        buffers: list[pickle.PickleBuffer] = []
        stream = io.BytesIO()
        pickler = _Pickler(stream, buffers, file)
        pickler.dump(batch)
        spans: list[tuple[int, int]] = []
        pieces: list[tuple[int, memoryview]] = []
        for buffer in buffers:
            raw, offset = buffer.raw(), pickler.offsets.get(id(buffer))
            if offset is None:
                offset = self._append(raw, pieces)
            spans.append((offset, raw.nbytes))
        header: Any = pickle.dumps((stream.getvalue(), spans), protocol=5)
        if len(header) > _LONGEST_HEADER:
            header = self._append(memoryview(header), pieces), len(header)
        elif not spans:
            return Parcel(-1, 0, header)
        file.grow(max(self._used, 1))  # an empty array alone takes a file, too
        for offset, piece in pieces:
            file.memory[offset : offset + piece.nbytes] = piece
        del self._free[0]
        return Parcel(number, file.size, header)

    def _append(self, piece: memoryview, pieces: list[tuple[int, memoryview]]) -> int:
        offset = _aligned(self._used)
        self._used = offset + piece.nbytes
        pieces.append((offset, piece))
        return offset


# ---- the parent's side ------------------------------------------------------------


class Inbox:
    """Builds the batches of one worker over the memory they lie in.

    Args:
        descriptors: of the worker's files.
    """

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._descriptors = descriptors
        self._memory: dict[int, memoryview] = {}
        # By file: what the tensors over it hold. Asked, not called back: Python drops a Ctrl-C that
        # comes while a weak reference calls back.
        self._leases: dict[int, list[weakref.ref[memoryview]]] = {}
        self._done: list[int] = []

    def take_done(self) -> list[int]:
        """Return the files that may go back to the worker, once."""
        self._end_leases()
        done, self._done = self._done, []
        return done

    def _end_leases(self) -> None:
        for file, pieces in list(self._leases.items()):
            if all(piece() is None for piece in pieces):
                del self._leases[file]
                self._done.append(file)

    def discard(self, parcel: Parcel) -> None:
        """Let a batch go unseen."""
        if parcel.file >= 0:
            self._done.append(parcel.file)

    def unpack(self, parcel: Parcel) -> Any:
        """Build a batch."""
        number, header = parcel.file, parcel.header
        if number < 0:
            return pickle.loads(pickle.loads(header)[0])  # type: ignore[arg-type]
        memory = self._map(number, parcel.size)
        if isinstance(header, tuple):
            header = bytes(memory[header[0] : sum(header)])
        pickled, spans = pickle.loads(header)
        pieces = [memory[offset : offset + length] for offset, length in spans]
        buffers = [_as_bytes(piece) for piece in pieces]
        self._end_leases()
        if pieces and len(self._leases) < HELD:
            # A tensor over a piece holds it, and so does an array over that tensor.
            self._leases[number] = [weakref.ref(piece) for piece in pieces]
            del pieces
            return pickle.loads(pickled, buffers=buffers)
        copies = [buffer.clone() for buffer in buffers]
        self._done.append(number)
        return pickle.loads(pickled, buffers=copies)

    def _map(self, number: int, size: int) -> memoryview:
        memory = self._memory.get(number)
        if memory is None or len(memory) < size:
            memory = memoryview(mmap.mmap(self._descriptors[number], size))
            self._memory[number] = memory
        return memory


def _as_bytes(piece: memoryview) -> Any:
    if not len(piece):
        return fb.empty(0, dtype=fb.uint8)
    return fb.frombuffer(piece, dtype=fb.uint8)
