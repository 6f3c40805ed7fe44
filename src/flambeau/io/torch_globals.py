"""The global names that PyTorch's files may use, and what each stands for here."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import flambeau as fb
from flambeau.io.allowed import find_allowed
from flambeau.io.errors import UnpicklingError
from flambeau.io.machine import Global, Machine
from flambeau.io.numpy_globals import GLOBALS as NUMPY
from flambeau.io.tensors import dtype_named, is_count

# pickle protocol 2 speaks of Python 2's modules
RENAMED_MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "torch.tensor": "torch._tensor",
}
STORAGES = {
    "Double": "float64",
    "Float": "float32",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Long": "int64",
    "Int": "int32",
    "Short": "int16",
    "Char": "int8",
    "Byte": "uint8",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}
STORAGE_OF = {dtype: f"{kind}Storage" for kind, dtype in STORAGES.items()}
DTYPES = {*STORAGES.values(), "uint16", "uint32", "uint64"}
SHORT_NAMES = {"half": "float16", "float": "float32", "double": "float64", "int": "int32"}
UNSUPPORTED = {
    "_rebuild_sparse_tensor": "sparse tensors",
    "_rebuild_qtensor": "quantized tensors",
    "_rebuild_nested_tensor": "nested tensors",
    "_rebuild_wrapper_subclass": "wrapper subclasses of tensors",
}


class StorageType(Global):
    """A typed storage class of PyTorch; dtype is None for bytes without a type."""

    def __init__(self, name: str, dtype: "fb.dtype | None") -> None:
        super().__init__(name, _refuse_call(name))
        self.dtype = dtype


def _refuse_call(name: str) -> Callable[[Machine, tuple[Any, ...]], object]:
    def call(machine: Machine, args: tuple[Any, ...]) -> object:
        raise UnpicklingError(f"load: the file calls {name}, which flambeau does not build")

    return call


def find_global(tensors: dict[str, Global], module: str, name: str) -> object:
    """What `module.name` stands for; `tensors` has those that need the file's storages."""
    module = RENAMED_MODULES.get(module, module)
    full = f"{module}.{name}"
    if (found := tensors.get(full) or PLAIN.get(full) or NUMPY.get(full)) is not None:
        return found
    if module in ("torch", "torch.storage") and name.endswith("Storage"):
        kind = name.removesuffix("Storage")
        if kind == "Untyped":
            return StorageType(full, None)
        if kind in STORAGES:
            return StorageType(full, dtype_named(STORAGES[kind]))
    if module == "torch" and (SHORT_NAMES.get(name, name)) in DTYPES:
        return dtype_named(SHORT_NAMES.get(name, name))
    if (user := find_allowed(full)) is not None:
        return user
    raise UnpicklingError(_unknown(module, name))


def _unknown(module: str, name: str) -> str:
    full = f"{module}.{name}"[:200]
    if module == "torch._utils" and name in UNSUPPORTED:
        return f"load: the file holds {UNSUPPORTED[name]}, which flambeau does not have"
    return (
        f"Unsupported global: GLOBAL {full} was not an allowed global by default. flambeau builds "
        "tensors and plain containers from files and runs no code in them (weights_only=False "
        f"does not change that). If you trust the class, call flambeau.io.add_safe_globals([{name}"
        "]) first; otherwise save a state_dict in PyTorch and load that"
    )


def _arguments(name: str, args: tuple[Any, ...], *kinds: type | tuple[type, ...]) -> None:
    if len(args) != len(kinds) or not all(map(isinstance, args, kinds)):
        got = ", ".join(type(arg).__name__ for arg in args[:8])
        raise UnpicklingError(f"load: the file calls {name} with the wrong arguments ({got})")


def _ordered_dict(m: Machine, args: tuple[Any, ...]) -> object:
    found: OrderedDict[object, object] = OrderedDict()
    if args:
        _arguments("OrderedDict", args, (list, tuple))
        m.spend(100 * len(args[0]))
        for pair in args[0]:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise UnpicklingError("load: the file calls OrderedDict without pairs")
            m.update(found, [*pair])
    return found


def _counter(m: Machine, args: tuple[Any, ...]) -> object:
    found: Counter[object] = Counter()
    if args:
        _arguments("Counter", args, dict)
        m.spend(100 * len(args[0]))
        m.update(found, [item for pair in args[0].items() for item in pair])
    return found


def _encode(m: Machine, args: tuple[Any, ...]) -> object:
    """How protocol 2 writes bytes: as text in latin-1."""
    _arguments("_codecs.encode", args, str, str)
    text, codec = args
    if codec not in ("latin1", "latin-1"):
        raise UnpicklingError(f"load: bytes in the unknown encoding {codec[:40]!r}")
    m.spend(len(text))
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise UnpicklingError("load: a byte of more than 255 in the pickle") from None


def _bytes(m: Machine, args: tuple[Any, ...]) -> object:
    if args:
        _arguments("bytes", args, bytes)
    return args[0] if args else b""


def _bytearray(m: Machine, args: tuple[Any, ...]) -> object:
    if len(args) == 2:
        args = (_encode(m, args),)
    if args:
        _arguments("bytearray", args, (bytes, bytearray))
        m.spend(len(args[0]))
    return bytearray(*args)


def _set(m: Machine, args: tuple[Any, ...]) -> object:
    if not args:
        return set()
    _arguments("set", args, (list, tuple))
    m.spend(100 * len(args[0]))
    return m.as_set(args[0])


def _complex(m: Machine, args: tuple[Any, ...]) -> object:
    _arguments("complex", args, float, float)
    return complex(*args)


def _slice(m: Machine, args: tuple[Any, ...]) -> object:
    if len(args) != 3 or not all(isinstance(arg, int | None) for arg in args):
        raise UnpicklingError("load: the file calls slice with the wrong arguments")
    return slice(*args)


def _size(m: Machine, args: tuple[Any, ...]) -> object:
    if args:
        _arguments("torch.Size", args, (tuple, list))
        m.spend(8 * len(args[0]))
        if not all(map(is_count, args[0])):
            raise UnpicklingError("load: torch.Size with something that is not a size")
    return fb.Size(*args)


def _device(m: Machine, args: tuple[Any, ...]) -> object:
    if not 1 <= len(args) <= 2 or type(args[0]) is not str or len(args[0]) > 40:
        raise UnpicklingError("load: the file calls torch.device with the wrong arguments")
    if len(args) == 2 and not (is_count(args[1]) and args[1] < 1 << 15):
        raise UnpicklingError("load: torch.device with an invalid index")
    try:
        return fb.device(*args)
    except (RuntimeError, ValueError) as error:
        raise UnpicklingError(f"load: {error}") from None


PLAIN = {
    name: Global(name, call)
    for name, call in {
        "collections.OrderedDict": _ordered_dict,
        "collections.Counter": _counter,
        "_codecs.encode": _encode,
        "builtins.bytes": _bytes,
        "builtins.bytearray": _bytearray,
        "builtins.set": _set,
        "builtins.complex": _complex,
        "builtins.slice": _slice,
        "torch.Size": _size,
        "torch.device": _device,
    }.items()
}
