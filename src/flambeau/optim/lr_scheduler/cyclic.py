"""Schedules that raise the rate and lower it again, with the momentum the other way round."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from flambeau.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    _warn_get_lr_called_within_step,
    check_optimizer,
    function_state,
    per_group,
    set_rate,
)
from flambeau.optim.optimizer import Optimizer


class _WithMomentum(LRScheduler):
    """A schedule that sets the momentum too, which is ``betas[0]`` in optimizers like Adam."""

    cycle_momentum: bool
    use_beta1: bool

    def _start_momentum(
        self, optimizer: Optimizer, highest: Any, lowest: Any, anew: bool
    ) -> tuple[list[Any], list[Any]]:
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in optimizer.defaults
        lows = per_group("base_momentum", optimizer, lowest)
        highs = per_group("max_momentum", optimizer, highest)
        if anew:
            for group, low, high in zip(optimizer.param_groups, lows, highs, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"] = high
                group["base_momentum"] = low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], value: Any) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value


class CyclicLR(_WithMomentum):
    """Straight up from ``base_lr`` to ``max_lr`` and down again, over and over.

    Smith, "Cyclical learning rates for training neural networks", 2017. Steps are batches.

    Args:
        optimizer: whose learning rates to set.
        base_lr: lowest rate, one for all groups or one each.
        max_lr: highest rate, one for all groups or one each.
        step_size_up: steps of the way up.
        step_size_down: steps of the way down; as many as up if None.
        mode: ``"triangular"``; ``"triangular2"`` halves the height each cycle; ``"exp_range"``
            multiplies it by ``gamma`` each step.
        gamma: for ``"exp_range"``.
        scale_fn: factor of the height, in the place of ``mode``.
        scale_mode: whether ``scale_fn`` gets the number of the ``"cycle"`` or of the
            ``"iterations"``.
        cycle_momentum: move the momentum from ``max_momentum`` to ``base_momentum`` while the rate
            rises.
        base_momentum: lowest momentum, one for all groups or one each.
        max_momentum: highest momentum, one for all groups or one each.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: an unknown mode, or momentum wanted from an optimizer without.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError("mode is invalid and scale_fn is None")
        self.optimizer = optimizer
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_rate(group, "lr", lr)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._start_momentum(
                optimizer, max_momentum, base_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return the factor of the height in cycle (or at iteration) ``x``."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        factor: float = self.gamma**x if self.mode == "exp_range" else 1 / 2.0 ** (x - 1)
        return factor

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group, and set the momenta."""
        _warn_get_lr_called_within_step(self)
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        part = 1.0 + self.last_epoch / self.total_size - cycle
        rising = part <= self.step_ratio
        height = part / self.step_ratio if rising else (part - 1) / (self.step_ratio - 1)
        factor = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(
                self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True
            ):
                self._set_momentum(group, high - (high - low) * height * factor)
        return [
            low + (high - low) * height * factor
            for low, high in zip(self.base_lrs, self.max_lrs, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Return all but the optimizer; of a function only a callable object's attributes."""
        state = super().state_dict()
        state["_scale_fn_custom"] = function_state(self._scale_fn_custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned; a plain function stays as it is."""
        function, attributes = self._scale_fn_custom, state_dict["_scale_fn_custom"]
        super().load_state_dict(state_dict)
        self._scale_fn_custom = function
        if attributes is not None and function is not None:
            function.__dict__.update(attributes)


class OneCycleLR(_WithMomentum):
    """Up from a low rate to ``max_lr``, then down to a much lower one, over the whole training.

    Smith and Topin, "Super-convergence: very fast training of neural networks using large learning
    rates", 2019. Steps are batches.

    Args:
        optimizer: whose learning rates to set.
        max_lr: highest rate, one for all groups or one each.
        total_steps: length of the cycle.
        epochs, steps_per_epoch: their product is the length, in the place of ``total_steps``.
        pct_start: share of the cycle in which the rate rises, a float in [0, 1].
        anneal_strategy: ``"cos"`` or ``"linear"``.
        cycle_momentum: move the momentum the other way round.
        base_momentum: lowest momentum, one for all groups or one each.
        max_momentum: highest momentum, one for all groups or one each.
        div_factor: first rate is ``max_lr / div_factor``.
        final_div_factor: last rate is the first one divided by this.
        three_phase: go down as long as up, and to the last rate in a third phase.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: no length, an option out of its range, momentum wanted from an optimizer
            without, or more steps than the length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = _phases(pct_start, self.total_steps, three_phase)
        self._anneal_func_type = anneal_strategy
        highest = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, highest, strict=True):
                group["initial_lr"] = lr / div_factor
                group["max_lr"] = lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._start_momentum(optimizer, max_momentum, base_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group, and set the momenta."""
        _warn_get_lr_called_within_step(self)
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        first, phase = 0.0, self._schedule_phases[0]
        for following in self._schedule_phases[1:]:
            if step > phase["end_step"]:
                first, phase = phase["end_step"], following
        part = (step - first) / (phase["end_step"] - first)
        result = []
        for group in self.optimizer.param_groups:
            result.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, part))
        return result

    def _between(self, start: Any, end: Any, part: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)
        return (end - start) * part + start


def _length(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    if total_steps is not None:
        return _positive("total_steps", total_steps)
    if epochs is None or steps_per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    return _positive("epochs", epochs) * _positive("steps_per_epoch", steps_per_epoch)


def _positive(name: str, value: int) -> int:
    if not isinstance(value, int) or value <= 0:
        raise ValueError(f"Expected positive integer {name}, but got {value}")
    return value


def _phases(rise: float, steps: int, three: bool) -> list[dict[str, Any]]:
    """List the phases: where each ends, and the group's options it leads from and to."""

    def phase(end: float, lrs: str, momenta: str) -> dict[str, Any]:
        (start_lr, end_lr), (start_momentum, end_momentum) = lrs.split(), momenta.split()
        return {
            "end_step": end,
            "start_lr": start_lr,
            "end_lr": end_lr,
            "start_momentum": start_momentum,
            "end_momentum": end_momentum,
        }

    up = phase(float(rise * steps) - 1, "initial_lr max_lr", "max_momentum base_momentum")
    if not three:
        return [up, phase(steps - 1, "max_lr min_lr", "base_momentum max_momentum")]
    down = float(2 * rise * steps) - 2
    return [
        up,
        phase(down, "max_lr initial_lr", "base_momentum max_momentum"),
        phase(steps - 1, "initial_lr min_lr", "max_momentum max_momentum"),
    ]
