"""Types of what the extension has besides operators: C functions carry no annotations.

Each entry stands for something that exists: write_stubs.py fails where one does not.
"""

HEADER = """\
# Written by tools/write_stubs.py from the operator registry: run it, do not edit.
# mypy: disable-error-code="overload-overlap, overload-cannot-match, override, misc, valid-type"
from builtins import bool as _bool
from builtins import float as _float
from builtins import int as _int
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, Self, TypeAlias, overload

_Number: TypeAlias = _int | _float | _bool | complex
"""

CLASSES = {
    "dtype": """
        itemsize: _int
        is_floating_point: _bool
        is_complex: _bool
        is_signed: _bool
        def to_real(self) -> dtype: ...
        def to_complex(self) -> dtype: ...
    """,
    "layout": "",
    "memory_format": "",
    "device": """
        type: str
        index: _int | None
        def __init__(self, type: str | _int | device, index: _int | None = None) -> None: ...
        def __lt__(self, other: device) -> _bool: ...
        def __eq__(self, other: object) -> _bool: ...
        def __hash__(self) -> _int: ...
    """,
    "Size(tuple[_int, ...])": """
        def numel(self) -> _int: ...
        @overload
        def __getitem__(self, index: _int) -> _int: ...
        @overload
        def __getitem__(self, index: slice) -> Size: ...
        def __add__(self, other: tuple[_int, ...]) -> Size: ...
        def __mul__(self, other: Any) -> Size: ...
        def __rmul__(self, other: Any) -> Size: ...
    """,
    "Generator": """
        def __init__(self, device: _Device = "cpu") -> None: ...
        @property
        def device(self) -> _DeviceType: ...
        def manual_seed(self, seed: _int) -> Generator: ...
        def seed(self) -> _int: ...
        def initial_seed(self) -> _int: ...
        def get_state(self) -> Tensor: ...
        def set_state(self, new_state: Tensor) -> Generator: ...
        def clone_state(self) -> Generator: ...
    """,
    "RemovableHandle": """
        def remove(self) -> None: ...
        def __enter__(self) -> RemovableHandle: ...
        def __exit__(self, *args: Any) -> None: ...
    """,
    "Node": """
        next_functions: tuple[tuple[Node | None, _int], ...]
        variable: Tensor
        metadata: dict[Any, Any]
        def name(self) -> str: ...
        def _sequence_nr(self) -> _int: ...
        def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle: ...
        def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle: ...
    """,
    "ModuleBase": """
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
        def __getattr__(self, name: str) -> Any: ...
    """,
    "Op": """
        __name__: str
        __qualname__: str
        schemas: list[str]
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    """,
    "Grad": """
        def needs(self, arg: str, index: _int = 0) -> _bool: ...
        def input(self, arg: str, index: _int = 0) -> Tensor: ...
        def output(self, index: _int = 0) -> Tensor: ...
        def dout(self, index: _int = 0) -> Tensor: ...
        def dout_or_zeros(self, index: _int = 0) -> Tensor: ...
        def count(self, arg: str) -> _int: ...
        def shape(self, arg: str) -> Size: ...
        def arg(self, arg: str) -> Any: ...
        def set(self, arg: str, gradient: Tensor | None, index: _int = 0) -> None: ...
    """,
    "_SavedState": "",
    "OutOfMemoryError(RuntimeError)": "",
}

# Between the classes and Tensor, whose methods shadow these names.
ALIASES = """\
_Dtype: TypeAlias = dtype
_DeviceType: TypeAlias = device
_Device: TypeAlias = device | str | _int | None
_Format: TypeAlias = memory_format
_Layout: TypeAlias = layout
_Generator: TypeAlias = Generator
_Index: TypeAlias = Any
_Operand: TypeAlias = Tensor | _Number
"""

FUNCTIONS = {
    "_find_op": "(dotted: str, /) -> Any",
    "namespace": "(prefix: str, /) -> dict[str, Any]",
    "_run_backward": "(*args: Any) -> Any",
    "_serve_modules": "(hooks: dict[Any, Any], note: Callable[..., Any], /) -> None",
    "_serve_parameters": "(type: type[Tensor], /) -> None",
    "_tensor_backward": "(*args: Any, **kwargs: Any) -> None",
}

WRITABLE = {"data", "grad", "requires_grad"}
TENSOR_ATTRIBUTES = {
    "shape": "Size",
    "dtype": "_Dtype",
    "device": "_DeviceType",
    "layout": "_Layout",
    "ndim": "_int",
    "itemsize": "_int",
    "nbytes": "_int",
    "data": "Tensor",
    "grad": "Tensor | None",
    "requires_grad": "_bool",
    "is_leaf": "_bool",
    "retains_grad": "_bool",
    "grad_fn": "Node | None",
    "output_nr": "_int",
    "_version": "_int",
    "_base": "Tensor | None",
    "name": "str | None",
    "T": "Tensor",
    "mT": "Tensor",
    "H": "Tensor",
    "mH": "Tensor",
    "real": "Tensor",
    "imag": "Tensor",
    "__array_priority__": "_int",
    **dict.fromkeys(
        (
            *("is_cuda", "is_cpu", "is_meta", "is_mps", "is_xpu", "is_sparse", "is_sparse_csr"),
            *("is_quantized", "is_mkldnn", "is_nested"),
        ),
        "_bool",
    ),
}

_CAST = "(self, memory_format: _Format | None = None) -> Tensor"
_BINARY = "(self, other: _Operand) -> Tensor"
_UNARY = "(self) -> Tensor"
_FLAG = "(self) -> _bool"
_COUNT = "(self) -> _int"

