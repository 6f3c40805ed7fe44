"""The memory behind tensors, as bytes or as elements of one dtype."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import flambeau as fb
from flambeau import _C


class UntypedStorage:
    """A block of memory on one device, which tensors view with sizes, strides and a dtype.

    Args:
        content: Number of bytes, which are not initialised, or the bytes as numbers.
        device: Where they are.

    Example:
        >>> import flambeau
        >>> a = flambeau.zeros(2, 3)
        >>> a.untyped_storage().nbytes(), a[1].untyped_storage().nbytes()
        (24, 24)
        >>> a.untyped_storage() == a[1].untyped_storage()
        True
    """

    __slots__ = ("_flat",)

    def __init__(
        self, content: int | Sequence[int] = 0, *, device: str | fb.device = "cpu"
    ) -> None:
        if isinstance(content, int):
            self._flat = fb.empty(content, dtype=fb.uint8, device=device)
        else:
            self._flat = fb.tensor(content, dtype=fb.uint8, device=device)

    @classmethod
    def of(cls, tensor: fb.Tensor) -> UntypedStorage:
        """Return the storage of a tensor."""
        storage = cls.__new__(cls)
        start = tensor.detach().as_strided((0,), (1,), 0).view(fb.uint8)
        nbytes = tensor._storage_nbytes()
        storage._flat = fb.empty(0, dtype=fb.uint8, device=start.device).set_(
            start, 0, (nbytes,), (1,)
        )
        return storage

    @classmethod
    def from_buffer(
        cls, buffer: Any, *, dtype: fb.dtype = fb.uint8, count: int = -1, offset: int = 0
    ) -> UntypedStorage:
        """Return a copy of (a part of) an object's bytes.

        Args:
            buffer: ``bytes`` or another object with the buffer protocol.
            dtype: What is counted.
            count: Number of elements; -1 for all.
            offset: Bytes to skip.
        """
        part = memoryview(buffer).cast("B")
        copied = fb.frombuffer(bytearray(part), dtype=dtype, count=count, offset=offset)
        return cls.of(copied.clone())

    def as_tensor(self) -> fb.Tensor:
        """Return all bytes as a flat uint8 tensor over this memory."""
        nbytes = self._flat._storage_nbytes()
        if nbytes != self._flat.numel():  # somebody resized it
            self._flat.set_(self._flat, 0, (nbytes,), (1,))
        return self._flat

    @property
    def device(self) -> fb.device:
        """Where the memory is."""
        return self._flat.device

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a CUDA device."""
        return self.device.type == "cuda"

    def get_device(self) -> int:
        """Return the number of the device; -1 for the CPU."""
        return -1 if self.device.index is None else int(self.device.index)

    def untyped(self) -> UntypedStorage:
        """Return the storage itself."""
        return self

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return int(self._flat._storage_nbytes())

    size = nbytes
    __len__ = nbytes

    def element_size(self) -> int:
        """Return 1: a storage knows bytes only."""
        return 1

    def data_ptr(self) -> int:
        """Return the address of the first byte."""
        return int(self._flat.data_ptr())

    @property
    def _cdata(self) -> int:
        return self._flat._storage_ptr() or id(self)

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same memory."""
        return isinstance(other, UntypedStorage) and self._cdata == other._cdata

    def __hash__(self) -> int:
        return hash(self._cdata)

    def __getitem__(self, index: int) -> int:
        return int(self.as_tensor()[index].item())

    def __setitem__(self, index: int | slice, value: int) -> None:
        self.as_tensor()[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """Return all bytes as numbers."""
        return self.as_tensor().tolist()  # type: ignore[no-any-return]

    def fill_(self, value: int) -> UntypedStorage:
        """Set every byte."""
        self.as_tensor().fill_(value)
        return self

    def copy_(self, source: UntypedStorage, non_blocking: bool | None = None) -> UntypedStorage:
        """Overwrite the bytes with those of a storage of the same size."""
        self.as_tensor().copy_(source.untyped().as_tensor())
        return self

    def clone(self) -> UntypedStorage:
        """Return a copy."""
        return UntypedStorage.of(self.as_tensor().clone())

    def __copy__(self) -> UntypedStorage:
        return self.clone()

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        if id(self) not in memo:
            memo[id(self)] = self.clone()
        return memo[id(self)]  # type: ignore[no-any-return]

    def to(self, *, device: str | fb.device, non_blocking: bool = False) -> UntypedStorage:
        """Return the storage on a device: itself if it is there."""
        if self.device == fb.device(device):
            return self
        return UntypedStorage.of(self.as_tensor().to(device))

    def cpu(self) -> UntypedStorage:
        """Return the storage on the CPU: itself if it is there."""
        return self.to(device="cpu")

    def resizable(self) -> bool:
        """Tell whether the memory is flambeau's own, and not shared."""
        return bool(_C._is_storage_resizable(self._flat))

    def resize_(self, nbytes: int) -> UntypedStorage:
        """Grow in place; the new bytes are not initialised.

        Args:
            nbytes: the new size. It cannot be smaller, because tensors may use all there is.

        Raises:
            RuntimeError: it would shrink, or the memory belongs to somebody else.
        """
        _C._grow_storage(self._flat, nbytes)
        return self

    def is_shared(self) -> bool:
        """Tell whether processes forked from now on see the same memory."""
        return bool(_C._is_storage_shared(self._flat))

    def share_memory_(self) -> UntypedStorage:
        """Move the content to memory that processes forked from now on see as well.

        All tensors over this storage move along; NumPy arrays made before keep the old memory.
        """
        _C._share_storage(self._flat)
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Return False: memory is pinned for accelerators only."""
        return False

    def pin_memory(self, device: Any = None) -> UntypedStorage:
        """Return the storage itself, without effect on the CPU."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}(device={self.device}) of size {self.nbytes()}"


