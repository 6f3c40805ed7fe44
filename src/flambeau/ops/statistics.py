"""Quantiles, covariances and correlations."""

from __future__ import annotations

from typing import Any

import flambeau
from flambeau import Tensor
from flambeau.ops.record import composite, op

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _check_quantile(input: Tensor, q: Tensor, interpolation: str) -> None:
    if input.numel() == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if q.dim() > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if input.dtype not in (flambeau.float32, flambeau.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q.dtype != input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in _INTERPOLATIONS:
        names = ", ".join(_INTERPOLATIONS[:-1])
        raise RuntimeError(
            f"quantile() interpolation must be one of {names} or {_INTERPOLATIONS[-1]}, but got "
            f"{interpolation}"
        )
    if q.device.type != "meta" and not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")


def _ranks(rows: Tensor, q: Tensor, skip_nan: bool) -> Tensor:
    """Where in a sorted row each quantile lies, between two places: (..., number of quantiles)."""
    last = rows.shape[-1] - 1
    nans = rows.isnan()
    if skip_nan:
        numbers = rows.shape[-1] - nans.sum(-1, keepdim=True)
        return q * (numbers - 1).clamp_min(0)
    # NaN is sorted to the end: a row with any has it there.
    return (q * last).expand(*rows.shape[:-1], -1).masked_fill(nans.any(-1, True), last)


def _quantile(
    input: Tensor, q: Tensor, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    _check_quantile(input, q, interpolation)
    if dim is None:
        rows = input.flatten()
    else:
        rows = (input.unsqueeze(0) if input.dim() == 0 else input).movedim(dim, -1)
    in_order = rows.sort(-1).values
    ranks = _ranks(in_order, q.reshape(-1), skip_nan)
    if interpolation in ("lower", "higher", "nearest"):
        rounded = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}
        ranks = rounded[interpolation]()
    below = ranks.long()
    picked = in_order.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        share = ranks - below
        if interpolation == "midpoint":
            share = flambeau.where(share > 0, 0.5, 0.0).to(input.dtype)
        picked = picked.lerp(in_order.gather(-1, ranks.ceil().long()), share)
    # The quantiles come first, and the dimension goes or stays with size 1.
    picked = picked.movedim(-1, 0)
    if keepdim and dim is None:
        picked = picked.reshape(-1, *[1] * input.dim())
    elif keepdim and dim is not None and input.dim() > 0:
        picked = picked.unsqueeze(dim + 1 if dim >= 0 else dim)
    return picked if q.dim() else picked.squeeze(0)


def _quantile_of_number(
    input: Tensor, q: float, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    if not 0 <= q <= 1:
        raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
    at = flambeau.tensor(q, dtype=input.dtype if input.is_floating_point() else None)
    return _quantile(input, at, dim, keepdim, interpolation, skip_nan)


_QUANTILE_ERRORS = "(0,) 0.5 -> RuntimeError: input tensor must be non-empty"
_QUANTILE_SAMPLES = "(5,) 0.5 | (3,4) 0.3 0 | (3,4) 0.7 -1 True interpolation='midpoint'"


@op(
    "quantile(Tensor input, Tensor q, int? dim=None, bool keepdim=False, *,"
    " str interpolation='linear') -> Tensor",
    "quantile, Tensor.quantile",
    vjp=composite,
    autocast="float32",
    samples="(5,) (2,)@0..1 | (3,4) (3,)@0..1 0 | (3,4) ()@0..1 -1 True",
    errors="(3,) (2,)@2..3 -> RuntimeError: q values must be in the range [0, 1]",
)
def quantile(
    input: Tensor, q: Tensor, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    """The ``q``-th quantiles of all elements or along ``dim``.

    A quantile between two elements is interpolated: "linear", "lower", "higher", "nearest" or
    "midpoint". A row with NaN gives NaN. With a vector ``q`` the quantiles are the first dimension.

    Example::

        >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
        tensor(1.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, False)


@op(
    "quantile.scalar(Tensor input, float q, int? dim=None, bool keepdim=False, *,"
    " str interpolation='linear') -> Tensor",
    "quantile, Tensor.quantile",
    vjp=composite,
    autocast="float32",
    samples=_QUANTILE_SAMPLES,
    errors=_QUANTILE_ERRORS,
)
def quantile_scalar(
    input: Tensor, q: float, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    """See the overload with a tensor."""
    return _quantile_of_number(input, q, dim, keepdim, interpolation, False)


@op(
    "nanquantile(Tensor input, Tensor q, int? dim=None, bool keepdim=False, *,"
    " str interpolation='linear') -> Tensor",
    "nanquantile, Tensor.nanquantile",
    vjp=composite,
    autocast="float32",
    samples="(5,) (2,)@0..1 | (3,4) (3,)@0..1 0",
)
def nanquantile(
    input: Tensor, q: Tensor, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    """The ``q``-th quantiles of the elements that are not NaN; see ``quantile``."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


@op(
    "nanquantile.scalar(Tensor input, float q, int? dim=None, bool keepdim=False, *,"
    " str interpolation='linear') -> Tensor",
    "nanquantile, Tensor.nanquantile",
    vjp=composite,
    autocast="float32",
    samples=_QUANTILE_SAMPLES,
    errors=_QUANTILE_ERRORS,
)
def nanquantile_scalar(
    input: Tensor, q: float, dim: int | None, keepdim: bool, interpolation: str
) -> Tensor:
    """See the overload with a tensor."""
    return _quantile_of_number(input, q, dim, keepdim, interpolation, True)


def _check_weights(name: str, weights: Tensor, observations: int, integral: bool) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{weights.dim()} dimensions"
        )
    is_integral = not (weights.is_floating_point() or weights.is_complex())
    if integral and not is_integral:
        raise RuntimeError(
            f"cov(): expected {name} to have integral dtype but got {name} with {weights.dtype} "
            "dtype"
        )
    if not integral and not weights.is_floating_point():
        raise RuntimeError(
            f"cov(): expected {name} to have floating point dtype but got {name} with "
            f"{weights.dtype} dtype"
        )
    if weights.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {weights.numel()} != {observations}"
        )
    if bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@op(
    "cov(Tensor input, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None)"
    " -> Tensor",
    "cov, Tensor.cov",
    vjp=composite,
    samples="(3,4) | (5,) | (2,4) correction=0 | (2,3) fweights=(3,):int64@1..4",
    errors="(2,2,2) -> RuntimeError: expected input to have two or fewer dimensions",
)
def cov(input: Tensor, correction: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor:
    """The covariances of the rows, whose columns are observations.

    ``fweights`` say how often each observation counts, ``aweights`` how important it is.
    """
    if input.dim() > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    if input.dtype == flambeau.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.dim() < 2 else input
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(flambeau.get_default_dtype())
    count = x.shape[1]
    weights: Any = None
    if fweights is not None:
        _check_weights("fweights", fweights, count, integral=True)
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, count, integral=False)
        weights = aweights if weights is None else weights * aweights
    if weights is None:
        centered, total, norm = x - x.mean(1, keepdim=True), count, float(count - correction)
        factors = centered
    else:
        total = weights.sum()
        centered = x - (x * weights).sum(1, keepdim=True) / total
        if aweights is None or correction == 0:
            norm = total - correction
        else:
            norm = total - correction * (weights * aweights).sum() / total
        norm = norm.clamp_min(0)
        factors = centered * weights
    result = factors @ centered.mH
    result = result / (max(norm, 0.0) if isinstance(norm, float) else norm)
    return result.squeeze() if input.dim() < 2 or x.shape[0] == 1 else result


@op(
    "corrcoef(Tensor input) -> Tensor",
    "corrcoef, Tensor.corrcoef",
    vjp=composite,
    samples="(3,4) | (5,)",
    errors="(2,2,2) -> RuntimeError: expected input to have two or fewer dimensions",
)
def corrcoef(input: Tensor) -> Tensor:
    """Pearson's correlation coefficients of the rows, whose columns are observations."""
    if input.dim() > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input.dim()} dimensions"
        )
    c: Tensor = flambeau.cov(input)
    if c.dim() == 0:
        return c / c
    deviation = c.diagonal().real.sqrt() if c.is_complex() else c.diagonal().sqrt()
    c = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    return c if c.is_complex() else c.clamp(-1, 1)
