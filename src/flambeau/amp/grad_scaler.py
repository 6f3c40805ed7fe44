"""Scaling the loss so that gradients of a half type do not vanish."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from enum import Enum
from typing import Any, cast

import flambeau
from flambeau import Tensor

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer's step has come since the last ``update``."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Multiplies losses by a factor, divides gradients by it, and adapts it to what float16 holds.

    A step whose gradients are not all finite is skipped, and the factor shrinks by
    ``backoff_factor``; after ``growth_interval`` steps that were not skipped in a row it grows by
    ``growth_factor`` (Micikevicius et al., "Mixed Precision Training", 2018).

    Args:
        device (str): where the gradients are: ``"cpu"``. Another device switches scaling off, with
            a warning; the default is PyTorch's.
        init_scale (float): the first factor.
        growth_factor (float): above 1.
        backoff_factor (float): below 1.
        growth_interval (int): in steps.
        enabled (bool): if not, ``scale`` returns its argument and ``step`` is the optimizer's.

    Example:
        >>> import flambeau as fb
        >>> weight = fb.nn.Parameter(fb.ones(2))
        >>> optimizer = fb.optim.SGD([weight], lr=0.5)
        >>> scaler = fb.amp.GradScaler("cpu", init_scale=8.0)
        >>> scaler.scale(weight.sum()).backward()
        >>> weight.grad
        tensor([8., 8.])
        >>> _ = scaler.step(optimizer)
        >>> scaler.update()
        >>> weight.detach(), scaler.get_scale()
        (tensor([0.5000, 0.5000]), 8.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device != "cpu":
            warnings.warn(
                f"GradScaler is enabled, but {device.upper()} is not available.  Disabling.",
                stacklevel=2,
            )
            enabled = False
        self._device = device
        self._enabled = enabled
        if not enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale: Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        # By optimizer: how far its step has come, and whether a gradient was not finite.
        self._states: dict[int, tuple[OptState, bool | None]] = {}

    def _checked_scale(self, doing: str) -> Tensor:
        if self._scale is None:
            raise AssertionError(
                f"Attempted {doing} but _scale is None.  This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )
        return self._scale

    def _state(self, optimizer: flambeau.optim.Optimizer) -> tuple[OptState, bool | None]:
        return self._states.get(id(optimizer), (OptState.READY, None))

    def scale(self, outputs: Any) -> Any:
        """Return ``outputs``, a tensor or an iterable of tensors, times the factor."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = flambeau.full((), self._init_scale, dtype=flambeau.float32)
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = map(self.scale, outputs)
            return type(outputs)(scaled) if isinstance(outputs, (list, tuple)) else scaled
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _unscale(self, optimizer: flambeau.optim.Optimizer, factor: Tensor) -> bool:
        """Multiply gradients in place; whether one of them is not finite."""
        largest = []
        with flambeau.no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    gradient = parameter.grad
                    if gradient is None:
                        continue
                    if gradient.dtype == flambeau.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    gradient.mul_(factor)
                    if gradient.numel():
                        largest.append(
                            flambeau.linalg.vector_norm(
                                gradient, float("inf"), dtype=flambeau.float32
                            )
                        )
            return bool(largest) and not bool(flambeau.stack(largest).isfinite().all())

    def unscale_(self, optimizer: flambeau.optim.Optimizer) -> None:
        """Divide the gradients of the optimizer's parameters by the factor, in place.

        ``step`` does it where it was not done: call it to see or clip gradients before.

        Raises:
            RuntimeError: it was called already since ``update``, or after ``step``.
        """
        if not self._enabled:
            return
        scale = self._checked_scale("unscale_")
        stage, _ = self._state(optimizer)
        if stage is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        found = self._unscale(optimizer, scale.double().reciprocal().float())
        self._states[id(optimizer)] = OptState.UNSCALED, found

    def step(self, optimizer: flambeau.optim.Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Unscale gradients where that was not done, and step unless one is not finite.

        Args:
            optimizer (Optimizer): the optimizer.
            args, kwargs: of its ``step``; a closure is not supported.

        Returns:
            What the optimizer's ``step`` returned; None where it was skipped.

        Raises:
            RuntimeError: it was called already since ``update``, or with a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._checked_scale("step")
        stage, _ = self._state(optimizer)
        if stage is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if stage is OptState.READY:
            self.unscale_(optimizer)
        _, found = self._state(optimizer)
        result = None if found else optimizer.step(*args, **kwargs)
        self._states[id(optimizer)] = OptState.STEPPED, found
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the factor, at the end of an iteration, after ``step`` of all optimizers.

        Args:
            new_scale (float or Tensor): takes its place instead.
        """
        if not self._enabled:
            return
        scale = self._checked_scale("update")
        if new_scale is not None:
            if isinstance(new_scale, Tensor) and (
                new_scale.numel() != 1 or new_scale.requires_grad
            ):
                raise AssertionError(
                    "new_scale should be a float or a 1-element FloatTensor with "
                    "requires_grad=False."
                )
            scale.fill_(float(new_scale))
        else:
            found = [found for _, found in self._states.values() if found is not None]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._adapt(scale, any(found))
        self._states = {}

    def _adapt(self, scale: Tensor, overflowed: bool) -> None:
        if overflowed:
            scale.mul_(self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = scale * self._growth_factor
            if bool(grown.isfinite()):
                scale.copy_(grown)
            self._growth_tracker = 0

    def get_scale(self) -> float:
        """The factor; 1.0 if scaling is disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        """What the factor grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the factor grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the factor shrinks by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the factor shrinks by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps in a row the factor grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps in a row the factor grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        return self._growth_tracker if self._enabled else 0

    def is_enabled(self) -> bool:
        """Whether losses are scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The factor and how it adapts, to be saved after ``update``; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned; nothing happens if scaling is disabled."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = cast(float, state_dict["scale"])
        if self._scale is not None:
            self._scale.fill_(self._init_scale)
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, "
                    "or at the end after scaler.update()."
                )
            state.update(_init_scale=self.get_scale(), _scale=None)
        return state
