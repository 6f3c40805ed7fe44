"""The idx format of the MNIST files: big-endian sizes, then bytes; plain or gzipped."""

import gzip
import os
import zlib
from pathlib import Path

import flambeau as fb
from flambeau.io.errors import FormatError

UNSIGNED_BYTES = 0x08
MAX_BYTES = 1 << 31


def read_idx(path: str | os.PathLike[str]) -> "fb.Tensor":
    """Read an idx file of unsigned bytes.

    Args:
        path: File, or the same with ``.gz`` behind it.

    Returns:
        uint8 tensor of the shape in the file.

    Raises:
        FormatError: The file is truncated, corrupt or holds something else.
    """
    name = Path(path)
    zipped = name if name.suffix == ".gz" else name.with_name(name.name + ".gz")
    opened = gzip.open(zipped) if zipped.exists() else open(name, "rb")  # noqa: SIM115
    with opened as file:
        try:
            magic = file.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != UNSIGNED_BYTES:
                raise FormatError(f"read_idx: {name} is not an idx file of unsigned bytes")
            sizes = file.read(4 * magic[3])
            shape = [int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4)]
            count = 1
            for size in shape:
                count = min(count * size, MAX_BYTES + 1)
            if len(sizes) != 4 * magic[3] or count > MAX_BYTES:
                raise FormatError(f"read_idx: {name} claims the impossible shape {shape[:8]}")
            data = file.read(count + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"read_idx: {name} is corrupt: {error}") from None
    if len(data) != count:
        raise FormatError(f"read_idx: {name} should hold {count} bytes, but has another length")
    if not count:
        return fb.empty(shape, dtype=fb.uint8)
    return fb.frombuffer(bytearray(data), dtype=fb.uint8).reshape(shape)
