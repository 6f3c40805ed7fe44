"""Switches of the current thread: whether operations are recorded for gradients."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from flambeau import _C

F = TypeVar("F", bound=Callable[..., Any])


class _Switch:
    """A context manager that is a decorator too; generators keep the setting while they run."""

    def __call__(self, function: F) -> F:
        if inspect.isclass(function):
            function.__init__ = self(function.__init__)  # type: ignore[method-assign]
            return function
        if inspect.isgeneratorfunction(function):
            return cast(F, self._wrap_generator(function))

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return cast(F, inside)

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            try:
                with self.clone():
                    value = next(generator)
                while True:
                    try:
                        sent = yield value
                    except GeneratorExit:
                        with self.clone():
                            generator.close()
                        raise
                    except BaseException as error:
                        with self.clone():
                            value = generator.throw(error)
                    else:
                        with self.clone():
                            value = generator.send(sent)
            except StopIteration as stop:
                return stop.value

        return inside

    def clone(self) -> Any:
        return type(self)()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError


class no_grad(_Switch):
    """Records nothing inside.

    Example::

        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    if TYPE_CHECKING:

        @overload
        def __new__(cls, orig_func: None = None) -> Self: ...
        @overload
        def __new__(cls, orig_func: F) -> F: ...  # type: ignore[misc]

    def __new__(cls, orig_func: Any = None) -> Any:
        switch = super().__new__(cls)
        # `@no_grad` without parentheses.
        return switch if orig_func is None else switch(orig_func)

    def __enter__(self) -> None:
        self._before = _C.is_grad_enabled()
        _C._set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        _C._set_grad_enabled(self._before)


class enable_grad(_Switch):
    """Records inside, also within ``no_grad``.

    Example::

        >>> x = torch.ones(2, requires_grad=True)
        >>> with torch.no_grad(), torch.enable_grad():
        ...     y = x * 2
        >>> y.requires_grad
        True
    """

    if TYPE_CHECKING:

        @overload
        def __new__(cls, orig_func: None = None) -> Self: ...
        @overload
        def __new__(cls, orig_func: F) -> F: ...  # type: ignore[misc]

    def __new__(cls, orig_func: Any = None) -> Any:
        switch = super().__new__(cls)
        return switch if orig_func is None else switch(orig_func)

    def __enter__(self) -> None:
        self._before = _C.is_grad_enabled()
        _C._set_grad_enabled(True)

    def __exit__(self, *_: object) -> None:
        _C._set_grad_enabled(self._before)


class set_grad_enabled(_Switch):
    """Switches recording on or off: at once as a function, for a block as a context manager.

    Args:
        mode: whether to record.
    """

    def __init__(self, mode: bool) -> None:
        self._before = _C.is_grad_enabled()
        self.mode = mode
        _C._set_grad_enabled(mode)

    def __call__(self, function: F) -> F:
        _C._set_grad_enabled(self._before)
        return super().__call__(function)

    def clone(self) -> set_grad_enabled:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        _C._set_grad_enabled(self.mode)

    def __exit__(self, *_: object) -> None:
        _C._set_grad_enabled(self._before)


class inference_mode(_Switch):
    """Like ``no_grad``, and what is made inside can never take part in a recorded operation.

    Args:
        mode: whether to switch it on.
    """

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def clone(self) -> inference_mode:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        self._before = (_C.is_inference_mode_enabled(), _C.is_grad_enabled())
        _C._set_inference(self.mode)
        _C._set_grad_enabled(not self.mode)

    def __exit__(self, *_: object) -> None:
        _C._set_inference(self._before[0])
        _C._set_grad_enabled(self._before[1])
