"""What all schedules share: counting steps, setting rates, saving and loading."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

import flambeau as fb
from flambeau.optim._grouped import scalar
from flambeau.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from flambeau import Tensor

Rate: TypeAlias = "float | Tensor"

EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. With an epoch, the closed form "
    "is used instead of the chainable form, where there is one."
)
_ORDER = (
    "Call `optimizer.step()` before `lr_scheduler.step()`: in the opposite order the first value "
    "of the schedule is skipped."
)


class LRScheduler:
    """Base class: a schedule sets ``group["lr"]`` of an optimizer at each ``step()``.

    A subclass defines :meth:`get_lr`, and may define ``_get_closed_form_lr`` for jumps to an epoch.

    Args:
        optimizer: whose learning rates to set.
        last_epoch: number of the last step; -1 starts anew, else ``initial_lr`` has to be in each
            group.

    Raises:
        TypeError: ``optimizer`` is none.
        KeyError: resuming without ``initial_lr``.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copy_rate(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{index}] when resuming "
                    "scheduler with last_epoch >= 0. Load the optimizer's state first, or start "
                    "anew with last_epoch=-1."
                )
        self.base_lrs = rates(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def get_lr(self) -> list[Rate]:
        """Compute the rates of ``self.last_epoch``, one a group. Called by :meth:`step`."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Rate]:
        """Return the rates that the last :meth:`step` set, one a group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the next learning rates.

        Args:
            epoch: jump there (deprecated).
        """
        if self._step_count == 1:
            self._check_order()
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _check_order(self) -> None:
        if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            problem = (
                "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
                "initialization."
            )
        elif not getattr(self.optimizer, "_opt_called", False):
            problem = "Detected call of `lr_scheduler.step()` before `optimizer.step()`."
        else:
            return
        warnings.warn(f"{problem} {_ORDER}", UserWarning, stacklevel=3)

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def _update_lr(self, epoch: int | None = None) -> None:
        with _enable_get_lr_call(self):
            if epoch is None:
                self.last_epoch += 1
                values = self.get_lr()
            else:
                self.last_epoch = epoch
                values = getattr(self, "_get_closed_form_lr", self.get_lr)()
        self._set(values)

    def _set(self, values: list[Rate]) -> None:
        for group, value in zip(self.optimizer.param_groups, values, strict=True):
            set_rate(group, "lr", value)
        self._last_lr = rates(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer, in plain containers."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The old name of the base class, for programs that derive from it."""


@contextmanager
def _enable_get_lr_call(scheduler: LRScheduler) -> Iterator[LRScheduler]:
    """Let ``get_lr`` be called without a warning."""
    scheduler._get_lr_called_within_step = True
    try:
        yield scheduler
    finally:
        scheduler._get_lr_called_within_step = False


def _warn_get_lr_called_within_step(scheduler: LRScheduler) -> None:
    if not scheduler._get_lr_called_within_step:
        warnings.warn(
            "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
            UserWarning,
            stacklevel=3,
        )


def _note_steps(optimizer: Optimizer) -> None:
    """Let the optimizer note that it stepped, so that a wrong order of calls can be reported."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    original: Any = optimizer.step
    function = getattr(original, "__func__", None)
    owner = ref(optimizer)  # the optimizer keeps the wrapper: no cycle, please

    @functools.wraps(original)
    def step(*args: Any, **kwargs: Any) -> Any:
        optimizer: Any = owner()
        optimizer._opt_called = True
        if function is None:
            return original(*args, **kwargs)
        return function(optimizer, *args, **kwargs)

    wrapper: Any = step
    wrapper._wrapped_by_lr_sched = True
    if function is not None:
        wrapper.__wrapped__ = function
        original = None
    optimizer.step = wrapper  # type: ignore[method-assign]


# ---- rates ----------------------------------------------------------------------


def check_optimizer(optimizer: Any) -> None:
    """Accept an optimizer."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def copy_rate(value: Any) -> Any:
    """Copy a rate that is a tensor, since tensors are updated in place."""
    return value.clone() if isinstance(value, fb.Tensor) else value


def rates(optimizer: Optimizer, key: str = "lr") -> list[Rate]:
    """Return an option of all groups."""
    return [copy_rate(group[key]) for group in optimizer.param_groups]


def set_rate(group: dict[str, Any], key: str, value: Any) -> None:
    """Set an option of a group; in place if it is a tensor, since others may hold it."""
    if isinstance(group[key], fb.Tensor):
        group[key].fill_(scalar(value))
    else:
        group[key] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Spread one value over the groups, or check that there is one for each."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        value = [value] * groups
    elif len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
            f"values, param_groups has {groups}."
        )
    return [copy_rate(item) for item in value]


# ---- functions in a state dict ---------------------------------------------------


def function_state(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """Return the attributes of a callable object; None for plain functions, which are not saved."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return dict(function.__dict__)
