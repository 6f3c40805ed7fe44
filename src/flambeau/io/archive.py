"""Zip archives as PyTorch writes them: stored records, 64-byte aligned, read without trust.

The format is the one of PKWARE's APPNOTE. Only uncompressed records are accepted, so no record
can grow beyond the file, and records may not overlap, so they cannot together either.
"""

import struct
import zlib
from typing import BinaryIO, NamedTuple

from flambeau.io.errors import FormatError
from flambeau.io.files import Source, check_range

LOCAL, CENTRAL, END, END64, LOCATOR64 = (
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
)
LOCAL_FIELDS = struct.Struct("<4s5H3L2H")
CENTRAL_FIELDS = struct.Struct("<4s6H3L5H2L")
END_FIELDS = struct.Struct("<4s4H2LH")
END64_FIELDS = struct.Struct("<4sQ2H2L4Q")
LOCATOR64_FIELDS = struct.Struct("<4sLQL")
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
UTF8_NAME, ENCRYPTED = 0x0800, 0x0001
MAX_DIRECTORY = 64 << 20  # about a million records
ALIGNMENT = 64
EPOCH = 0x21  # 1 January 1980: files do not depend on the time they are written


class Record(NamedTuple):
    """Where a record's data lies in the file."""

    offset: int
    size: int
    crc: int


class _Listed(NamedTuple):
    """A record as the central directory lists it."""

    raw_name: bytes
    header: int
    size: int
    crc: int


def read_records(source: Source) -> dict[str, Record]:
    """All records of an archive by name, checked for overlaps and odd names."""
    count, size, offset = _find_directory(source)
    listed = _parse_directory(source.read(offset, size), count)
    records: dict[str, Record] = {}
    end = 0
    for item in sorted(listed, key=lambda item: item.header):
        name = _checked_name(item.raw_name)
        if name in records:
            raise FormatError(f"zip: the record {name!r} is there twice")
        if item.header < end:
            raise FormatError(f"zip: the record {name!r} overlaps another one")
        start = _data_start(source, item)
        end = start + item.size
        check_range(item.header, end - item.header, offset)
        records[name] = Record(start, item.size, item.crc)
    return records


def _find_directory(source: Source) -> tuple[int, int, int]:
    """Number of records, size and offset of the central directory."""
    tail_start = max(0, source.size - END_FIELDS.size - FULL16)
    tail = source.read(tail_start, source.size - tail_start)
    at = tail.rfind(END)
    if at < 0 or at + END_FIELDS.size > len(tail):
        raise FormatError("zip: no central directory found; the file is truncated or corrupt")
    _, disk, first_disk, _, count, size, offset, comment = END_FIELDS.unpack_from(tail, at)
    stop = tail_start + at
    if stop + END_FIELDS.size + comment != source.size:
        raise FormatError("zip: data behind the end of the archive")
    if disk or first_disk:
        raise FormatError("zip: archives in several parts are not supported")
    if count == FULL16 or FULL32 in (size, offset):
        count, size, offset, stop = _find_directory64(source, stop)
    check_range(offset, size, stop)
    if size > MAX_DIRECTORY:
        raise FormatError(f"zip: the central directory claims {size} bytes")
    return count, size, offset


def _find_directory64(source: Source, stop: int) -> tuple[int, int, int, int]:
    start = stop - LOCATOR64_FIELDS.size
    signature, _, offset, _ = LOCATOR64_FIELDS.unpack(source.read(start, LOCATOR64_FIELDS.size))
    if signature != LOCATOR64:
        raise FormatError("zip: the locator of the 64-bit directory is missing")
    fields = END64_FIELDS.unpack(source.read(offset, END64_FIELDS.size))
    if fields[0] != END64 or offset + END64_FIELDS.size > start:
        raise FormatError("zip: the end record of the 64-bit directory is corrupt")
    return fields[7], fields[8], fields[9], offset


