"""Find out where the time and the memory of a program go, operator by operator.

`profile` records every operator that runs in the process, those of the backward pass too, on all
threads; while no profiler runs that costs nothing. Times are in microseconds, memory in bytes.

- Operators are named as PyTorch names them, ``aten::`` and their name (``aten::add_`` in place), so
  that code written for PyTorch finds them. A derivative is one event with the name of its node,
  ``MulBackward0``, with the operators it uses inside.
- "Self" leaves out what the operators inside took.
- Memory is the tensors' memory that the thread allocated less what it released meanwhile; what was
  released between operators is counted under ``[memory]``.
- The module path (``encoder.layers.0.linear1``) is the one below the outermost module that was
  called. Operators of the backward pass have the path of the forward operator they derive.

Example:
    >>> import flambeau as torch
    >>> from flambeau.profiler import profile, record_function
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU())
    >>> with profile(record_shapes=True, with_modules=True) as prof:
    ...     with record_function("step"):
    ...         model(torch.ones(4, 8)).sum().backward()
    >>> [event.key for event in prof.key_averages() if event.key.endswith("linear")]
    ['aten::linear']
    >>> [event.module for event in prof.events() if event.name == "aten::linear"]
    ['0']
    >>> table = prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=5)
    >>> prof.export_chrome_trace("trace.json")  # open it in https://ui.perfetto.dev
"""

from __future__ import annotations

from .events import DeviceType, EventList, FunctionEvent, FunctionEventAvg, Interval
from .profiler import ProfilerActivity, profile, supported_activities, tensorboard_trace_handler
from .record import record_function
from .schedules import ProfilerAction, schedule

__all__ = [
    "DeviceType",
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
