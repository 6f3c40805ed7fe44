"""Methods of tensors that are neither operators nor hot: attached to the native type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flambeau import _C
from flambeau._C import Tensor
from flambeau._functions import unique, unique_consecutive

if TYPE_CHECKING:
    import numpy

_ops = _C.namespace("")
_to_copy = _C._find_op("_to_copy")


def _empty(size: tuple[int, ...], dtype: Any, device: Any = None) -> Tensor:
    made: Tensor = _ops["empty"](size, dtype=dtype, device=device)
    return made


def _legacy_tensor(*args: Any, device: Any = None, **kwargs: Any) -> Tensor:
    """``Tensor(2, 3)``: uninitialised memory; ``Tensor([1, 2])``: data, of the default dtype."""
    dtype = _C.get_default_dtype()
    if not args:
        return _empty((0,), dtype, device)
    first = args[0]
    if len(args) == 1 and isinstance(first, Tensor):
        return first.detach() if first.dtype == dtype else first.detach().to(dtype)
    if len(args) == 1 and not isinstance(first, (int, _C.Size)):
        return tensor(first, dtype=dtype, device=device)
    size = first if isinstance(first, _C.Size) else args
    return _empty(tuple(size), dtype, device)


def tensor(
    data: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor with a copy of the data and no history.

    Args:
        data: a number, nested sequences of numbers, a NumPy array or a tensor.
        dtype: element type; default: that of the data (Python floats: the default dtype).
        device: where to put it; default: the CPU, or the device of ``data``.
        requires_grad: whether operations on the result are recorded.
        pin_memory: accepted, without effect on the CPU.

    Raises:
        ValueError: sequences of different lengths, or NaN for an integer dtype.
        RuntimeError: a number does not fit the dtype, or no dtype can be inferred.

    Example::

        >>> torch.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    if isinstance(data, Tensor):
        made = data.detach().clone()
        if dtype is not None or device is not None:
            made = made.to(dtype=dtype or made.dtype, device=device or made.device)
    elif hasattr(data, "__array_interface__"):
        made = from_numpy(_readable_array(data)).clone()
        if dtype is not None:
            made = made.to(dtype)
    else:
        made = _C._from_data(data, dtype)
    if device is not None:
        made = made.to(device)
    return made.requires_grad_() if requires_grad else made


def _array_of(data: Any) -> Any:
    """NumPy's arrays as they are, its numbers as arrays without dimensions."""
    import numpy

    return numpy.asarray(data)


def _readable_array(data: Any) -> Any:
    """The same, copied where a tensor could not lie over it."""
    array = _array_of(data)
    return array if array.flags.writeable and min(array.strides, default=0) >= 0 else array.copy()


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory and history where that is possible."""
    if isinstance(data, Tensor):
        if (dtype is None or dtype == data.dtype) and (
            device is None or _C.device(device) == data.device
        ):
            return data
        return data.to(dtype=dtype or data.dtype, device=device or data.device)
    if hasattr(data, "__array_interface__"):
        made = from_numpy(_array_of(data))
        return made if dtype is None and device is None else as_tensor(made, dtype, device)
    if hasattr(data, "__dlpack__"):
        return as_tensor(from_dlpack(data), dtype, device)
    return tensor(data, dtype=dtype, device=device)


def asarray(
    obj: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The object as a tensor; ``copy=True`` copies always, ``copy=False`` never."""
    made = tensor(obj, dtype=dtype, device=device) if copy else as_tensor(obj, dtype, device)
    made = made.detach() if made.requires_grad and not requires_grad else made
    if copy is False and isinstance(obj, Tensor) and made.data_ptr() != obj.data_ptr():
        raise ValueError("can't alias tensor with dtype or device other than its own: allow a copy")
    return made.requires_grad_() if requires_grad else made


