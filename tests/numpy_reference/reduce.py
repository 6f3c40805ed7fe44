"""Reductions, running reductions, sorting, counting and statistics."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from numpy_reference.library import NoReference, Pair, reference
from numpy_reference.pointwise import inexact

INF = math.inf
MinMax = namedtuple("MinMax", ["min", "max"])


def axes_of(x: Any, dim: Any) -> tuple[int, ...]:
    """Of none all; of a 0-d tensor none."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(x.ndim))
    dims = dim if isinstance(dim, (list, tuple)) else (dim,)
    return tuple(d % x.ndim for d in dims) if x.ndim else ()


def whole(x: Any) -> Any:
    """Integers and truth values add up as int64."""
    return x.astype(np.int64) if x.dtype.kind in "iub" else x


@reference("sum")
def sum_(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.sum(whole(input), axis=axes_of(input, dim), keepdims=keepdim)


@reference("nansum")
def nansum(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.nansum(whole(input), axis=axes_of(input, dim), keepdims=keepdim)


@reference("mean")
def mean(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    axes = axes_of(input, dim)
    count = math.prod(input.shape[a] for a in axes)
    return np.sum(input, axis=axes, keepdims=keepdim) / (count or np.nan)


@reference("nanmean")
def nanmean(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    axes = axes_of(input, dim)
    counts = np.sum(~np.isnan(input), axis=axes, keepdims=keepdim)
    return np.nansum(input, axis=axes, keepdims=keepdim) / counts


@reference("prod")
def prod(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return np.prod(whole(input), axis=axes_of(input, dim), keepdims=keepdim)


def truth(function: Any) -> Any:
    def run(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        axes = () if isinstance(dim, (list, tuple)) and not dim else axes_of(input, dim)
        found = function(input != 0, axis=axes, keepdims=keepdim)
        return found.astype(np.uint8) if input.dtype == np.uint8 else found

    return run


reference("any")(truth(np.any))
reference("all")(truth(np.all))


@reference("count_nonzero")
def count_nonzero(input: Any, dim: Any = None) -> Any:
    return np.asarray(np.sum(input != 0, axis=axes_of(input, dim)), dtype=np.int64)


def deviations(x: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
    axes = axes_of(x, dim)
    count = math.prod(x.shape[a] for a in axes)
    middle = np.sum(x, axis=axes, keepdims=True) / (count or np.nan)
    total = np.sum(np.abs(x - middle) ** 2, axis=axes, keepdims=keepdim)
    average = np.sum(x, axis=axes, keepdims=keepdim) / (count or np.nan)
    rest = max(count - correction, 0)
    return total / rest if rest else total / 0.0, average


def arguments(args: Any, dim: Any, unbiased: Any, correction: Any, keepdim: Any) -> Any:
    """The overloads of var and its like: (unbiased), (dim, unbiased, keepdim), correction=."""
    args = list(args)
    if args and not isinstance(args[0], bool):
        dim = args.pop(0)
    if args:
        unbiased = args.pop(0)
    if args:
        keepdim = args.pop(0)
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dim, correction, keepdim


def moments(finish: Any) -> Any:
    def run(
        input: Any, *args: Any, dim: Any = None, unbiased: Any = None, correction: Any = None,
        keepdim: bool = False,
    ) -> Any:  # fmt: skip
        return finish(*deviations(input, *arguments(args, dim, unbiased, correction, keepdim)))

    return run


reference("var")(moments(lambda v, m: v))
reference("std")(moments(lambda v, m: np.sqrt(v)))
reference("var_mean")(moments(lambda v, m: (v, m)))
reference("std_mean")(moments(lambda v, m: (np.sqrt(v), m)))


@reference("logsumexp", "special.logsumexp")
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Any:
    x, axes = inexact(input), axes_of(input, dim)
    if x.dtype.kind == "c":
        return np.log(np.sum(np.exp(x), axis=axes, keepdims=keepdim))
    top = np.max(x, axis=axes, keepdims=True, initial=-INF)
    top = np.where(np.isfinite(top), top, 0)
    found = np.log(np.sum(np.exp(x - top), axis=axes, keepdims=True)) + top
    return found if keepdim else np.squeeze(found, axes)


@reference("linalg.vector_norm")
def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    axes, size = axes_of(x, dim), np.abs(x)
    if ord == INF:
        return np.max(size, axis=axes, keepdims=keepdim, initial=0)
    if ord == -INF:
        return np.min(size, axis=axes, keepdims=keepdim, initial=INF)
    if ord == 0:
        return np.sum(size != 0, axis=axes, keepdims=keepdim).astype(np.float64)
    return np.sum(size**ord, axis=axes, keepdims=keepdim) ** (1 / ord)


@reference("norm")
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Any:
    if p == "nuc":
        axes = axes_of(input, dim)
        found = np.linalg.svd(np.moveaxis(input, axes, (-2, -1)), compute_uv=False).sum(-1)
        return np.expand_dims(found, axes) if keepdim else found
    return vector_norm_of(input, 2 if p in ("fro", None) else p, dim, keepdim)


vector_norm_of = vector_norm


# --- extremes and sorting -------------------------------------------------------------------------


def order(x: Any, dim: int, descending: bool) -> Any:
    """A stable order; NaN counts as the largest number."""
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    flipped = np.flip(x, dim)
    places = x.shape[dim] - 1 - np.flip(np.argsort(flipped, axis=dim, kind="stable"), dim)
    return places


def along(x: Any, places: Any, dim: int) -> Any:
    return np.take_along_axis(x, places, dim)


def at_least_1d(function: Any) -> Any:
    """Run a function along a dimension of something 0-d as of one element."""

    def run(input: Any, *args: Any, **kwargs: Any) -> Any:
        if input.ndim:
            return function(input, *args, **kwargs)
        found = function(input.reshape(1), *args, **kwargs)
        parts = (
            [np.reshape(f, ()) if f.size == 1 else f for f in found]
            if isinstance(found, tuple)
            else None
        )
        if parts is None:
            return np.reshape(found, ()) if found.size == 1 else found
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)

    return run


@reference("sort")
@at_least_1d
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    places = order(input, dim, descending)
    return Pair(along(input, places, dim), places)


@reference("argsort")
@at_least_1d
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    return order(input, dim, descending)


@reference("msort")
@at_least_1d
def msort(input: Any) -> Any:
    return np.sort(input, axis=0)


@reference("topk")
@at_least_1d
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    places = np.take(order(input, dim, largest), range(k), axis=dim)
    return Pair(along(input, places, dim), places)


def pick(input: Any, places: Any, dim: int, keepdim: bool) -> Any:
    places = np.expand_dims(places, dim)
    values = along(input, places, dim)
    return Pair(values, places) if keepdim else Pair(values.squeeze(dim), places.squeeze(dim))


@reference("kthvalue")
@at_least_1d
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    return pick(input, np.take(order(input, dim, False), k - 1, axis=dim), dim, keepdim)


def extreme(arg: Any, both: Any) -> Any:
    def run(
        input: Any, *args: Any, dim: Any = None, keepdim: bool = False, other: Any = None
    ) -> Any:
        if args and isinstance(args[0], np.ndarray):
            other = args[0]
        elif args:
            dim, keepdim = args[0], args[1] if len(args) > 1 else keepdim
        if other is not None:
            return both(input, other)
        if dim is None:
            return input.reshape(-1)[arg(input)]
        return at_least_1d(lambda x: pick(x, arg(x, axis=dim), dim, keepdim))(input)

    return run


reference("max", elementwise=True)(extreme(np.argmax, np.maximum))
reference("min", elementwise=True)(extreme(np.argmin, np.minimum))


def argument(arg: Any) -> Any:
    def run(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            found = arg(input)
            return np.full((1,) * input.ndim, found) if keepdim else found
        return at_least_1d(lambda x: arg(x, axis=dim, keepdims=keepdim))(input)

    return run


reference("argmax")(argument(np.argmax))
reference("argmin")(argument(np.argmin))


def whole_extreme(function: Any) -> Any:
    return lambda input, dim=(), keepdim=False: function(
        input, axis=axes_of(input, dim), keepdims=keepdim
    )


reference("amax", elementwise=True)(whole_extreme(np.max))
reference("amin", elementwise=True)(whole_extreme(np.min))


@reference("aminmax", elementwise=True)
def aminmax(input: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    axes = axes_of(input, dim)
    return MinMax(np.min(input, axes, keepdims=keepdim), np.max(input, axes, keepdims=keepdim))


def median_of(ignore_nan: bool) -> Any:
    def places_of(x: Any, dim: int) -> Any:
        sorted_places, missing = order(x, dim, False), np.isnan(inexact(x))
        counts = (
            (~missing).sum(dim) if ignore_nan else np.full(missing.sum(dim).shape, x.shape[dim])
        )
        middle = np.expand_dims(np.maximum(counts - 1, 0) // 2, dim)
        found = np.take_along_axis(sorted_places, middle, dim).squeeze(dim)
        if not ignore_nan:
            found = np.where(missing.any(dim), np.argmax(missing, axis=dim), found)
        return found

    def run(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            if not input.size:
                return np.asarray(np.nan)
            row = input.reshape(-1)
            return row[places_of(row, 0)]
        return at_least_1d(lambda x: pick(x, places_of(x, dim), dim, keepdim))(input)

    return run


reference("median")(median_of(False))
reference("nanmedian")(median_of(True))


@reference("mode")
@at_least_1d
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The smallest of the most frequent numbers, at its last place."""

    def last_place(row: Any) -> int:
        values, counts = np.unique(row, return_counts=True)
        return int(np.flatnonzero(row == values[np.argmax(counts)])[-1])

    rows = np.moveaxis(input, dim, -1)
    places = [last_place(rows[at]) for at in np.ndindex(rows.shape[:-1])]
    return pick(input, np.asarray(places, np.int64).reshape(rows.shape[:-1]), dim, keepdim)


# --- running --------------------------------------------------------------------------------------


@reference("cumsum")
@at_least_1d
def cumsum(input: Any, dim: int) -> Any:
    return np.cumsum(whole(input), axis=dim)


@reference("cumprod")
@at_least_1d
def cumprod(input: Any, dim: int) -> Any:
    return np.cumprod(whole(input), axis=dim)


@reference("logcumsumexp")
@at_least_1d
def logcumsumexp(input: Any, dim: int) -> Any:
    if input.dtype.kind == "c":
        return np.log(np.cumsum(np.exp(input), axis=dim))
    return np.logaddexp.accumulate(input, axis=dim)


def running(better: Any) -> Any:
    def run(input: Any, dim: int) -> Any:
        x = np.moveaxis(input, dim, 0)
        values, places = x.copy(), np.zeros(x.shape, np.int64)
        for i in range(1, len(x)):
            wins = better(x[i], values[i - 1]) | np.isnan(inexact(x[i]))
            wins &= ~np.isnan(inexact(values[i - 1])) | np.isnan(inexact(x[i]))
            values[i] = np.where(wins, x[i], values[i - 1])
            places[i] = np.where(wins, i, places[i - 1])
        return Pair(np.moveaxis(values, 0, dim), np.moveaxis(places, 0, dim))

    return at_least_1d(run)


reference("cummax", elementwise=True)(running(np.greater_equal))
reference("cummin", elementwise=True)(running(np.less_equal))


@reference("diff", elementwise=True)
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    parts = [p for p in (prepend, input, append) if p is not None] if n else [input]
    return np.diff(np.concatenate(parts, dim), n, dim)


# --- distinct elements and counts -----------------------------------------------------------------


def unique_of(x: Any, dim: int | None, consecutive: bool) -> tuple[Any, Any, Any]:
    rows = [x.reshape(-1)] if dim is None else [np.moveaxis(x, dim, 0)]
    rows = rows[0]
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    inverse, firsts, counts = np.zeros(len(rows), np.int64), [], []
    sequence = list(range(len(rows)))
    if not consecutive:
        sequence.sort(key=lambda i: tuple((bool(v != v), v) for v in flat[i].tolist()))
    for i in sequence:
        if firsts and np.array_equal(flat[i], flat[firsts[-1]]):
            counts[-1] += 1
        else:
            firsts.append(i)
            counts.append(1)
        inverse[i] = len(firsts) - 1
    values = rows[firsts] if firsts else rows[:0]
    if dim is None:
        return values, inverse.reshape(x.shape), np.asarray(counts, np.int64)
    return np.moveaxis(values, 0, dim), inverse, np.asarray(counts, np.int64)


def chosen(found: Any, inverse: bool, counts: bool) -> Any:
    kept = [found[0], *([found[1]] if inverse else []), *([found[2]] if counts else [])]
    return tuple(kept) if len(kept) > 1 else kept[0]


@reference("unique")
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: Any = None,
) -> Any:  # fmt: skip
    return chosen(unique_of(input, dim, False), return_inverse, return_counts)


@reference("unique_consecutive")
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    return chosen(unique_of(input, dim, True), return_inverse, return_counts)


@reference("isin")
def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Any:
    return np.isin(elements, test_elements, invert=invert)


@reference("bincount", raw=True)
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    found = np.bincount(input, weights, minlength)
    return found.astype(np.float32) if getattr(weights, "dtype", None) == np.float32 else found


@reference("histc")
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    if min == max:
        min, max = (input.min(), input.max()) if input.size else (0.0, 1.0)
    if min == max:
        min, max = min - 1, max + 1
    inside = input[(input >= min) & (input <= max)]
    return np.histogram(inside, bins, (min, max))[0].astype(np.float64)


@reference("searchsorted")
def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False,
    side: Any = None, sorter: Any = None,
) -> Any:  # fmt: skip
    side = side or ("right" if right else "left")
    kind = np.int32 if out_int32 else np.int64
    x, table = np.asarray(input), sorted_sequence
    if table.ndim == 1:
        return np.asarray(np.searchsorted(table, x, side, sorter)).astype(kind)
    rows = zip(table.reshape(-1, table.shape[-1]), x.reshape(-1, x.shape[-1]), strict=True)
    return np.stack([np.searchsorted(t, r, side) for t, r in rows]).reshape(x.shape).astype(kind)


@reference("bucketize")
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    found = np.searchsorted(boundaries, input, "right" if right else "left")
    return np.asarray(found).astype(np.int32 if out_int32 else np.int64)


# --- statistics -----------------------------------------------------------------------------------


def quantile_of(function: Any) -> Any:
    def run(
        input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Any:
        if input.ndim == 0 and dim is not None:
            input, keepdim, dim = input.reshape(1), False, 0
        return function(input, q, axis=dim, keepdims=keepdim, method=interpolation)

    return run


reference("quantile")(quantile_of(np.quantile))
reference("nanquantile")(quantile_of(np.nanquantile))


@reference("cov")
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    return np.cov(input, ddof=correction, fweights=fweights, aweights=aweights)


@reference("corrcoef")
def corrcoef(input: Any) -> Any:
    return np.corrcoef(input)


def spacing(x: Any, dx: Any, y: Any, dim: int) -> Any:
    if x is None:
        return dx
    x = x if x.ndim > 1 else x.reshape([-1 if d == dim % y.ndim else 1 for d in range(y.ndim)])
    return np.diff(np.broadcast_to(x, y.shape) if x.ndim == y.ndim else x, axis=dim)


def areas(y: Any, x: Any, dx: Any, dim: int) -> Any:
    low = np.take(y, range(y.shape[dim] - 1), axis=dim)
    high = np.take(y, range(1, y.shape[dim]), axis=dim)
    return (low + high) / 2 * spacing(x, dx, y, dim)


@reference("trapezoid", "trapz")
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    return areas(y, x, dx, dim).sum(dim)


@reference("cumulative_trapezoid")
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    return np.cumsum(areas(y, x, dx, dim), axis=dim)


@reference("cdist")
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = None) -> Any:
    between = x1[..., :, None, :] - x2[..., None, :, :]
    return vector_norm_of(between, p, -1)


@reference("dist")
def dist(input: Any, other: Any, p: float = 2) -> Any:
    return vector_norm_of(np.asarray(input - other), p)


@reference("renorm")
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    raise NoReference("renorm")
