"""The memory behind tensors, as bytes."""

from collections.abc import Iterator

import flambeau as fb


class UntypedStorage:
    """A block of memory on one device, which tensors view with sizes, strides and a dtype.

    Args:
        size: Number of bytes; they are not initialised.
        device: Where they are.

    Example:
        >>> import flambeau
        >>> a = flambeau.zeros(2, 3)
        >>> a.untyped_storage().nbytes(), a[1].untyped_storage().nbytes()
        (24, 24)
    """

    __slots__ = ("_flat",)

    def __init__(self, size: int = 0, *, device: "str | fb.device" = "cpu") -> None:
        self._flat = fb.empty(size, dtype=fb.uint8, device=device)

    @classmethod
    def of(cls, tensor: "fb.Tensor") -> "UntypedStorage":
        """The storage of a tensor."""
        storage = cls.__new__(cls)
        start = tensor.detach().as_strided((0,), (1,), 0).view(fb.uint8)
        nbytes = tensor._storage_nbytes()
        storage._flat = fb.empty(0, dtype=fb.uint8, device=start.device).set_(
            start, 0, (nbytes,), (1,)
        )
        return storage

    def as_tensor(self) -> "fb.Tensor":
        """All bytes, as a flat uint8 tensor over this memory."""
        return self._flat

    @property
    def device(self) -> "fb.device":
        """Where the memory is."""
        return self._flat.device

    def nbytes(self) -> int:
        """Number of bytes."""
        return self._flat.numel()

    size = nbytes
    __len__ = nbytes

    def element_size(self) -> int:
        """Always 1: a storage knows bytes only."""
        return 1

    def data_ptr(self) -> int:
        """Address of the first byte."""
        return self._flat.data_ptr()

    @property
    def _cdata(self) -> int:
        return self._flat._storage_ptr() or id(self)

    def __getitem__(self, index: int) -> int:
        return int(self._flat[index].item())

    def __setitem__(self, index: "int | slice", value: int) -> None:
        self._flat[index] = value

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def tolist(self) -> list[int]:
        """All bytes as numbers."""
        return self._flat.tolist()  # type: ignore[no-any-return]

    def fill_(self, value: int) -> "UntypedStorage":
        """Set every byte."""
        self._flat.fill_(value)
        return self

    def copy_(self, source: "UntypedStorage") -> "UntypedStorage":
        """Overwrite the bytes with those of a storage of the same size."""
        self._flat.copy_(source._flat)
        return self

    def clone(self) -> "UntypedStorage":
        """A copy."""
        return UntypedStorage.of(self._flat.clone())

    def cpu(self) -> "UntypedStorage":
        """The storage on the CPU: itself if it is there."""
        return self if self.device.type == "cpu" else UntypedStorage.of(self._flat.cpu())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(device={self.device}) of size {self.nbytes()}"


__all__ = ["UntypedStorage"]
