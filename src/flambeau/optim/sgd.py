"""Stochastic gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import flambeau as fb
from flambeau.optim._grouped import (
    FusedOptimizer,
    State,
    Tensors,
    add_scaled,
    check_exclusive,
    check_lr,
    check_not_negative,
    descend,
    scalar,
)
from flambeau.optim.optimizer import Group, ParamsT

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["SGD"]


class SGD(FusedOptimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    With gradient ``g`` (plus ``weight_decay * p``) the step is ``p -= lr * b``, where
    ``b = momentum * b + (1 - dampening) * g`` starts as the first gradient; Nesterov momentum steps
    by ``g + momentum * b`` instead (Sutskever et al., "On the importance of initialization and
    momentum in deep learning", 2013, with the learning rate outside of the buffer).

    Args:
        params: parameters, named parameters, or groups of them.
        lr: learning rate, a number or a 0-d tensor.
        momentum: weight of the past in the buffer; 0 keeps no buffer.
        dampening: how much of the new gradient stays out of the buffer.
        weight_decay: factor of the L2 penalty.
        nesterov: look ahead; needs momentum and no dampening.
        maximize, foreach, differentiable, fused: see :class:`Optimizer`.

    Raises:
        ValueError: an option out of its range.

    Example:
        >>> import flambeau as fb
        >>> w = fb.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = fb.optim.SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.tolist()
        [0.5, 1.0]
    """

    _later_options: ClassVar[dict[str, Any]] = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_exclusive(fused, foreach, differentiable)
        self._step_supports_amp_scaling = bool(fused)

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        """Start with nothing: the first gradient becomes the buffer."""

    def _state_of(self, group: Group, parameter: Tensor) -> State:
        # Without momentum there is nothing to keep: no entry in the state either.
        return self.state[parameter] if group["momentum"] != 0 else {}

    def _update_all(
        self, group: Group, parameters: Tensors, gradients: Tensors, states: list[State]
    ) -> None:
        if group["momentum"] == 0:
            self._call(group, parameters, gradients, [], is_first_step=False)
            return
        buffers: list[Any] = [state.get("momentum_buffer") for state in states]
        if all(buffer is not None for buffer in buffers):
            self._call(group, parameters, gradients, buffers, is_first_step=False)
            return
        for first in (False, True):
            chosen = [i for i, buffer in enumerate(buffers) if (buffer is None) == first]
            for i in chosen if first else ():
                buffers[i] = states[i]["momentum_buffer"] = fb.empty_like(parameters[i])
            parts: list[Tensors] = [
                [tensors[i] for i in chosen] for tensors in (parameters, gradients, buffers)
            ]
            self._call(group, *parts, is_first_step=first)

    def _call(
        self,
        group: Group,
        parameters: Tensors,
        gradients: Tensors,
        buffers: Tensors,
        *,
        is_first_step: bool,
    ) -> None:
        fb._fused_sgd_(
            parameters,
            gradients,
            buffers,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=bool(group["nesterov"]),
            maximize=bool(group["maximize"]),
            is_first_step=is_first_step,
            **self._scaling(group),
        )

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        momentum = group["momentum"]
        if group["weight_decay"] != 0:
            gradient = add_scaled(gradient, parameter, group["weight_decay"])
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = gradient.clone()
            else:
                buffer.mul_(momentum).add_(gradient, alpha=1 - group["dampening"])
            gradient = gradient.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        descend(parameter, gradient, scalar(group["lr"]))
