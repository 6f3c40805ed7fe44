"""Building batches from samples."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, TypeAlias

import flambeau as fb

Collate: TypeAlias = Callable[..., Any]
CollateMap: TypeAlias = dict[Any, Collate]

_EXPECTED = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)

# In a worker, while it collates a batch to send: a place for the stack of some tensors, or None.
shared_room: Callable[[Sequence[Any]], Any] | None = None


def _is_numpy(cls: type) -> bool:
    """Tell whether a class is NumPy's, without importing NumPy."""
    return cls.__module__ == "numpy" and cls.__name__ not in ("str_", "string_", "bytes_")


def _holds_text_or_objects(array: Any) -> bool:
    return array.dtype.kind in "SUO" or "a" in array.dtype.str


def default_convert(data: Any) -> Any:
    """Turn NumPy arrays and numbers inside of containers into tensors, leave the rest.

    Args:
        data: a sample, of any nesting.

    Returns:
        The same structure; tuples become lists.

    Example:
        >>> from flambeau.utils.data import default_convert
        >>> default_convert({"a": 1, "b": "text"})
        {'a': 1, 'b': 'text'}
    """
    cls = type(data)
    if isinstance(data, fb.Tensor):
        return data
    if _is_numpy(cls):
        is_array = cls.__name__ == "ndarray"
        return data if is_array and _holds_text_or_objects(data) else fb.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        items = [default_convert(item) for item in data]
        return cls(*items) if hasattr(data, "_fields") else items
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(item) for item in data])
    return data


def _rebuild_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """Return a mapping of the given one's type, with what else it carries, or else a dict."""
    try:
        if isinstance(like, MutableMapping):
            twin = copy.copy(like)
            twin.update(items)
            return twin
        make: Any = type(like)
        return make(items)
    except TypeError:
        return items


def _rebuild_sequence(like: Sequence[Any], items: list[Any]) -> Any:
    """Return a sequence of the given one's type, with what else it carries, or else a list."""
    try:
        if isinstance(like, MutableSequence):
            twin = copy.copy(like)
            for place, item in enumerate(items):
                twin[place] = item
            return twin
        make: Any = type(like)
        return make(items)
    except TypeError:  # no such constructor, as of `range`
        return items


def collate(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    """Build a batch, with one function for each type of sample.

    Args:
        batch: samples of one structure.
        collate_fn_map: ``{type or types: f(batch, *, collate_fn_map)}`` for what is no container. A
            type that is listed counts before its base classes do.

    Returns:
        The samples' structure with batches inside; tuples become lists.

    Raises:
        TypeError: there is no function for a type.
        RuntimeError: sequences of different lengths.
    """
    first = batch[0]
    if collate_fn_map is not None:
        function = _function_for(first, collate_fn_map)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        items = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in first
        }
        return _rebuild_mapping(first, items)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        columns = zip(*batch, strict=True)
        return type(first)(*(collate(c, collate_fn_map=collate_fn_map) for c in columns))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = zip(*batch, strict=True)
        collated = [collate(column, collate_fn_map=collate_fn_map) for column in columns]
        return collated if isinstance(first, tuple) else _rebuild_sequence(first, collated)
    raise TypeError(_EXPECTED.format(type(first)))


def _function_for(sample: Any, functions: CollateMap) -> Collate | None:
    cls = type(sample)
    if cls in functions:
        return functions[cls]
    for key, function in functions.items():
        if isinstance(sample, key):
            return function
    if functions is default_collate_fn_map and _add_numpy():
        return _function_for(sample, functions)
    return None


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Stack tensors; in a worker directly where the parent process reads them."""
    out = None if shared_room is None else shared_room(batch)
    return fb.stack(tuple(batch), 0, out=out)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Stack NumPy arrays as tensors."""
    if _holds_text_or_objects(batch[0]):
        raise TypeError(_EXPECTED.format(batch[0].dtype))
    return collate([fb.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Make a tensor of NumPy numbers, in their dtype."""
    return fb.as_tensor(sys.modules["numpy"].asarray(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Make a float64 tensor of Python numbers."""
    return fb.tensor(batch, dtype=fb.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Make an integer (or bool) tensor of Python numbers."""
    return fb.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Leave text alone."""
    return batch


default_collate_fn_map: CollateMap = {
    fb.Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _add_numpy() -> bool:
    """Let the default table know NumPy's types once there can be any; True if it learned them."""
    numpy = sys.modules.get("numpy")
    if numpy is None or numpy.ndarray in default_collate_fn_map:
        return False
    default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
    default_collate_fn_map[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
    return True


def default_collate(batch: Sequence[Any]) -> Any:
    """Build a batch: tensors, arrays and numbers are stacked, containers keep their structure.

    Args:
        batch: samples of one structure.

    Returns:
        Tensors with a new first dimension, in the samples' structure; tuples become lists, texts
        stay texts.

    Raises:
        TypeError: a type that does not go into tensors.
        RuntimeError: tensors or sequences of different sizes.

    Example:
        >>> from flambeau.utils.data import default_collate
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
        {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
