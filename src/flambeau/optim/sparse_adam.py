"""Adam for sparse gradients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import flambeau as fb
from flambeau.optim._grouped import GroupedOptimizer, State, check_betas, check_lr, number
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["SparseAdam"]


class SparseAdam(GroupedOptimizer):
    r"""Adam that touches only the entries which a sparse gradient names, as of embeddings.

    Averages and parameters of all other entries rest: their moments do not decay, unlike in
    :class:`Adam` with a dense gradient of zeros.

    Args:
        params: dense parameters with sparse gradients, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the averages of gradient and square, in [0, 1).
        eps: keeps the denominator away from zero.
        maximize: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range, sparse or complex parameters.
        RuntimeError: a dense gradient.
    """

    _counters = ()

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [
            ([i, j], parameter)
            for i, group in enumerate(self.param_groups)
            for j, parameter in enumerate(group["params"])
        ]
        if sparse := [place for place, parameter in places if parameter.is_sparse]:
            raise ValueError(
                f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors"
            )
        if odd := [place for place, parameter in places if parameter.is_complex()]:
            raise ValueError(
                f"Complex params at indices {odd}: SparseAdam does not support complex parameters"
            )

    def _check(self, group: Group, parameter: Tensor, gradient: Tensor) -> None:
        if not gradient.is_sparse:
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = 0
        state["exp_avg"] = fb.zeros_like(parameter)
        state["exp_avg_sq"] = fb.zeros_like(parameter)

    def _update(self, group: Group, parameter: Tensor, gradient: Any, state: State) -> None:
        state["step"] += 1
        gradient = gradient.coalesce()
        values = gradient.values()
        if values.numel() == 0:
            return
        beta1, beta2 = group["betas"]
        places = tuple(gradient.indices())
        mean = state["exp_avg"][places].lerp_(values, 1 - beta1)
        square = state["exp_avg_sq"][places].lerp_(values * values, 1 - beta2)
        state["exp_avg"][places] = mean
        state["exp_avg_sq"][places] = square
        size = number(group["lr"]) * math.sqrt(1 - beta2 ** state["step"])
        size /= 1 - beta1 ** state["step"]
        parameter[places] -= size * mean / square.sqrt().add_(group["eps"])
