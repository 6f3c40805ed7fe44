"""The safetensors format: a JSON header with dtypes, shapes and offsets, then the raw data.

Layout: 8 bytes little-endian header length, the header, the data. Written and checked after the
format's description in the safetensors project: offsets start at the end of the header, follow
each other without holes, and cover the file; names are unique; at most 100 MB of header.
"""

import json
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple

import flambeau as fb
from flambeau.io.errors import FormatError
from flambeau.io.files import BytesSource, PathOrFile, Source, open_source, open_target
from flambeau.io.tensors import (
    contiguous_stride,
    count_bytes,
    dtype_name,
    dtype_named,
    is_count,
    plain,
    read_bytes,
    swap_bytes,
    tensor_bytes,
    view_storage,
)

MAX_HEADER = 100_000_000
DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
CODES = {name: code for code, name in DTYPES.items()}


class Entry(NamedTuple):
    """Where a tensor lies in the file."""

    dtype: "fb.dtype"
    shape: list[int]
    start: int
    nbytes: int


class Header(NamedTuple):
    tensors: dict[str, Entry]
    metadata: dict[str, str]


def read_header(source: Source) -> Header:
    """Read and check everything before the data."""
    length = int.from_bytes(source.read(0, 8), "little")
    if length > MAX_HEADER:
        raise FormatError(f"safetensors: the header claims {length} bytes, over {MAX_HEADER}")
    header = _parse_json(source.read(8, length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise FormatError("safetensors: __metadata__ must map strings to strings")
    entries = {name: _parse_entry(name, fields, 8 + length) for name, fields in header.items()}
    _check_layout(entries, 8 + length, source.size)
    return Header(entries, metadata)


def _parse_json(text: bytes) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise FormatError("safetensors: the header holds a name twice")
        return found

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"safetensors: the header is not valid JSON: {error}") from None
    if not isinstance(header, dict):
        raise FormatError("safetensors: the header must be a JSON object")
    return header


def _parse_entry(name: str, fields: object, data_start: int) -> Entry:
    what = f"tensor {name[:200]!r}"
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"safetensors: {what} needs exactly dtype, shape and data_offsets")
    code, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise FormatError(f"safetensors: {what} has the unknown dtype {str(code)[:64]!r}")
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise FormatError(f"safetensors: {what} needs a list as shape and two data_offsets")
    start, stop = offsets
    if not is_count(start) or not is_count(stop) or start > stop:
        raise FormatError(f"safetensors: {what} has invalid data_offsets")
    dtype = dtype_named(DTYPES[code])
    nbytes = count_bytes(shape, dtype.itemsize, what)
    if nbytes != stop - start:
        raise FormatError(
            f"safetensors: {what} of dtype {code} and shape {shape} takes {nbytes} bytes, but its "
            f"data_offsets span {stop - start}"
        )
    return Entry(dtype, shape, data_start + start, nbytes)


def _check_layout(entries: Mapping[str, Entry], start: int, size: int) -> None:
    """Tensors must follow each other: an overlap or a hole can hide something."""
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].nbytes)):
        if entry.start != start:
            kind = "overlaps another tensor" if entry.start < start else "leaves a hole before it"
            raise FormatError(f"safetensors: the data of tensor {name[:200]!r} {kind}")
        start += entry.nbytes
    if start != size:
        raise FormatError(
            f"safetensors: the file has {size} bytes, but its header describes {start}; it is "
            "truncated or corrupt"
        )