def from_numpy(ndarray: numpy.ndarray[Any, Any]) -> Tensor:
    """A tensor over the memory of a NumPy array: changes show on both sides.

    Raises:
        TypeError: not an array, or of a dtype that tensors don't have.
        ValueError: negative strides.
    """
    if not hasattr(ndarray, "__array_interface__"):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. "
            "Conversion between byte orders is currently not supported."
        )
    if ndarray.dtype.kind not in "?bBhilqefdFD" and ndarray.dtype.kind not in "biufc":
        raise TypeError(f"can't convert np.ndarray of type {ndarray.dtype}")
    if not ndarray.flags.writeable:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and tensors have no such notion: writing to "
            "the tensor writes to the array. Copy the array first if that is not wanted.",
            stacklevel=2,
        )
        pointer = ndarray.__array_interface__["data"][0]
        if ndarray.size and pointer == 0:
            raise ValueError("the array has no memory")
    if ndarray.size == 0:
        dtype = _C._from_strided_buffer(ndarray.reshape(-1)[:0].copy()).dtype
        return _empty(ndarray.shape, dtype)
    return _C._from_strided_buffer(ndarray)


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A 1-d tensor over the memory of an object with the buffer protocol.

    Args:
        buffer: bytes-like object; kept alive by the tensor.
        dtype: how to read it.
        count: number of elements; -1: to the end.
        offset: bytes to skip.
        requires_grad: whether operations on the result are recorded.
    """
    made = _C._from_buffer(buffer, dtype, count, offset)
    return made.requires_grad_() if requires_grad else made


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of another library's tensor, by DLPack."""
    capsule = ext_tensor.__dlpack__() if hasattr(ext_tensor, "__dlpack__") else ext_tensor
    made = _C._from_dlpack(capsule)
    if device is not None:
        made = made.to(device)
    return made.clone() if copy else made


