"""Indexing with [], gathering, scattering, masks and tables."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from numpy_reference.library import FUNCTIONS, Tensor, reference

REDUCTIONS = {
    "sum": np.add.at, "add": np.add.at, "prod": np.multiply.at, "multiply": np.multiply.at,
    "amax": np.maximum.at, "amin": np.minimum.at, "mean": np.add.at,
}  # fmt: skip


def is_mask(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "b"


def split_key(x: Any, key: Any) -> tuple[tuple[Any, ...], dict[int, Any]]:
    """What only moves elements, and by dimension of what that leaves the tensors that pick.

    NumPy counts an integer among the latter, PyTorch among the former.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    parts = [p.array if isinstance(p, Tensor) else p for p in parts]
    parts = [np.asarray(p) if isinstance(p, (list, range)) else p for p in parts]
    parts = [p.astype(np.int64) if getattr(p, "dtype", None) == np.float64 else p for p in parts]
    used = sum(
        p.ndim if is_mask(p) else 1
        for p in parts
        if p is not None and p is not Ellipsis and not isinstance(p, (bool, np.bool_))
    )
    basic: list[Any] = []
    advanced: dict[int, Any] = {}
    at = taken = 0
    for p in parts:
        if p is Ellipsis:
            basic += [slice(None)] * (x.ndim - used)
            at += x.ndim - used
            taken += x.ndim - used
        elif isinstance(p, (bool, np.bool_)):
            basic.append(None)
            advanced[at] = np.zeros(int(p), np.int64)
            at += 1
        elif p is None or isinstance(p, slice):
            basic.append(p)
            at += 1
            taken += p is not None
        elif isinstance(p, np.ndarray) and (p.ndim or is_mask(p)):
            places = np.nonzero(p) if is_mask(p) else (p,)
            if is_mask(p) and p.shape != x.shape[taken : taken + p.ndim]:
                raise IndexError("a mask of another shape")
            taken += len(places)
            for picked in places:
                basic.append(slice(None))
                advanced[at] = picked
                at += 1
        else:
            basic.append(int(p))
            taken += 1
    return tuple(basic), advanced


def seen_by(x: Any, key: Any) -> tuple[Any, Any]:
    basic, advanced = split_key(x, key)
    seen = x[basic if Ellipsis in basic else (*basic, Ellipsis)]
    return seen, tuple(advanced.get(d, slice(None)) for d in range(max(advanced, default=-1) + 1))


def getitem(x: Any, key: Any) -> Any:
    seen, picks = seen_by(x, key)
    return seen[picks] if picks else seen


def setitem(x: Any, key: Any, value: Any) -> None:
    seen, picks = seen_by(x, key)
    value = np.asarray(value)
    while (
        value.ndim > 0
        and value.shape[0] == 1
        and value.ndim > (seen[picks] if picks else seen).ndim
    ):
        value = value[0]
    try:
        seen[picks if picks else ...] = value
    except ValueError as error:
        raise RuntimeError(str(error)) from error


FUNCTIONS["getitem"], FUNCTIONS["setitem"] = getitem, setitem


def moves(*names: str) -> Any:
    return reference(*names, raw=True)


@moves("index_select")
def index_select(input: Any, dim: int, index: Any) -> Any:
    return np.take(input, index.reshape(-1), dim) if input.ndim else input


@moves("take")
def take(input: Any, index: Any) -> Any:
    return np.take(input, index)


@moves("take_along_dim")
def take_along_dim(input: Any, indices: Any, dim: Any = None) -> Any:
    if dim is None:
        return input.reshape(-1)[indices.reshape(-1)]
    shape = [
        1 if d == dim % input.ndim else max(a, b)
        for d, (a, b) in enumerate(zip(input.shape, indices.shape, strict=True))
    ]
    widened = np.broadcast_to(
        input,
        [
            n if s == 1 and d == dim % input.ndim else s
            for d, (n, s) in enumerate(zip(input.shape, shape, strict=True))
        ],
    )
    own = [
        n if d == dim % input.ndim else s
        for d, (n, s) in enumerate(zip(indices.shape, shape, strict=True))
    ]
    return np.take_along_axis(widened, np.broadcast_to(indices, own), dim)


def leading(x: Any, shape: Any) -> Any:
    return x[tuple(slice(n) for n in shape)]


def places(index: Any, dim: int) -> tuple[Any, ...]:
    """For each element of index the place in the input."""
    found = list(np.indices(index.shape))
    found[dim] = index
    return tuple(found)


@moves("gather")
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    if not input.ndim or not index.ndim:
        return np.take(input.reshape(-1), index)
    return input[places(index, dim % input.ndim)]


def averaged(made: Any, counts: Any) -> Any:
    if made.dtype.kind in "iu":
        return made // counts
    return made / counts


def reduced(input: Any, at: Any, values: Any, reduce: str, include_self: bool) -> Any:
    made = input.copy()
    touched = np.zeros(input.shape, np.int64)
    np.add.at(touched, at, 1)
    if not include_self:
        first = {"prod": 1, "amax": lowest(made.dtype), "amin": highest(made.dtype)}.get(reduce, 0)
        made[touched > 0] = first
    if is_mask(made):
        made = made.astype(np.int64)
        values = np.asarray(values).astype(np.int64)
    REDUCTIONS[reduce](made, at, values)
    if reduce == "mean":
        counts = np.where(touched > 0, touched + include_self, 1)
        made = averaged(made, counts)
    return made.astype(input.dtype)


def lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype: Any) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def at_least_1d(function: Any) -> Any:
    """A table without dimensions has one element."""

    def run(input: Any, dim: int, index: Any, src: Any, **options: Any) -> Any:
        if input.ndim:
            return function(input, dim, index, src, **options)
        own = np.reshape(src, -1) if isinstance(src, np.ndarray) else src
        return function(input.reshape(1), 0, index.reshape(-1), own, **options).reshape(())

    return run


@at_least_1d
def scattered(
    input: Any, dim: int, index: Any, src: Any, reduce: Any = None, include_self: bool = True
) -> Any:
    at = places(index, dim % input.ndim)
    values = leading(src, index.shape) if isinstance(src, np.ndarray) and src.ndim else src
    if reduce is None:
        made = input.copy()
        made[at] = values
        return made
    return reduced(input, at, values, reduce, include_self)


@moves("scatter")
def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Any:
    return scattered(input, dim, index, value if src is None else src, reduce=reduce)


@moves("scatter_add")
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    return scattered(input, dim, index, src, reduce="sum")


@moves("scatter_reduce")
def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True
) -> Any:
    return scattered(input, dim, index, src, reduce=reduce, include_self=include_self)


def slabs(input: Any, dim: int, index: Any) -> Any:
    return (slice(None),) * (dim % input.ndim) + (index,)


@moves("index_add")
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    if not input.ndim:
        return (input + alpha * source.sum()).astype(input.dtype)
    made = input.copy()
    values = np.asarray(source * alpha).astype(made.dtype)
    (np.logical_or if is_mask(made) else np.add).at(made, slabs(made, dim, index), values)
    return made


@moves("index_copy")
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    if not input.ndim:
        return source.reshape(())
    made = input.copy()
    made[slabs(made, dim, index)] = source
    return made


@moves("index_fill")
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    if not input.ndim:
        return np.asarray(value, input.dtype)
    made = input.copy()
    made[slabs(made, dim, index)] = value
    return made


@moves("index_reduce")
def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True
) -> Any:
    shape = [1] * input.ndim
    shape[dim] = -1
    return scattered(
        input, dim, np.broadcast_to(index.reshape(shape), source.shape), source,
        reduce=reduce, include_self=include_self,
    )  # fmt: skip


@moves("put")
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    flat = np.array(input).reshape(-1)
    if accumulate:
        np.add.at(flat, index.reshape(-1), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    return flat.reshape(input.shape)


@moves("index_put")
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    made = input.copy()
    at = tuple(slice(None) if i is None else i for i in indices)
    if accumulate:
        np.add.at(made, at, values)
    else:
        made[at] = values
    return made


@moves("nonzero")
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    if as_tuple:
        return tuple(np.nonzero(np.atleast_1d(input)))
    return np.argwhere(input)


@moves("nonzero_numpy")
def nonzero_numpy(input: Any) -> Any:
    return list(np.nonzero(np.atleast_1d(input)))


@moves("argwhere")
def argwhere(input: Any) -> Any:
    return np.argwhere(input)


@moves("nonzero_static")
def nonzero_static(input: Any, *, size: int, fill_value: int = -1) -> Any:
    found = np.argwhere(input)[:size]
    rest = np.full((size - len(found), input.ndim), fill_value, np.int64)
    return np.concatenate([found, rest])


@moves("masked_select")
def masked_select(input: Any, mask: Any) -> Any:
    values, mask = np.broadcast_arrays(input, mask)
    return values[mask]


@moves("masked_scatter")
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    made, mask = (np.array(a) for a in np.broadcast_arrays(input, mask))
    made[mask] = source.reshape(-1)[: int(mask.sum())]
    return made


# --- tables ---------------------------------------------------------------------------------------


@moves("embedding_lookup")
def embedding_lookup(weight: Any, indices: Any, *_: Any, **__: Any) -> Any:
    return weight[indices]


@moves("embedding")
def embedding(input: Any, weight: Any, *_: Any, **__: Any) -> Any:
    if input.dtype.kind == "f":  # the order of the operator, not of the function
        input, weight = weight, input
    return weight[input]


@reference("embedding_bag")
def embedding_bag(
    input: Any, weight: Any, offsets: Any = None, max_norm: Any = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Any = None, include_last_offset: bool = False, padding_idx: Any = None,
) -> Any:  # fmt: skip
    if offsets is None:
        offsets = np.arange(len(input)) * input.shape[1]
    flat = input.reshape(-1)
    ends = [*offsets.tolist(), *([] if include_last_offset else [len(flat)])]
    scale = np.ones(len(flat)) if per_sample_weights is None else per_sample_weights.reshape(-1)
    kept = np.ones(len(flat), bool)
    if padding_idx is not None:
        kept = flat != padding_idx % len(weight)
    rows = []
    for start, end in pairwise(ends):
        use = [k for k in range(start, end) if kept[k]]
        vectors = weight[flat[use]] * scale[use][:, None]
        if not use:
            rows.append(np.zeros(weight.shape[1]))
        elif mode == "max":
            rows.append(vectors.max(0))
        else:
            rows.append(vectors.sum(0) / (len(use) if mode == "mean" else 1))
    return np.stack(rows)