def read_tensor(source: Source, entry: Entry) -> "fb.Tensor":
    flat = read_bytes(source, entry.start, entry.nbytes, entry.dtype.itemsize)
    if sys.byteorder == "big":
        swap_bytes(flat, entry.dtype.itemsize // (2 if entry.dtype.is_complex else 1))
    return view_storage(flat, entry.dtype, entry.shape, contiguous_stride(entry.shape), 0)


def read_all(source: Source, device: "str | fb.device" = "cpu") -> dict[str, "fb.Tensor"]:
    """All tensors of an open source; on the meta device without reading their data."""
    tensors = read_header(source).tensors
    if fb.device(device).type == "meta":
        return {n: fb.empty(e.shape, dtype=e.dtype, device="meta") for n, e in tensors.items()}
    return {name: read_tensor(source, entry).to(device) for name, entry in tensors.items()}


def write(
    tensors: Mapping[str, "fb.Tensor"],
    path_or_file: PathOrFile,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write named tensors; everything is checked before the first byte goes out."""
    ordered = _ordered(tensors)
    header: dict[str, object] = {}
    if metadata:
        if not all(isinstance(item, str) for pair in metadata.items() for item in pair):
            raise TypeError("safetensors: metadata must map strings to strings")
        header["__metadata__"] = dict(metadata)
    offset = 0
    for name, tensor in ordered:
        stop = offset + tensor.numel() * tensor.dtype.itemsize
        code = CODES[dtype_name(tensor.dtype)]
        header[name] = {
            "dtype": code,
            "shape": list(tensor.shape),
            "data_offsets": [offset, stop],
        }
        offset = stop
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(f"safetensors: the header takes {len(text)} bytes, over {MAX_HEADER}")
    with open_target(path_or_file) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            file.write(_little_endian(tensor))


def _little_endian(tensor: "fb.Tensor") -> memoryview:
    if sys.byteorder == "big":
        tensor = tensor.clone().contiguous()
        flat = tensor.reshape(-1).view(fb.uint8)
        swap_bytes(flat, tensor.dtype.itemsize // (2 if tensor.dtype.is_complex else 1))
    return tensor_bytes(tensor)


def _ordered(tensors: Mapping[str, "fb.Tensor"]) -> list[tuple[str, "fb.Tensor"]]:
    """Widest dtype first, so that every tensor is aligned and can be mapped."""
    if not isinstance(tensors, Mapping):
        hint = "; pass its state_dict()" if hasattr(tensors, "state_dict") else ""
        raise TypeError(
            f"safetensors: expected a dict of tensors, but got {type(tensors).__name__}{hint}"
        )
    for name, tensor in tensors.items():
        if not isinstance(name, str) or not isinstance(tensor, fb.Tensor):
            raise TypeError(
                "safetensors: the format holds a flat dict from names to tensors, but the entry "
                f"{name!r} is a {type(tensor).__name__}; flatten it, or save to a .pt file"
            )
        if name == "__metadata__":
            raise ValueError("safetensors: the name '__metadata__' is reserved")
        if dtype_name(tensor.dtype) not in CODES:
            raise TypeError(
                f"safetensors: tensor {name!r} has dtype {dtype_name(tensor.dtype)}, which the "
                "format cannot hold; convert it, or save to a .pt file"
            )
    found = [(name, plain(tensor, f"tensor {name!r}")) for name, tensor in tensors.items()]
    return sorted(found, key=lambda item: (-item[1].dtype.itemsize, item[0]))


class safe_open:
    """Open a safetensors file and read its tensors one by one.

    Args:
        filename: Path of the file.
        framework: Accepted for the sake of the safetensors package; ignored.
        device: Where tensors go.

    Example:
        >>> import flambeau, tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "w.safetensors")
        >>> save_file({"w": flambeau.ones(2, 3)}, path, {"made": "today"})
        >>> with safe_open(path) as file:
        ...     print(file.keys(), file.metadata(), file.get_tensor("w").shape)
        ['w'] {'made': 'today'} torch.Size([2, 3])
    """

    def __init__(
        self,
        filename: PathOrFile,
        framework: str | None = None,
        device: "str | fb.device" = "cpu",
    ) -> None:
        self._device = device
        self._opened = open_source(filename, use_mmap=not hasattr(filename, "read"))
        self._source = self._opened.__enter__()
        try:
            self._header = read_header(self._source)
        except BaseException:
            self._opened.__exit__(None, None, None)
            raise

    def __enter__(self) -> "safe_open":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.__exit__(None, None, None)

    def keys(self) -> list[str]:
        """Names of the tensors."""
        return list(self._header.tensors)

    def metadata(self) -> dict[str, str]:
        """The texts stored beside the tensors."""
        return dict(self._header.metadata)

    def get_tensor(self, name: str) -> "fb.Tensor":
        """One tensor; its memory is the mapped file (private: writing changes no file)."""
        if name not in self._header.tensors:
            raise KeyError(f"safetensors: the file holds no tensor named {name!r}")
        return read_tensor(self._source, self._header.tensors[name]).to(self._device)


def save_file(
    tensors: Mapping[str, "fb.Tensor"],
    filename: PathOrFile,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Save named tensors to a safetensors file, replaced atomically.

    Tensors that share memory are written each in full, and are separate when loaded.
    """
    write(tensors, filename, metadata)


def load_file(
    filename: PathOrFile, device: "str | fb.device" = "cpu", *, mmap: bool = True
) -> dict[str, "fb.Tensor"]:
    """Load all tensors of a safetensors file, by default over its mapped pages.

    Raises:
        FormatError: The file is truncated, corrupt or not safetensors.
    """
    with open_source(filename, use_mmap=mmap and not hasattr(filename, "read")) as source:
        return read_all(source, device)


def save(tensors: Mapping[str, "fb.Tensor"], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with these tensors."""
    import io

    buffer = io.BytesIO()
    write(tensors, buffer, metadata)
    return buffer.getvalue()


def load(data: bytes) -> dict[str, "fb.Tensor"]:
    """The tensors in the bytes of a safetensors file."""
    return read_all(BytesSource(bytes(data)))


__all__ = ["load", "load_file", "safe_open", "save", "save_file"]
