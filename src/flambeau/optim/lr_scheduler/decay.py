"""Schedules that follow a formula of the step number."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from flambeau.optim.lr_scheduler.base import (
    LRScheduler,
    Rate,
    _enable_get_lr_call,
    _warn_get_lr_called_within_step,
    function_state,
    rates,
)
from flambeau.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _Formula(LRScheduler):
    """A schedule that multiplies the current rates, so that it can be chained with others."""

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        factor = self._factor()
        current = rates(self.optimizer)
        return current if factor is None else [lr * factor for lr in current]

    def _factor(self) -> float | None:
        """Return what to multiply the rates with; None leaves them alone."""
        raise NotImplementedError


class _Functions(LRScheduler):
    """A schedule made of functions, one a group."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | list[Factor], last_epoch: int = -1
    ) -> None:
        groups = len(optimizer.param_groups)
        self.optimizer = optimizer
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas: list[Factor] = [lr_lambda] * groups
        elif len(lr_lambda) == groups:
            self.lr_lambdas = list(lr_lambda)
        else:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(
                    f"lr_lambda should be a function, but got {type(function).__name__}"
                )
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer; of functions only callable objects' attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [function_state(function) for function in self.lr_lambdas]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned; plain functions stay as they are."""
        functions = self.lr_lambdas
        super().load_state_dict(state_dict)
        self.lr_lambdas = functions
        for function, attributes in zip(functions, state_dict["lr_lambdas"], strict=False):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_Functions):
    """``initial_lr`` times a function of the step number.

    Args:
        optimizer: whose learning rates to set.
        lr_lambda: the function, or one for each group.
        last_epoch: number of the last step; -1 starts anew.

    Example:
        >>> import flambeau as fb
        >>> sgd = fb.optim.SGD([fb.zeros(1, requires_grad=True)], lr=0.5)
        >>> warmup = fb.optim.lr_scheduler.LambdaLR(sgd, lambda step: min(1, step / 4))
        >>> sgd.step(); warmup.step(); warmup.get_last_lr()
        [0.125]
    """

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        return [
            lr * function(self.last_epoch)
            for function, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


class MultiplicativeLR(_Functions):
    """The current rate times a function of the step number.

    Args:
        optimizer: whose learning rates to set.
        lr_lambda: the function, or one for each group.
        last_epoch: number of the last step; -1 starts anew.
    """

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        current = rates(self.optimizer)
        if self._is_initial:
            return current
        return [
            lr * function(self.last_epoch)
            for function, lr in zip(self.lr_lambdas, current, strict=True)
        ]


class StepLR(_Formula):
    """Multiply the rate by ``gamma`` every ``step_size`` steps.

    Args:
        optimizer: whose learning rates to set.
        step_size: length of a plateau, in steps.
        gamma: factor from one plateau to the next.
        last_epoch: number of the last step; -1 starts anew.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        at_edge = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self.gamma if at_edge else None

    def _get_closed_form_lr(self) -> list[Rate]:
        factor = self.gamma ** (self.last_epoch // self.step_size)
        return [lr * factor for lr in self.base_lrs]


class MultiStepLR(_Formula):
    """Multiply the rate by ``gamma`` at the given steps; at one named twice, by its square.

    Args:
        optimizer: whose learning rates to set.
        milestones: step numbers.
        gamma: factor at each of them.
        last_epoch: number of the last step; -1 starts anew.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        times = self.milestones.get(self.last_epoch)
        return None if times is None else self.gamma**times

    def _get_closed_form_lr(self) -> list[Rate]:
        passed = bisect_right(sorted(Counter(self.milestones).elements()), self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]


class ConstantLR(_Formula):
    """Multiply the rate by ``factor`` until step ``total_iters``.

    Args:
        optimizer: whose learning rates to set.
        factor: between 0 and 1.
        total_iters: step at which the rate is whole again.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: ``factor`` is not between 0 and 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1.0:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _get_closed_form_lr(self) -> list[Rate]:
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [lr * factor for lr in self.base_lrs]


class LinearLR(_Formula):
    """Multiply the rate by a factor that goes straight from one value to another.

    Args:
        optimizer: whose learning rates to set.
        start_factor: at step 0, above 0 and at most 1.
        end_factor: from step ``total_iters`` on, between 0 and 1.
        total_iters: length of the way, in steps.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: a factor out of its range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1.0:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to "
                "1."
            )
        if not 0 <= end_factor <= 1.0:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        way = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * way
        return 1.0 + way / before

    def _get_closed_form_lr(self) -> list[Rate]:
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * done
        return [lr * factor for lr in self.base_lrs]


