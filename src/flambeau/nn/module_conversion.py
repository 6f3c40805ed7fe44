"""Moving and casting all parameters and buffers of a module."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, Self

import flambeau
from flambeau import Tensor
from flambeau.nn.parameter import Parameter


class Conversion:
    """The part of ``Module`` that replaces parameters and buffers by what is made of them."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    children: Callable[[], Iterator[Any]]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every parameter, gradient and buffer by ``fn`` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for name, param in self._parameters.items():
            if param is not None:
                self._parameters[name] = _converted(param, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or cast all parameters and buffers, in place.

        ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``, with
        ``non_blocking`` and ``memory_format``. Only floating point and complex tensors are cast.

        Returns:
            Module: this module.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may "
                    "change, and some modules might not work as expected when using complex "
                    "tensors as parameters or buffers. Please file an issue at "
                    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml "
                    "if a complex module does not work as expected.",
                    stacklevel=2,
                )

        def convert(tensor: Tensor) -> Tensor:
            cast = dtype if tensor.is_floating_point() or tensor.is_complex() else None
            options = {}
            if memory_format is not None and tensor.dim() in (4, 5):
                options["memory_format"] = memory_format
            try:
                return tensor.to(device, cast, non_blocking, **options)
            except NotImplementedError as error:
                if str(error).startswith("Cannot copy out of meta tensor; no data!"):
                    raise NotImplementedError(
                        f"{error} Please use torch.nn.Module.to_empty() instead of "
                        "torch.nn.Module.to() when moving module from meta to a different device."
                    ) from None
                raise

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move parameters and buffers to ``device`` without copying their values."""
        return self._apply(
            lambda tensor: flambeau.empty_like(tensor, device=device), recurse=recurse
        )

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move all parameters and buffers to a CUDA device."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def type(self, dst_type: Any) -> Self:
        """Cast all parameters and buffers to ``dst_type``."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Self:
        """Cast floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Cast floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Cast floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Cast floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def share_memory(self) -> Self:
        """Let other processes see the parameters and buffers (see Tensor.share_memory_)."""
        return self._apply(lambda tensor: tensor.share_memory_())


def _converted(param: Parameter, fn: Callable[[Tensor], Tensor]) -> Parameter:
    """Return ``param`` with ``fn`` applied to its values and gradient, itself if possible."""
    with flambeau.no_grad():
        data = fn(param)
    grad = param.grad
    if data.device.type == param.device.type:
        param.data = data
        kept = param
    else:
        kept = Parameter(data, param.requires_grad)
    if grad is not None:
        with flambeau.no_grad():
            new_grad = fn(grad)
        new_grad.requires_grad_(grad.requires_grad)
        kept.grad = new_grad
    return kept


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Read the arguments of ``to`` as (device, dtype, non_blocking, memory_format)."""
    memory_format = kwargs.pop("memory_format", None)
    if (args and isinstance(args[0], Tensor)) or "tensor" in kwargs or "other" in kwargs:
        names: tuple[str, ...] = ("tensor", "non_blocking", "copy")
    elif args and isinstance(args[0], flambeau.dtype):
        names = ("dtype", "non_blocking", "copy")
    else:
        names = ("device", "dtype", "non_blocking", "copy")
    given = dict(zip(names, args, strict=False))
    if len(args) > len(names) or given.keys() & kwargs.keys():
        raise TypeError(f"to() received an invalid combination of arguments - got {args}")
    given.update(kwargs)
    tensor = given.pop("tensor", None)
    if tensor is not None:
        given.update(device=tensor.device, dtype=tensor.dtype)
    device = given.pop("device", None)
    dtype = given.pop("dtype", None)
    non_blocking = given.pop("non_blocking", False)
    given.pop("copy", None)
    if given:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(given))}'")
    if dtype is not None and not isinstance(dtype, flambeau.dtype):
        raise TypeError(f"to(): argument 'dtype' must be dtype, not {type(dtype).__name__}")
    if device is not None and not isinstance(device, flambeau.device):
        device = flambeau.device(device)
    return device, dtype, non_blocking, memory_format
