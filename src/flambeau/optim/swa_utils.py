"""Averages of parameters over training, and the schedule that goes with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import flambeau as fb
from flambeau.optim.lr_scheduler import LRScheduler
from flambeau.optim.lr_scheduler.base import Rate, _warn_get_lr_called_within_step, per_group
from flambeau.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = [
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
]

AverageOne = Callable[["Tensor", "Tensor", "Tensor | int"], "Tensor"]
AverageMany = Callable[[Any, Any, "Tensor | int"], None]


def get_ema_avg_fn(decay: float = 0.999) -> AverageOne:
    """Return ``f(average, new, count) = decay * average + (1 - decay) * new``.

    Raises:
        ValueError: ``decay`` is not in [0, 1].
    """
    _check_decay(decay)

    @fb.no_grad()
    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return average


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageMany:
    """Return the function of :func:`get_ema_avg_fn` for lists, in place.

    Raises:
        ValueError: ``decay`` is not in [0, 1].
    """
    _check_decay(decay)

    @fb.no_grad()
    def average(averaged: Any, current: Any, count: Tensor | int) -> None:
        for old, new in zip(averaged, current, strict=True):
            _move_towards(old, new, 1 - decay)

    return average


def get_swa_avg_fn() -> AverageOne:
    """Return ``f(average, new, count) = average + (new - average) / (count + 1)``: the mean."""

    @fb.no_grad()
    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        return averaged + (current - averaged) / (count + 1)

    return average


def get_swa_multi_avg_fn() -> AverageMany:
    """Return the function of :func:`get_swa_avg_fn` for lists, in place."""

    @fb.no_grad()
    def average(averaged: Any, current: Any, count: Tensor | int) -> None:
        for old, new in zip(averaged, current, strict=True):
            _move_towards(old, new, 1 / (int(count) + 1))

    return average


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _move_towards(old: Tensor, new: Tensor, weight: float) -> None:
    if old.is_floating_point() or old.is_complex():
        old.lerp_(new, weight)
    else:
        old.copy_(old * (1 - weight) + new * weight)


class SWALR(LRScheduler):
    """Go from the current rate to a constant one, for weight averaging.

    Args:
        optimizer: whose learning rates to set.
        swa_lr: the constant rate, one for all groups or one each.
        anneal_epochs: length of the way, in steps.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: an unknown strategy or a negative length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        values = per_group("swa_lr", optimizer, swa_lr)
        for group, value in zip(optimizer.param_groups, values, strict=True):
            group["swa_lr"] = value
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Compute the rates of the step, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        result = []
        for group in self.optimizer.param_groups:
            goal, lr = group["swa_lr"], group["lr"]
            # Where the way began, as the current rate tells.
            start = goal if before == 1 else (lr - before * goal) / (1 - before)
            result.append(goal * now + start * (1 - now))
        return result

    def _share(self, step: int) -> float:
        """Return how much of the way is done."""
        done = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * done)) / 2 if self._anneal_strategy == "cos" else done
