"""What the optimizers of this package share: a step that walks groups, checks, small helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import flambeau as fb
from flambeau import _C
from flambeau.optim.optimizer import Group, Optimizer

if TYPE_CHECKING:
    from flambeau import Tensor

State = dict[str, Any]
Tensors: TypeAlias = "list[Tensor]"

FUSED_DEVICES = ("cpu",)
CAPTURABLE_DEVICES = ("cuda",)


class GroupedOptimizer(Optimizer):
    """An optimizer whose update of one parameter depends on nothing but its gradient and state."""

    # Options that state dicts of older versions lack.
    _later_options: ClassVar[dict[str, Any]] = {}
    # Entries of a parameter's state that older versions kept as numbers.
    _counters: ClassVar[tuple[str, ...]] = ("step",)
    _sparse_hint: ClassVar[str] = ""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        Args:
            closure: computes the loss and its gradients anew; called with gradients enabled.

        Returns:
            What the closure returned, or None without one.
        """
        loss = None
        if closure is not None:
            with fb.enable_grad():
                loss = closure()
        before = fb.is_grad_enabled()
        _C._set_grad_enabled(self.defaults.get("differentiable", False))
        try:
            for group in self.param_groups:
                self._step_group(group)
        finally:
            _C._set_grad_enabled(before)
        return loss

    def _step_group(self, group: Group) -> None:
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is not None:
                self._check(group, parameter, gradient)
                state = self._state_of(group, parameter)
                if not state:
                    self._start(group, parameter, gradient, state)
                if group.get("maximize"):
                    gradient = -gradient
                self._update_any(group, parameter, gradient, state)

    def _update_any(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        """Update one parameter; complex ones as pairs of real numbers."""
        if parameter.is_complex():
            parameter, gradient = fb.view_as_real(parameter), fb.view_as_real(gradient)
            state = {key: _real_view(value) for key, value in state.items()}
        self._update(group, parameter, gradient, state)

    def _check(self, group: Group, parameter: Tensor, gradient: Tensor) -> None:
        if gradient.is_sparse:
            raise RuntimeError(
                f"{type(self).__name__} does not support sparse gradients{self._sparse_hint}"
            )
        if group.get("capturable"):
            check_capturable(parameter)
        if group.get("fused"):
            check_fused(parameter)

    def _state_of(self, group: Group, parameter: Tensor) -> State:
        return self.state[parameter]  # type: ignore[no-any-return]

    def _start(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        """Fill the state of a parameter before its first update."""
        raise NotImplementedError

    def _update(self, group: Group, parameter: Tensor, gradient: Tensor, state: State) -> None:
        """Update a real parameter and its state in place."""
        raise NotImplementedError

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._later_options.items():
                group.setdefault(name, value)
            for parameter in group["params"]:
                entries = self.state.get(parameter) or {}
                for name in self._counters:
                    if name in entries and not isinstance(entries[name], fb.Tensor):
                        entries[name] = new_counter(group, parameter, float(entries[name]))


class FusedOptimizer(GroupedOptimizer):
    """An optimizer with an operator that updates all parameters of a group at once.

    The formula in ``_update`` is for steps that are to be differentiated.
    """

    def _step_group(self, group: Group) -> None:
        if group["differentiable"]:
            super()._step_group(group)
            return
        parameters, gradients, states = [], [], []
        unusual = any(group.get(name) for name in ("fused", "foreach", "capturable"))
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            state = self._state_of(group, parameter)
            if unusual or not state:
                self._check(group, parameter, gradient)
            if not state:
                self._start(group, parameter, gradient, state)
            parameters.append(parameter)
            gradients.append(gradient)
            states.append(state)
        if parameters:
            self._update_all(group, parameters, gradients, states)

    def _update_all(
        self, group: Group, parameters: Tensors, gradients: Tensors, states: list[State]
    ) -> None:
        """Update parameters and their states in place."""
        raise NotImplementedError

    def _scaling(self, group: Group) -> dict[str, Tensor]:
        """Return what a gradient scaler left for the step: see ``amp.GradScaler``."""
        names = ("grad_scale", "found_inf")
        left = {name: getattr(self, name, None) for name in names} if group.get("fused") else {}
        return {name: value for name, value in left.items() if value is not None}


def _real_view(value: Any) -> Any:
    if isinstance(value, fb.Tensor) and value.is_complex():
        return fb.view_as_real(value)
    return value


# ---- state ----------------------------------------------------------------------


def counter_dtype(fused: bool | None = False) -> Any:
    """Return the dtype of step counts: not the parameter's, since bfloat16 counts to 256 only."""
    return fb.float64 if not fused and fb.get_default_dtype() == fb.float64 else fb.float32


def new_counter(group: Group, parameter: Tensor, value: float = 0.0) -> Tensor:
    """Make the 0-d tensor that counts the steps of a parameter."""
    fused = group.get("fused")
    device = parameter.device if fused or group.get("capturable") else "cpu"
    return fb.tensor(value, dtype=counter_dtype(fused), device=device)


# ---- options --------------------------------------------------------------------


def number(value: Any) -> Any:
    """Return a one-element tensor's value; other values as they are."""
    return value.item() if isinstance(value, fb.Tensor) else value


def scalar(value: Any) -> Any:
    """Drop the dimensions of a one-element tensor; leave other values as they are."""
    return value.squeeze() if isinstance(value, fb.Tensor) and value.dim() else value


def add_scaled(target: Tensor, value: Tensor, factor: Any) -> Tensor:
    """Return ``target + factor * value``, differentiable in a factor that is a tensor."""
    if isinstance(factor, fb.Tensor):
        return target + factor * value.clone()  # autograd may keep it, and it is updated in place
    return target.add(value, alpha=factor)


def descend(parameter: Tensor, direction: Tensor, lr: Any) -> None:
    """Do ``parameter -= lr * direction`` in place, differentiable in a rate that is a tensor."""
    if isinstance(lr, fb.Tensor):
        parameter.sub_(direction.clone() * lr)
    else:
        parameter.add_(direction, alpha=-lr)


def check_lr(lr: Any, message: str = "Invalid learning rate: {}") -> None:
    """Accept a number or one-element tensor that is not negative."""
    if isinstance(lr, fb.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(message.format(lr))


def check_not_negative(**options: Any) -> None:
    """Accept numbers that are not negative; underlined names print as words."""
    for name, value in options.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def check_epsilon(eps: Any) -> None:
    """Accept an epsilon that is not negative."""
    if not eps >= 0.0:
        raise ValueError(f"Invalid epsilon value: {eps}")


def check_betas(betas: Any) -> None:
    """Accept decay rates in [0, 1)."""
    for index, beta in enumerate(betas[:2]):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_exclusive(fused: bool | None, foreach: bool | None, differentiable: bool | None) -> None:
    """Reject ``fused`` together with what PyTorch cannot combine it with."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_fused(parameter: Tensor) -> None:
    """Accept a floating-point parameter on a device with fused kernels."""
    if parameter.device.type not in FUSED_DEVICES or not parameter.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported "
            f"devices: {list(FUSED_DEVICES)} but {parameter.dtype} and {parameter.device.type}"
        )


def check_capturable(parameter: Tensor) -> None:
    """Accept a parameter on a device that captures graphs."""
    if parameter.device.type not in CAPTURABLE_DEVICES:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            f"{list(CAPTURABLE_DEVICES)}."
        )
