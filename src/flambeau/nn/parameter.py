"""Tensors that belong to a module: parameters, buffers and their lazy forms."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import _C, Tensor

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]

_TensorMeta: Any = type(Tensor)
_tensor_type: Any = Tensor
_subclass = _tensor_type._make_subclass
_disabled_torch_function_impl = getattr(_C, "_disabled_torch_function_impl", None)


class _ParameterMeta(_TensorMeta):  # type: ignore[misc]
    """Lets a tensor subclass marked with ``_is_param`` count as a Parameter."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return (
            cls is Parameter
            and isinstance(instance, Tensor)
            and getattr(instance, "_is_param", False)
        )


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a module lists among its parameters once assigned to it.

    Args:
        data (Tensor): values, any shape; shared, not copied. An empty tensor if omitted.
        requires_grad (bool): whether gradients are recorded. Default: ``True``.

    Example::

        >>> import flambeau
        >>> w = flambeau.nn.Parameter(flambeau.ones(2))
        >>> w.requires_grad
        True
    """

    if _disabled_torch_function_impl is not None:
        __torch_function__ = _disabled_torch_function_impl

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = flambeau.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return _subclass(cls, data, requires_grad)
        # A tensor subclass keeps its own type and is only marked.
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires "
                "that detach() returns an instance of the same type, but return type "
                f"{type(marked).__name__} was found instead. To use the type as a Parameter, "
                "please correct the detach() semantics defined by its __torch_dispatch__() "
                "implementation."
            )
        marked._is_param = True
        return marked

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(
            self.data.clone(memory_format=flambeau.preserve_format), self.requires_grad
        )
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_parameter, (self.data, self.requires_grad)


if hasattr(_C, "_serve_parameters"):
    # Parameters count as plain tensors in calls; no subclass look-up for each.
    _C._serve_parameters(Parameter)


def _rebuild_parameter(data: Tensor, requires_grad: bool) -> Parameter:
    return Parameter(data, requires_grad)


class _BufferMeta(_TensorMeta):  # type: ignore[misc]
    """Makes ``isinstance(tensor, Buffer)`` mean "created by Buffer(...)"."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return (
            cls is Buffer
            and isinstance(instance, Tensor)
            and getattr(instance, "_is_buffer", False)
        )


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a module registers as a buffer once assigned to it.

    Args:
        data (Tensor): values, any shape. An empty tensor if omitted.
        persistent (bool): whether ``state_dict`` contains it. Default: ``True``.
    """

    persistent: bool

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = flambeau.empty(0)
        marked = data.detach().requires_grad_(data.requires_grad)
        marked.persistent = persistent
        marked._is_buffer = True
        return marked


_NO_ATTRIBUTES = (
    "Can't access the shape of an uninitialized parameter or buffer. "
    "This error usually happens in `load_state_dict` when trying to load "
    "an uninitialized parameter into an initialized one. "
    "Call `forward` to initialize the parameters before accessing their attributes."
)
_NO_SHARING = (
    "Can't share memory on an uninitialized parameter or buffer. "
    "Call `forward` to initialize the parameters before calling "
    "`module.share_memory()`."
)


class UninitializedTensorMixin:
    """What lazy parameters and buffers share: no shape until ``materialize`` is called."""

    cls_to_become: type | None = None
    _USABLE = frozenset(
        [
            "is_floating_point",
            "half",
            "float",
            "double",
            "char",
            "short",
            "int",
            "long",
            "cuda",
            "cpu",
            "to",
            "size",
            "get_device",
            "_has_compatible_shallow_copy_type",
        ]
    )

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Turn into an ordinary, uninitialized tensor of ``shape``, in place.

        Args:
            shape (tuple[int, ...]): the shape that was unknown until now.
            device: where to allocate. Default: the device given at construction.
            dtype: element type. Default: the dtype given at construction.
        """
        tensor: Any = self
        data = tensor.data
        self.data = flambeau.empty(
            shape,
            device=data.device if device is None else device,
            dtype=data.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    @property
    def shape(self) -> Any:
        raise RuntimeError(_NO_ATTRIBUTES)

    def share_memory_(self) -> Any:
        raise RuntimeError(_NO_SHARING)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in cls._USABLE or type(func).__name__ == "method-wrapper":
            if hasattr(Tensor, "__torch_function__"):
                inherited: Any = super()
                return inherited.__torch_function__(func, types, args, kwargs or {})
            return func(*(_plain(arg) for arg in args), **(kwargs or {}))
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. "
            "This error happens when you are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters before calling torch "
            "functions"
        )


def _plain(value: Any) -> Any:
    """Return the empty tensor behind a lazy one."""
    if isinstance(value, UninitializedTensorMixin):
        return _subclass(Tensor, value)
    return value


def is_lazy(param: Any) -> bool:
    """Tell whether ``param`` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; lazy modules materialize it.

    Args:
        requires_grad (bool): whether gradients are recorded. Default: ``True``.
        device, dtype: of the tensor it will become.
    """

    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        data = flambeau.empty(0, device=device, dtype=dtype)
        return _subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) in memo:
            return memo[id(self)]
        copied = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = copied
        return copied


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; lazy modules materialize it.

    Args:
        requires_grad (bool): whether gradients are recorded. Default: ``False``.
        device, dtype: of the tensor it will become.
        persistent (bool): whether ``state_dict`` contains it. Default: ``True``.
    """

    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        data = flambeau.empty(0, device=device, dtype=dtype)
        made = _subclass(cls, data, requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made
