"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    GroupedOptimizer,
    State,
    check_lr,
    check_not_negative,
    counter_dtype,
    number,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["ASGD"]


class ASGD(GroupedOptimizer):
    r"""Gradient descent that also keeps the average of the parameters over the steps.

    ``p = (1 - lambd * eta) * p - eta * g`` with ``eta = lr / (1 + lambd * lr * t)**alpha``; from
    step ``t0`` on, ``state[p]["ax"]`` is the average (Polyak and Juditsky, "Acceleration of
    stochastic approximation by averaging", 1992).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        lambd: decay of parameters and of the rate.
        alpha: power in the decay of the rate.
        t0: step at which averaging starts.
        weight_decay: factor of the L2 penalty.
        foreach, maximize, differentiable, capturable: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.
    """

    _counters = ("step", "eta", "mu")
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
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        for name, value in (("step", 0.0), ("eta", number(group["lr"])), ("mu", 1.0)):
            state[name] = fb.tensor(value, dtype=counter_dtype(), device=parameter.device)
        state["ax"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        lr, lambd = number(group["lr"]), group["lambd"]
        average, count = state["ax"], state["step"]
        eta, mu = state["eta"].item(), state["mu"].item()
        count += 1
        step = count.item()
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        parameter.mul_(1 - lambd * eta).add_(gradient, alpha=-eta)
        if mu == 1:
            average.copy_(parameter)
        else:
            average.add_(parameter.sub(average), alpha=mu)
        state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / max(1, step - group["t0"]))