class ExponentialLR(_Formula):
    """Multiply the rate by ``gamma`` at each step.

    Args:
        optimizer: whose learning rates to set.
        gamma: the factor.
        last_epoch: number of the last step; -1 starts anew.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        return None if self._is_initial else self.gamma

    def _get_closed_form_lr(self) -> list[Rate]:
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class PolynomialLR(_Formula):
    """``initial_lr * (1 - step / total_iters) ** power``, and 0 afterwards.

    Args:
        optimizer: whose learning rates to set.
        total_iters: step at which the rate is 0.
        power: of the polynomial.
        last_epoch: number of the last step; -1 starts anew.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def _factor(self) -> float | None:
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        left = 1.0 - self.last_epoch / self.total_iters
        before = 1.0 - (self.last_epoch - 1) / self.total_iters
        factor: float = (left / before) ** self.power
        return factor

    def _get_closed_form_lr(self) -> list[Rate]:
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [lr * left**self.power for lr in self.base_lrs]


def _cosine(lr: Any, lowest: float, part: float) -> Any:
    """Return the point at ``part`` of half a cosine wave from ``lr`` down to ``lowest``."""
    return lowest + (lr - lowest) * (1 + math.cos(math.pi * part)) / 2


class CosineAnnealingLR(LRScheduler):
    """Half a cosine wave from ``initial_lr`` to ``eta_min`` in ``T_max`` steps, and back again.

    ``eta_min + (initial_lr - eta_min) * (1 + cos(pi * step / T_max)) / 2`` (Loshchilov and Hutter,
    "SGDR: stochastic gradient descent with warm restarts", 2017, without the restarts).

    Args:
        optimizer: whose learning rates to set.
        T_max: length of the way down, in steps.
        eta_min: lowest rate.
        last_epoch: number of the last step; -1 starts anew.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        current = rates(self.optimizer)
        if self._is_initial:
            return current
        step, half = self.last_epoch, self.T_max
        if self._step_count == 1 and step > 0:
            return self._get_closed_form_lr()
        # The chainable form below divides by what vanishes at the lowest point: leave it by hand.
        if (step - 1 - half) % (2 * half) == 0:
            rise = (1 - math.cos(math.pi / half)) / 2
            return [
                lr + (base - self.eta_min) * rise
                for base, lr in zip(self.base_lrs, current, strict=True)
            ]
        now, before = (1 + math.cos(math.pi * s / half) for s in (step, step - 1))
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in current]

    def _get_closed_form_lr(self) -> list[Rate]:
        part = self.last_epoch / self.T_max
        return [_cosine(lr, self.eta_min, part) for lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosine waves from ``initial_lr`` to ``eta_min``, each starting high again.

    ``eta_min + (initial_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2`` (Loshchilov and Hutter,
    "SGDR: stochastic gradient descent with warm restarts", 2017).

    Args:
        optimizer: whose learning rates to set.
        T_0: length of the first wave, in steps.
        T_mult: factor from the length of one wave to that of the next.
        eta_min: lowest rate.
        last_epoch: number of the last step; -1 starts anew.

    Raises:
        ValueError: lengths that are not positive integers, or an ``eta_min`` that is no number.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        _warn_get_lr_called_within_step(self)
        return [_cosine(lr, self.eta_min, self.T_cur / self.T_i) for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the next learning rates.

        Args:
            epoch: where to go; may be a fraction, as ``epoch + batch / batches``.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._go_to(epoch)
        self.last_epoch = math.floor(epoch)
        with _enable_get_lr_call(self):
            values = self.get_lr()
        self._set(values)

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            # The waves before number n last T_0 * (T_mult**n - 1) / (T_mult - 1) steps together.
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
