"""PyTorch's files: the zip archive since 1.6, both ways, and the older stream of pickles."""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau.io.allowed import is_allowed
from flambeau.io.archive import Record, ZipWriter, read_records
from flambeau.io.errors import FormatError, UnpicklingError
from flambeau.io.files import Cursor, PathOrFile, Source, check_range, open_target
from flambeau.io.machine import Machine
from flambeau.io.numpy_file import load_arrays
from flambeau.io.pickle_writer import PickleWriter
from flambeau.io.tensors import read_bytes, tensor_bytes, writable_bytes
from flambeau.io.torch_globals import find_global
from flambeau.io.torch_tensors import TensorBuilder

PAGE_ALIGNMENT = 16  # the widest element, complex128
SMALL_RECORD = 4096
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _Archive:
    """The records of a PyTorch zip file below its one top folder."""

    def __init__(self, source: Source, records: dict[str, Record]) -> None:
        self._source = source
        roots = [name.removesuffix("data.pkl") for name in records if name.endswith("/data.pkl")]
        if len(roots) != 1 or roots[0].count("/") != 1:
            raise FormatError("load: this zip file has no single data.pkl: not saved by PyTorch")
        start = roots[0]
        if f"{start}constants.pkl" in records:
            raise FormatError(
                "load: this is a TorchScript archive, which holds code; save the state_dict of the "
                "module in PyTorch and load that"
            )
        self.records = {k.removeprefix(start): v for k, v in records.items() if k.startswith(start)}
        self._check_sums = self._has_check_sums()

    def _has_check_sums(self) -> bool:
        """PyTorch can be told to write meaningless sums; a small record shows which it is."""
        record = self.records.get("version")
        return record is not None and self._matches(record, self.small("version"))

    @staticmethod
    def _matches(record: Record, data: "bytes | memoryview") -> bool:
        return zlib.crc32(data) == record.crc

    def small(self, name: str, default: bytes = b"") -> bytes:
        """A record of a few bytes."""
        record = self.records.get(name)
        if record is None:
            return default
        if record.size > SMALL_RECORD:
            raise FormatError(f"load: the record {name} has {record.size} bytes")
        return self._source.read(record.offset, record.size)

    def find(self, name: str) -> Record:
        if name not in self.records:
            raise FormatError(f"load: the file has no record {name[:100]!r}; it is corrupt")
        return self.records[name]

    def check(self, name: str, data: "bytes | memoryview") -> None:
        if self._check_sums and not self._matches(self.records[name], data):
            raise FormatError(f"load: the record {name} is corrupt: its check sum is wrong")


def load_zip(source: Source, map_location: Any, encoding: str) -> object:
    """The object in a PyTorch zip file, or the arrays in one of NumPy's."""
    records = read_records(source)
    if records and all(name.endswith(".npy") for name in records):
        return load_arrays(source, records, map_location)
    archive = _Archive(source, records)
    byteorder = archive.small("byteorder", b"little")
    if byteorder not in (b"little", b"big"):
        raise FormatError(f"load: unknown byte order {byteorder[:40]!r}")

    def fetch(key: str, nbytes: int) -> "fb.Tensor":
        name = f"data/{key}"
        record = archive.find(name)
        if not nbytes <= record.size < nbytes + PAGE_ALIGNMENT:
            raise FormatError(
                f"load: the record {name} has {record.size} bytes, but {nbytes} are expected"
            )
        flat = read_bytes(source, record.offset, record.size, PAGE_ALIGNMENT)
        if source.mapped is None:
            archive.check(name, writable_bytes(flat))
        return flat

    builder = TensorBuilder(fetch, map_location, byteorder.decode())

    def persistent_load(saved: object) -> object:
        if type(saved) is not tuple or len(saved) != 5 or saved[0] not in ("storage", b"storage"):
            raise UnpicklingError("load: the file refers to something that is not a storage")
        return builder.storage(*saved[1:]).handle

    pickle = archive.find("data.pkl")
    cursor = Cursor(source, pickle.offset, pickle.offset + pickle.size)
    return _machine(cursor, builder, persistent_load, encoding).run()


