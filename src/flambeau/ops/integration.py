"""Integrals by the trapezoidal rule."""

from __future__ import annotations

import flambeau
from flambeau import Tensor
from flambeau.ops.record import composite, op


def _pieces(name: str, y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    """The areas between neighbours along ``dim``."""
    if not y.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})"
        )
    count = y.size(dim)
    if y.dtype == flambeau.bool or (x is not None and x.dtype == flambeau.bool):
        which = "y" if x is None else "x` or `y"
        raise RuntimeError(
            f"{name}: received a bool input for `{which}`, but bool is not supported"
        )
    if count == 0:
        return (y * dx).narrow(dim, 0, 0)
    left, right = y.narrow(dim, 0, count - 1), y.narrow(dim, 1, count - 1)
    if x is None:
        return (left + right) * dx / 2
    if x.dim() == 1:
        if x.numel() != count:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point, but got "
                f"{x.numel()} for {count}"
            )
        after = y.dim() - 1 - dim % y.dim()
        steps = x.diff().reshape(-1, *[1] * after)
    else:
        if x.dim() < y.dim():
            x = x.reshape(*[1] * (y.dim() - x.dim()), *x.shape)
        steps = x.diff(dim=dim)
    return (left + right) * steps / 2


def _operator(name: str, names: str, doc: str, running: bool) -> None:
    def with_x(y: Tensor, x: Tensor, dim: int) -> Tensor:
        pieces = _pieces(name, y, x, 1.0, dim)
        return pieces.cumsum(dim) if running else pieces.sum(dim)

    def with_dx(y: Tensor, dx: float, dim: int) -> Tensor:
        pieces = _pieces(name, y, None, dx, dim)
        return pieces.cumsum(dim) if running else pieces.sum(dim)

    with_x.__doc__ = doc
    for function in (with_x, with_dx):
        function.__module__ = __name__
    op(
        f"{name}(Tensor y, Tensor x, *, int dim=-1) -> Tensor",
        names,
        vjp=composite,
        samples="(3,4) (4,) | (3,4) (3,4) dim=0",
        errors="(3,) (2,) -> RuntimeError: There must be one `x` value for each sample point",
    )(with_x)
    op(
        f"{name}.dx(Tensor y, *, float dx=1.0, int dim=-1) -> Tensor",
        names,
        vjp=composite,
        samples="(3,4) | (3,4) dx=2.0 dim=0 | (1,)",
    )(with_dx)


_operator(
    "trapezoid",
    "trapezoid, trapz",
    """The integral of ``y`` along ``dim`` by the trapezoidal rule, at places ``x`` or ``dx`` apart.

    Example::

        >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
        tensor(10.5000)
    """,
    running=False,
)
_operator(
    "cumulative_trapezoid",
    "cumulative_trapezoid",
    "The running integral of ``y`` along ``dim`` by the trapezoidal rule; see ``trapezoid``.",
    running=True,
)
