"""RMSprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    FusedOptimizer,
    State,
    Tensors,
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

__all__ = ["RMSprop"]


class RMSprop(FusedOptimizer):
    r"""Gradients divided by the root of their average square.

    ``v = alpha * v + (1 - alpha) * g**2`` and ``p -= lr * g / (sqrt(v) + eps)``; centred,
    the square of the average gradient is taken off ``v`` first (Hinton, lecture 6 of "Neural
    networks for machine learning", 2012; centred: Graves, "Generating sequences with recurrent
    neural networks", 2013).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        alpha: decay of the averages.
        eps: added to the root.
        weight_decay: factor of the L2 penalty.
        momentum: weight of past steps; 0 keeps no buffer.
        centered: divide by an estimate of the variance rather than of the square.
        capturable, foreach, maximize, differentiable: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import flambeau as fb
        >>> w = fb.tensor([1.0], requires_grad=True)
        >>> optimizer = fb.optim.RMSprop([w], lr=0.1, alpha=0.75)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> round(w.item(), 4)
        0.8
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_epsilon(eps)
        check_not_negative(momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["square_avg"] = fb.zeros_like(parameter)
        if group["momentum"] > 0:
            state["momentum_buffer"] = fb.zeros_like(parameter)
        if group["centered"]:
            state["grad_avg"] = fb.zeros_like(parameter)

    def _update_all(
        self, group: Group, parameters: Tensors, gradients: Tensors, states: list[State]
    ) -> None:
        momentum, centered = group["momentum"], bool(group["centered"])
        fb._fused_rmsprop_(
            parameters,
            gradients,
            [state["square_avg"] for state in states],
            [state["grad_avg"] for state in states] if centered else [],
            [state["momentum_buffer"] for state in states] if momentum > 0 else [],
            [state["step"] for state in states],
            lr=group["lr"],
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=momentum,
            centered=centered,
            maximize=bool(group["maximize"]),
            advance=True,
        )

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        alpha, square = group["alpha"], state["square_avg"]
        count = state["step"]
        count += 1
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        square.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"]
            mean.lerp_(gradient, 1 - alpha)
            square = square.addcmul(mean.clone(), mean.clone(), value=-1)
        step = gradient / square.sqrt().add(group["eps"])
        if group["momentum"] > 0:
            step = state["momentum_buffer"].mul_(group["momentum"]).add_(step)
        descend(parameter, step, scalar(group["lr"]))
