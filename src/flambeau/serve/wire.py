"""Values on their way between processes: MessagePack, and the bytes of tensors as they are.

A frame is a prefix, a head and a body. The head is the MessagePack of the value, in which a tensor
is its type, its shape and where its bytes lie in the body. Nothing in a frame is ever executed.
"""

from __future__ import annotations

import math
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

import flambeau as fb
from flambeau.serve import errors
from flambeau.serve.errors import ServeError

# A name for wrong peers, the bytes of the head and of the body.
PREFIX = struct.Struct("<4sIQ")
_NAME = b"fbw1"
_LARGEST = 4 << 30  # bytes of a frame
_ALIGNMENT = 64

_TENSOR, _ARRAY, _TUPLE, _OBJECT, _ERROR, _FAILURE = range(1, 7)
_DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
_PLAIN = {type(None), bool, int, float, str, bytes, fb.Tensor}
_LONGEST_TEXT = 32 << 10

Pieces = list[bytes | memoryview]


class WireError(Exception):
    """A value cannot be sent, or a frame is broken."""


class RemoteFailure(Exception):
    """What a model raised in another process, with its traceback."""


# ---- to a frame -------------------------------------------------------------------


def pack(value: Any) -> Pieces:
    """Return the pieces of a frame.

    Plain values, lists, tuples, dicts, tensors and NumPy arrays arrive as what they were; data
    classes, msgspec structs, pydantic models, enums, dates and the like do if their class is found
    by its name in its module. Exceptions arrive as text, but for ServeErrors.

    Raises:
        WireError: the value holds something else.
    """
    packer = _Packer()
    try:
        head = packer.encode(value)
    except WireError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise WireError(f"a value cannot be sent to another process: {error}") from error
    prefix = PREFIX.pack(_NAME, len(head), packer.used)
    return [prefix + head + bytes(_padding(PREFIX.size + len(head))), *packer.pieces]


def _padding(size: int) -> int:
    """How many bytes are missing to where a tensor may begin."""
    return -size % _ALIGNMENT


class _Packer:
    """Collects the bytes of tensors beside the head."""

    def __init__(self) -> None:
        self.pieces: Pieces = []
        self.used = 0
        self._encoder = msgspec.msgpack.Encoder(enc_hook=self._extend)

    def encode(self, value: Any) -> bytes:
        return self._encoder.encode(_wrapped(value))

    def _extend(self, value: Any) -> Any:
        if isinstance(value, fb.Tensor):
            return self._ext(_TENSOR, self._tensor(value))
        if isinstance(value, _Boxed):
            if value.kind == _TUPLE:
                return msgspec.msgpack.Ext(_TUPLE, self.encode(list(value.value)))
            return self._ext(_OBJECT, _object(value.value))
        if isinstance(value, ServeError):
            told = [type(value).__name__, value.message, value.param, value.retry_after]
            return self._ext(_ERROR, told)
        if isinstance(value, BaseException):
            return self._ext(_FAILURE, _described(value))
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic):
            value = numpy.asarray(value)
        if numpy is not None and isinstance(value, numpy.ndarray):
            return self._ext(_ARRAY, self._array(value, numpy))
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        raise WireError(f"a value of type {name} cannot be sent to another process")

    def _ext(self, code: int, content: list[Any]) -> msgspec.msgpack.Ext:
        return msgspec.msgpack.Ext(code, msgspec.msgpack.encode(content))

    def _tensor(self, tensor: Any) -> list[Any]:
        dtype = str(tensor.dtype).rpartition(".")[2]
        if dtype not in _DTYPES or tensor.layout is not fb.strided:
            raise WireError(f"a tensor of {tensor.dtype}, {tensor.layout} cannot be sent")
        flat = tensor.detach().cpu().contiguous().resolve_conj().reshape(-1).view(fb.uint8)
        return [dtype, list(tensor.shape), *self._append(memoryview(flat))]

    def _array(self, array: Any, numpy: Any) -> list[Any]:
        if array.dtype.hasobject or array.dtype.names:
            raise WireError(f"an array of {array.dtype} cannot be sent to another process")
        flat = numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)
        return [array.dtype.str, list(array.shape), *self._append(memoryview(flat))]

    def _append(self, piece: memoryview) -> tuple[int, int]:
        offset, size = self.used, piece.nbytes
        if size:
            padding = _padding(size)
            self.pieces += [piece, bytes(padding)] if padding else [piece]
            self.used += size + padding
        return offset, size


