"""Adadelta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    GroupedOptimizer,
    State,
    check_epsilon,
    check_lr,
    check_not_negative,
    descend,
    new_counter,
    scalar,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Adadelta"]


class Adadelta(GroupedOptimizer):
    r"""Steps in units of the parameters: averages of past steps over averages of gradients.

    ``v = rho * v + (1 - rho) * g**2``, ``d = g * sqrt(u + eps) / sqrt(v + eps)``,
    ``u = rho * u + (1 - rho) * d**2``, ``p -= lr * d``
    (Zeiler, "ADADELTA: an adaptive learning rate method", 2012).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: factor of the step, a number or a 0-d tensor.
        rho: decay of both averages, in [0, 1].
        eps: added below both roots.
        weight_decay: factor of the L2 penalty.
        foreach, capturable, maximize, differentiable: see :class:`Optimizer`.

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
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_epsilon(eps)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["square_avg"] = fb.zeros_like(parameter)
        state["acc_delta"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        rho, eps = group["rho"], group["eps"]
        square, steps = state["square_avg"], state["acc_delta"]
        count = state["step"]
        count += 1
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        square.mul_(rho).addcmul_(gradient, gradient, value=1 - rho)
        step = steps.add(eps).sqrt_() / square.add(eps).sqrt_() * gradient
        steps.mul_(rho).addcmul_(step, step, value=1 - rho)
        descend(parameter, step, scalar(group["lr"]))
