"""NumPy's .npy and .npz files, read through NumPy's own header parser and without pickles."""

import io
from typing import TYPE_CHECKING, Any

from flambeau.io.archive import Record
from flambeau.io.errors import FormatError
from flambeau.io.files import BytesSource, Source
from flambeau.io.tensors import count_bytes
from flambeau.io.torch_tensors import resolve_location

if TYPE_CHECKING:
    import flambeau as fb

MAX_HEADER = 1 << 16


def load_array(source: Source, map_location: Any, encoding: str) -> "fb.Tensor":
    """The tensor in a .npy file."""
    import numpy as np

    import flambeau as fb

    head = io.BytesIO(source.read(0, min(source.size, MAX_HEADER)))
    try:
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[np.lib.format.read_magic(head)]
        shape, fortran, dtype = parse(head)
    except (ValueError, KeyError, TypeError, SyntaxError, OverflowError, RecursionError) as error:
        raise FormatError(f"load: the header of the NumPy file is corrupt: {error}") from None
    if dtype.hasobject or dtype.kind not in "biufc":
        raise FormatError(f"load: the NumPy file holds {dtype}, not numbers")
    nbytes = count_bytes(shape, dtype.itemsize, "the array")
    data = bytearray(source.read(head.tell(), nbytes))
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    tensor = fb.from_numpy(array.astype(dtype.newbyteorder("="), copy=False))
    return tensor.to(resolve_location("cpu", map_location))


def load_arrays(
    source: Source, records: dict[str, Record], map_location: Any
) -> "dict[str, fb.Tensor]":
    """The tensors in a .npz file, by name."""
    return {
        name.removesuffix(".npy"): load_array(
            BytesSource(source.read(record.offset, record.size)), map_location, ""
        )
        for name, record in records.items()
    }
