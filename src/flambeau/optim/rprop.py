"""Resilient backpropagation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import GroupedOptimizer, State, check_lr, new_counter, number
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Rprop"]


class Rprop(GroupedOptimizer):
    r"""Steps whose size depends on the signs of the gradients only. For full batches.

    A step size grows by ``etas[1]`` where the gradient kept its sign and shrinks by ``etas[0]``
    where it changed; in the latter case the entry rests for one step (Riedmiller and Braun, "A
    direct adaptive
    method for faster backpropagation learning: the RPROP algorithm", 1993).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: first step size, a number or a 0-d tensor.
        etas: factors below and above 1.
        step_sizes: smallest and largest step size.
        capturable, foreach, maximize, differentiable: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["prev"] = fb.zeros_like(parameter)
        size = number(group["lr"])
        if parameter.is_complex():
            size = complex(size, size)
        state["step_size"] = fb.full_like(gradient, size)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        shrink, grow = group["etas"]
        previous, size, count = state["prev"], state["step_size"], state["step"]
        count += 1
        agreement = gradient * previous.clone()
        factor = fb.ones_like(agreement)
        factor.masked_fill_(agreement > 0, grow).masked_fill_(agreement < 0, shrink)
        size.mul_(factor).clamp_(*group["step_sizes"])
        gradient = gradient.masked_fill(agreement < 0, 0)
        parameter.sub_(gradient.sign() * size.clone())
        previous.copy_(gradient)
