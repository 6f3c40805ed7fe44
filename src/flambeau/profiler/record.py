"""Names for pieces of the user's own code."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import Any

from flambeau import _C


class record_function(ContextDecorator):
    """Show a block of code, or each call of a function, under a name of its own.

    Args:
        name: what tables and traces show.
        args: more about it; accepted for PyTorch's sake.

    Example:
        >>> import flambeau as torch
        >>> @torch.profiler.record_function("double")
        ... def double(x):
        ...     return x + x
        >>> with torch.profiler.profile() as prof:
        ...     y = double(torch.ones(3))
        >>> [event.name for event in prof.events() if event.cpu_parent is None]
        ['aten::ones', 'double']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._mark: Any = None

    def _recreate_cm(self) -> record_function:
        return record_function(self.name, self.args)  # calls may nest, also on several threads

    def __enter__(self) -> record_function:
        self._mark = _C._profile_begin(self.name)
        return self

    def __exit__(self, *error: object) -> None:
        if self._mark is not None:
            _C._profile_end(self._mark)
            self._mark = None
