"""Layers as functions: softmax, normalization, convolution, pooling, losses, attention."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from numpy_reference.library import FUNCTIONS, NoReference, Tensor, reference
from numpy_reference.pointwise import expit, softplus_of

INF = math.inf


@reference("softmax")
def softmax(input: Any, dim: int = -1, *_: Any, **__: Any) -> Any:
    raised = np.exp(
        input - np.max(input, axis=dim if input.ndim else None, keepdims=True, initial=-INF)
    )
    return raised / raised.sum(dim if input.ndim else None, keepdims=True)


softmax_of = softmax


@reference("log_softmax")
def log_softmax(input: Any, dim: int = -1, *_: Any, **__: Any) -> Any:
    axis = dim if input.ndim else None
    shifted = input - np.max(input, axis=axis, keepdims=True, initial=-INF)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


@reference("softmin")
def softmin(input: Any, dim: int = -1, *_: Any) -> Any:
    return softmax(-input, dim)


# --- normalization --------------------------------------------------------------------------------


def standardized(x: Any, axes: Any, eps: float) -> Any:
    middle = x.mean(axes, keepdims=True)
    return (x - middle) / np.sqrt(((x - middle) ** 2).mean(axes, keepdims=True) + eps)


def scaled(x: Any, weight: Any, bias: Any, shape: Any = None) -> Any:
    if weight is not None:
        x = x * (weight if shape is None else weight.reshape(shape))
    if bias is not None:
        x = x + (bias if shape is None else bias.reshape(shape))
    return x


@reference("layer_norm")
def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5,
    *_: Any,
) -> Any:  # fmt: skip
    last = tuple(range(-len(normalized_shape), 0))
    return scaled(standardized(input, last, eps), weight, bias)


@reference("rms_norm")
def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Any:
    last = tuple(range(-len(normalized_shape), 0))
    eps = np.finfo(np.float64).eps if eps is None else eps
    return scaled(input / np.sqrt((input**2).mean(last, keepdims=True) + eps), weight, None)


def per_channel(x: Any) -> tuple[int, ...]:
    return (1, -1, *(1,) * (x.ndim - 2))


@reference("group_norm")
def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> Any:
    grouped = input.reshape(len(input), num_groups, math.prod(input.shape[1:]) // num_groups)
    return scaled(
        standardized(grouped, 2, eps).reshape(input.shape), weight, bias, per_channel(input)
    )


def follow(statistic: Any, now: Any, momentum: float) -> None:
    if statistic is not None:
        statistic[...] = (1 - momentum) * statistic + momentum * now


def writable(tensor: Any) -> Any:
    return None if tensor is None else tensor.array


def batch_norm(
    input: Tensor, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5, *_: Any,
) -> Any:  # fmt: skip
    """The running statistics change in place."""
    x = input.array.astype(np.float64)
    axes = tuple(d for d in range(x.ndim) if d != 1)
    mean, var = writable(running_mean), writable(running_var)
    if training:
        count = x.size // max(x.shape[1], 1)
        now, spread = x.mean(axes), x.var(axes)
        follow(mean, now, momentum)
        follow(var, spread * (count / (count - 1)), momentum)
        mean, var = now, spread
    shape = per_channel(x)
    made = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape).astype(np.float64) + eps)
    made = scaled(made, writable(weight), writable(bias), shape)
    return Tensor(made.astype(input.array.dtype), input.dtype)


FUNCTIONS["batch_norm"] = batch_norm


def instance_norm(
    input: Tensor, running_mean: Any = None, running_var: Any = None, weight: Any = None,
    bias: Any = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
    *_: Any,
) -> Any:  # fmt: skip
    x = input.array.astype(np.float64)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    axes, shape = tuple(range(2, x.ndim)), per_channel(x)
    count = math.prod(x.shape[2:])
    follow(writable(running_mean), x.mean(axes).mean(0), momentum)
    follow(writable(running_var), (x.var(axes) * (count / (count - 1))).mean(0), momentum)
    made = scaled(standardized(x, axes, eps), writable(weight), writable(bias), shape)
    return Tensor(made.astype(input.array.dtype), input.dtype)


FUNCTIONS["instance_norm"] = instance_norm


# --- windows --------------------------------------------------------------------------------------


def several(value: Any, n: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return values * n if len(values) == 1 else values


def padded(x: Any, pads: Any, value: float = 0.0) -> Any:
    rest = x.ndim - len(pads)
    ends = [(p, p) if isinstance(p, int) else tuple(p) for p in pads]
    return np.pad(x, [(0, 0)] * rest + ends, constant_values=value)


def windows(x: Any, kernel: Any, stride: Any, dilation: Any) -> Any:
    """(..., *outputs, *kernel) of the trailing dimensions."""
    n = len(kernel)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    seen = np.lib.stride_tricks.sliding_window_view(x, reach, tuple(range(-n, 0)))
    steps = tuple(slice(None, None, s) for s in stride)
    holes = tuple(slice(None, None, d) for d in dilation)
    return seen[(..., *steps, *holes)]


def same_padding(kernel: Any, dilation: Any) -> list[tuple[int, int]]:
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(t // 2, t - t // 2) for t in totals]


def convolved(n: int) -> Any:
    def run(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1,
    ) -> Any:  # fmt: skip
        batched = input.ndim == n + 2
        x = input if batched else input[None]
        kernel, dilation = weight.shape[2:], several(dilation, n)
        pads = several(padding, n) if not isinstance(padding, str) else (0,) * n
        if padding == "same":
            pads = same_padding(kernel, dilation)
        seen = windows(padded(x, pads), kernel, several(stride, n), dilation)
        parts = []
        for own, filters in zip(
            np.split(seen, groups, 1), np.split(weight, groups, 0), strict=True
        ):
            axes = [1, *range(2 + n, 2 + 2 * n)]
            parts.append(np.tensordot(own, filters, (axes, range(1, n + 2))))
        made = np.moveaxis(np.concatenate(parts, -1), -1, 1)
        if bias is not None:
            made = made + bias.reshape(per_channel(made))
        return made if batched else made[0]

    return run


def convolved_back(n: int) -> Any:
    def run(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
    ) -> Any:  # fmt: skip
        """Every input element adds its multiple of the kernel to the output."""
        batched = input.ndim == n + 2
        x = input if batched else input[None]
        kernel, stride, dilation = weight.shape[2:], several(stride, n), several(dilation, n)
        pads, more = several(padding, n), several(output_padding, n)
        sizes = [
            (m - 1) * s + d * (k - 1) + 1 + o
            for m, s, d, k, o in zip(x.shape[2:], stride, dilation, kernel, more, strict=True)
        ]
        made = np.zeros((len(x), weight.shape[1] * groups, *sizes), np.result_type(x, weight))
        for at in itertools.product(*[range(k) for k in kernel]):
            places = tuple(
                slice(a * d, a * d + (m - 1) * s + 1, s)
                for a, d, m, s in zip(at, dilation, x.shape[2:], stride, strict=True)
            )
            parts = [
                np.moveaxis(np.tensordot(own, filters[(..., *at)], (1, 0)), -1, 1)
                for own, filters in zip(
                    np.split(x, groups, 1), np.split(weight, groups, 0), strict=True
                )
            ]
            made[(slice(None), slice(None), *places)] += np.concatenate(parts, 1)
        made = made[(..., *[slice(p, s - p) for p, s in zip(pads, sizes, strict=True)])]
        if bias is not None:
            made = made + bias.reshape(per_channel(made))
        return made if batched else made[0]

    return run


for n in (1, 2, 3):
    reference(f"conv{n}d", elementwise=True)(convolved(n))
    reference(f"conv_transpose{n}d", elementwise=True)(convolved_back(n))


@reference("convolution", elementwise=True)
def convolution(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Any:  # fmt: skip
    n = weight.ndim - 2
    if transposed:
        more = (several(output_padding, n), groups, several(dilation, n))
        return convolved_back(n)(
            input, weight, bias, several(stride, n), several(padding, n), *more
        )
    return convolved(n)(input, weight, bias, several(stride, n), tuple(padding), dilation, groups)


def output_sizes(
    sizes: Any, kernel: Any, stride: Any, pads: Any, dilation: Any, ceil: bool
) -> list[int]:
    made = []
    for m, k, s, p, d in zip(sizes, kernel, stride, pads, dilation, strict=True):
        room = m + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil else room // s) + 1
        if ceil and (count - 1) * s >= m + p:
            count -= 1
        made.append(count)
    return made


def in_windows(
    x: Any, kernel: Any, stride: Any, pads: Any, dilation: Any, ceil: bool, outside: float
) -> Any:
    """(..., *outputs, *kernel), and in the same form what is inside, or inside the padding."""
    n = len(kernel)
    counts = output_sizes(x.shape[-n:], kernel, stride, pads, dilation, ceil)
    ends = []
    for m, c, k, s, p, d in zip(x.shape[-n:], counts, kernel, stride, pads, dilation, strict=True):
        ends.append((p, max((c - 1) * s + d * (k - 1) + 1 - m - p, 0)))
    crop = (..., *[slice(c) for c in counts], *[slice(None)] * n)

    def seen(array: Any, value: float) -> Any:
        return windows(padded(array, ends, value), kernel, stride, dilation)[crop]

    place = np.arange(math.prod(x.shape[-n:])).reshape(x.shape[-n:])
    with_padding = padded(np.ones(x.shape[-n:]), [(p, p) for p in pads], 1.0)
    more = [(0, max(b - p, 0)) for (_, b), p in zip(ends, pads, strict=True)]
    paid = windows(padded(with_padding, more), kernel, stride, dilation)[crop]
    return seen(x, outside), seen(place, -1), paid


def flat_windows(array: Any, n: int) -> Any:
    kept = array.ndim - n
    return array.reshape(*array.shape[:kept], math.prod(array.shape[kept:]))


def max_pooled(n: int, always_indices: bool = False) -> Any:
    def run(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        kernel = several(kernel_size, n)
        stride = kernel if stride in (None, [], ()) else several(stride, n)
        lowest = -INF if input.dtype.kind == "f" else np.iinfo(input.dtype).min
        seen, places, _ = in_windows(
            input, kernel, stride, several(padding, n), several(dilation, n), ceil_mode, lowest
        )
        seen, places = flat_windows(seen, n), flat_windows(places, n)
        # Padding never wins, not even among windows of -inf alone.
        ranked = np.where(np.isnan(seen.astype(np.float64)), INF, seen)
        inside = np.broadcast_to(places >= 0, seen.shape)
        first = np.argmax(np.where(inside, (ranked == ranked.max(-1, keepdims=True)) + 1, 0), -1)
        nan_first = np.isnan(seen.astype(np.float64)) & inside
        first = np.where(
            nan_first.any(-1), seen.shape[-1] - 1 - np.argmax(nan_first[..., ::-1], -1), first
        )
        values = np.take_along_axis(seen, first[..., None], -1)[..., 0]
        if not (return_indices or always_indices):
            return values
        found = np.take_along_axis(np.broadcast_to(places, seen.shape), first[..., None], -1)[
            ..., 0
        ]
        return values, found

    return run


def average_pooled(n: int) -> Any:
    def run(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: Any = None,
    ) -> Any:  # fmt: skip
        kernel = several(kernel_size, n)
        stride = kernel if stride in (None, [], ()) else several(stride, n)
        seen, places, paid = in_windows(
            input, kernel, stride, several(padding, n), (1,) * n, ceil_mode, 0
        )
        total = flat_windows(seen, n).sum(-1)
        count = flat_windows(paid if count_include_pad else places >= 0, n).sum(-1)
        made = total / (divisor_override or count)
        if input.dtype.kind in "iu":
            return np.trunc(made).astype(input.dtype)
        return made

    return run


def adaptive(n: int, pool: Any) -> Any:
    def run(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        sizes = input.shape[-n:]
        counts = [
            m if c is None else c for c, m in zip(several(output_size, n), sizes, strict=True)
        ]
        cuts = [
            [(i * m // c, -(-(i + 1) * m // c)) for i in range(c)]
            for m, c in zip(sizes, counts, strict=True)
        ]
        values = np.zeros((*input.shape[:-n], *counts), input.dtype)
        indices = np.zeros(values.shape, np.int64)
        place = np.arange(math.prod(sizes)).reshape(sizes)
        for at in itertools.product(*[range(c) for c in counts]):
            own = tuple(slice(*cuts[d][i]) for d, i in enumerate(at))
            part = flat_windows(input[(..., *own)], n)
            if pool is np.mean:
                values[(..., *at)] = part.mean(-1)
            else:
                nan = np.isnan(part.astype(np.float64))
                best = np.argmax(part, -1)
                best = np.where(
                    nan.any(-1), part.shape[-1] - 1 - np.argmax(nan[..., ::-1], -1), best
                )
                values[(..., *at)] = np.take_along_axis(part, best[..., None], -1)[..., 0]
                indices[(..., *at)] = place[own].reshape(-1)[best]
        return (values, indices) if return_indices else values

    return run


for n in (1, 2, 3):
    reference(f"max_pool{n}d")(max_pooled(n))
    reference(f"max_pool{n}d_with_indices")(max_pooled(n, True))
    reference(f"avg_pool{n}d")(average_pooled(n))
    reference(f"adaptive_avg_pool{n}d")(adaptive(n, np.mean))
    pooled = adaptive(n, np.max)
    reference(f"nn.adaptive_max_pool{n}d")(pooled)
    reference(f"adaptive_max_pool{n}d", f"adaptive_max_pool{n}d_with_indices")(
        lambda input, output_size, f=pooled: f(input, output_size, True)
    )


@reference("pad", raw=True)
def pad(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    ends = [(0, 0)] * (input.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[
        ::-1
    ]
    if mode == "constant":
        how: dict[str, Any] = {"constant_values": 0 if value is None else value}
    else:
        how = {"mode": {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]}
    if mode == "circular":
        input, ends = cropped(input, ends), [(max(a, 0), max(b, 0)) for a, b in ends]
    made = np.pad(input, [(max(a, 0), max(b, 0)) for a, b in ends], **how)
    return cropped(made, ends).astype(input.dtype)


def cropped(x: Any, ends: Any) -> Any:
    """Without what negative amounts take away."""
    return x[
        tuple(slice(max(-a, 0), n + min(b, 0)) for n, (a, b) in zip(x.shape, ends, strict=True))
    ]


# --- losses ---------------------------------------------------------------------------------------


def reduce_loss(loss: Any, reduction: str) -> Any:
    if reduction == "batchmean":
        return loss.sum() / len(loss)
    return {
        "none": lambda x: x,
        "mean": lambda x: x.sum() / x.size if x.size else np.float64(np.nan),
        "sum": np.sum,
    }[reduction](loss)


def pair_loss(function: Any) -> Any:
    def run(
        input: Any, target: Any, *args: Any, weight: Any = None, reduction: str = "mean",
        size_average: Any = None, reduce: Any = None, **options: Any,
    ) -> Any:  # fmt: skip
        if size_average is not None or reduce is not None or args:
            raise NoReference("former arguments")
        loss = np.asarray(function(input, target, **options))
        if weight is None:
            return reduce_loss(loss, reduction)
        loss = loss * weight
        divides = reduction == "mean" and function is not huber_of
        return loss.sum() / weight.sum() if divides else reduce_loss(loss, reduction)

    return run


def huber_of(x: Any, t: Any, delta: float = 1.0) -> Any:
    d, size = x - t, np.abs(x - t)
    return np.where(size <= delta, 0.5 * d**2, delta * (size - delta / 2))


def smooth_l1(d: Any, beta: float) -> Any:
    size = np.abs(d)
    if beta == 0:
        return size
    return np.where(size < beta, 0.5 * d**2 / beta, size - beta / 2)


def kl(x: Any, t: Any, log_target: bool) -> Any:
    if log_target:
        return np.exp(t) * (t - x)
    return np.where(t > 0, t * (np.log(t) - x), np.where(t == 0, 0.0, np.nan))


reference("mse_loss")(pair_loss(lambda x, t: (x - t) ** 2))
reference("l1_loss")(pair_loss(lambda x, t: np.abs(x - t)))
reference("huber_loss")(pair_loss(huber_of))
reference("smooth_l1_loss")(pair_loss(lambda x, t, beta=1.0: smooth_l1(x - t, beta)))
reference("kl_div")(pair_loss(lambda x, t, log_target=False: kl(x, t, log_target)))


@reference("binary_cross_entropy")
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, *_: Any, reduction: str = "mean", **__: Any
) -> Any:
    low = -100.0  # what the logarithm of 0 counts
    loss = -(
        target * np.maximum(np.log(input), low) + (1 - target) * np.maximum(np.log1p(-input), low)
    )
    return reduce_loss(loss if weight is None else loss * weight, reduction)


@reference("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, *_: Any, reduction: str = "mean",
    pos_weight: Any = None, **__: Any,
) -> Any:  # fmt: skip
    times = 1 if pos_weight is None else 1 + (pos_weight - 1) * target
    loss = (1 - target) * input + times * softplus_of(-input)
    return reduce_loss(loss if weight is None else loss * weight, reduction)


def classes_last(x: Any) -> Any:
    return np.moveaxis(x, 1, -1) if x.ndim > 1 else x


def picked_losses(log_p: Any, target: Any, weight: Any, ignore: int, smoothing: float) -> Any:
    """Loss and weight of every target."""
    scores = classes_last(log_p)
    target = target.reshape(scores.shape[:-1])
    kept = target != ignore
    at = np.where(kept, target, 0).astype(np.int64)
    w = np.ones(scores.shape[-1]) if weight is None else weight
    picked = -np.take_along_axis(scores, at[..., None], -1)[..., 0] * w[at]
    smooth = -(scores * w).sum(-1) / scores.shape[-1]
    loss = np.where(kept, (1 - smoothing) * picked + (smoothing * smooth if smoothing else 0), 0.0)
    return loss, np.where(kept, w[at], 0.0)


def class_loss(
    log_p: Any, target: Any, weight: Any, ignore: int, reduction: str, smoothing: float
) -> Any:
    loss, w = picked_losses(log_p, target, weight, ignore, smoothing)
    if reduction == "mean":
        return loss.sum() / w.sum()
    return loss if reduction == "none" else loss.sum()


@reference("nll_loss")
def nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    return class_loss(input, target, weight, ignore_index, reduction, 0.0)


@reference("cross_entropy")
def cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None,
    ignore_index: int = -100, reduce: Any = None, reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    log_p = log_softmax(input, 1 if input.ndim > 1 else 0)
    if target.dtype.kind != "f":
        return class_loss(log_p, target, weight, ignore_index, reduction, label_smoothing)
    scores, p = classes_last(log_p), classes_last(target)
    p = (1 - label_smoothing) * p + label_smoothing / p.shape[-1]
    loss = -(scores * p * (1 if weight is None else weight)).sum(-1)
    return (
        loss.sum() / max(loss.size, 1)
        if reduction == "mean" and loss.size
        else (np.float64(np.nan) if reduction == "mean" else reduce_loss(loss, reduction))
    )


# --- attention ------------------------------------------------------------------------------------


@reference("scaled_dot_product_attention")
def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: Any = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    if dropout_p:
        raise NoReference("dropout")
    if enable_gqa:
        times = query.shape[-3] // key.shape[-3]
        key, value = np.repeat(key, times, -3), np.repeat(value, times, -3)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ np.swapaxes(key, -2, -1) * scale
    if is_causal:
        attn_mask = np.tril(np.ones(scores.shape[-2:], bool))
    if attn_mask is not None:
        scores = (
            np.where(attn_mask, scores, -INF) if attn_mask.dtype == bool else scores + attn_mask
        )
    if not scores.size:
        return np.zeros((*scores.shape[:-1], value.shape[-1]))
    top = scores.max(-1, keepdims=True)
    raised = np.exp(scores - np.where(np.isfinite(top), top, 0))
    total = raised.sum(-1, keepdims=True)
    return raised / np.where(total == 0, 1, total) @ value


@reference("lstm_cell_of_gates")
def lstm_cell_of_gates(gates: Any, c: Any) -> Any:
    i, f, g, o = np.split(gates, 4, 1)
    c = expit(f) * c + expit(i) * np.tanh(g)
    return expit(o) * np.tanh(c), c


@reference(
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"
)
def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if training and 0 < p < 1:
        raise NoReference("random numbers")
    return input * (0.0 if training and p == 1 else 1.0)