class TypedStorage:
    """The same, counted in elements of a dtype: what ``Tensor.storage()`` returns.

    Args:
        untyped: The memory.
        dtype: Of its elements; a rest of bytes at the end does not count.

    Example:
        >>> import flambeau
        >>> flambeau.arange(6).view(2, 3)[1].storage().tolist()
        [0, 1, 2, 3, 4, 5]
    """

    __slots__ = ("_untyped", "dtype")

    def __init__(self, untyped: UntypedStorage, dtype: fb.dtype) -> None:
        self._untyped, self.dtype = untyped, dtype

    def untyped(self) -> UntypedStorage:
        """Return the memory as bytes."""
        return self._untyped

    def as_tensor(self) -> fb.Tensor:
        """Return all elements as a flat tensor over this memory."""
        flat = self._untyped.as_tensor()
        return flat[: len(self) * self.dtype.itemsize].view(self.dtype)

    def __len__(self) -> int:
        return self._untyped.nbytes() // self.dtype.itemsize

    size = __len__

    def element_size(self) -> int:
        """Return the bytes of one element."""
        return int(self.dtype.itemsize)

    def nbytes(self) -> int:
        """Return the number of bytes."""
        return self._untyped.nbytes()

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self._untyped.data_ptr()

    @property
    def device(self) -> fb.device:
        """Where the memory is."""
        return self._untyped.device

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a CUDA device."""
        return self._untyped.is_cuda

    @property
    def _cdata(self) -> int:
        return self._untyped._cdata

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypedStorage) and self._untyped == other._untyped

    def __hash__(self) -> int:
        return hash(self._untyped)

    def __getitem__(self, index: int) -> Any:
        return self.as_tensor()[index].item()

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self.as_tensor()[index] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """Return all elements as numbers."""
        return self.as_tensor().tolist()  # type: ignore[no-any-return]

    def fill_(self, value: Any) -> TypedStorage:
        """Set every element."""
        self.as_tensor().fill_(value)
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool | None = None) -> TypedStorage:
        """Overwrite the elements with those of a storage of the same length, converted."""
        self.as_tensor().copy_(source.as_tensor())
        return self

    def clone(self) -> TypedStorage:
        """Return a copy."""
        return TypedStorage(self._untyped.clone(), self.dtype)

    def cpu(self) -> TypedStorage:
        """Return the storage on the CPU: itself if it is there."""
        return TypedStorage(self._untyped.cpu(), self.dtype)

    def resizable(self) -> bool:
        """Tell whether the memory is flambeau's own, and not shared."""
        return self._untyped.resizable()

    def resize_(self, size: int) -> TypedStorage:
        """Grow to a number of elements in place: see `UntypedStorage.resize_`."""
        self._untyped.resize_(size * self.element_size())
        return self

    def is_shared(self) -> bool:
        """Tell whether processes forked from now on see the same memory."""
        return self._untyped.is_shared()

    def share_memory_(self) -> TypedStorage:
        """Move the content to shared memory: see `UntypedStorage.share_memory_`."""
        self._untyped.share_memory_()
        return self

    def is_pinned(self, device: Any = None) -> bool:
        """Return False: memory is pinned for accelerators only."""
        return False

    def pin_memory(self, device: Any = None) -> TypedStorage:
        """Return the storage itself, without effect on the CPU."""
        return self

    def __repr__(self) -> str:
        numbers = "".join(f" {value}\n" for value in self)
        return (
            f"{numbers}[{type(self).__name__}(dtype={self.dtype}, device={self.device}) "
            f"of size {len(self)}]"
        )


__all__ = ["TypedStorage", "UntypedStorage"]
