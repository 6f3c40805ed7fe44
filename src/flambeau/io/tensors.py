"""The few ways in which file formats touch tensors: bytes in, bytes out, checked geometry."""

from collections.abc import Sequence

import flambeau as fb
from flambeau.io.errors import FormatError
from flambeau.io.files import Source

MAX_DIMS = 64
MAX_BYTES = (1 << 63) - 1


def dtype_named(name: str) -> "fb.dtype":
    """The dtype of this name, or a FormatError where flambeau has none."""
    dtype = getattr(fb, name, None)
    if not isinstance(dtype, fb.dtype):
        raise FormatError(f"load: the file holds a tensor of dtype {name}, which flambeau has not")
    return dtype


def dtype_name(dtype: "fb.dtype") -> str:
    return str(dtype).rpartition(".")[2]


def is_count(value: object) -> bool:
    """Whether a value from a file is a plausible size or offset."""
    return type(value) is int and 0 <= value <= MAX_BYTES


def count_bytes(size: Sequence[object], itemsize: int, what: str) -> int:
    """Bytes of a dense tensor; refuses sizes that no memory could hold."""
    if len(size) > MAX_DIMS:
        raise FormatError(f"load: {what} has {len(size)} dimensions, more than {MAX_DIMS}")
    if not all(map(is_count, size)):
        raise FormatError(f"load: {what} has the invalid shape {_short(size)}")
    total = itemsize
    for length in sorted(size):  # type: ignore[type-var]  # zeros first: an empty tensor is fine
        total *= length  # type: ignore[operator]
        if total > MAX_BYTES:
            raise FormatError(f"load: the shape {_short(size)} of {what} is too large")
    return total


def check_geometry(
    size: Sequence[int], stride: Sequence[int], offset: int, itemsize: int, nbytes: int
) -> None:
    """Refuse a strided view that does not lie inside its storage."""
    what = "a tensor"
    dense = count_bytes(size, itemsize, what)
    if len(stride) != len(size) or not all(map(is_count, stride)) or not is_count(offset):
        raise FormatError(
            f"load: a tensor of shape {_short(size)} has invalid strides {_short(stride)} or "
            f"offset {_short(offset)}"
        )
    last = sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if dense else -1
    if (offset + last + 1) * itemsize > nbytes:
        raise FormatError(
            f"load: a tensor of shape {_short(size)}, strides {_short(stride)} and offset "
            f"{offset} lies outside of its storage of {nbytes} bytes"
        )


def _short(value: object) -> str:
    """A value from a file, cut to what fits in a message."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, list | tuple):
        inner = ", ".join(_short(item) if isinstance(item, int) else "?" for item in value[:8])
        return f"({inner}{', ...' if len(value) > 8 else ''})"
    return str(value)[:64]


def writable_bytes(tensor: "fb.Tensor") -> memoryview:
    """The memory of a contiguous uint8 tensor."""
    return memoryview(tensor.numpy()).cast("B")


def read_bytes(source: Source, offset: int, nbytes: int, align: int) -> "fb.Tensor":
    """A flat uint8 tensor of a part of the source; shares its pages where mapped and aligned."""
    if nbytes and source.mapped is not None and offset % align == 0:
        if offset + nbytes > source.size:
            raise FormatError("load: the file is truncated or corrupt")
        return fb.frombuffer(source.mapped, dtype=fb.uint8, count=nbytes, offset=offset)
    tensor = fb.empty(nbytes, dtype=fb.uint8)
    if nbytes:
        source.readinto(offset, writable_bytes(tensor))
    return tensor


def swap_bytes(flat: "fb.Tensor", width: int) -> None:
    """Reverse the bytes of each group of `width` bytes in place."""
    if width > 1:
        flat.numpy().view(f"u{width}").byteswap(inplace=True)


def view_storage(
    flat: "fb.Tensor",
    dtype: "fb.dtype",
    size: Sequence[int],
    stride: Sequence[int],
    offset: int,
) -> "fb.Tensor":
    """A new tensor over the storage of `flat` (not a view of it: versions stay apart)."""
    if flat.device.type == "meta":
        whole = fb.empty(flat.numel() // dtype.itemsize, dtype=dtype, device="meta")
        return whole.as_strided(tuple(size), tuple(stride), offset)
    typed = flat[: flat.numel() // dtype.itemsize * dtype.itemsize].view(dtype)
    tensor = fb.empty(0, dtype=dtype, device=flat.device)
    return tensor.set_(typed, offset, tuple(size), tuple(stride))


def contiguous_stride(size: Sequence[int]) -> list[int]:
    stride, step = [], 1
    for length in reversed(size):
        stride.append(step)
        step *= max(length, 1)
    return stride[::-1]


def plain(tensor: "fb.Tensor", what: str) -> "fb.Tensor":
    """The tensor's data on the CPU, without graph and without lazy conjugation or negation."""
    if tensor.device.type == "meta":
        raise ValueError(f"save: {what} is on the meta device and has no data to save")
    return tensor.detach().cpu().resolve_conj().resolve_neg()


def tensor_bytes(tensor: "fb.Tensor") -> memoryview:
    """The bytes of a plain tensor in row-major order."""
    if tensor.numel() == 0:
        return memoryview(b"")
    flat = tensor.contiguous().reshape(-1).view(fb.uint8)
    return memoryview(flat.numpy()).cast("B")
