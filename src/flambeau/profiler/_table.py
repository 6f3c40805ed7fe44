"""The table of events as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

SORTABLE = (
    "cpu_time",
    "cpu_time_total",
    "self_cpu_time_total",
    "cpu_memory_usage",
    "self_cpu_memory_usage",
    "count",
    "flops",
)
# What PyTorch sorts by on other devices: everything is 0 here, so the order stays.
_OF_DEVICES = {
    f"{head}{device}_{tail}"
    for device in ("cuda", "device", "xpu", "privateuse1", "mtia", "hpu")
    for head, tail in (
        ("", "time"),
        ("", "time_total"),
        ("self_", "time_total"),
        ("", "memory_usage"),
        ("self_", "memory_usage"),
    )
}
_UNITS = {"s": 1e6, "ms": 1e3, "us": 1.0}


def format_time(us: float, unit: str | None = None) -> str:
    """Return microseconds with a unit: ``1.500ms``."""
    if unit is None:
        unit = "s" if us >= 1e6 else "ms" if us >= 1e3 else "us"
    return f"{us / _UNITS[unit]:.3f}{unit}"


def format_memory(nbytes: int) -> str:
    """Return bytes with a unit: ``-4.00 KB``."""
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(nbytes) >= 1 << power:
            return f"{nbytes / (1 << power):.2f} {unit}"
    return f"{nbytes} B"


def _share(part: float, whole: float) -> str:
    return f"{part * 100 / whole:.2f}%" if whole else "NaN"


def _cut(text: str, width: int) -> str:
    return text if width < 0 or len(text) <= width else text[: max(width - 3, 0)] + "..."


def _tail(lines: list[str], width: int) -> list[str]:
    """The ends of paths say more than their beginnings."""
    return [line if len(line) <= width else f"...{line[3 - width :]}" for line in lines]


def _check(sort_by: str | None, time_unit: str | None) -> None:
    if sort_by is not None and sort_by not in SORTABLE and sort_by not in _OF_DEVICES:
        raise ValueError(
            f"table: sort_by must be one of {', '.join(SORTABLE)} or None, but got {sort_by!r}"
        )
    if time_unit is not None and time_unit not in _UNITS:
        raise ValueError(f"table: time_unit must be 's', 'ms', 'us' or None, but got {time_unit!r}")


def _flops_unit(events: Iterable[Any]) -> tuple[float, str]:
    most = max((event.flops for event in events), default=0)
    for power, unit in ((12, "TFLOPs"), (9, "GFLOPs"), (6, "MFLOPs"), (3, "KFLOPs")):
        if most >= 10**power:
            return 10**power, unit
    return 1, "FLOPs"


def build(
    events: Sequence[Any],
    *,
    sort_by: str | None,
    row_limit: int,
    widths: tuple[int, int, int],
    header: str | None,
    top_level_events_only: bool,
    time_unit: str | None,
    memory: bool,
    flops: bool,
    modules: bool,
) -> str:
    """Return the table; the arguments are those of `EventList.table`."""
    _check(sort_by, time_unit)
    if not events:
        return ""
    whole = sum(event.self_cpu_time_total for event in events)
    rows = list(events)
    if sort_by is not None and sort_by not in _OF_DEVICES:
        rows.sort(key=lambda event: getattr(event, sort_by), reverse=True)
    if top_level_events_only:
        rows = [event for event in rows if event.cpu_parent is None]
    if row_limit >= 0:
        rows = rows[:row_limit]
    name_width, shape_width, source_width = widths

    columns: list[tuple[str, list[str]]] = []

    def add(title: str, texts: Iterable[str]) -> None:
        columns.append((title, list(texts)))

    add("Name", (_cut(event.key, name_width) for event in rows))
    if any(event.overload_name for event in rows):
        add("Overload Name", (event.overload_name for event in rows))
    add("Self CPU %", (_share(event.self_cpu_time_total, whole) for event in rows))
    add("Self CPU", (format_time(event.self_cpu_time_total, time_unit) for event in rows))
    add("CPU total %", (_share(event.cpu_time_total, whole) for event in rows))
    add("CPU total", (format_time(event.cpu_time_total, time_unit) for event in rows))
    add("CPU time avg", (format_time(event.cpu_time, time_unit) for event in rows))
    if memory:
        add("CPU Mem", (format_memory(event.cpu_memory_usage) for event in rows))
        add("Self CPU Mem", (format_memory(event.self_cpu_memory_usage) for event in rows))
    add("# of Calls", (str(event.count) for event in rows))
    if any(event.input_shapes for event in rows):
        add("Input Shapes", (_cut(str(event.input_shapes), shape_width) for event in rows))
    if modules:
        add("Module", (_cut(event.module, source_width) for event in rows))
    if flops:
        scale, unit = _flops_unit(rows)
        add(
            f"Total {unit}",
            (f"{event.flops / scale:.3f}" if event.flops else "--" for event in rows),
        )
    if any(event.stack for event in rows):
        add("Source Location", ("\n".join(_tail(e.stack, source_width)) for e in rows))
    return _lay_out(columns, len(rows), header, f"Self CPU time total: {format_time(whole)}")


def _lay_out(
    columns: list[tuple[str, list[str]]], count: int, header: str | None, footer: str
) -> str:
    sizes = [
        max(12, len(title), *(len(part) for text in texts for part in text.split("\n")), 0)
        for title, texts in columns
    ]
    rule = "  ".join("-" * size for size in sizes)

    def line(cells: Iterable[str]) -> str:
        return "  ".join(cell.rjust(size) for cell, size in zip(cells, sizes, strict=True))

    lines = [rule, line(title for title, _ in columns), rule]
    for row in range(count):
        cells = [texts[row].split("\n") for _, texts in columns]
        lines += map(line, zip_longest(*cells, fillvalue=""))
    lines += [rule, footer, ""]
    if header:
        lines = ["=" * len(rule), header, *lines]
    return "\n".join(lines)
