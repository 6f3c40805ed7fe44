"""Classes that the user declared safe to be built from a file."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

Allowed = Callable[..., Any] | tuple[Callable[..., Any], str]
FORBIDDEN_MODULES = {"builtins", "importlib", "nt", "os", "posix", "runpy", "subprocess", "sys"}

_allowed: dict[str, Callable[..., Any]] = {}


def _named(item: Allowed) -> tuple[str, Callable[..., Any]]:
    target, name = item if isinstance(item, tuple) else (item, None)
    if not callable(target) or not isinstance(name, str | None):
        raise TypeError(
            "add_safe_globals: expected classes, functions or (class, name) pairs, but got "
            f"{item!r}"
        )
    if target.__module__ in FORBIDDEN_MODULES and target not in (int, float, str, dict, list):
        raise ValueError(f"add_safe_globals: {target!r} is never safe to be called by a file")
    return name or f"{target.__module__}.{target.__qualname__}", target


def add_safe_globals(safe_globals: Iterable[Allowed]) -> None:
    """Allow files to build these classes.

    A file chooses the arguments and the state, so list only classes for which any are harmless.

    Args:
        safe_globals: Classes or functions, or pairs of one and the full name it has in files.

    Example:
        >>> from fractions import Fraction
        >>> add_safe_globals([Fraction])
        >>> get_safe_globals()
        [<class 'fractions.Fraction'>]
        >>> clear_safe_globals()
    """
    _allowed.update(_named(item) for item in safe_globals)


def get_safe_globals() -> list[Callable[..., Any]]:
    """The classes and functions that files may call."""
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Forget all classes given to add_safe_globals."""
    _allowed.clear()


class safe_globals:
    """Allow files to build these classes inside a with block."""

    def __init__(self, safe_globals: Iterable[Allowed]) -> None:
        self._items = list(safe_globals)

    def __enter__(self) -> None:
        self._before = dict(_allowed)
        add_safe_globals(self._items)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _allowed.clear()
        _allowed.update(self._before)


def find_allowed(name: str) -> Callable[..., Any] | None:
    """The allowed class of this full name."""
    return _allowed.get(name)


def is_allowed(target: object) -> bool:
    """Whether this very class or function was allowed."""
    return any(target is item for item in _allowed.values())
