"""Views, joining, repeating, creation: elements are moved, not computed."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from numpy_reference.library import (
    DType,
    reference,
)


def moves(*names: str) -> Any:
    return reference(*names, raw=True)


def sizes(args: Any, key: str, kwargs: dict[str, Any]) -> tuple[int, ...]:
    """Sizes given one by one, in one list, or by name."""
    given = kwargs.get(key, args)
    if len(given) == 1 and isinstance(given[0], (list, tuple)):
        given = given[0]
    return tuple(int(g) for g in given)


def inferred(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    if -1 not in shape:
        return shape
    rest = math.prod(s for s in shape if s != -1)
    return tuple(count // rest if s == -1 else s for s in shape)


@moves("view", "view_copy")
def view(input: Any, *shape: Any, **kwargs: Any) -> Any:
    first = shape[0] if shape else kwargs.get("dtype")
    if isinstance(first, DType):
        return input.view(first.numpy)
    return input.reshape(inferred(sizes(shape, "size", kwargs), input.size))


@moves("reshape")
def reshape(input: Any, *shape: Any, **kwargs: Any) -> Any:
    return input.reshape(inferred(sizes(shape, "shape", kwargs), input.size))


@moves("view_as", "reshape_as")
def view_as(input: Any, other: Any) -> Any:
    return input.reshape(other.shape)


@moves("ravel")
def ravel(input: Any) -> Any:
    return input.reshape(-1)


@moves("flatten")
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if not input.ndim:
        return input.reshape(1)
    start, end = start_dim % input.ndim, end_dim % input.ndim
    shape = input.shape
    return input.reshape(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


@moves("unflatten")
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    dim %= input.ndim
    inner = inferred(tuple(sizes), input.shape[dim])
    return input.reshape(input.shape[:dim] + inner + input.shape[dim + 1 :])


@moves("transpose", "swapaxes", "swapdims", "transpose_copy")
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    return np.swapaxes(input, dim0, dim1) if input.ndim else input


@moves("t", "t_copy")
def t(input: Any) -> Any:
    return input.T


@moves("permute", "permute_copy")
def permute(input: Any, *dims: Any, **kwargs: Any) -> Any:
    return np.transpose(input, sizes(dims, "dims", kwargs))


@moves("movedim", "moveaxis")
def movedim(input: Any, source: Any, destination: Any) -> Any:
    return np.moveaxis(input, source, destination)


@moves("expand", "broadcast_to", "expand_copy")
def expand(input: Any, *shape: Any, **kwargs: Any) -> Any:
    wanted = sizes(shape, "size", kwargs)
    new = len(wanted) - input.ndim
    return np.broadcast_to(
        input, [input.shape[i - new] if s == -1 else s for i, s in enumerate(wanted)]
    )


@moves("expand_as")
def expand_as(input: Any, other: Any) -> Any:
    return np.broadcast_to(input, other.shape)


@moves("squeeze", "squeeze_copy")
def squeeze(input: Any, dim: Any = None) -> Any:
    dims = range(input.ndim) if dim is None else dim if isinstance(dim, (list, tuple)) else (dim,)
    kept = [d % input.ndim for d in dims] if input.ndim else []
    return np.squeeze(input, tuple(d for d in kept if input.shape[d] == 1))


@moves("unsqueeze", "unsqueeze_copy")
def unsqueeze(input: Any, dim: int) -> Any:
    return np.expand_dims(input, dim)


def slab(input: Any, dim: int, key: Any) -> Any:
    return input[(slice(None),) * (dim % input.ndim) + (key,)]


@moves("select", "select_copy")
def select(input: Any, dim: int, index: int) -> Any:
    return slab(input, dim, index)


@moves("narrow", "narrow_copy")
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    start = int(start) % input.shape[dim] if int(start) < 0 else int(start)
    return slab(input, dim, slice(start, start + length))


@moves("slice_copy")
def slice_copy(input: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return slab(input, dim, slice(start, end, step))


def writable_diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    dim1, dim2 = dim1 % x.ndim, dim2 % x.ndim
    start = slab(slab(x, dim1, slice(max(-offset, 0), None)), dim2, slice(max(offset, 0), None))
    rest = [d for d in range(x.ndim) if d not in (dim1, dim2)]
    shape = [x.shape[d] for d in rest] + [min(start.shape[dim1], start.shape[dim2])]
    stride = [x.strides[d] for d in rest] + [x.strides[dim1] + x.strides[dim2]]
    return np.lib.stride_tricks.as_strided(start, shape, stride)


moves("diagonal", "diagonal_copy")(
    lambda input, offset=0, dim1=0, dim2=1: writable_diagonal(input, offset, dim1, dim2)
)


@moves("unfold", "unfold_copy")
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    if not input.ndim:
        return np.broadcast_to(input, (size,))
    windows = np.lib.stride_tricks.sliding_window_view(
        input, size, dimension, writeable=input.flags.writeable
    )
    return slab(windows, dimension % input.ndim, slice(None, None, step))


@moves("as_strided", "as_strided_copy")
def as_strided(input: Any, size: Any, stride: Any, storage_offset: Any = None) -> Any:
    start = input.reshape(-1)[storage_offset or 0 :]
    return np.lib.stride_tricks.as_strided(start, size, [s * input.itemsize for s in stride])


@moves("alias_copy", "detach_copy", "alias")
def alias(input: Any) -> Any:
    return input


@moves("view_as_real", "view_as_real_copy")
def view_as_real(input: Any) -> Any:
    return np.stack([input.real, input.imag], -1)


@reference("view_as_complex", "view_as_complex_copy")
def view_as_complex(input: Any) -> Any:
    return input[..., 0] + 1j * input[..., 1]


@moves("real")
def real(input: Any) -> Any:
    return input.real


@moves("imag")
def imag(input: Any) -> Any:
    return input.imag


# --- cutting --------------------------------------------------------------------------------------


def pieces(input: Any, lengths: Any, dim: int) -> tuple[Any, ...]:
    ends = np.cumsum([0, *lengths])
    return tuple(slab(input, dim, slice(a, b)) for a, b in itertools.pairwise(ends.tolist()))


@moves("split", "unsafe_split", "split_copy", "split_with_sizes", "unsafe_split_with_sizes",
       "split_with_sizes_copy")  # fmt: skip
def split(
    input: Any, split_size: Any = None, dim: int = 0, *, split_size_or_sections: Any = None,
    split_sizes: Any = None,
) -> Any:  # fmt: skip
    given = next(s for s in (split_size, split_size_or_sections, split_sizes) if s is not None)
    if isinstance(given, (list, tuple)):
        return pieces(input, given, dim)
    n = input.shape[dim]
    count = max(-(-n // given) if given else 1, 1)
    return pieces(input, [min(given, n - i * given) for i in range(count)], dim)


@moves("chunk", "unsafe_chunk")
def chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    n = input.shape[dim]
    each = -(-n // chunks)
    if not each:
        return pieces(input, [0] * chunks, dim)
    return pieces(input, [min(each, n - i) for i in range(0, n, each)], dim)


@moves("unbind", "unbind_copy")
def unbind(input: Any, dim: int = 0) -> Any:
    return tuple(slab(input, dim, i) for i in range(input.shape[dim]))


@moves("tensor_split")
def tensor_split(input: Any, indices_or_sections: Any = None, dim: int = 0, **kwargs: Any) -> Any:
    given = next(v for v in (indices_or_sections, *kwargs.values()) if v is not None)
    if isinstance(given, np.ndarray):
        given = given.tolist()
    return tuple(np.array_split(input, given, dim))


@moves("hsplit")
def hsplit(input: Any, given: Any) -> Any:
    return tuple(np.array_split(input, given, 0 if input.ndim == 1 else 1))


@moves("vsplit")
def vsplit(input: Any, given: Any) -> Any:
    return tuple(np.array_split(input, given, 0))


@moves("dsplit")
def dsplit(input: Any, given: Any) -> Any:
    return tuple(np.array_split(input, given, 2))


def each(function: Any) -> Any:
    def run(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            tensors = tuple(tensors[0])
        elif len(tensors) == 1:
            return function(tensors[0])
        return tuple(function(x) for x in tensors)

    return run


def atleast_3d(x: Any) -> Any:
    return x if x.ndim > 2 else np.atleast_2d(x)[..., None]


moves("atleast_1d")(each(np.atleast_1d))
moves("atleast_2d")(each(np.atleast_2d))
moves("atleast_3d")(each(atleast_3d))


def listed(tensors: Any) -> Any:
    many = len(tensors) == 1 and isinstance(tensors[0], (list, tuple))
    return list(tensors[0] if many else tensors)


@moves("broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> Any:
    return tuple(np.broadcast_arrays(*listed(tensors)))


@moves("meshgrid")
def meshgrid(*tensors: Any, indexing: str = "ij") -> Any:
    return tuple(np.meshgrid(*listed(tensors), indexing=indexing))


# --- joining --------------------------------------------------------------------------------------


def join(tensors: Any, dim: Any) -> Any:
    """Vectors of no elements join anything."""
    rest = [x for x in tensors if x.shape != (0,)] or tensors[:1]
    return np.concatenate(rest, dim)


def joins(*names: str) -> Any:
    return reference(*names, elementwise=True)


@joins("cat", "concat", "concatenate")
def cat(tensors: Any, dim: int = 0, axis: Any = None) -> Any:
    return join(list(tensors), dim if axis is None else axis)


@joins("stack")
def stack(tensors: Any, dim: int = 0) -> Any:
    return np.stack(tensors, dim)


for name, function in {
    "hstack": np.hstack, "vstack": np.vstack, "row_stack": np.vstack, "dstack": np.dstack,
    "column_stack": np.column_stack,
}.items():  # fmt: skip
    joins(name)(lambda tensors, f=function: f([np.asarray(x) for x in tensors]))


@joins("block_diag")
def block_diag(*tensors: Any) -> Any:
    blocks = [np.atleast_2d(x) for x in listed(tensors)]
    made = np.zeros([sum(b.shape[i] for b in blocks) for i in (0, 1)], np.result_type(*blocks))
    row = column = 0
    for b in blocks:
        made[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return made


@joins("cartesian_prod")
def cartesian_prod(*tensors: Any) -> Any:
    vectors = listed(tensors)
    if len(vectors) == 1:
        return vectors[0]
    return np.stack([g.reshape(-1) for g in np.meshgrid(*vectors, indexing="ij")], -1)


@joins("combinations")
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(len(input)), r))
    if r == 0:
        return input[:0]
    return input[np.asarray(places, np.int64).reshape(-1, r)]


@reference("vander")
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    return np.vander(x, N, increasing)


@reference("linalg.vander")
def linalg_vander(x: Any, *, N: Any = None) -> Any:
    return x[..., None] ** np.arange(x.shape[-1] if N is None else N)


# --- reordering and repeating ---------------------------------------------------------------------


@moves("flip")
def flip(input: Any, *dims: Any, **kwargs: Any) -> Any:
    axes = sizes(dims, "dims", kwargs)
    return np.flip(input, axes) if input.ndim else input


@moves("fliplr")
def fliplr(input: Any) -> Any:
    return np.fliplr(input)


@moves("flipud")
def flipud(input: Any) -> Any:
    return np.flipud(input)


@moves("rot90")
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    return np.rot90(input, k, dims)


@moves("roll")
def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    return np.roll(input, shifts, None if dims in (None, [], ()) else dims)


@moves("repeat")
def repeat(input: Any, *repeats: Any, **kwargs: Any) -> Any:
    return np.tile(input, sizes(repeats, "repeats", kwargs))


@moves("tile")
def tile(input: Any, *dims: Any, **kwargs: Any) -> Any:
    return np.tile(input, sizes(dims, "dims", kwargs))


@moves("repeat_interleave")
def repeat_interleave(
    input: Any, repeats: Any = None, dim: Any = None, *, output_size: Any = None
) -> Any:
    if repeats is None:
        return np.repeat(np.arange(len(input), dtype=input.dtype), input)
    return np.repeat(input, repeats, dim)


@moves("tril")
def tril(input: Any, diagonal: int = 0) -> Any:
    return np.tril(input, diagonal)


@moves("triu")
def triu(input: Any, diagonal: int = 0) -> Any:
    return np.triu(input, diagonal)


@moves("diag")
def diag(input: Any, diagonal: int = 0) -> Any:
    return np.diag(input, diagonal)


@moves("diagflat")
def diagflat(input: Any, offset: int = 0) -> Any:
    return np.diagflat(input, offset)


@moves("diag_embed")
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    n, m = input.shape[-1], input.shape[-1] + abs(offset)
    made = np.zeros((*input.shape[:-1], m, m), input.dtype)
    rows = np.arange(n) + max(-offset, 0)
    made[..., rows, rows + offset] = input
    dims = input.ndim + 1
    if dim1 % dims > dim2 % dims:
        made = np.swapaxes(made, -2, -1)
    return np.moveaxis(made, (-2, -1), sorted((dim1 % dims, dim2 % dims)))


@reference("trace")
def trace(input: Any) -> Any:
    found = np.trace(input)
    return found.astype(np.int64) if found.dtype.kind in "iu" else found


@moves("fill_diagonal")
def fill_diagonal(input: Any, fill_value: Any, wrap: bool = False) -> Any:
    made = input.copy()
    np.fill_diagonal(made, fill_value, wrap)
    return made


@moves("constant_pad_nd")
def constant_pad_nd(input: Any, pad: Any, value: Any = 0) -> Any:
    ends = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[
        ::-1
    ]
    cut = tuple(
        slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(input.shape, ends, strict=True)
    )
    made = np.pad(input[cut], [(max(a, 0), max(b, 0)) for a, b in ends], constant_values=value)
    return made.astype(input.dtype)


@moves("pixel_shuffle")
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    r, (c, h, w) = upscale_factor, input.shape[-3:]
    parts = input.reshape(*input.shape[:-3], c // r**2, r, r, h, w)
    n = parts.ndim
    order = [*range(n - 5), n - 5, n - 2, n - 4, n - 1, n - 3]
    return parts.transpose(order).reshape(*input.shape[:-3], c // r**2, h * r, w * r)


@moves("pixel_unshuffle")
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    r, (c, h, w) = downscale_factor, input.shape[-3:]
    parts = input.reshape(*input.shape[:-3], c, h // r, r, w // r, r)
    n = parts.ndim
    order = [*range(n - 5), n - 5, n - 3, n - 1, n - 4, n - 2]
    return parts.transpose(order).reshape(*input.shape[:-3], c * r**2, h // r, w // r)


@moves("channel_shuffle")
def channel_shuffle(input: Any, groups: int) -> Any:
    n, c, *rest = input.shape
    return input.reshape(n, groups, c // groups, *rest).swapaxes(1, 2).reshape(input.shape)


@reference("sum_to_size")
def sum_to_size(input: Any, *size: Any, **kwargs: Any) -> Any:
    wanted = sizes(size, "size", kwargs)
    new = input.ndim - len(wanted)
    axes = [*range(new), *[i + new for i, n in enumerate(wanted) if n == 1]]
    return input.sum(tuple(axes), keepdims=True).reshape(wanted)


@moves("unravel_index")
def unravel_index(indices: Any, shape: Any) -> Any:
    return tuple(np.unravel_index(indices, shape if isinstance(shape, (list, tuple)) else (shape,)))


@moves("one_hot")
def one_hot(input: Any, num_classes: int = -1) -> Any:
    n = int(input.max()) + 1 if num_classes == -1 else num_classes
    return (input[..., None] == np.arange(n)).astype(np.int64)


# --- changed parts --------------------------------------------------------------------------------


def replaced(part: Any) -> Any:
    def run(input: Any, src: Any, *args: Any, **kwargs: Any) -> Any:
        made = input.copy()
        part(made, *args, **kwargs)[...] = src
        return made

    return run


moves("select_scatter")(
    replaced(lambda x, dim, index: slab(x, dim, slice(index, index + 1 or None)).squeeze(dim))
)
moves("slice_scatter")(
    replaced(lambda x, dim=0, start=None, end=None, step=1: slab(x, dim, slice(start, end, step)))
)
moves("diagonal_scatter")(replaced(writable_diagonal))


@moves("as_strided_scatter")
def as_strided_scatter(
    input: Any, src: Any, size: Any, stride: Any, storage_offset: int = 0
) -> Any:
    made = np.array(input, order="C")
    np.lib.stride_tricks.as_strided(
        made.reshape(-1)[storage_offset or 0 :], size, [s * made.itemsize for s in stride]
    )[...] = src
    return made
