"""RAdam."""

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
    number,
    scalar,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["RAdam"]


class RAdam(GroupedOptimizer):
    r"""Adam that trusts its denominator only once enough squares have been averaged.

    With ``R = 2 / (1 - beta2) - 1`` and ``r = R - 2 * t * beta2**t / (1 - beta2**t)``, the step is
    that of Adam times ``sqrt((r-4) * (r-2) * R / ((R-4) * (R-2) * r))`` where ``r > 5``, and plain
    momentum before (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the averages of gradient and square, in [0, 1).
        eps: keeps the denominator away from zero.
        weight_decay: factor of the L2 penalty.
        decoupled_weight_decay: shrink the parameters directly, as :class:`AdamW` does.
        foreach, maximize, capturable, differentiable: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["exp_avg"] = fb.zeros_like(parameter)
        state["exp_avg_sq"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        beta1, beta2 = group["betas"]
        lr = scalar(group["lr"]) if group["differentiable"] else number(group["lr"])
        mean, square, count = state["exp_avg"], state["exp_avg_sq"], state["step"]
        count += 1
        step = count.item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                parameter.mul_(1 - lr * group["weight_decay"])
            else:
                gradient = gradient.add(parameter, alpha=group["weight_decay"])
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        direction = mean / (1 - beta1**step)
        correction = 1 - beta2**step
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * step * beta2**step / correction
        if length > 5.0:
            variance = (length - 4) * (length - 2) * limit
            variance /= (limit - 4) * (limit - 2) * length
            root = square.sqrt().add(group["eps"])
            direction = direction * (correction**0.5 * variance**0.5) / root
        descend(parameter, direction, lr)
