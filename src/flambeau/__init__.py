"""flambeau: tensors, automatic differentiation and neural networks, programmed as PyTorch is.

``import flambeau as torch`` and programs written for PyTorch run. Submodules load when they are
first used.
"""

# ruff: noqa: E402
from __future__ import annotations

import importlib as _importlib
from math import e as e, inf as inf, nan as nan, pi as pi
from typing import TYPE_CHECKING, Any

from flambeau import _C
from flambeau._C import (
    Generator as Generator,
    Size as Size,
    Tensor as Tensor,
    autocast_decrement_nesting as autocast_decrement_nesting,
    autocast_increment_nesting as autocast_increment_nesting,
    bfloat16 as bfloat16,
    bool as bool,
    can_cast as can_cast,
    cdouble as cdouble,
    cfloat as cfloat,
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    clear_autocast_cache as clear_autocast_cache,
    complex64 as complex64,
    complex128 as complex128,
    contiguous_format as contiguous_format,
    default_generator as default_generator,
    device as device,
    double as double,
    dtype as dtype,
    float as float,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    get_num_threads as get_num_threads,
    half as half,
    int as int,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    is_autocast_cache_enabled as is_autocast_cache_enabled,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    layout as layout,
    long as long,
    memory_format as memory_format,
    preserve_format as preserve_format,
    promote_types as promote_types,
    set_autocast_cache_enabled as set_autocast_cache_enabled,
    set_num_threads as set_num_threads,
    short as short,
    sparse_coo as sparse_coo,
    strided as strided,
    uint8 as uint8,
)

__version__ = "0.1.0"

newaxis = None

# The operators of the registry whose names have no dots: add, sum, cat, ...
globals().update(_C.namespace(""))

if TYPE_CHECKING:
    # What exists at run time only, or is loaded when it is first used, as type checkers see it.
    from flambeau import (
        amp as amp,
        autograd as autograd,
        io as io,
        linalg as linalg,
        nn as nn,
        optim as optim,
        utils as utils,
        vision as vision,
    )
    from flambeau._operators import *  # noqa: F403
    from flambeau._printing import set_printoptions as set_printoptions
    from flambeau.amp import (
        autocast as autocast,
        get_autocast_dtype as get_autocast_dtype,
        is_autocast_enabled as is_autocast_enabled,
        set_autocast_dtype as set_autocast_dtype,
        set_autocast_enabled as set_autocast_enabled,
    )
    from flambeau.io import load as load, save as save

from flambeau import ops as _rooms
from flambeau._functions import *  # noqa: F403
from flambeau._tensor import (
    as_tensor as as_tensor,
    asarray as asarray,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    frombuffer as frombuffer,
    tensor as tensor,
)
from flambeau.autograd.grad_mode import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from flambeau.random import (
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)

OutOfMemoryError = _C.OutOfMemoryError

_LAZY = {
    "TypedStorage": ("flambeau.storage", "TypedStorage"),
    "UntypedStorage": ("flambeau.storage", "UntypedStorage"),
    "autocast": ("flambeau.amp", "autocast"),
    "get_autocast_dtype": ("flambeau.amp", "get_autocast_dtype"),
    "is_autocast_enabled": ("flambeau.amp", "is_autocast_enabled"),
    "set_autocast_dtype": ("flambeau.amp", "set_autocast_dtype"),
    "set_autocast_enabled": ("flambeau.amp", "set_autocast_enabled"),
    "cosine_similarity": ("flambeau.nn.functional.distance", "cosine_similarity"),
    "pairwise_distance": ("flambeau.nn.functional.distance", "pairwise_distance"),
    "pdist": ("flambeau.nn.functional.distance", "pdist"),
    "save": ("flambeau.io", "save"),
    "load": ("flambeau.io", "load"),
    "set_printoptions": ("flambeau._printing", "set_printoptions"),
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module, attribute = _LAZY[name]
        return getattr(_importlib.import_module(module), attribute)
    if _rooms.knows(name):
        operator = globals()[name] = _C._find_op(name)
        return operator
    if not name.startswith("_"):
        try:
            return _importlib.import_module(f"flambeau.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.{name}":
                raise  # what the submodule itself needs is not installed
    raise AttributeError(f"module 'flambeau' has no attribute '{name}'")


def __dir__() -> list[str]:
    import pkgutil

    found = {module.name for module in pkgutil.iter_modules(__path__)}  # noqa: F405
    submodules = {name for name in found if not name.startswith("_")}
    return sorted({*globals(), *_LAZY, *submodules, *_rooms.names("")})
