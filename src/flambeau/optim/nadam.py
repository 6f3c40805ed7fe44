"""NAdam."""

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

__all__ = ["NAdam"]

# Base of the momentum schedule, from the paper.
_SCHEDULE = 0.96


class NAdam(GroupedOptimizer):
    r"""Adam with Nesterov momentum, whose momentum warms up.

    With ``mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)`` and the product ``M(t)`` of all
    ``mu`` so far, the numerator of Adam becomes
    ``mu(t+1) * m / (1 - M(t+1)) + (1 - mu(t)) * g / (1 - M(t))``
    (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the averages of gradient and square, in [0, 1).
        eps: keeps the denominator away from zero.
        weight_decay: factor of the L2 penalty.
        momentum_decay: how fast the momentum reaches ``betas[0]``.
        decoupled_weight_decay: shrink the parameters directly, as :class:`AdamW` does.
        foreach, maximize, capturable, differentiable: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.
    """

    _counters = ("step", "mu_product")
    _later_options: ClassVar[dict[str, Any]] = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["mu_product"] = new_counter(group, parameter, 1.0)
        state["exp_avg"] = fb.zeros_like(parameter)
        state["exp_avg_sq"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        beta1, beta2 = group["betas"]
        lr = scalar(group["lr"]) if group["differentiable"] else number(group["lr"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        count, product = state["step"], state["mu_product"]
        count += 1
        step = count.item()
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                parameter.mul_(1 - lr * group["weight_decay"])
            else:
                gradient = gradient.add(parameter, alpha=group["weight_decay"])
        momentum, following = (
            beta1 * (1.0 - 0.5 * _SCHEDULE ** (t * group["momentum_decay"]))
            for t in (step, step + 1)
        )
        product *= momentum
        so_far = product.item()
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = square.div(1 - beta2**step).sqrt().add(group["eps"])
        if group["differentiable"]:  # autograd keeps it, and it is updated in place
            mean = mean.clone()
        descend(parameter, gradient / root, lr * (1.0 - momentum) / (1.0 - so_far))
        descend(parameter, mean / root, lr * following / (1.0 - so_far * following))
