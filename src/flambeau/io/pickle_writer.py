"""Writes the pickles of PyTorch's files: protocol 2, only what weights_only=True reads."""

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau.io.allowed import is_allowed
from flambeau.io.tensors import dtype_name, plain
from flambeau.io.torch_globals import DTYPES, STORAGE_OF
from flambeau.storage import UntypedStorage

BATCH = 1000


class PickleWriter:
    """Turns one object into a pickle; the storages it names are listed in `storages`."""

    def __init__(self) -> None:
        self.storages: list[fb.Tensor] = []  # flat uint8 tensors, by key
        self._out = bytearray()
        self._memo: dict[object, int] = {}
        self._alive: list[object] = []  # keeps ids in the memo unique
        self._open_tuples: set[int] = set()
        self._keys: dict[tuple[int, int], tuple[int, str]] = {}

    def dump(self, obj: object) -> bytes:
        """The pickle of an object.

        Raises:
            TypeError: It contains something that is no tensor and no plain data.
            ValueError: It is nested too deep, or a tuple contains itself.
        """
        self._out += b"\x80\x02"
        try:
            self._write(obj)
        except RecursionError:
            raise ValueError("save: the object is nested too deep") from None
        self._out += b"."
        return bytes(self._out)

    def _write(self, obj: Any) -> None:
        if (write := WRITERS.get(type(obj))) is not None:
            write(self, obj)
        elif isinstance(obj, fb.Tensor):
            self._shared(obj, self._tensor)
        elif isinstance(obj, fb.dtype):
            self._dtype(obj)
        elif isinstance(obj, fb.device):
            index = () if obj.index is None else (obj.index,)
            self._call("torch", "device", obj.type, *index)
        elif isinstance(obj, fb.Size):
            self._shared(obj, lambda size: self._call("torch", "Size", tuple(size)))
        elif isinstance(obj, UntypedStorage):
            self._storage(self._key(obj.as_tensor(), "")[0], "")
        elif is_allowed(type(obj)):
            self._shared(obj, self._instance)
        elif type(obj).__module__ == "numpy" and hasattr(obj, "item") and obj.shape == ():
            self._write(obj.item())
        else:
            raise TypeError(self._complaint(obj))

    @staticmethod
    def _complaint(obj: object) -> str:
        name = f"{type(obj).__module__}.{type(obj).__qualname__}"
        if hasattr(obj, "state_dict"):
            cure = "save its state_dict()"
        elif type(obj).__module__ == "numpy":
            cure = "turn it into a tensor with from_numpy"
        else:
            cure = "turn it into tensors, numbers, strings, lists and dicts"
        return f"save: cannot save an object of type {name}; {cure}"

    # memo

    def _shared(self, obj: object, write: Callable[[Any], None]) -> None:
        """Write an object, or a reference if it was written before."""
        if not self._recall(id(obj)):
            write(obj)
            self._remember(id(obj), obj)

    def _recall(self, key: object) -> bool:
        index = self._memo.get(key)
        if index is not None:
            self._out += b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)
        return index is not None

    def _remember(self, key: object, obj: object) -> None:
        index = self._memo[key] = len(self._memo)
        self._alive.append(obj)
        self._out += b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)

    # plain data

    def _none(self, obj: None) -> None:
        self._out += b"N"

    def _bool(self, obj: bool) -> None:
        self._out += b"\x88" if obj else b"\x89"

    def _int(self, obj: int) -> None:
        if 0 <= obj < 1 << 8:
            self._out += struct.pack("<cB", b"K", obj)
        elif 0 <= obj < 1 << 16:
            self._out += struct.pack("<cH", b"M", obj)
        elif -(1 << 31) <= obj < 1 << 31:
            self._out += struct.pack("<ci", b"J", obj)
        else:
            length = obj.bit_length() // 8 + 1
            if length > 255:
                raise ValueError(f"save: an integer of {obj.bit_length()} bits is too large")
            self._out += b"\x8a" + bytes([length]) + obj.to_bytes(length, "little", signed=True)

    def _float(self, obj: float) -> None:
        self._out += b"G" + struct.pack(">d", obj)

    def _str(self, obj: str) -> None:
        if not self._recall(obj):
            data = obj.encode("utf-8", "surrogatepass")
            if len(data) >= 1 << 32:
                raise ValueError("save: a string of more than 4 GiB")
            self._out += b"X" + struct.pack("<I", len(data)) + data
            self._remember(obj, obj)

    def _bytes(self, obj: bytes) -> None:
        self._shared(
            obj, lambda data: self._call("_codecs", "encode", data.decode("latin1"), "latin1")
        )

    def _bytearray(self, obj: bytearray) -> None:
        self._shared(obj, lambda data: self._call("__builtin__", "bytearray", bytes(data)))

    def _complex(self, obj: complex) -> None:
        self._call("__builtin__", "complex", obj.real, obj.imag)

    def _dtype(self, obj: "fb.dtype") -> None:
        if dtype_name(obj) not in DTYPES:
            raise TypeError(f"save: PyTorch's files cannot hold the dtype {obj}")
        self._global("torch", dtype_name(obj))

    # containers

    def _tuple(self, obj: tuple[object, ...]) -> None:
        if not obj:
            self._out += b")"
            return
        if self._recall(id(obj)):
            return
        if id(obj) in self._open_tuples:
            raise ValueError("save: a tuple contains itself")
        self._open_tuples.add(id(obj))
        self._out += b"" if len(obj) <= 3 else b"("
        for item in obj:
            self._write(item)
        self._out += {1: b"\x85", 2: b"\x86", 3: b"\x87"}.get(len(obj), b"t")
        self._open_tuples.remove(id(obj))
        self._remember(id(obj), obj)

    def _list(self, obj: list[object]) -> None:
        if self._recall(id(obj)):
            return
        self._out += b"]"
        self._remember(id(obj), obj)
        for start in range(0, len(obj), BATCH):
            self._out += b"("
            for item in obj[start : start + BATCH]:
                self._write(item)
            self._out += b"e"

    def _dict(self, obj: dict[object, object]) -> None:
        if not self._recall(id(obj)):
            self._out += b"}"
            self._remember(id(obj), obj)
            self._items(obj)

    def _ordered_dict(self, obj: "OrderedDict[object, object]") -> None:
        if not self._recall(id(obj)):
            self._call("collections", "OrderedDict")
            self._remember(id(obj), obj)
            self._items(obj)
            if obj.__dict__:
                self._write(obj.__dict__)
                self._out += b"b"

    def _counter(self, obj: "Counter[object]") -> None:
        self._shared(obj, lambda found: self._call("collections", "Counter", dict(found)))

    def _items(self, obj: dict[Any, Any]) -> None:
        items = list(obj.items())
        for start in range(0, len(items), BATCH):
            self._out += b"("
            for key, value in items[start : start + BATCH]:
                self._write(key)
                self._write(value)
            self._out += b"u"

    def _set(self, obj: set[object]) -> None:
        self._shared(obj, lambda found: self._call("__builtin__", "set", list(found)))

    # calls

    def _global(self, module: str, name: str) -> None:
        if not self._recall((module, name)):
            self._out += b"c" + f"{module}\n{name}\n".encode()
            self._remember((module, name), None)

    def _call(self, module: str, name: str, *args: object) -> None:
        self._global(module, name)
        self._arguments(args)
        self._out += b"R"

    def _arguments(self, args: tuple[object, ...]) -> None:
        self._alive.append(args)  # a temporary whose parts are remembered by id
        self._out += b"("
        for item in args:
            self._write(item)
        self._out += b"t"

    def _instance(self, obj: object) -> None:
        """An object of a class that the user allowed."""
        reduced = obj.__reduce_ex__(2)
        if isinstance(reduced, str) or not 2 <= len(reduced) <= 3:
            raise TypeError(self._complaint(obj))
        call, args = reduced[:2]
        if is_new := call.__name__ == "__newobj__":
            call, args = args[0], args[1:]
        self._global(call.__module__, call.__qualname__)
        self._arguments(args)
        self._out += b"\x81" if is_new else b"R"
        if len(reduced) == 3 and reduced[2] is not None:
            self._write(reduced[2])
            self._out += b"b"

    # tensors

    def _tensor(self, obj: "fb.Tensor") -> None:
        from flambeau.nn import Parameter

        if type(obj) not in (fb.Tensor, Parameter):
            raise TypeError(
                f"save: cannot save a tensor of class {type(obj).__name__}; turn it into a plain "
                "tensor first"
            )
        attributes = getattr(obj, "__dict__", None)
        if type(obj) is Parameter:
            self._parameter(obj, attributes)
        elif attributes:
            self._global("torch._tensor", "_rebuild_from_type_v2")
            self._out += b"("
            self._rebuild(obj, obj.requires_grad, lambda: self._global("torch", "Tensor"))
            self._write(attributes)
            self._out += b"tR"
        else:
            self._rebuild(obj, obj.requires_grad, None)

    def _parameter(self, obj: "fb.Tensor", attributes: object) -> None:
        with_state = "_with_state" if attributes else ""
        self._global("torch._utils", f"_rebuild_parameter{with_state}")
        self._out += b"("
        self._rebuild(obj, False, None)
        self._write(obj.requires_grad)
        self._call("collections", "OrderedDict")
        if attributes:
            self._write(attributes)
        self._out += b"tR"

    def _rebuild(
        self, obj: "fb.Tensor", requires_grad: bool, between: Callable[[], None] | None
    ) -> None:
        """The call that rebuilds a tensor; with `between`, its parts instead of the call."""
        meta = obj.device.type == "meta"
        data = obj.detach() if meta else plain(obj, "a tensor")
        key, dtype = (0, "") if meta else self._key(data, dtype_name(data.dtype))
        typed = dtype == dtype_name(data.dtype)
        version = "meta_tensor_no_storage" if meta else "tensor_v2" if typed else "tensor_v3"
        self._global("torch._utils", f"_rebuild_{version}")
        if between:
            between()
        self._out += b"("
        if meta:
            self._dtype(data.dtype)
        else:
            self._storage(key, dtype if typed else "")
            self._int(data.storage_offset())
        self._arguments(tuple(data.size()))
        self._arguments(tuple(data.stride()))
        self._bool(requires_grad)
        if not meta:
            self._call("collections", "OrderedDict")
        if not meta and not typed:
            self._dtype(data.dtype)
        self._out += b"t" if between else b"tR"

    def _key(self, data: "fb.Tensor", dtype: str) -> tuple[int, str]:
        """Number of the tensor's storage, and the dtype it is filed under ("" for bytes)."""
        place = (data._storage_ptr(), data._storage_nbytes())
        if place not in self._keys or place[1] == 0:
            self._keys[place] = (len(self.storages), dtype if dtype in STORAGE_OF else "")
            self.storages.append(UntypedStorage.of(data).as_tensor())
        return self._keys[place]

    def _storage(self, key: int, dtype: str) -> None:
        """The persistent id of a storage."""
        self._out += b"("
        self._str("storage")
        if dtype:
            self._global("torch", STORAGE_OF[dtype])
        else:
            self._global("torch.storage", "UntypedStorage")
        self._str(str(key))
        self._str("cpu")
        self._int(self.storages[key].numel() // (getattr(fb, dtype).itemsize if dtype else 1))
        self._out += b"tQ"


WRITERS: dict[type, Callable[[PickleWriter, Any], None]] = {
    type(None): PickleWriter._none,
    bool: PickleWriter._bool,
    int: PickleWriter._int,
    float: PickleWriter._float,
    complex: PickleWriter._complex,
    str: PickleWriter._str,
    bytes: PickleWriter._bytes,
    bytearray: PickleWriter._bytearray,
    tuple: PickleWriter._tuple,
    list: PickleWriter._list,
    dict: PickleWriter._dict,
    OrderedDict: PickleWriter._ordered_dict,
    Counter: PickleWriter._counter,
    set: PickleWriter._set,
}
