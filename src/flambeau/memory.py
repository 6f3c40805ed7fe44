"""How much memory tensors on the CPU take, and how much is kept for the next ones.

Blocks that are no longer used are kept for later tensors, up to a cap, instead of going back to the
system: a large temporary then costs no page faults. All sizes are in bytes.

Example:
    >>> import flambeau as fb
    >>> before = fb.memory.current()
    >>> x = fb.zeros(1024, 256)
    >>> (fb.memory.current() - before) // 1024
    1024
    >>> with fb.memory.track() as usage:
    ...     y = (x + 1).sum()
    >>> round(usage.peak / 1e6)
    1
"""

from __future__ import annotations

from types import TracebackType
from typing import cast

from flambeau import _C

__all__ = [
    "current",
    "empty_cache",
    "peak",
    "peak_reserved",
    "reserved",
    "reset_peak",
    "set_cap",
    "stats",
    "summary",
    "track",
]


def stats() -> dict[str, int]:
    """Return all counters.

    Returns:
        ``allocated`` (asked for by what is alive), ``reserved`` (taken from the system: in use or
        kept), ``peak_allocated`` and ``peak_reserved`` (the most of both since `reset_peak`),
        ``allocations`` (their number so far) and ``cache_hits`` (those among them that needed
        nothing from the system). Peaks may miss the last few hundred KiB in small blocks.
    """
    return cast(dict[str, int], _C._memory_stats())


def current() -> int:
    """Return the bytes that living tensors asked for."""
    return stats()["allocated"]


def peak() -> int:
    """Return the most that `current` was since `reset_peak`."""
    return stats()["peak_allocated"]


def reserved() -> int:
    """Return the bytes taken from the system, used or kept."""
    return stats()["reserved"]


def peak_reserved() -> int:
    """Return the most that `reserved` was since `reset_peak`."""
    return stats()["peak_reserved"]


def reset_peak() -> None:
    """Let the peaks start again at what is used now."""
    _C._reset_peak_memory()


def empty_cache() -> None:
    """Give what is kept for later tensors back to the system."""
    _C._empty_cache()


def set_cap(nbytes: int) -> None:
    """Limit what is kept for later tensors; the oldest blocks beyond it go at once.

    The default is a quarter of the memory that the process may use, or the environment variable
    ``FLAMBEAU_CACHE_BYTES``.

    Args:
        nbytes: at least 0, which keeps small blocks only.

    Raises:
        ValueError: it is negative.
    """
    if nbytes < 0:
        raise ValueError(f"set_cap: expected a number of bytes of at least 0, but got {nbytes}")
    _C._set_memory_cap(min(nbytes, 2**63 - 1))


class track:
    """Measure the memory that a block of code takes.

    Entering starts the peaks again, also those that `peak` returns; work of other threads counts.

    Attributes:
        peak: The most that was in use inside beyond what was before, in bytes; set at the end.
        kept: How much more is in use at the end than before.
    """

    peak: int
    kept: int

    def __enter__(self) -> track:
        reset_peak()
        self._before = current()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        now = stats()
        self.kept = now["allocated"] - self._before
        self.peak = max(now["peak_allocated"], now["allocated"]) - self._before


def summary() -> str:
    """Return the counters as a small table.

    Example:
        >>> import flambeau as fb
        >>> print(fb.memory.summary().splitlines()[0])
        CPU memory               now         peak
    """
    now = stats()
    share = now["cache_hits"] / now["allocations"] if now["allocations"] else 0.0
    lines = [f"{'CPU memory':15}{'now':>13}{'peak':>13}"]
    for name in ("allocated", "reserved"):
        lines.append(f"{name:15}{_size(now[name]):>13}{_size(now['peak_' + name]):>13}")
    lines.append(f"{now['allocations']:,} allocations, {share:.1%} from kept blocks")
    return "\n".join(lines)


def _size(nbytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(nbytes) < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.1f} TiB"