TENSOR_METHODS: dict[str, str | list[str]] = {
    "__init__": "(self, *args: Any, device: _Device = None) -> None",
    "__len__": _COUNT,
    "__iter__": "(self) -> Iterator[Tensor]",
    "__getitem__": "(self, key: _Index) -> Tensor",
    "__setitem__": "(self, key: _Index, value: _Operand) -> None",
    "__bool__": _FLAG,
    "__int__": _COUNT,
    "__index__": _COUNT,
    "__float__": "(self) -> _float",
    "__complex__": "(self) -> complex",
    "__hash__": _COUNT,
    "__contains__": "(self, element: Any) -> _bool",
    "__array__": "(self, dtype: Any = None, copy: _bool | None = None) -> Any",
    "__buffer__": "(self, flags: _int, /) -> memoryview",
    "__deepcopy__": "(self, memo: dict[_int, Any]) -> Self",
    "__dlpack__": "(self, **kwargs: Any) -> Any",
    "__dlpack_device__": "(self) -> tuple[_int, _int]",
    **dict.fromkeys(("__neg__", "__pos__", "__abs__", "__invert__"), _UNARY),
    **dict.fromkeys(("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"), _BINARY),
    **{
        f"__{prefix}{name}__": _BINARY.replace("-> Tensor", "-> Self") if prefix == "i" else _BINARY
        for name in (
            *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"),
            *("and", "or", "xor", "lshift", "rshift"),
        )
        for prefix in ("", "r", "i")
    },
    "__matmul__": "(self, other: Tensor) -> Tensor",
    "__rmatmul__": "(self, other: Tensor) -> Tensor",
    "_is_view": _FLAG,
    "_storage_nbytes": _COUNT,
    "_storage_ptr": _COUNT,
    "as_subclass": "(self, cls: type[Any]) -> Any",
    "backward": "(self, gradient: Tensor | None = None, retain_graph: _bool | None = None, "
    "create_graph: _bool = False, inputs: Tensor | Sequence[Tensor] | None = None) -> None",
    "data_ptr": _COUNT,
    "detach": _UNARY,
    "detach_": "(self) -> Self",
    "dim": _COUNT,
    "element_size": _COUNT,
    "get_device": _COUNT,
    "is_complex": _FLAG,
    "is_contiguous": "(self, memory_format: _Format = ...) -> _bool",
    "is_floating_point": _FLAG,
    "is_inference": _FLAG,
    "is_pinned": "(self, device: _Device = None) -> _bool",
    "is_same_size": "(self, other: Tensor) -> _bool",
    "is_shared": _FLAG,
    "is_signed": _FLAG,
    "item": "(self) -> Any",
    "ndimension": _COUNT,
    "nelement": _COUNT,
    "new_tensor": "(self, data: Any, *, dtype: _Dtype | None = None, device: _Device = None, "
    "requires_grad: _bool = False) -> Tensor",
    "numel": _COUNT,
    "numpy": "(self, *, force: _bool = False) -> Any",
    "pin_memory": "(self, device: _Device = None) -> Tensor",
    "register_hook": "(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle",
    "register_post_accumulate_grad_hook": "(self, hook: Callable[[Tensor], None]) "
    "-> RemovableHandle",
    "requires_grad_": "(self, requires_grad: _bool = True) -> Self",
    "retain_grad": "(self) -> None",
    "set_": "(self, *args: Any, **kwargs: Any) -> Self",
    "share_memory_": "(self) -> Self",
    "size": ["(self) -> Size", "(self, dim: _int) -> _int"],
    "storage_offset": _COUNT,
    "stride": ["(self) -> tuple[_int, ...]", "(self, dim: _int) -> _int"],
    "to": [
        "(self, dtype: _Dtype, non_blocking: _bool = False, copy: _bool = False, *, "
        "memory_format: _Format | None = None) -> Tensor",
        "(self, device: _Device = None, dtype: _Dtype | None = None, "
        "non_blocking: _bool = False, copy: _bool = False, *, "
        "memory_format: _Format | None = None) -> Tensor",
        "(self, other: Tensor, non_blocking: _bool = False, copy: _bool = False, *, "
        "memory_format: _Format | None = None) -> Tensor",
    ],
    "tolist": "(self) -> Any",
    "type": "(self, dtype: Any = None, non_blocking: _bool = False) -> Any",
    "type_as": "(self, other: Tensor) -> Tensor",
    "cpu": _CAST,
    "cuda": "(self, *args: Any, **kwargs: Any) -> NoReturn",
    **dict.fromkeys(
        (
            *("float", "double", "half", "bfloat16", "int", "long", "short", "char", "byte"),
            *("bool", "cfloat", "cdouble"),
        ),
        _CAST,
    ),
}
STATIC_METHODS = {
    "_make_subclass": "(cls: type[Any], data: Tensor, require_grad: _bool = False) -> Any",
}
CLASS_METHODS = {
    "__torch_function__": "(cls, func: Any, types: Sequence[type], args: Any = (), "
    "kwargs: Any = None) -> Any",
}
# Present on every object, or of interest to the interpreter only.
IGNORED = {
    *("__copy__", "__delattr__", "__delitem__", "__dict__", "__doc__", "__format__", "__module__"),
    *("__new__", "__reduce_ex__", "__repr__", "__setattr__", "__array_wrap__"),
    *("__dictoffset__", "__weaklistoffset__", "__reduce__", "__setstate__", "__str__"),
}
