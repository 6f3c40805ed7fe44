"""Adagrad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    FusedOptimizer,
    State,
    Tensors,
    check_epsilon,
    check_exclusive,
    check_lr,
    check_not_negative,
    descend,
    new_counter,
    scalar,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Adagrad"]


class Adagrad(FusedOptimizer):
    r"""Gradients divided by the root of the sum of all their squares so far.

    At step ``t``: ``s += g**2`` and ``p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)``
    (Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        lr_decay: how fast the learning rate falls.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: what the sums start at.
        eps: added to the root.
        foreach, maximize, differentiable, fused: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import flambeau as fb
        >>> w = fb.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = fb.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.5, -1.5]
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
        )
        check_epsilon(eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_exclusive(fused, foreach, differentiable)
        self._step_supports_amp_scaling = bool(fused)
        # The sums exist before the first step, so that `share_memory` can share them.
        for group in self.param_groups:
            for parameter in group["params"]:
                self._start(group, parameter, parameter, self.state[parameter])

    def share_memory(self) -> None:
        """Move the sums into memory that child processes see too."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["sum"].share_memory_()

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        start = self.defaults["initial_accumulator_value"]
        # Complex parameters are updated as pairs of real numbers, each with its own sum.
        value = complex(start, start) if parameter.is_complex() else start
        state["sum"] = fb.full_like(parameter, value, requires_grad=False)

    def _update_all(
        self, group: Group, parameters: Tensors, gradients: Tensors, states: list[State]
    ) -> None:
        fb._fused_adagrad_(
            parameters,
            gradients,
            [state["sum"] for state in states],
            [state["step"] for state in states],
            lr=group["lr"],
            lr_decay=group["lr_decay"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=bool(group["maximize"]),
            advance=True,
            **self._scaling(group),
        )

    def _update(self, group: Group, parameter: Tensor, gradient: Any, state: State) -> None:
        total, count = state["sum"], state["step"]
        count += 1
        lr = scalar(group["lr"]) / (1 + (count.item() - 1) * group["lr_decay"])
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        total.addcmul_(gradient, gradient)
        descend(parameter, gradient / total.sqrt().add(group["eps"]), lr)