def _parse_directory(data: bytes, count: int) -> list[_Listed]:
    listed, at = [], 0
    for _ in range(count):
        if at + CENTRAL_FIELDS.size > len(data):
            raise FormatError("zip: the central directory is truncated")
        fields = CENTRAL_FIELDS.unpack_from(data, at)
        signature, flags, method, crc = fields[0], fields[3], fields[4], fields[7]
        stored, size, header = fields[8], fields[9], fields[16]
        name_end = at + CENTRAL_FIELDS.size + fields[10]
        raw_name = data[at + CENTRAL_FIELDS.size : name_end]
        extra = data[name_end : name_end + fields[11]]
        at = name_end + fields[11] + fields[12]
        if signature != CENTRAL or at > len(data):
            raise FormatError("zip: the central directory is corrupt")
        if flags & ENCRYPTED:
            raise FormatError(f"zip: the record {raw_name[:200]!r} is encrypted")
        if method != 0:
            raise FormatError(
                f"zip: the record {raw_name[:200]!r} is compressed (method {method}), which is "
                "not supported; unpack the archive and zip it with 'zip -0'"
            )
        size, stored, header = _widen(extra, size, stored, header)
        if size != stored:
            raise FormatError(f"zip: the record {raw_name[:200]!r} has two different sizes")
        listed.append(_Listed(raw_name, header, size, crc))
    if at != len(data):
        raise FormatError("zip: the central directory has a wrong length")
    return listed


def _widen(extra: bytes, *values: int) -> list[int]:
    """Replace the 32-bit values that overflowed by their 64-bit ones from the extra field."""
    wide, at = b"", 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            wide = extra[at + 4 : at + 4 + length]
        at += 4 + length
    found, at = [], 0
    for value in values:
        if value == FULL32:
            if at + 8 > len(wide):
                raise FormatError("zip: the 64-bit sizes of a record are missing")
            value = int.from_bytes(wide[at : at + 8], "little")
            at += 8
        found.append(value)
    return found


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError(f"zip: the record name {raw[:200]!r} is not UTF-8") from None
    parts = name.split("/")
    if not name or name[0] == "/" or ".." in parts or any(c in name for c in "\\\0:"):
        raise FormatError(f"zip: suspicious record name {name[:200]!r}")
    return name


def _data_start(source: Source, item: _Listed) -> int:
    fields = LOCAL_FIELDS.unpack(source.read(item.header, LOCAL_FIELDS.size))
    name_start = item.header + LOCAL_FIELDS.size
    if fields[0] != LOCAL or source.read(name_start, fields[9]) != item.raw_name:
        raise FormatError(f"zip: the header of the record {item.raw_name[:200]!r} is corrupt")
    return name_start + int(fields[9]) + int(fields[10])


class ZipWriter:
    """Writes stored records front to back; needs neither seeking nor the clock."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = 0
        self._directory: list[bytes] = []

    def add(self, name: str, data: "bytes | memoryview") -> None:
        """Write a record whose data starts at a multiple of 64 bytes."""
        raw, size, crc, header = name.encode("utf-8"), len(data), zlib.crc32(data), self._offset
        wide = size >= FULL32
        extra = struct.pack("<2H2Q", 1, 16, size, size) if wide else b""
        start = header + LOCAL_FIELDS.size + len(raw) + len(extra) + 4
        padding = -start % ALIGNMENT
        extra += struct.pack("<2s H", b"FB", padding) + bytes(padding)
        short = FULL32 if wide else size
        version = 45 if wide else 20
        fields = (version, UTF8_NAME, 0, 0, EPOCH, crc, short, short, len(raw), len(extra))
        self._put(LOCAL_FIELDS.pack(LOCAL, *fields) + raw + extra)
        self._put(data)
        self._directory.append(_central(raw, size, crc, header))

    def close(self) -> None:
        """Write the central directory."""
        start, count = self._offset, len(self._directory)
        directory = b"".join(self._directory)
        self._put(directory)
        stop, size = self._offset, len(directory)
        if count >= FULL16 or size >= FULL32 or start >= FULL32:
            length = END64_FIELDS.size - 12
            fields = (END64, length, 45, 45, 0, 0, count, count, size, start)
            self._put(END64_FIELDS.pack(*fields) + LOCATOR64_FIELDS.pack(LOCATOR64, 0, stop, 1))
        count, size, start = min(count, FULL16), min(size, FULL32), min(start, FULL32)
        self._put(END_FIELDS.pack(END, 0, 0, count, count, size, start, 0))

    def _put(self, data: "bytes | memoryview") -> None:
        self._file.write(data)
        self._offset += len(data)


def _central(raw: bytes, size: int, crc: int, header: int) -> bytes:
    wide = [value for value in (size, size, header) if value >= FULL32]
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = 45 if wide else 20
    short, place = min(size, FULL32), min(header, FULL32)
    fields = (version, version, UTF8_NAME, 0, 0, EPOCH, crc, short, short)
    rest = (len(raw), len(extra), 0, 0, 0, 0, place)
    return CENTRAL_FIELDS.pack(CENTRAL, *fields, *rest) + raw + extra
