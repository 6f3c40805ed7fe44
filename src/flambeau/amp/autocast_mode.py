"""Regions in which operators choose the type of their arguments, and their switches."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import flambeau
from flambeau import _C
from flambeau.autograd.grad_mode import _Switch

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

F = TypeVar("F", bound=Callable[..., Any])

# What PyTorch knows as autocast devices besides the CPU, with their default types. Programs name
# them before they ask whether they are there; their settings are kept and have no effect.
_ELSEWHERE = {
    "cuda": flambeau.float16,
    "hpu": flambeau.bfloat16,
    "maia": flambeau.bfloat16,
    "mps": flambeau.float16,
    "mtia": flambeau.float16,
    "xla": flambeau.bfloat16,
    "xpu": flambeau.float16,
}
_HALF_TYPES = (flambeau.bfloat16, flambeau.float16)


class _Settings(threading.local):
    """Of this thread, for devices that are not there."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, flambeau.dtype] = {}


_settings = _Settings()


def _check_device(device_type: str) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if not is_autocast_available(device_type):
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")


def is_autocast_available(device_type: str) -> bool:
    """Whether ``device_type`` may be named in ``autocast``.

    Example:
        >>> import flambeau as fb
        >>> fb.amp.is_autocast_available("cpu")
        True
    """
    return device_type == "cpu" or device_type in _ELSEWHERE


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread is in an enabled region for the device.

    Args:
        device_type (str): ``"cpu"``, the only device that autocast has an effect on; PyTorch's
            default is ``"cuda"``.

    Example:
        >>> import flambeau as fb
        >>> with fb.autocast("cpu"):
        ...     fb.is_autocast_enabled("cpu")
        True
    """
    _check_device(device_type)
    if device_type == "cpu":
        return bool(_C._is_autocast_enabled())
    return _settings.enabled.get(device_type, False)


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switch autocast of this thread on or off; ``autocast`` does it for a region."""
    _check_device(device_type)
    if device_type == "cpu":
        _C._set_autocast_enabled(enabled)
    else:
        _settings.enabled[device_type] = enabled


def get_autocast_dtype(device_type: str) -> flambeau.dtype:
    """The type that products are computed in, of this thread.

    Example:
        >>> import flambeau as fb
        >>> fb.get_autocast_dtype("cpu")
        torch.bfloat16
    """
    _check_device(device_type)
    if device_type == "cpu":
        return _C._get_autocast_dtype()
    return _settings.dtypes.get(device_type, _ELSEWHERE[device_type])


def set_autocast_dtype(device_type: str, dtype: flambeau.dtype) -> None:
    """Choose the type that products are computed in, for this thread."""
    _check_device(device_type)
    if not isinstance(dtype, flambeau.dtype):
        raise TypeError(
            "set_autocast_dtype(): argument 'dtype' (position 2) must be flambeau.dtype, not "
            f"{type(dtype).__name__}"
        )
    if device_type == "cpu":
        _C._set_autocast_dtype(dtype)
    else:
        _settings.dtypes[device_type] = dtype