def _machine(
    cursor: Cursor, builder: TensorBuilder, persistent_load: Any, encoding: str
) -> Machine:
    def find(module: str, name: str) -> object:
        return find_global(builder.globals, module, name)

    return Machine(cursor, find, persistent_load, is_allowed, encoding)


def load_legacy(source: Source, map_location: Any, encoding: str) -> object:
    """The object in a file of PyTorch before 1.6: five pickles, then the storages.

    The storages come last, so the pickle is read twice: once on the meta device to learn which
    storages there are, and again when it is known where they lie.
    """
    cursor = Cursor(source, 0, source.size)

    def plain() -> object:
        return _machine(cursor, scan, _no_persistent_load, encoding).run()

    scan = TensorBuilder(_no_fetch, "meta", "little")
    if plain() != LEGACY_MAGIC or plain() != LEGACY_PROTOCOL:
        raise FormatError("load: this pickle was not written by PyTorch's save")
    system = plain()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise FormatError("load: the file was written on a big-endian machine before PyTorch 1.6")
    start = cursor.position
    _machine(cursor, scan, _legacy_storages(scan), encoding).run()
    stop = cursor.position
    offsets = _legacy_offsets(source, scan, plain(), cursor)

    def fetch(key: str, nbytes: int) -> "fb.Tensor":
        return read_bytes(source, offsets[key], nbytes, PAGE_ALIGNMENT)

    builder = TensorBuilder(fetch, map_location, "little")
    cursor = Cursor(source, start, stop)
    return _machine(cursor, builder, _legacy_storages(builder), encoding).run()


def _no_fetch(key: str, nbytes: int) -> "fb.Tensor":
    raise AssertionError("data of a meta tensor")


def _no_persistent_load(saved: object) -> object:
    raise UnpicklingError("load: the file refers to a storage where there is none")


def _legacy_storages(builder: TensorBuilder) -> Callable[[object], object]:
    def persistent_load(saved: object) -> object:
        if type(saved) is not tuple or len(saved) != 6 or saved[0] not in ("storage", b"storage"):
            raise UnpicklingError(
                "load: the file holds a whole module with its source; save its state_dict instead"
            )
        if saved[5] is not None:
            raise UnpicklingError("load: parts of storages (PyTorch before 0.4) are not supported")
        return builder.storage(*saved[1:5]).handle

    return persistent_load


def _legacy_offsets(
    source: Source, scan: TensorBuilder, keys: object, cursor: Cursor
) -> dict[str, int]:
    """Where each storage lies: 8 bytes number of elements, then the elements."""
    offset, offsets = cursor.position, dict[str, int]()
    for key in keys if isinstance(keys, list) else [None]:
        name = key.decode("latin-1") if isinstance(key, bytes) else str(key)
        stored = scan.stored.get(name)
        if stored is None or name in offsets:
            raise FormatError("load: the file's list of storages is corrupt")
        width = stored.dtype.itemsize if stored.dtype is not None else 1
        count = int.from_bytes(source.read(offset, 8), "little", signed=True)
        if count * width != stored.flat.numel():
            raise FormatError(f"load: a storage has {count} elements, not as many as announced")
        offsets[name] = offset + 8
        offset += 8 + count * width
        check_range(offset, 0, source.size)
    if len(offsets) < len(scan.stored):
        raise FormatError("load: the data of some storages is missing in the file")
    return offsets


def save_zip(obj: object, path_or_file: PathOrFile) -> None:
    """Write a zip file that PyTorch's load reads with weights_only=True."""
    writer = PickleWriter()
    pickle = writer.dump(obj)
    with open_target(path_or_file) as file:
        archive = ZipWriter(file)
        archive.add("archive/data.pkl", pickle)
        archive.add("archive/byteorder", sys.byteorder.encode())
        for key, flat in enumerate(writer.storages):
            archive.add(f"archive/data/{key}", tensor_bytes(flat))
        archive.add("archive/version", b"3\n")
        archive.close()
