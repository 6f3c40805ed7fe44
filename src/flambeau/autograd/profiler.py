"""The older place of the profiler, which programs still name: see `flambeau.profiler`."""

from __future__ import annotations

import warnings
from typing import Any

from flambeau import profiler as _profiler
from flambeau.profiler import EventList, record_function

__all__ = ["profile", "record_function"]


class profile(_profiler.profile):
    """`flambeau.profiler.profile` with the arguments it had in this module.

    Args:
        enabled: False records nothing.
        use_cuda, use_device: there is no other device than the CPU: a warning says so.
        record_shapes, with_flops, profile_memory, with_stack, with_modules: as there.
        use_kineto, use_cpu, experimental_config, acc_events, custom_trace_id_callback,
            post_processing_timeout_s: accepted for PyTorch's sake.

    Example:
        >>> import flambeau as torch
        >>> with torch.autograd.profiler.profile() as prof:
        ...     y = torch.ones(3) * 2
        >>> [event.name for event in prof.function_events]
        ['aten::ones', 'aten::mul']
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        device = "cuda" if use_cuda else use_device
        if device is not None:
            warnings.warn(
                f"{device.upper()} is not available, disabling {device.upper()} profiling",
                stacklevel=2,
            )
        super().__init__(
            record_shapes=record_shapes,
            with_flops=with_flops,
            profile_memory=profile_memory,
            with_stack=with_stack,
            with_modules=with_modules,
            acc_events=acc_events,
        )
        self.enabled = enabled

    def start(self) -> None:
        if self.enabled:
            super().start()

    def stop(self) -> None:
        if self.enabled:
            super().stop()

    @property
    def function_events(self) -> EventList:
        """All events, as `events` returns them."""
        return self.events()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took."""
        return self.events().self_cpu_time_total

    def total_average(self) -> Any:
        """Return the sum of all events."""
        return self.events().total_average()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """Return the events as a table, see `flambeau.profiler.EventList.table`."""
        return self.events().table(*args, **kwargs)

    def __str__(self) -> str:
        return self.table()
