"""Where bytes come from and go to: bounded reads, memory maps, atomic replacement."""

import contextlib
import io
import mmap
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol, cast

from flambeau import _C
from flambeau.io.errors import FormatError

PathOrFile = str | os.PathLike[str] | BinaryIO
WINDOW = 1 << 16


class Source(Protocol):
    """A file to read from at any offset; a read outside of it is a FormatError."""

    size: int
    mapped: mmap.mmap | None  # copy-on-write pages that tensors may share

    def read(self, offset: int, length: int) -> bytes: ...

    def readinto(self, offset: int, target: memoryview) -> None: ...


def check_range(offset: int, length: int, size: int) -> None:
    if offset < 0 or length < 0 or offset + length > size:
        raise FormatError(
            f"load: the file is truncated or corrupt: bytes {offset} to {offset + length} are "
            f"needed, but it has {size}"
        )


class BytesSource:
    """A source in memory, mapped or not."""

    def __init__(self, data: bytes | mmap.mmap, start: int = 0) -> None:
        self._view = memoryview(data)[start:]
        self.size = len(self._view)
        self.mapped = data if isinstance(data, mmap.mmap) else None

    def read(self, offset: int, length: int) -> bytes:
        check_range(offset, length, self.size)
        return bytes(self._view[offset : offset + length])

    def readinto(self, offset: int, target: memoryview) -> None:
        check_range(offset, len(target), self.size)
        target[:] = self._view[offset : offset + len(target)]


class FileSource:
    """A source on disk, read piece by piece; never mapped, so truncation cannot crash us."""

    mapped: mmap.mmap | None = None

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        self._file = file
        self._start = start
        self.size = max(0, os.fstat(file.fileno()).st_size - start)

    def read(self, offset: int, length: int) -> bytes:
        check_range(offset, length, self.size)
        self._file.seek(self._start + offset)
        data = self._file.read(length)
        check_range(offset, length, offset + len(data))
        return data

    def readinto(self, offset: int, target: memoryview) -> None:
        check_range(offset, len(target), self.size)
        self._file.seek(self._start + offset)
        done = 0
        while done < len(target):
            count = cast(io.BufferedReader, self._file).readinto(target[done:])
            if not count:
                check_range(offset, len(target), offset + done)
            done += count


class Cursor:
    """Reads a part of a source front to back through a small window."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        check_range(start, stop - start, source.size)
        self._source = source
        self._next = start  # the source's offset behind the window
        self._stop = stop
        self._window = b""
        self._at = 0

    @property
    def position(self) -> int:
        """Offset in the source of the next byte."""
        return self._next - len(self._window) + self._at

    @property
    def remaining(self) -> int:
        return self._stop - self.position

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._window):
            self._refill(length)
            end = length
        piece = self._window[self._at : end]
        self._at = end
        return piece

    def _refill(self, length: int) -> None:
        start = self.position
        if length > self._stop - start:
            raise FormatError(
                f"load: the file is truncated or corrupt: {length} bytes are needed at offset "
                f"{start}, but only {self._stop - start} are left"
            )
        count = min(max(length, WINDOW), self._stop - start)
        self._window = self._source.read(start, count)
        self._next = start + count
        self._at = 0

    def line(self, limit: int = 1024) -> bytes:
        """The bytes up to the next newline, which is consumed."""
        found = bytearray()
        while (byte := self.take(1)) != b"\n":
            found += byte
            if len(found) > limit:
                raise FormatError(f"load: a line of more than {limit} bytes in the file's pickle")
        return bytes(found)


@contextlib.contextmanager
def open_source(path_or_file: PathOrFile, use_mmap: bool) -> Iterator[Source]:
    """Open a path or an open binary file (from its position on) for reading."""
    if isinstance(path_or_file, str | os.PathLike):
        with open(path_or_file, "rb") as file:
            if use_mmap and os.fstat(file.fileno()).st_size:
                yield BytesSource(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
            elif stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield FileSource(file)
            else:
                yield BytesSource(file.read())
        return
    if use_mmap:
        raise ValueError("load: f must be a file path in order to use the mmap argument")
    if isinstance(path_or_file, io.BytesIO):
        yield BytesSource(path_or_file.getvalue(), path_or_file.tell())
    elif isinstance(path_or_file, io.BufferedReader) and path_or_file.seekable():
        start = path_or_file.tell()
        try:
            yield FileSource(path_or_file, start)
        finally:
            path_or_file.seek(start)
    elif hasattr(path_or_file, "read"):
        data = path_or_file.read()
        if not isinstance(data, bytes):
            raise TypeError(
                "load: expected a file opened in binary mode ('rb'), but read() returned "
                f"{type(data).__name__}"
            )
        yield BytesSource(data)
    else:
        raise TypeError(
            f"load: expected a path or a binary file, but got {type(path_or_file).__name__}"
        )


@contextlib.contextmanager
def open_target(path_or_file: PathOrFile) -> Iterator[BinaryIO]:
    """Open a path (replaced atomically when the block succeeds) or a binary file for writing."""
    if isinstance(path_or_file, str | os.PathLike):
        path = os.path.realpath(path_or_file)
        if os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:  # a device or a pipe; a folder is an error here
                yield file
            return
        with _replacing(path) as file:
            yield file
    elif hasattr(path_or_file, "write"):
        yield path_or_file
    else:
        raise TypeError(
            f"save: expected a path or a binary file, but got {type(path_or_file).__name__}"
        )


class _StoredEarly(io.FileIO):
    """A new file that reaches the disk as it is written: the sync at the end waits for little."""

    STEP = 4 << 20

    def __init__(self, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self._written = self._begun = 0

    def write(self, data: Any) -> int:
        count = super().write(memoryview(data)[: self.STEP])
        self._written += count
        if self._written - self._begun >= self.STEP:
            _C._begin_storing(self.fileno(), self._begun, self._written - self._begun)
            self._begun = self._written
        return count


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".flambeau-{os.urandom(8).hex()}.tmp")
    replaces = os.path.exists(path)  # only then a power cut could cost what was there before
    try:
        file = io.BufferedWriter((_StoredEarly if replaces else io.FileIO)(temporary, "xb"))
    except OSError as error:
        raise type(error)(error.errno, error.strerror, path) from None
    try:
        with file:
            yield file
            file.flush()
            if replaces:
                os.fsync(file.fileno())
        if os.path.exists(path):
            os.chmod(temporary, stat.S_IMODE(os.stat(path).st_mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if replaces:
        _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
