"""Adamax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    GroupedOptimizer,
    State,
    check_betas,
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

__all__ = ["Adamax"]


class Adamax(GroupedOptimizer):
    r"""Adam with the largest recent gradient in the place of the root mean square.

    ``m = beta1 * m + (1 - beta1) * g``, ``u = max(beta2 * u, |g| + eps)``,
    ``p -= lr / (1 - beta1**t) * m / u`` (Kingma and Ba, "Adam: a method for stochastic
    optimization", 2015, section 7.1).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the average and of the maximum, in [0, 1).
        eps: added to the size of the gradient.
        weight_decay: factor of the L2 penalty.
        foreach, maximize, differentiable, capturable: see :class:`Optimizer`.

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
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_epsilon(eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["exp_avg"] = fb.zeros_like(parameter)
        state["exp_inf"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        beta1, beta2 = group["betas"]
        mean, largest, count = state["exp_avg"], state["exp_inf"], state["step"]
        count += 1
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        mean.lerp_(gradient, 1 - beta1)
        largest.copy_(fb.maximum(largest * beta2, gradient.abs().add_(group["eps"])))
        if group["differentiable"]:  # autograd keeps both, and they are updated in place
            mean, largest = mean.clone(), largest.clone()
        descend(parameter, mean / largest, scalar(group["lr"]) / (1 - beta1 ** count.item()))