class _Boxed:
    """A value that MessagePack must not turn into plain ones."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: int, value: Any) -> None:
        self.kind = kind
        self.value = value


def _wrapped(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        if _PLAIN.issuperset(map(type, value.values())):
            return value
        return {name: _wrapped(part) for name, part in value.items()}
    if kind is list:
        return value if _PLAIN.issuperset(map(type, value)) else [_wrapped(part) for part in value]
    if kind is tuple:
        return _Boxed(_TUPLE, value)
    if isinstance(value, BaseException | fb.Tensor) or kind.__module__ == "numpy":
        return value
    return _Boxed(_OBJECT, value)


def _object(value: Any) -> list[Any]:
    kind = type(value)
    if _find(kind.__module__, kind.__qualname__) is not kind:
        name = f"{kind.__module__}.{kind.__qualname__}"
        raise WireError(
            f"an object of {name} cannot be sent to another process: its class is not found by "
            "that name; define it at the top of a module"
        )
    dump = getattr(value, "model_dump_json", None)
    content = dump().encode() if dump is not None else msgspec.msgpack.encode(value)
    return [kind.__module__, kind.__qualname__, content]


def _described(error: BaseException) -> list[Any]:
    name = type(error).__name__
    return [name, "".join(traceback.format_exception(error))[-_LONGEST_TEXT:]]


# ---- from a frame -----------------------------------------------------------------


class Frame:
    """A frame that is being received: fill :attr:`room` until :meth:`advance` returns a value."""

    def __init__(self) -> None:
        self._memory = memoryview(bytearray(PREFIX.size))
        self._filled = 0
        self._head = -1  # not known yet

    @property
    def room(self) -> memoryview:
        """Where the next bytes go."""
        return self._memory[self._filled :]

    def advance(self, count: int) -> bool:
        """Note that so many bytes have come; tell whether the frame is complete.

        Raises:
            WireError: the frame is none.
        """
        self._filled += count
        if self._filled < len(self._memory):
            return False
        if self._head >= 0:
            return True
        name, head, body = PREFIX.unpack(self._memory)
        if name != _NAME or head + body > _LARGEST or not head:
            raise WireError("what came is no frame")
        # Tensors lie over this memory: it must be aligned as the memory of tensors is.
        size = PREFIX.size + head
        whole = fb.empty(size + _padding(size) + body, dtype=fb.uint8)
        self._memory = memoryview(whole)
        self._memory[: PREFIX.size] = PREFIX.pack(name, head, body)
        self._head = head
        return False

    def value(self) -> Any:
        """Return what was packed.

        Raises:
            WireError: the frame is broken.
        """
        end = PREFIX.size + self._head
        unpacker = _Unpacker(self._memory[end + _padding(end) :])
        try:
            return unpacker.decode(self._memory[PREFIX.size : end])
        except WireError:
            raise
        except Exception as error:
            raise WireError(f"a frame is broken: {error}") from error


class _Unpacker:
    def __init__(self, body: memoryview) -> None:
        self._body = body
        self._decoder = msgspec.msgpack.Decoder(ext_hook=self._revive)

    def decode(self, head: bytes | memoryview) -> Any:
        return self._decoder.decode(head)

    def _revive(self, code: int, data: memoryview) -> Any:
        if code == _TUPLE:
            return tuple(self.decode(data))
        revive = _REVIVERS.get(code)
        if revive is None:
            raise WireError(f"a frame holds an unknown kind of value: {code}")
        return revive(self, msgspec.msgpack.decode(data))

    def _piece(self, offset: int, size: int) -> memoryview:
        if not 0 <= offset <= offset + size <= len(self._body):
            raise WireError("a tensor lies outside of its frame")
        return self._body[offset : offset + size]

    def _tensor(self, content: list[Any]) -> Any:
        name, shape, offset, size = content
        if name not in _DTYPES:
            raise WireError(f"a frame holds a tensor of unknown type {name!r}")
        piece, dtype = self._piece(offset, size), getattr(fb, name)
        if math.prod(shape) * dtype.itemsize != size or min(shape, default=0) < 0:
            raise WireError("a tensor's shape does not match its bytes")
        if not size:
            return fb.empty(shape, dtype=dtype)
        return fb.frombuffer(piece, dtype=fb.uint8).view(dtype).view(shape)

    def _array(self, content: list[Any]) -> Any:
        import numpy

        name, shape, offset, size = content
        array = numpy.frombuffer(self._piece(offset, size), dtype=numpy.dtype(name)).reshape(shape)
        return array if array.shape else array[()]

    def _object(self, content: list[Any]) -> Any:
        module, name, data = content
        kind = _find(module, name)
        if not isinstance(kind, type):
            raise WireError(f"a frame holds an object of unknown class {module}.{name}")
        validate = getattr(kind, "model_validate_json", None)
        return validate(data) if validate is not None else msgspec.msgpack.decode(data, type=kind)

    def _error(self, content: list[Any]) -> ServeError:
        name, message, param, retry_after = content
        kind = getattr(errors, str(name), None)
        if not (isinstance(kind, type) and issubclass(kind, ServeError)):
            kind = ServeError
        return kind(message, param=param, retry_after=retry_after)

    def _failure(self, content: list[Any]) -> RemoteFailure:
        name, text = content
        return RemoteFailure(f"{name} in a process of the model.\n{text}")


_REVIVERS: dict[int, Callable[[_Unpacker, list[Any]], Any]] = {
    _TENSOR: _Unpacker._tensor,
    _ARRAY: _Unpacker._array,
    _OBJECT: _Unpacker._object,
    _ERROR: _Unpacker._error,
    _FAILURE: _Unpacker._failure,
}


def _find(module: str, name: str) -> Any:
    """Return a class that is loaded; None where there is none. Nothing is imported."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
