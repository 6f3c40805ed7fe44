"""Adafactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    GroupedOptimizer,
    State,
    check_lr,
    new_counter,
    number,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Adafactor"]


class Adafactor(GroupedOptimizer):
    r"""Adam-like steps that keep only row and column averages of squares for a matrix.

    The average of ``g**2`` is rebuilt as ``row * column / mean(row)``; its decay grows as
    ``1 - t**beta2_decay``. The step is ``lr_t * max(eps[1], rms(p))`` times ``g`` over the root,
    clipped to root mean square ``d``, with ``lr_t = min(lr, 1 / sqrt(t))`` (Shazeer and Stern,
    "Adafactor: adaptive learning rates with sublinear memory cost", 2018).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: largest relative step, a number or a 0-d tensor.
        beta2_decay: power of the step that the decay follows, at most 0.
        eps: floor of the averages (None: the dtype's epsilon), and floor of ``rms(p)``.
        d: clipping threshold, at least 1.
        weight_decay: share of ``lr`` by which parameters shrink at each step.
        foreach, maximize: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.
        RuntimeError: complex parameters or sparse gradients.
    """

    _later_options: ClassVar[dict[str, Any]] = {"foreach": None, "maximize": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _check(self, group: Group, parameter: Tensor, gradient: Tensor) -> None:
        if parameter.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        super()._check(group, parameter, gradient)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        if gradient.dim() > 1:
            *batch, rows, columns = gradient.shape
            state["row_var"] = gradient.new_zeros([*batch, rows, 1])
            state["col_var"] = gradient.new_zeros([*batch, 1, columns])
        else:
            state["variance"] = fb.zeros_like(gradient)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        lr = number(group["lr"])
        floor, smallest = group["eps"]
        if floor is None:
            floor = fb.finfo(parameter.dtype).eps
        count = state["step"]
        count += 1
        step = count.item()
        size = max(smallest, _rms(parameter)) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            parameter.mul_(1 - lr * group["weight_decay"])
        square = self._average_square(gradient, state, step ** group["beta2_decay"], floor)
        update = square.clamp_(min=floor * floor).rsqrt_().mul_(gradient)
        parameter.add_(update, alpha=-size / max(1.0, _rms(update) / group["d"]))

    @staticmethod
    def _average_square(gradient: Tensor, state: State, new: float, floor: float) -> Tensor:
        if gradient.dim() <= 1:
            average = state["variance"].lerp_(gradient * gradient, new)
            copied: Tensor = average.clone()
            return copied
        rows, columns = state["row_var"], state["col_var"]
        for part, dim in ((rows, -1), (columns, -2)):
            norm = gradient.norm(dim=dim, keepdim=True)
            part.lerp_(norm.square_().div_(gradient.size(dim)), new)
        product: Tensor = rows @ columns
        return product.div_(rows.mean(dim=-2, keepdim=True).clamp_(min=floor))


def _rms(value: Tensor) -> float:
    return float(value.norm(2).item() / max(1, value.numel()) ** 0.5)
