"""Averages of models: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal

import flambeau as fb
from flambeau.nn import Module
from flambeau.optim.lr_scheduler import LRScheduler
from flambeau.optim.lr_scheduler.base import Rate, _warn_get_lr_called_within_step, per_group
from flambeau.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
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


class AveragedModel(Module):
    """A copy of a model whose parameters are averages over training.

    Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018; with
    :func:`get_ema_multi_avg_fn` an exponential moving average.

    Args:
        model: what to average.
        device: where to keep the average; where the model is if None.
        avg_fn: ``f(average, new, count)`` returns the next average of one parameter.
        multi_avg_fn: ``f(averages, news, count)`` updates lists in place.
        use_buffers: average the buffers too, rather than copy them.

    Raises:
        AssertionError: both functions are given.

    Example:
        >>> import flambeau as fb
        >>> model = fb.nn.Linear(1, 1)
        >>> averaged = fb.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0):
        ...     _ = fb.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged.module.weight.item()
        1.5
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageOne | None = None,
        multi_avg_fn: AverageMany | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", fb.tensor(0, dtype=fb.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the averaged model."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of ``model`` into the average."""
        with fb.no_grad():
            averages = [value.detach() for value in self._averaged(self.module)]
            news = [
                new.detach().to(old.device)
                for old, new in zip(averages, self._averaged(model), strict=True)
            ]
            if self.n_averaged == 0:
                _copy(averages, news)
            elif self.avg_fn is not None:
                for old, new in zip(averages, news, strict=True):
                    old.copy_(self.avg_fn(old, new, self.n_averaged.to(old.device)))
            else:
                average = self.multi_avg_fn or get_swa_multi_avg_fn()
                for olds, likes in _by_kind(averages, news):
                    average(olds, likes, self.n_averaged.to(olds[0].device))
            if not self.use_buffers:
                _copy(self.module.buffers(), model.buffers())
            self.n_averaged += 1

    def _averaged(self, model: Module) -> Iterator[Tensor]:
        if self.use_buffers:
            return itertools.chain(model.parameters(), model.buffers())
        return iter(model.parameters())


def _copy(targets: Iterable[Tensor], sources: Iterable[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.detach().copy_(source.detach())


def _by_kind(
    averages: list[Tensor], news: list[Tensor]
) -> Iterable[tuple[list[Tensor], list[Tensor]]]:
    """Sort pairs into lists of one device and dtype each."""
    kinds: dict[Any, tuple[list[Tensor], list[Tensor]]] = {}
    for old, new in zip(averages, news, strict=True):
        olds, likes = kinds.setdefault((str(old.device), old.dtype), ([], []))
        olds.append(old)
        likes.append(new)
    return kinds.values()


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalisations anew, by one pass over data.

    Args:
        loader: yields inputs, or sequences that start with one.
        model: what to run, in training mode for the time being.
        device: where to move the inputs.
    """
    norms = [
        module
        for module in model.modules()
        if isinstance(module, fb.nn.modules.batchnorm._BatchNorm)
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    with fb.no_grad():
        for batch in loader:
            values = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(values if device is None else values.to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


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
