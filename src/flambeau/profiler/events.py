"""What was recorded, event by event and summed up, with PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from . import _table


class DeviceType(IntEnum):
    """Where an event ran; here always the CPU."""

    CPU = 0
    CUDA = 1


@dataclass(slots=True)
class Interval:
    """A stretch of time in microseconds since the recording began."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """Return the length in microseconds."""
        return self.end - self.start


class _Formatted:
    """Texts of the times, and what only devices other than the CPU have."""

    count: int
    cpu_time_total: Any
    self_cpu_time_total: Any
    use_device = None
    node_id = -1
    is_async = False
    is_remote = False
    is_legacy = False
    device_type = DeviceType.CPU
    device_index = 0
    device_time = device_time_total = self_device_time_total = 0
    device_memory_usage = self_device_memory_usage = 0
    cuda_time = cuda_time_total = self_cuda_time_total = 0
    cuda_memory_usage = self_cuda_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """The average time of a call in microseconds."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        return _table.format_time(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        return _table.format_time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        return _table.format_time(self.self_cpu_time_total)


@dataclass(slots=True, eq=False, repr=False)
class FunctionEvent(_Formatted):
    """One run of an operator, of a derivative or of a block under ``record_function``.

    Attributes:
        id: Its number in the recording.
        name: ``aten::add``, ``MulBackward0`` or the name given; ``key`` is the same.
        overload_name: Of operators with several signatures: ``dim`` of ``max.dim``.
        time_range: When it ran, in microseconds since the recording began.
        thread: The number of its thread, from 1, in order of appearance.
        fwd_thread: Of a derivative: the thread of the operator it derives; else 0.
        device_resource_id: The operating system's number of the thread.
        scope: 0 operator, 1 derivative, 7 block of the user.
        sequence_nr: Joins an operator with its derivative; -1 if it has none.
        input_shapes: One shape an argument, ``[]`` for numbers and lists of tensors
            (``record_shapes=True``).
        structured_input_shapes: The same, with the shapes of the tensors of a list.
        concrete_inputs: Numbers among the arguments; None for the others.
        input_dtypes: Names of the tensors' dtypes; None for the others.
        module: The path of the module it ran in (``with_modules=True``), else "".
        stack: Where in the program it was called, ``file(line): function``, the innermost first
            (``with_stack=True``).
        cpu_memory_usage: Bytes allocated less bytes released (``profile_memory=True``).
        flops: Estimated operations of products and convolutions (``with_flops=True``).
        cpu_parent: The event around it, None at the top.
        cpu_children: The events directly inside.
    """

    id: int
    name: str
    time_range: Interval
    thread: int
    device_resource_id: int
    scope: int = 0
    overload_name: str = ""
    sequence_nr: int = -1
    fwd_thread: int = 0
    module: str = ""
    cpu_memory_usage: int = 0
    flops: int = 0
    is_user_annotation: bool = False
    input_shapes: list[list[int]] = field(default_factory=list)
    structured_input_shapes: list[Any] = field(default_factory=list)
    concrete_inputs: list[Any] = field(default_factory=list)
    input_dtypes: list[str | None] = field(default_factory=list)
    cpu_parent: FunctionEvent | None = None
    cpu_children: list[FunctionEvent] = field(default_factory=list)
    kernels: list[Any] = field(default_factory=list)
    stack: list[str] = field(default_factory=list)
    count: int = 1

    @property
    def key(self) -> str:
        """The name."""
        return self.name

    @property
    def trace_name(self) -> str:
        """The name."""
        return self.name

    @property
    def cpu_time_total(self) -> float:
        """Microseconds from begin to end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds without the events inside."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes without the events inside."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start:.3f} end_us={self.time_range.end:.3f} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "
            f"module={self.module!r}>"
        )


class FunctionEventAvg(_Formatted):
    """The sum over all events of one key; what it was grouped by is in the attributes.

    Attributes:
        key: The events' name.
        count: Their number.
        cpu_time_total: Their times in microseconds, added up; ``cpu_time`` is the average.
        self_cpu_time_total: The same without what ran inside.
        cpu_memory_usage: Bytes allocated less bytes released.
        self_cpu_memory_usage: The same without what ran inside.
        flops: Estimated operations.
        input_shapes: The shapes they share if grouped by shape, else "".
        module: The module path they share if grouped by module, else "".
    """

    def __init__(self) -> None:
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total: float = 0.0
        self.self_cpu_time_total: float = 0.0
        self.cpu_memory_usage = 0
        self.self_cpu_memory_usage = 0
        self.flops = 0
        self.input_shapes: Any = None
        self.overload_name: str | None = None
        self.module = ""
        self.stack: list[str] = []
        self.scope = 0
        self.is_user_annotation = False
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Add an event of the same key, or the sum of several."""
        if self.key is None:
            self.key = other.key
            self.input_shapes = other.input_shapes
            self.overload_name = other.overload_name
            self.module = other.module
            self.stack = other.stack
            self.scope = other.scope
            self.is_user_annotation = other.is_user_annotation
            self.cpu_children = other.cpu_children
            self.cpu_parent = other.cpu_parent
        elif other.key != self.key:
            raise AssertionError(f"Expected keys to match, but got {other.key} vs {self.key}")
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    def __iadd__(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        return self.add(other)

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} count={self.count} "
            f"self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list[Any]):
    """Events in the order they began, or sums of them; a list with a table."""

    def __init__(
        self,
        events: Iterable[Any] = (),
        *,
        profile_memory: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        export: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(events)
        self._profile_memory = profile_memory
        self._with_flops = with_flops
        self._with_modules = with_modules
        self._export = export

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds that all events took, each moment of a thread counted once."""
        return float(sum(event.self_cpu_time_total for event in self))

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
        group_by_module: bool = False,
    ) -> EventList:
        """Sum up the events of one name, or of one name and what else is asked for.

        Args:
            group_by_input_shapes: keep events with different ``input_shapes`` apart.
            group_by_stack_n: keep events apart whose first so many lines of ``stack`` differ.
            group_by_overload_name: keep signatures of one operator apart.
            group_by_module: keep events of different modules apart.

        Returns:
            A list of `FunctionEventAvg`.
        """
        groups: dict[tuple[Any, ...], FunctionEventAvg] = {}
        for event in self:
            key = (
                event.key,
                event.is_user_annotation,
                str(event.input_shapes) if group_by_input_shapes else "",
                tuple(event.stack[:group_by_stack_n]),
                event.overload_name if group_by_overload_name else "",
                event.module if group_by_module else "",
            )
            groups.setdefault(key, FunctionEventAvg()).add(event)
        for average in groups.values():
            if not group_by_input_shapes:
                average.input_shapes = ""
            if not group_by_overload_name:
                average.overload_name = ""
            if not group_by_module:
                average.module = ""
            average.stack = average.stack[:group_by_stack_n]
        return EventList(
            groups.values(),
            profile_memory=self._profile_memory,
            with_flops=self._with_flops,
            with_modules=group_by_module,
        )

    def total_average(self) -> FunctionEventAvg:
        """Return the sum of all, under the key ``Total``."""
        total = FunctionEventAvg()
        for event in self:
            total.key = None
            total.add(event)
        total.key = "Total"
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """Return the events as a table.

        Args:
            sort_by: the attribute to sort by, the greatest first: ``cpu_time``,
                ``cpu_time_total``, ``self_cpu_time_total``, ``cpu_memory_usage``,
                ``self_cpu_memory_usage``, ``count``, ``flops``; None keeps the order.
            row_limit: the most rows; -1: all.
            max_src_column_width: characters of a stack or a module path.
            max_name_column_width: characters of a name.
            max_shapes_column_width: characters of the shapes.
            header: a line above.
            top_level_events_only: leave out events inside others.
            time_unit: "s", "ms" or "us" for all times; None chooses for each.

        Raises:
            ValueError: ``sort_by`` or ``time_unit`` is none of these.
        """
        return _table.build(
            self,
            sort_by=sort_by,
            row_limit=row_limit,
            widths=(max_name_column_width, max_shapes_column_width, max_src_column_width),
            header=header,
            top_level_events_only=top_level_events_only,
            time_unit=time_unit,
            memory=self._profile_memory,
            flops=self._with_flops,
            modules=self._with_modules,
        )

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the stacks with the time spent there, as tools for flame graphs read them.

        Args:
            path: where to.
            metric: ``self_cpu_time_total``, in whole microseconds.

        Raises:
            ValueError: another metric.
        """
        if metric not in ("self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total"):
            raise ValueError(
                f"export_stacks: metric must be 'self_cpu_time_total', but got {metric!r}"
            )
        with open(path, "w", encoding="utf-8") as file:
            for event in self:
                value = int(event.self_cpu_time_total) if metric == "self_cpu_time_total" else 0
                if event.stack and value > 0:
                    frames = [frame.replace(";", "_") for frame in reversed(event.stack)]
                    file.write(";".join([*frames, event.key]) + f" {value}\n")

    def export_chrome_trace(self, path: str) -> None:
        """Write the recording these events are from as a Chrome trace.

        Raises:
            RuntimeError: these are sums, which have no place in time.
        """
        if self._export is None:
            raise RuntimeError(
                "export_chrome_trace: sums of events have no place in time; export prof.events() "
                "or call prof.export_chrome_trace()"
            )
        self._export(path)
