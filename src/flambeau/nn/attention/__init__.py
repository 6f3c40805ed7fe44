"""Choice of the kernel behind scaled dot-product attention.

flambeau has one kernel for all shapes and masks, so a choice is checked and remembered, and
changes neither results nor speed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """The kernels that PyTorch programs choose from."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


_ALL = tuple(backend for backend in SDPBackend if backend is not SDPBackend.ERROR)
_chosen: ContextVar[tuple[SDPBackend, ...]] = ContextVar("sdpa_backends", default=_ALL)


def _cur_sdpa_kernel_backends() -> list[SDPBackend]:
    """Return the kernels chosen by the innermost ``sdpa_kernel``."""
    return list(_chosen.get())


@contextmanager
def sdpa_kernel(
    backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False
) -> Iterator[None]:
    """Choose kernels for scaled dot-product attention while the context lasts.

    Args:
        backends (SDPBackend or iterable): the kernels that may run.
        set_priority (bool): their order is a preference.
    """
    given = (backends,) if isinstance(backends, SDPBackend) else tuple(backends)
    if not all(isinstance(backend, SDPBackend) for backend in given):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend")
    token = _chosen.set(given)
    try:
        yield
    finally:
        _chosen.reset(token)