# --- conversions ---------------------------------------------------------------------------------


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor with another dtype or device; itself where nothing changes.

    ``to(dtype)``, ``to(device, dtype=None)``, ``to(other)``, each with ``non_blocking``, ``copy``
    and ``memory_format``.
    """
    dtype = kwargs.pop("dtype", None)
    device = kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    memory_format = kwargs.pop("memory_format", None)
    kwargs.pop("non_blocking", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    rest = []
    for arg in args:
        if isinstance(arg, Tensor):
            other = arg
        elif isinstance(arg, _C.dtype):
            dtype = arg
        elif isinstance(arg, (str, _C.device)):
            device = arg
        elif isinstance(arg, bool):
            rest.append(arg)
        elif arg is not None:
            raise TypeError(f"to() received an invalid argument of type {type(arg).__name__}")
    if len(rest) == 2:
        copy = rest[1]
    if other is not None:
        dtype, device = other.dtype, other.device
    device = None if device is None else _C.device(device)
    same_dtype = dtype is None or dtype == self.dtype
    same_device = device is None or device == self.device
    same_format = (
        memory_format is None
        or memory_format == _C.preserve_format
        or self.is_contiguous(memory_format=memory_format)
    )
    if same_dtype and same_device and same_format and not copy:
        return self
    return _copied(self, dtype, device, memory_format)


def _copied(self: Tensor, dtype: Any, device: Any, memory_format: Any) -> Tensor:
    copied: Tensor = _to_copy(self, dtype=dtype, device=device, memory_format=memory_format)
    return copied


def _caster(dtype: Any) -> Any:
    def cast(self: Tensor, memory_format: Any = None) -> Tensor:
        if self.dtype == dtype and memory_format is None:
            return self
        return _copied(self, dtype, None, memory_format)

    return cast


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Without argument the name of the tensor's type, else the tensor cast to the dtype."""
    names = {
        "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
        "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
        "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    }  # fmt: skip
    if dtype is None:
        return f"torch.{names[str(self.dtype)[6:]]}Tensor"
    if isinstance(dtype, str):
        wanted = dtype.split(".")[-1].removesuffix("Tensor")
        dtype = next(getattr(_C, k) for k, v in names.items() if v == wanted)
    return _to(self, dtype)


def _cuda(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    raise RuntimeError(
        "cuda: this build of flambeau has no CUDA device; leave tensors on 'cpu' or test "
        "torch.cuda.is_available() first"
    )


def _numpy(self: Tensor, *, force: bool = False) -> numpy.ndarray[Any, Any]:
    """A NumPy array over the tensor's memory.

    Args:
        force: detach and copy to the CPU first where that is needed.
    """
    import numpy

    if force:
        self = self.detach().cpu()
    elif self.requires_grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self.dtype == _C.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    if self.device.type not in ("cpu", "emulated"):
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. "
            "Use Tensor.cpu() to copy the tensor to host memory first."
        )
    return numpy.asarray(memoryview(self))


def _array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    array = _numpy(self)
    if dtype is not None:
        array = array.astype(dtype, copy=bool(copy))
    return array.copy() if copy and array.base is not None else array


def _array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    if array.dtype == bool:
        array = array.astype("uint8")
    return from_numpy(array) if array.ndim else tensor(array.item())


# --- hooks, copies, pickles ----------------------------------------------------------------------


def _register_hook(self: Tensor, hook: Any) -> Any:
    """Calls ``hook(grad)`` when the gradient is known; what it returns takes the gradient's place.

    Returns:
        A handle whose ``remove()`` takes the hook away.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return _C._register_hook(self, hook)


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    from copy import deepcopy

    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment. If you were attempting to deepcopy a module, this may be "
            "because of a tensor that was computed: detach() it first."
        )
    copy: Tensor
    with _no_grad():
        if self.is_meta:
            copy = _ops["empty_strided"](
                self.size(), self.stride(), dtype=self.dtype, device=self.device
            )
        else:
            copy = _copy_with_memory(self, memo)
    if type(self) is not Tensor:
        copy = copy.as_subclass(type(self))
    if self.requires_grad:
        copy.requires_grad_()
    if self.grad is not None:
        copy.grad = deepcopy(self.grad, memo)  # which keeps the copied object alive with its id
    memo[id(self)] = copy
    if self.__dict__:
        copy.__dict__.update(deepcopy(self.__dict__, memo))
    return copy


def _untyped_storage(self: Tensor) -> Any:
    """The memory behind the tensor, as bytes."""
    from flambeau.storage import UntypedStorage

    return UntypedStorage.of(self)


def _copy_with_memory(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    """The same view of a copy of the memory, which tensors that shared it go on to share."""
    from flambeau.storage import UntypedStorage

    memory = UntypedStorage.of(self)
    key = ("memory", memory.data_ptr())
    if key not in memo:
        memo[key] = memory, memory.as_tensor().clone()
    flat: Tensor = memo[key][1]
    whole = flat[: flat.numel() // self.itemsize * self.itemsize].view(self.dtype)
    return whole.as_strided(self.size(), self.stride(), self.storage_offset()).detach()


def _copy(self: Tensor) -> Tensor:
    copy = self.detach()
    copy.requires_grad_(self.requires_grad)
    if type(self) is not Tensor:
        copy = copy.as_subclass(type(self))
    copy.__dict__.update(self.__dict__)
    return copy


def _rebuild(
    data: bytes, size: tuple[int, ...], stride: tuple[int, ...], dtype: Any, requires_grad: bool,
    kind: type[Tensor], state: dict[str, Any] | None,
) -> Tensor:  # fmt: skip
    flat = (
        frombuffer(bytearray(data), dtype=_C.uint8).view(dtype)
        if data
        else _ops["empty"]([0], dtype=dtype)
    )
    made = flat.as_strided(size, stride) if flat.numel() else flat.new_empty(size)
    if kind is not Tensor:
        made = Tensor._make_subclass(kind, made)
    made.requires_grad_(requires_grad)
    if state:
        made.__dict__.update(state)
    return made


def _reduce_ex(self: Tensor, protocol: int) -> Any:
    if not self.is_leaf:
        raise RuntimeError(
            "only leaf tensors can be pickled: detach() a computed tensor before it goes to a file "
            "or another process"
        )
    plain = self.detach()
    if type(plain) is not Tensor:
        plain = plain.as_subclass(Tensor)
    plain = plain.clone()  # dense, in the order of the strides
    flat = plain.as_strided((plain.numel(),), (1,))
    raw = bytes(memoryview(flat.view(_C.uint8))) if plain.numel() else b""
    args = (raw, tuple(plain.size()), plain.stride(), self.dtype, self.requires_grad, type(self))
    return _rebuild, (*args, dict(self.__dict__) or None)


def _no_grad() -> Any:
    from flambeau.autograd.grad_mode import no_grad

    return no_grad()


def _torch_function(
    cls: type[Tensor], func: Any, types: Any, args: Any = (), kwargs: Any = None
) -> Any:
    """What a call on instances of a subclass does unless the subclass says otherwise: run on plain
    tensors and give the results the subclass."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with _C_plain():
        result = func(*_plain(args), **_plain(kwargs or {}))
    return _as_class(result, cls)


class _C_plain:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value if type(value) is Tensor else value.as_subclass(Tensor)
    if isinstance(value, (tuple, list)):
        return type(value)(_plain(v) for v in value)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def _as_class(value: Any, cls: type[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return value if isinstance(value, cls) else value.as_subclass(cls)
    if type(value) in (tuple, list):
        return type(value)(_as_class(v, cls) for v in value)
    return value


def _format(self: Tensor, spec: str) -> str:
    if self.dim() == 0 and type(self) is Tensor and not self.is_meta:
        return format(self.item(), spec)
    return object.__format__(self, spec)


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, bool, int, float, complex)):
        return bool((self == element).any().item())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def _repr(self: Tensor) -> str:
    from flambeau._printing import tensor_text

    return tensor_text(self)


def _reversed_dims(self: Tensor) -> Tensor:
    return self.permute(tuple(range(self.dim() - 1, -1, -1)))


def _adjoint(self: Tensor) -> Tensor:
    if self.dim() < 2:
        raise RuntimeError("tensor.mH is only supported on matrices or batches of matrices")
    return self.transpose(-2, -1).conj()


def _matrix_transpose(self: Tensor) -> Tensor:
    if self.dim() < 2:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices")
    return self.transpose(-2, -1)


def _storage(self: Tensor) -> Any:
    """The memory that the tensor views, as elements of its dtype."""
    from flambeau.storage import TypedStorage, UntypedStorage

    return TypedStorage(UntypedStorage.of(self), self.dtype)


def _share_memory_(self: Tensor) -> Tensor:
    """Moves the storage to memory that processes forked from now on see as well."""
    _C._share_storage(self)
    return self


def _attach() -> None:
    methods: dict[str, Any] = {
        "__repr__": _repr,
        "__format__": _format,
        "__contains__": _contains,
        "__deepcopy__": _deepcopy,
        "__copy__": _copy,
        "__reduce_ex__": _reduce_ex,
        "__array__": _array,
        "__array_wrap__": _array_wrap,
        "__array_priority__": 1000,
        "__dlpack__": lambda self, **_: _C._to_dlpack(self),
        "__dlpack_device__": lambda self: (1, 0),
        "__torch_function__": classmethod(_torch_function),
        "to": _to,
        "type": _type,
        "type_as": lambda self, other: _to(self, other.dtype),
        "cpu": lambda self, memory_format=None: _to(self, "cpu"),
        "cuda": _cuda,
        "numpy": _numpy,
        "tolist": lambda self: _C._tolist(self),
        "untyped_storage": _untyped_storage,
        "__reversed__": lambda self: self.flip(0) if self.dim() else self,
        "register_hook": _register_hook,
        "register_post_accumulate_grad_hook": lambda self, hook: _C._register_accumulate_hook(
            self, hook
        ),
        "new_tensor": lambda self, data, *, dtype=None, device=None, requires_grad=False: tensor(
            data,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
        ),
        "storage": _storage,
        "is_shared": lambda self: _C._is_storage_shared(self),
        "share_memory_": _share_memory_,
        "pin_memory": lambda self, device=None: self,
        "is_pinned": lambda self, device=None: False,
        "nonzero": lambda self, *, as_tuple=False: _ops[
            "_nonzero_tuple" if as_tuple else "_nonzero"
        ](self),
        "get_device": lambda self: -1,
        "unique": unique,
        "unique_consecutive": unique_consecutive,
        "is_same_size": lambda self, other: self.shape == other.shape,
        "T": property(_reversed_dims),
        "mT": property(_matrix_transpose),
        "H": property(_adjoint),
        "mH": property(_adjoint),
        "real": property(lambda self: _ops["real"](self)),
        "imag": property(lambda self: _ops["imag"](self)),
    }
    casts = {
        "float": _C.float32, "double": _C.float64, "half": _C.float16, "bfloat16": _C.bfloat16,
        "int": _C.int32, "long": _C.int64, "short": _C.int16, "char": _C.int8, "byte": _C.uint8,
        "bool": _C.bool, "cfloat": _C.complex64, "cdouble": _C.complex128,
    }  # fmt: skip
    for name, dtype in casts.items():
        methods[name] = _caster(dtype)
    for name, method in methods.items():
        setattr(Tensor, name, method)


_attach()