class autocast(_Switch):
    """A region, or a decorated function, in which operators choose the type of their arguments.

    Products, convolutions, attention and recurrent layers cast float tensors to ``dtype``; losses,
    products of elements, quantiles, transforms and decompositions to float32; ``cat`` and
    ``stack`` to the widest of theirs. float64 is left alone, and so are in-place operators and
    those with ``out=``. The casts are recorded: gradients reach float32 parameters in float32. Run
    ``backward`` outside, which takes the types of forward.

    Regions nest; ``enabled=False`` in an inner one switches autocast off, where tensors may have to
    be cast by hand: a result may be of a half type. The setting is the thread's.

    Args:
        device_type (str): ``"cpu"``; other devices are accepted with a warning and have no effect.
        dtype (dtype): bfloat16 (default) or float16.
        enabled (bool): whether to cast.
        cache_enabled (bool): cast a parameter once for all its uses until the outermost region
            ends.

    Example:
        >>> import flambeau as fb
        >>> a = fb.ones(2, 2)
        >>> with fb.autocast("cpu"):
        ...     low = a @ a
        ...     with fb.autocast("cpu", enabled=False):
        ...         full = a @ a
        >>> low.dtype, full.dtype
        (torch.bfloat16, torch.float32)
        >>> @fb.autocast("cpu", dtype=fb.float16)
        ... def square(x):
        ...     return x @ x
        >>> square(a).dtype
        torch.float16
    """

    def __init__(
        self,
        device_type: str,
        dtype: flambeau.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        _check_device(device_type)
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = (
            _C.is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        )
        if enabled and device_type != "cpu":
            warnings.warn(
                f"{device_type.upper()} is not available. Disabling autocast.", stacklevel=2
            )
            enabled = False
        if enabled and self.fast_dtype not in _HALF_TYPES:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of "
                f"{', '.join(map(str, _HALF_TYPES))} currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._before: list[tuple[bool, flambeau.dtype, bool]] = []

    def clone(self) -> autocast:
        return self

    def __enter__(self) -> autocast:
        # A list, so that one object can be entered again while it is active.
        self._before.append(
            (
                is_autocast_enabled(self.device),
                get_autocast_dtype(self.device),
                _C.is_autocast_cache_enabled(),
            )
        )
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        _C.set_autocast_cache_enabled(self._cache_enabled)
        _C.autocast_increment_nesting()
        return self

    def __exit__(self, *_: object) -> None:
        if _C.autocast_decrement_nesting() == 0:
            _C.clear_autocast_cache()
        enabled, dtype, cache = self._before.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        _C.set_autocast_cache_enabled(cache)


def _cast(value: Any, device_type: str, dtype: flambeau.dtype) -> Any:
    """Cast the float tensors in an argument, which may be a container of them."""
    if isinstance(value, flambeau.Tensor):
        eligible = value.is_floating_point() and value.dtype != flambeau.float64
        return value.to(dtype) if eligible and value.device.type == device_type else value
    if isinstance(value, Mapping):
        return {
            _cast(key, device_type, dtype): _cast(item, device_type, dtype)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        items = [_cast(item, device_type, dtype) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if type(value).__module__ == "numpy" or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, Iterable):
        return (_cast(item, device_type, dtype) for item in value)
    return value


def custom_fwd(
    fwd: Any = None, *, device_type: str, cast_inputs: flambeau.dtype | None = None
) -> Any:
    """Decorate ``forward`` of a custom ``autograd.Function`` that is used in autocast regions.

    Args:
        fwd (callable): ``forward(ctx, ...)``; without it a decorator is returned.
        device_type (str): whose autocast is meant.
        cast_inputs (dtype): in an enabled region cast float tensors to this type and run
            ``forward`` with autocast off; None runs it as the region says.

    Example:
        >>> import flambeau as fb
        >>> class Square(fb.autograd.Function):
        ...     @staticmethod
        ...     @fb.amp.custom_fwd(device_type="cpu", cast_inputs=fb.float32)
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x @ x
        ...     @staticmethod
        ...     @fb.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return grad @ x.T + x.T @ grad
        >>> with fb.autocast("cpu"):
        ...     Square.apply(fb.ones(2, 2, dtype=fb.bfloat16)).dtype
        torch.float32
    """
    _check_device(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        enabled = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(
                ctx,
                *_cast(args, device_type, cast_inputs),
                **_cast(kwargs, device_type, cast_inputs),
            )

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorate ``backward`` of a custom ``autograd.Function``: run it with forward's autocast.

    Args:
        bwd (callable): ``backward(ctx, ...)``; without it a decorator is returned.
        device_type (str): whose autocast is meant.

    See :func:`custom_fwd`, which must decorate ``forward``.
    """
    _check_device(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward
