"""NumPy's scalars and arrays in pickles: many checkpoints hold a metric or a random state."""

import re
from typing import Any

from flambeau.io.errors import UnpicklingError
from flambeau.io.machine import Global, Machine
from flambeau.io.tensors import count_bytes

NUMBER = re.compile(r"b1|[iu][1248]|f[248]|c8|c16")
NATIVE = ("<", "|", "=")


def _refuse() -> UnpicklingError:
    return UnpicklingError("load: the file describes a NumPy object in an unknown way")


def _dtype(m: Machine, args: tuple[Any, ...]) -> object:
    import numpy as np

    if not args or type(args[0]) is not str or not NUMBER.fullmatch(args[0]):
        raise UnpicklingError(f"load: NumPy's dtype {str(args)[:60]} is not one of numbers")
    return np.dtype(args[0])


def _scalar(m: Machine, args: tuple[Any, ...]) -> object:
    import numpy as np

    if len(args) != 2 or not isinstance(args[0], np.dtype) or type(args[1]) is not bytes:
        raise _refuse()
    if len(args[1]) != args[0].itemsize:
        raise _refuse()
    return np.frombuffer(args[1], args[0])[0]


def _array(m: Machine, args: tuple[Any, ...]) -> object:
    """An empty array, whose content follows as its state."""
    import numpy as np

    if len(args) != 3 or args[0] is not GLOBALS["numpy.ndarray"]:
        raise _refuse()
    return np.empty(0)


def _array_class(m: Machine, args: tuple[Any, ...]) -> object:
    raise _refuse()


def set_state(m: Machine, target: object, state: object) -> None:
    """Fill an array; for a dtype only check that nothing is special about it."""
    import numpy as np

    if not isinstance(state, tuple):
        raise _refuse()
    if isinstance(target, np.dtype):
        if len(state) < 5 or state[1] not in NATIVE or any(state[2:5]):
            raise UnpicklingError("load: a NumPy dtype with fields or a foreign byte order")
        return
    if type(target) is not np.ndarray or len(state) != 5:
        raise _refuse()
    _, shape, dtype, fortran, data = state
    if (
        not isinstance(shape, tuple)
        or not isinstance(dtype, np.dtype)
        or type(fortran) is not bool
        or type(data) is not bytes
        or count_bytes(shape, dtype.itemsize, "an array") != len(data)
    ):
        raise _refuse()
    m.spend(len(data))
    target.__setstate__((1, shape, dtype, fortran, data))  # type: ignore[arg-type]


GLOBALS = {
    f"{module}.{name}": Global(f"{module}.{name}", call)
    for module, name, call in [
        ("numpy", "dtype", _dtype),
        ("numpy", "ndarray", _array_class),
        ("numpy.core.multiarray", "scalar", _scalar),
        ("numpy._core.multiarray", "scalar", _scalar),
        ("numpy.core.multiarray", "_reconstruct", _array),
        ("numpy._core.multiarray", "_reconstruct", _array),
    ]
}
