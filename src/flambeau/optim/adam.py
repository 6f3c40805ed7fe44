"""Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    FusedOptimizer,
    State,
    Tensors,
    add_scaled,
    check_betas,
    check_epsilon,
    check_exclusive,
    check_lr,
    check_not_negative,
    new_counter,
    number,
    scalar,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["Adam"]


class Adam(FusedOptimizer):
    r"""Steps of adaptive size from averages of the gradient and of its square.

    ``m = beta1 * m + (1 - beta1) * g``, ``v = beta2 * v + (1 - beta2) * g**2`` and, at step ``t``,
    ``p -= lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)``
    (Kingma and Ba, "Adam: a method for stochastic optimization", 2015).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        betas: decay of the two averages, in [0, 1): two floats or two 0-d tensors.
        eps: keeps the denominator away from zero.
        weight_decay: factor of the L2 penalty, which goes through the averages as well.
        amsgrad: divide by the largest ``v`` so far (Reddi et al., "On the convergence of Adam and
            beyond", 2018).
        foreach, maximize, capturable, differentiable, fused: see :class:`Optimizer`.
        decoupled_weight_decay: shrink the parameters directly instead, as :class:`AdamW` does.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import flambeau as fb
        >>> w = fb.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = fb.optim.Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.detach()
        tensor([ 0.5000, -1.5000])
    """

    _sparse_hint = ", please consider SparseAdam instead"
    _later_options: ClassVar[dict[str, Any]] = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        foreach_only_numbers = bool(foreach) and not capturable
        if isinstance(lr, fb.Tensor) and foreach_only_numbers:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        check_lr(lr)
        check_epsilon(eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        _check_beta_types(betas, foreach_only_numbers)
        defaults = {
            "lr": lr,
            "betas": tuple(scalar(beta) for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_exclusive(fused, foreach, differentiable)
        self._step_supports_amp_scaling = bool(fused)

    def _check(self, group: Group, parameter: Tensor, gradient: Tensor) -> None:
        super()._check(group, parameter, gradient)
        if group["foreach"] and isinstance(group["lr"], fb.Tensor) and not group["capturable"]:
            raise RuntimeError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        state["step"] = new_counter(group, parameter)
        state["exp_avg"] = fb.zeros_like(parameter)
        state["exp_avg_sq"] = fb.zeros_like(parameter)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = fb.zeros_like(parameter)

    def _update_all(
        self, group: Group, parameters: Tensors, gradients: Tensors, states: list[State]
    ) -> None:
        amsgrad = bool(group["amsgrad"])
        beta1, beta2 = group["betas"]
        step = fb._fused_adamw_ if group["decoupled_weight_decay"] else fb._fused_adam_
        step(
            parameters,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if amsgrad else [],
            [state["step"] for state in states],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=amsgrad,
            maximize=bool(group["maximize"]),
            advance=True,
            **self._scaling(group),
        )

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        recorded = group["differentiable"]
        plain = scalar if recorded else number
        lr, decay = plain(group["lr"]), plain(group["weight_decay"])
        beta1, beta2 = (plain(beta) for beta in group["betas"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        count = state["step"]
        count += 1
        step = count.clone() if recorded else count.item()
        if decay != 0:
            if group["decoupled_weight_decay"]:
                parameter.mul_(1 - lr * decay)
            else:
                gradient = add_scaled(gradient, parameter, decay)
        mean.lerp_(gradient, 1 - beta1)
        if isinstance(beta2, fb.Tensor):
            square.lerp_(gradient * gradient, 1 - beta2)
        else:
            square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"]
            largest.copy_(fb.maximum(largest.clone(), square.clone()))
            square = largest
        size = lr / (1 - beta1**step)
        denominator = (square.sqrt() / (1 - beta2**step) ** 0.5).add_(group["eps"])
        if recorded:
            parameter.sub_(mean.clone() * size / denominator)
        else:
            parameter.addcdiv_(mean, denominator, value=-size)


def _check_beta_types(betas: tuple[Any, Any], foreach_only_numbers: bool) -> None:
    are_tensors = [isinstance(beta, fb.Tensor) for beta in betas]
    if not all(are_tensors) and not all(isinstance(beta, float) for beta in betas):
        raise ValueError("betas must be either both floats or both Tensors")
    for index, beta in enumerate(betas):
        if are_tensors[index] and foreach_only_numbers:
            raise ValueError(
                f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True"
            )
        if are_tensors[index] and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")
