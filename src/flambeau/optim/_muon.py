"""Muon."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import flambeau as fb
from flambeau.optim._grouped import GroupedOptimizer, State, check_lr, number
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Muon"]


class Muon(GroupedOptimizer):
    r"""Momentum steps whose singular values are pushed towards 1. For matrices only.

    The momentum ``b`` is orthogonalised by the iteration ``x = a*x + b*(x x')x + c*(x x')**2 x`` in
    bfloat16, then ``p = (1 - lr * weight_decay) * p - lr' * x`` (Jordan et al., "Muon: an optimizer
    for hidden layers in neural networks", 2024). Leave embeddings, biases and the like to
    :class:`AdamW`.

    Args:
        params: 2-d parameters, or groups of them.
        lr: learning rate.
        weight_decay: share of ``lr`` by which parameters shrink.
        momentum: decay of the average of gradients.
        nesterov: look ahead by one average.
        ns_coefficients: ``(a, b, c)`` of the iteration.
        eps: floor of the norm that the first ``x`` is divided by.
        ns_steps: number of iterations, below 100.
        adjust_lr_fn: ``"original"`` (or None): ``lr' = lr * sqrt(max(1, rows / columns))``;
            ``"match_rms_adamw"``: ``lr' = lr * 0.2 * sqrt(max(rows, columns))``.

    Raises:
        ValueError: an option out of its range, or a parameter that is no matrix.
    """

    _counters = ()

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_lr(lr, "Learning rate should be >= 0 but is: {}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.dim() != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{parameter.size()}"
                    )

    def _check(self, group: Group, parameter: Tensor, gradient: Tensor) -> None:
        if parameter.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        super()._check(group, parameter, gradient)
        if gradient.dim() != 2:
            raise ValueError("Param gradient must be a 2D matrix")

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["momentum_buffer"] = fb.zeros_like(gradient)

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        lr, momentum = number(group["lr"]), group["momentum"]
        buffer = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        update = gradient.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = _orthogonalise(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = parameter.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            ratio = 0.2 * math.sqrt(max(rows, columns))
        else:
            ratio = math.sqrt(max(1, rows / columns))
        parameter.mul_(1 - lr * group["weight_decay"])
        parameter.add_(update, alpha=-lr * ratio)


def _orthogonalise(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Push the singular values of a matrix towards 1 by a Newton-Schulz iteration."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.size(0) > matrix.size(1)  # work on the smaller Gram matrix
    x = matrix.bfloat16()
    x = x.T if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = fb.addmm(x, fb.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
