"""Token buckets: how often something may happen."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0}
_UNITS |= {"h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0}
_FORM = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*/\s*([a-z]+)\s*")


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds.

    Args:
        count: requests that fit into ``seconds``; as many may come at once.
        seconds: the time in which they are earned anew.

    Example:
        >>> Rate.parse("600/min")
        Rate(count=600.0, seconds=60.0)
        >>> str(Rate(10, 1))
        '10/s'
    """

    count: float
    seconds: float

    def __post_init__(self) -> None:
        if not (self.count > 0 and self.seconds > 0):
            raise ValueError(f"a rate needs a count and a time above 0, got {self.count}")

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read ``10/s``, ``600/min``, ``1000/hour`` or ``5000/day``."""
        found = _FORM.fullmatch(text)
        if found is None or found[2] not in _UNITS:
            raise ValueError(
                f"a rate is written 10/s, 600/min, 1000/hour or 5000/day, got {text!r}"
            )
        return cls(float(found[1]), _UNITS[found[2]])

    def __str__(self) -> str:
        names = {1.0: "s", 60.0: "min", 3600.0: "hour", 86400.0: "day"}
        return f"{self.count:g}/{names.get(self.seconds, f'{self.seconds:g}s')}"


class Bucket:
    """Holds up to ``rate.count`` tokens, filled evenly; each request takes one."""

    __slots__ = ("_capacity", "_per_second", "_stamp", "_tokens")

    def __init__(self, rate: Rate) -> None:
        self._capacity = max(1.0, rate.count)
        self._per_second = rate.count / rate.seconds
        self._tokens = self._capacity
        self._stamp = 0.0

    def take(self, now: float) -> float:
        """Take one token at ``now`` (seconds, never going back).

        Returns:
            0 where there was one, else the seconds until there is.
        """
        tokens = self._tokens
        if tokens < self._capacity:
            tokens = min(self._capacity, tokens + (now - self._stamp) * self._per_second)
        self._stamp = now
        if tokens >= 1.0:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._per_second
