"""Builds the tensors of PyTorch's files from their storages."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flambeau as fb
from flambeau.io.errors import FormatError, UnpicklingError
from flambeau.io.machine import Global, set_attributes
from flambeau.io.tensors import (
    check_geometry,
    count_bytes,
    is_count,
    swap_bytes,
    view_storage,
)
from flambeau.io.torch_globals import StorageType
from flambeau.storage import UntypedStorage


class Stored(NamedTuple):
    """A storage of the file."""

    handle: UntypedStorage
    flat: "fb.Tensor"  # all its bytes
    dtype: "fb.dtype | None"


def resolve_location(location: str, map_location: Any, handle: Any = None) -> "fb.device":
    """Where a storage saved at `location` goes."""
    target: Any = map_location
    if isinstance(map_location, Mapping):
        target = map_location.get(location, location)
    elif callable(map_location):
        moved = map_location(handle, location)
        if moved is not None and not hasattr(moved, "device"):
            raise TypeError(
                "load: expected map_location to return a storage or None, but it returned "
                f"{type(moved).__name__}"
            )
        target = location if moved is None else moved.device
    device = (
        _device_of_file(location) if target is None or target is location else fb.device(target)
    )
    if device.type not in ("cpu", "meta") and not _is_available(device.type):
        raise RuntimeError(
            f"Attempting to deserialize object on a {device.type.upper()} device, which is not "
            "available. Please use flambeau.load with map_location='cpu' to map your storages to "
            "the CPU"
        )
    return device


def _device_of_file(location: str) -> "fb.device":
    try:
        return fb.device(location)
    except (RuntimeError, ValueError):
        raise FormatError(f"load: the file's device {location[:40]!r} does not exist") from None


def _is_available(backend: str) -> bool:
    module = getattr(fb, backend, None)
    return module is not None and bool(module.is_available())


class TensorBuilder:
    """Holds the storages of one file and builds the tensors over them.

    Args:
        fetch: Gives the bytes of a storage by key, on the CPU.
        map_location: As for load.
        byteorder: Of the file's data, "little" or "big".
    """

    def __init__(
        self, fetch: "Callable[[str, int], fb.Tensor]", map_location: Any, byteorder: str
    ) -> None:
        self._fetch = fetch
        self._map_location = map_location
        self._swapped = byteorder != sys.byteorder
        self.stored: dict[str, Stored] = {}
        self._by_handle: dict[int, Stored] = {}
        calls = {
            "torch._utils._rebuild_tensor": self._tensor,
            "torch._utils._rebuild_tensor_v2": self._tensor_v2,
            "torch._utils._rebuild_tensor_v3": self._tensor_v3,
            "torch._utils._rebuild_meta_tensor_no_storage": self._meta_tensor,
            "torch._utils._rebuild_parameter": self._parameter,
            "torch._utils._rebuild_parameter_with_state": self._parameter_with_state,
            "torch._tensor._rebuild_from_type_v2": self._from_type,
            "torch.nn.parameter.Parameter": self._parameter,
            "torch.Tensor": self._refuse,
            "torch.serialization._get_layout": self._layout,
        }
        self.globals = {
            name: Global(name, lambda machine, args, call=call: call(args))  # type: ignore[misc]
            for name, call in calls.items()
        }

    def storage(self, kind: object, key: object, location: object, numel: object) -> Stored:
        """The storage with this key; its bytes are read when it is first named."""
        if isinstance(key, bytes) or isinstance(location, bytes):  # from Python 2
            key, location = _ascii(key), _ascii(location)
        if (
            not isinstance(kind, StorageType)
            or type(key) is not str
            or type(location) is not str
            or not is_count(numel)
        ):
            raise UnpicklingError("load: the file describes a storage in an unknown way")
        nbytes = count_bytes([numel], kind.dtype.itemsize if kind.dtype else 1, "a storage")
        if (found := self.stored.get(key)) is None:
            found = self._add(key, nbytes, location, kind.dtype)
        elif nbytes > found.flat.numel():
            raise FormatError(f"load: storage {key[:40]!r} is shorter than the file claims")
        return found

    def _add(self, key: str, nbytes: int, location: str, dtype: "fb.dtype | None") -> Stored:
        flat = self._place(key, nbytes, location)
        if self._swapped and dtype is not None and flat.device.type == "cpu":
            swap_bytes(flat, dtype.itemsize // (2 if dtype.is_complex else 1))
        stored = Stored(UntypedStorage.of(flat), flat, dtype)
        self.stored[key] = self._by_handle[id(stored.handle)] = stored
        return stored

    def _place(self, key: str, nbytes: int, location: str) -> "fb.Tensor":
        if callable(self._map_location):
            flat = self._fetch(key, nbytes)
            device = resolve_location(location, self._map_location, UntypedStorage.of(flat))
        else:
            device = resolve_location(location, self._map_location)
            if device.type == "meta":
                return fb.empty(nbytes, dtype=fb.uint8, device="meta")
            flat = self._fetch(key, nbytes)
        return flat.to(device)

    def _view(self, handle: object, offset: Any, size: Any, stride: Any, dtype: Any) -> Any:
        stored = self._by_handle.get(id(handle))
        if stored is None or not isinstance(size, tuple) or not isinstance(stride, tuple):
            raise UnpicklingError("load: the file describes a tensor in an unknown way")
        dtype = dtype or stored.dtype or fb.uint8
        if self._swapped and stored.dtype is None and dtype.itemsize > 1:
            raise FormatError("load: the file's byte order does not fit untyped storages")
        check_geometry(size, stride, offset, dtype.itemsize, stored.flat.numel())
        return view_storage(stored.flat, dtype, size, stride, offset)

    def _tensor(self, args: tuple[Any, ...]) -> Any:
        _count(args, 4, 4)
        handle, offset, size, stride = args
        return self._view(handle, offset, size, stride, None)

    def _tensor_v2(self, args: tuple[Any, ...]) -> Any:
        """(storage, offset, size, stride, requires_grad, hooks, metadata=None)"""
        _count(args, 6, 7)
        viewed = self._tensor(args[:4])
        tensor = _with_metadata(viewed, args[6] if len(args) > 6 else None)
        return _with_grad(tensor, args[4])

    def _tensor_v3(self, args: tuple[Any, ...]) -> Any:
        """The same with a dtype before the metadata, for storages without a type."""
        _count(args, 7, 8)
        _is_dtype(args[6])
        handle, offset, size, stride = args[:4]
        tensor = self._view(handle, offset, size, stride, args[6])
        return _with_grad(_with_metadata(tensor, args[7] if len(args) > 7 else None), args[4])

    def _meta_tensor(self, args: tuple[Any, ...]) -> Any:
        _count(args, 4, 4)
        dtype, size, stride, requires_grad = args
        _is_dtype(dtype)
        if not isinstance(size, tuple) or not isinstance(stride, tuple):
            raise UnpicklingError("load: the file describes a tensor in an unknown way")
        check_geometry(size, stride, 0, dtype.itemsize, (1 << 63) - 1)
        tensor = fb.empty_strided(size, stride, dtype=dtype, device="meta")
        return _with_grad(tensor, requires_grad)

    def _parameter(self, args: tuple[Any, ...]) -> Any:
        from flambeau.nn import Parameter

        _count(args, 1, 3)
        data, requires_grad = args[0], args[1] if len(args) > 1 else True
        if not isinstance(data, fb.Tensor) or type(requires_grad) is not bool:
            raise UnpicklingError("load: a Parameter without a tensor")
        _check_grad(data, requires_grad)
        return Parameter(data.detach(), requires_grad)

    def _parameter_with_state(self, args: tuple[Any, ...]) -> Any:
        _count(args, 4, 4)
        parameter = self._parameter(args[:3])
        _set_state(parameter, args[3])
        return parameter

    def _from_type(self, args: tuple[Any, ...]) -> Any:
        """(function, class, arguments, state): a tensor with attributes."""
        _count(args, 4, 4)
        function, _, inner, state = args
        names = [item.name if isinstance(item, Global) else str(item)[:100] for item in args[:2]]
        known = isinstance(function, Global) and names[0].startswith("torch._utils._rebuild_")
        if not known or names[1] != "torch.Tensor":
            raise UnpicklingError(f"load: the file holds a tensor of the unknown class {names[1]}")
        if not isinstance(inner, tuple):
            raise UnpicklingError("load: the file describes a tensor in an unknown way")
        tensor = self.globals[names[0]].call(None, inner)  # type: ignore[arg-type]
        _set_state(tensor, state)
        return tensor

    def _layout(self, args: tuple[Any, ...]) -> Any:
        if args != ("torch.strided",):
            raise UnpicklingError("load: the file holds sparse tensors, which flambeau has not")
        return fb.strided

    def _refuse(self, args: tuple[Any, ...]) -> Any:
        raise UnpicklingError("load: tensors of PyTorch before 0.4 are not supported")


def _ascii(value: object) -> object:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _count(args: tuple[Any, ...], least: int, most: int) -> None:
    if not least <= len(args) <= most:
        raise UnpicklingError("load: the file describes a tensor in an unknown way")


def _is_dtype(value: object) -> None:
    if not isinstance(value, fb.dtype):
        raise UnpicklingError("load: the file describes a tensor without a dtype")


def _check_grad(tensor: Any, requires_grad: object) -> None:
    if type(requires_grad) is not bool:
        raise UnpicklingError("load: the file describes a tensor in an unknown way")
    if requires_grad and not (tensor.is_floating_point() or tensor.is_complex()):
        raise UnpicklingError(f"load: a tensor of dtype {tensor.dtype} cannot require gradients")


def _with_grad(tensor: Any, requires_grad: object) -> Any:
    _check_grad(tensor, requires_grad)
    return tensor.requires_grad_() if requires_grad else tensor


def _with_metadata(tensor: Any, metadata: object) -> Any:
    """Apply the lazy conjugation and negation that PyTorch keeps as bits."""
    if not metadata:
        return tensor
    if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
        raise UnpicklingError("load: a tensor with unknown metadata")
    tensor = tensor.conj() if metadata.get("conj") else tensor
    return tensor.neg() if metadata.get("neg") else tensor


def _set_state(tensor: Any, state: object) -> None:
    parts = state if isinstance(state, tuple) else (state,)
    for part in parts:
        if part is not None:
            set_attributes(tensor, part)
