"""flambeau: tensors, automatic differentiation and neural networks, programmed as PyTorch is.

``import flambeau as torch`` and programs written for PyTorch run. Submodules load when they are
first used.
"""

# Everything is public here; __init__.pyi says what there is.
# ruff: noqa: F401

from __future__ import annotations

import importlib as _importlib
from math import e, inf, nan, pi
from typing import Any

from flambeau import _C
from flambeau._C import (
    Generator,
    Size,
    Tensor,
    bfloat16,
    bool,
    can_cast,
    cdouble,
    cfloat,
    channels_last,
    channels_last_3d,
    complex64,
    complex128,
    contiguous_format,
    default_generator,
    device,
    double,
    dtype,
    float,
    float16,
    float32,
    float64,
    get_default_dtype,
    get_num_threads,
    half,
    int,
    int8,
    int16,
    int32,
    int64,
    is_grad_enabled,
    is_inference_mode_enabled,
    layout,
    long,
    memory_format,
    preserve_format,
    promote_types,
    set_num_threads,
    short,
    sparse_coo,
    strided,
    uint8,
)

__version__ = "0.1.0"

newaxis = None

# The operators of the registry whose names have no dots: add, sum, cat, ...
globals().update(_C.namespace(""))

from flambeau._functions import *  # noqa: E402, F403
from flambeau._tensor import as_tensor, asarray, from_dlpack, from_numpy, frombuffer, tensor  # noqa: E402
from flambeau.autograd.grad_mode import (  # noqa: E402
    enable_grad,
    inference_mode,
    no_grad,
    set_grad_enabled,
)
from flambeau.random import (  # noqa: E402
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)

from flambeau import ops as _rooms  # noqa: E402

OutOfMemoryError = _C.OutOfMemoryError

_LAZY = {
    "save": ("flambeau.io", "save"),
    "load": ("flambeau.io", "load"),
    "set_printoptions": ("flambeau._printing", "set_printoptions"),
}
_SUBMODULES = {
    "amp", "autograd", "cli", "distributions", "fft", "func", "io", "linalg", "nn", "optim", "ops",
    "random", "special", "utils", "vision",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return _importlib.import_module(f"flambeau.{name}")
    if name in _LAZY:
        module, attribute = _LAZY[name]
        return getattr(_importlib.import_module(module), attribute)
    if _rooms.knows(name):
        operator = globals()[name] = _C._find_op(name)
        return operator
    raise AttributeError(f"module 'flambeau' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_SUBMODULES, *_rooms.names("")})
